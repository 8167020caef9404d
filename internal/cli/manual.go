package cli

import (
	"io"
	"os"

	"github.com/spf13/cobra/doc"
)

// WriteManual writes a page of the manual for each command, such as uer-pretrain.1, to a folder, which it makes.
func WriteManual(folder string) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	root := newRoot(Streams{Out: io.Discard, Err: io.Discard})
	root.DisableAutoGenTag = true // and with it the date, so that two builds are alike
	header := &doc.GenManHeader{Title: "UER", Section: "1", Source: "uer", Manual: "uer"}
	return doc.GenManTree(root, header, folder)
}
