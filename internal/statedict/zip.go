package statedict

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"uer/internal/console"
	"uer/internal/pickle"
)

// archive gives the entries of a zip file by name, without copying them: PyTorch stores them uncompressed.
type archive struct {
	data    []byte
	folder  string // "stem/", where torch.save was given a file called stem.bin
	entries map[string]*zip.File
	room    uint64 // bytes that entries not yet read can have, as long as they do not overlap
}

func readZip(data []byte) ([]Tensor, error) {
	files, err := openArchive(data)
	if err != nil {
		return nil, err
	}
	if order, err := files.read("byteorder"); err == nil && string(order) != "little" {
		return nil, fmt.Errorf("values in byte order %.20q are not supported", order)
	}
	program, err := files.read("data.pkl")
	if err != nil {
		return nil, err
	}
	root, err := pickle.NewDecoder(program).Decode()
	if err != nil {
		return nil, fmt.Errorf("%sdata.pkl: %w", files.folder, err)
	}
	content, err := parseRoot(root)
	if err != nil {
		return nil, err
	}
	for _, storage := range content.storages {
		if storage.raw, err = files.read("data/" + storage.key); err != nil {
			return nil, err
		}
	}
	return content.tensors(len(data))
}

// openArchive lists the entries of a zip file. The pickle of the tensors' names marks the folder of all the others.
func openArchive(data []byte) (*archive, error) {
	reader, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, console.Hint(fmt.Errorf("the file is cut off or damaged: %w", err), hintWhole)
	}
	files := &archive{data: data, entries: map[string]*zip.File{}, room: uint64(len(data))}
	found := false
	for _, file := range reader.File {
		files.entries[file.Name] = file
		if folder, ok := strings.CutSuffix(file.Name, "data.pkl"); ok && (folder == "" || strings.HasSuffix(folder, "/")) {
			if found {
				return nil, fmt.Errorf("a zip archive with two models, %s and %sdata.pkl", file.Name, files.folder)
			}
			files.folder, found = folder, true
		}
	}
	if !found {
		return nil, errors.New("a zip archive, but not one that PyTorch wrote: it has no data.pkl")
	}
	if files.entries[files.folder+"constants.pkl"] != nil {
		return nil, console.Hint(errors.New("this is a TorchScript program, not a state dict"),
			"save its weights alone: torch.save(torch.jit.load(file).state_dict(), new_file)")
	}
	return files, nil
}

// read gives the content of an entry once its checksum is right. It is part of the archive's own bytes.
func (a *archive) read(name string) ([]byte, error) {
	name = a.folder + name
	file := a.entries[name]
	if file == nil {
		return nil, fmt.Errorf("%s is missing", name)
	}
	if file.Method != zip.Store || file.CompressedSize64 != file.UncompressedSize64 {
		return nil, fmt.Errorf("%s is compressed; PyTorch stores its entries as they are", name)
	}
	start, err := file.DataOffset()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	size, length := file.UncompressedSize64, uint64(len(a.data))
	if start < 0 || uint64(start) > length || size > length-uint64(start) {
		return nil, console.Hint(fmt.Errorf("%s reaches beyond the end of the file", name), hintWhole)
	}
	if size > a.room {
		return nil, fmt.Errorf("%s overlaps with other entries", name)
	}
	a.room -= size
	content := a.data[start:][:size]
	if sum := crc32.ChecksumIEEE(content); sum != file.CRC32 {
		err := fmt.Errorf("%s is damaged: its checksum is %08x, not %08x", name, sum, file.CRC32)
		return nil, console.Hint(err, hintWhole)
	}
	return content, nil
}
