package corpus

import (
	"compress/bzip2"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// format is a kind of file that is not text, recognised by its first bytes.
type format struct {
	name  string
	magic string                             // its first bytes; "?" is any byte
	open  func(io.Reader) (io.Reader, error) // uncompresses it; nil if the format is known, but not read
	hint  string                             // how to read it nevertheless, with the path for %s
}

// maxWindow is the largest window of zstd, in bytes, which the decoder keeps in memory: what zstd itself accepts unless
// told otherwise.
const maxWindow = 128 << 20

var formats = []format{
	{name: "gzip", magic: "\x1f\x8b", open: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{name: "zstd", magic: "\x28\xb5\x2f\xfd", open: func(r io.Reader) (io.Reader, error) {
		// A decoder that does not work ahead needs no closing.
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	}},
	{name: "bzip2", magic: "BZh?1AY&SY", open: func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{name: "xz", magic: "\xfd7zXZ\x00", hint: "xz -dc %s | uer preprocess --corpus_path - ..."},
	{name: "lz4", magic: "\x04\x22\x4d\x18", hint: "lz4 -dc %s | uer preprocess --corpus_path - ..."},
	{name: "ZIP", magic: "PK\x03\x04", hint: "unzip -p %s | uer preprocess --corpus_path - ..."},
	{name: "7z", magic: "7z\xbc\xaf\x27\x1c", hint: "7z x -so %s | uer preprocess --corpus_path - ..."},
	{name: "PDF", magic: "%PDF-", hint: "pdftotext %s - | uer preprocess --corpus_path - ..."},
	{name: "Parquet", magic: "PAR1\x15", hint: "write the column of the text to JSON lines first"},
	{name: "Arrow", magic: "ARROW1\x00\x00", hint: "the corpus is the text itself, not a dataset that was made from it"},
}

// recogniseFormat returns the format that content starts with, nil if it may be text.
func recogniseFormat(content []byte) *format {
	for i := range formats {
		if formats[i].begins(content) {
			return &formats[i]
		}
	}
	return nil
}

func (f *format) begins(content []byte) bool {
	if len(content) < len(f.magic) {
		return false
	}
	for i := range f.magic {
		if f.magic[i] != '?' && f.magic[i] != content[i] {
			return false
		}
	}
	return true
}
