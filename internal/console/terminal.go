package console

import (
	"io"
	"os"

	"golang.org/x/term"
)

// terminal returns the file behind w if it is a terminal that understands control codes, or nil.
func terminal(w io.Writer) *os.File {
	if output, ok := w.(*Output); ok {
		w = output.w
	}
	file, isFile := w.(*os.File)
	if !isFile || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return file
}

// colored reports whether to write colours to w. NO_COLOR wins over CLICOLOR_FORCE.
func colored(w io.Writer) bool {
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	if force := os.Getenv("CLICOLOR_FORCE"); force != "" && force != "0" {
		return true
	}
	return terminal(w) != nil
}
