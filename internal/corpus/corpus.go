// Package corpus reads documents from text files of many kinds: several files, folders and patterns, compressed or not,
// in UTF-8 or another encoding, as plain text or as JSON lines.
//
// A [Corpus] is cut into blocks, each of whole documents of one file. [Corpus.Blocks] finds the blocks one after another,
// which takes little time; a [Reader] in each goroutine divides blocks into documents, decodes and checks them. A block
// says where it starts, and reading can begin at any such [Position]: at once in a plain file, and after reading over what
// precedes it in a compressed one. Of a file, only the blocks that are in use are in memory.
//
// Lines end as in Python's text mode, with a line feed, a carriage return or both. A document is a line, or a run of
// lines that are not blank ([Division]); the end of a file ends a document. Lines and documents are numbered from 1,
// documents on from file to file.
package corpus

import (
	"errors"
	"fmt"

	"uer/internal/console"
)

// Division says how text is divided into documents.
type Division int

// The divisions. In JSON lines, each line is a document, and Division does not matter.
const (
	ByLine      Division = iota // each line that is not blank is a document
	ByBlankLine                 // a document is a run of lines, its sentences; blank lines separate documents
)

// Options say where a text is, and how it is stored.
type Options struct {
	Paths     []string // files, folders, patterns such as wiki/*.gz, and "-" for standard input
	Encoding  string   // of files without a byte order mark; "" for UTF-8
	TextField string   // the field of JSON lines that holds the text; "" if only files named .jsonl or .ndjson are JSON lines
	SkipBad   bool     // leave out and count lines that are not in the encoding or not JSON, instead of failing
}

// Corpus is a list of files. It is safe for concurrent use.
type Corpus struct {
	Files []*File
	Size  int // bytes of all files as they are stored

	options Options
}

// Position is a place in a corpus between two documents.
type Position struct {
	File     int // index in Corpus.Files
	Offset   int // bytes of the file's text, uncompressed, and in UTF-8 if it is stored in UTF-16
	Line     int // number of the next line in the file
	Document int // number of the next document in the corpus; with ByLine, blank lines count
}

// Start is where a corpus starts.
var Start = Position{Line: 1, Document: 1}

// Open finds the files and looks at them. It fails if there is none or one cannot be read, and if the format of one is known but
// not supported. Standard input and other pipes are copied to a temporary file without a name first, so that their size is
// known and reading can begin at any position.
func Open(options Options) (*Corpus, error) {
	encoding, err := findEncoding(options.Encoding)
	if err != nil {
		return nil, err
	}
	paths, err := expand(options.Paths)
	if err != nil {
		return nil, err
	}
	c := &Corpus{options: options}
	for _, path := range paths {
		file, err := openFile(path, encoding, options)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		file.before = c.Size
		c.Files = append(c.Files, file)
		c.Size += file.Size
	}
	return c, nil
}

// Close removes the copies of pipes.
func (c *Corpus) Close() error {
	var errs []error
	for _, file := range c.Files {
		errs = append(errs, file.close())
	}
	return errors.Join(errs...)
}

// Name is the path of the only file, or how many there are.
func (c *Corpus) Name() string {
	if len(c.Files) == 1 {
		return c.Files[0].Path
	}
	return fmt.Sprintf("%s files", console.Count(len(c.Files)))
}
