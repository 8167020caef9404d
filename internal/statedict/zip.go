package statedict

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"

	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/pickle"
)

// archive looks up the entries of a zip file by name, without copying them: PyTorch stores them uncompressed.
type archive struct {
	data    []byte
	folder  string // the prefix of all names: "stem/" after torch.save(…, "stem.bin")
	entries map[string]*zip.File
	room    uint64 // bytes that the entries not yet read may have, as entries do not overlap
}

func readZip(data []byte) (*File, error) {
	content, files, err := zipContent(data)
	if err != nil {
		return nil, err
	}
	for _, storage := range content.storages {
		if storage.raw, err = files.read("data/" + storage.key); err != nil {
			return nil, err
		}
	}
	return content.file("PyTorch", len(data))
}

// zipContent reads the pickle of a zip file.
func zipContent(data []byte) (*content, *archive, error) {
	files, err := openArchive(data)
	if err != nil {
		return nil, nil, err
	}
	if order, err := files.read("byteorder"); err == nil && string(order) != "little" {
		return nil, nil, fmt.Errorf("byte order %.20q is not supported", order)
	}
	pickled, err := files.read("data.pkl")
	if err != nil {
		return nil, nil, err
	}
	root, err := pickle.NewDecoder(pickled).Decode()
	if err != nil {
		return nil, nil, fmt.Errorf("%sdata.pkl: %w", files.folder, err)
	}
	content, err := parseRoot(root)
	return content, files, err
}

// Checksums verifies a zip archive of PyTorch and returns the checksum (CRC-32, IEEE) of the storage of each tensor: of
// its values, in files that [Write] has written. Values are read piece by piece, and not kept.
func Checksums(path string) (map[string]uint32, error) {
	mapping, err := durable.Map(path)
	if err != nil {
		return nil, err
	}
	defer mapping.Close()
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, files, err := zipContent(mapping.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	of := map[*storage]uint32{}
	for _, storage := range content.storages {
		start, entry, err := files.find("data/" + storage.key)
		if err == nil {
			err = files.checkSum(entry, func() (uint32, error) { return Sum(file, start, int64(entry.UncompressedSize64)) })
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		of[storage] = entry.CRC32
	}
	sums := map[string]uint32{}
	for _, v := range content.views {
		sums[v.name] = of[v.storage]
	}
	return sums, nil
}

// Sum returns the checksum (CRC-32, IEEE) of a part of a file, which it reads piece by piece: unlike those of a mapped file,
// its bytes do not count as memory of the process.
func Sum(file io.ReaderAt, start, size int64) (uint32, error) {
	sum := crc32.NewIEEE()
	buffer := make([]byte, min(size+1, 1<<20)) // small for the many small tensors; CopyBuffer refuses an empty one
	n, err := io.CopyBuffer(sum, io.NewSectionReader(file, start, size), buffer)
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	return sum.Sum32(), err
}

// openArchive lists the entries of a zip file. All entries of a model lie in the folder of its data.pkl.
func openArchive(data []byte) (*archive, error) {
	reader, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, console.Hint(fmt.Errorf("the file is truncated or damaged: %w", err), hintWhole)
	}
	files := &archive{data: data, entries: map[string]*zip.File{}, room: uint64(len(data))}
	found := false
	for _, file := range reader.File {
		files.entries[file.Name] = file
		if folder, ok := strings.CutSuffix(file.Name, "data.pkl"); ok && (folder == "" || strings.HasSuffix(folder, "/")) {
			if found {
				return nil, fmt.Errorf("the archive holds two models, %s and %sdata.pkl", file.Name, files.folder)
			}
			files.folder, found = folder, true
		}
	}
	if !found {
		return nil, errors.New("a zip archive, but not a PyTorch file: it has no data.pkl")
	}
	if files.entries[files.folder+"constants.pkl"] != nil {
		return nil, console.Hint(errors.New("this is a TorchScript program, not a state dict"),
			"save its weights alone: torch.save(torch.jit.load(file).state_dict(), new_file)")
	}
	return files, nil
}

// read verifies the checksum of an entry and returns its content, a slice of the archive's own bytes.
func (a *archive) read(name string) ([]byte, error) {
	start, entry, err := a.find(name)
	if err != nil {
		return nil, err
	}
	content := a.data[start:][:entry.UncompressedSize64]
	return content, a.checkSum(entry, func() (uint32, error) { return crc32.ChecksumIEEE(content), nil })
}

// find returns where the content of an entry starts.
func (a *archive) find(name string) (int64, *zip.File, error) {
	name = a.folder + name
	file := a.entries[name]
	if file == nil {
		return 0, nil, fmt.Errorf("%s is missing", name)
	}
	if file.Method != zip.Store || file.CompressedSize64 != file.UncompressedSize64 {
		return 0, nil, fmt.Errorf("%s is compressed; PyTorch stores entries uncompressed", name)
	}
	start, err := file.DataOffset()
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", name, err)
	}
	size, length := file.UncompressedSize64, uint64(len(a.data))
	if start < 0 || uint64(start) > length || size > length-uint64(start) {
		return 0, nil, console.Hint(fmt.Errorf("%s reaches beyond the end of the file", name), hintWhole)
	}
	if size > a.room {
		return 0, nil, fmt.Errorf("%s overlaps other entries", name)
	}
	a.room -= size
	return start, file, nil
}

// checkSum compares the checksum of an entry's content with that in the directory.
func (a *archive) checkSum(entry *zip.File, of func() (uint32, error)) error {
	sum, err := of()
	if err != nil {
		return fmt.Errorf("%s: %w", entry.Name, err)
	}
	if sum != entry.CRC32 {
		err := fmt.Errorf("%s is damaged: its checksum is %08x, not %08x", entry.Name, sum, entry.CRC32)
		return console.Hint(err, hintWhole)
	}
	return nil
}
