package console

import (
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// screen is a terminal that the streams of a command share: what they write goes above the status line. It is safe for
// concurrent use.
type screen struct {
	mu      sync.Mutex
	file    *os.File // the terminal
	status  string   // the line that is shown, "" for none
	partial bool     // the last line that a stream wrote has not ended
}

// eraseLine goes to the start of the line that the cursor is on, and clears it.
const eraseLine = "\r\x1b[K"

// Write writes what a stream says, above the status line.
func (s *screen) write(w io.Writer, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fold(string(data), s.columns())
	if s.status != "" {
		text = eraseLine + text
		s.status = "" // the next update shows it again
	}
	if len(data) > 0 {
		s.partial = data[len(data)-1] != '\n'
	}
	_, err := io.WriteString(w, text)
	return err
}

// show replaces the status line; it does nothing in the middle of another line, or while the program is in the background,
// where the terminal is the shell's. An empty text clears the line.
func (s *screen) show(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.partial || s.status == "" && text == "" || !inForeground(s.file) {
		return
	}
	text = cut(text, s.columns()-1)
	s.status = text
	io.WriteString(s.file, "\r"+text+"\x1b[K") // a terminal that has gone away needs no status
}

// columns returns the width of the terminal.
func (s *screen) columns() int {
	if columns, _, err := term.GetSize(int(s.file.Fd())); err == nil && columns > 0 {
		return columns
	}
	return usualColumns
}

// usualColumns is the width of a terminal that does not say it.
const usualColumns = 80

// Columns returns the width for text that is written to w: that of the terminal, or the usual one.
func Columns(w io.Writer) int {
	if file := terminal(w); file != nil {
		return (&screen{file: file}).columns()
	}
	return usualColumns
}

// fold breaks the lines of a text that are wider than a number of columns. A line of figures, which begins with "|", breaks
// before a "|"; a line with a label breaks at a space and goes on beside the label. Commands stay whole, for people to copy.
func fold(text string, columns int) string {
	if len(text) <= columns {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if len(line) > columns && width(line) > columns {
			lines[i] = foldLine(line, columns)
		}
	}
	return strings.Join(lines, "")
}

func foldLine(line string, columns int) string {
	if columns < 2*labelWidth || len(line) <= labelWidth {
		return line
	}
	indent, separator := hanging(line)
	if indent < 0 {
		return line
	}
	var folded strings.Builder
	used := 0
	rest := line
	for rest != "" {
		end := len(rest)
		if i := strings.Index(rest[1:], separator); i >= 0 {
			end = i + 1
		}
		piece := rest[:end]
		rest = rest[end:]
		wide := width(strings.TrimRight(piece, "\n"))
		if used > indent && used+wide > columns {
			folded.WriteString("\n" + strings.Repeat(" ", indent))
			piece = strings.TrimLeft(piece, " ")
			used, wide = indent, width(piece)
		}
		folded.WriteString(piece)
		used += wide
	}
	return folded.String()
}

// hanging returns where the further lines of a folded line begin and what they may break before; -1 if it is not folded.
func hanging(line string) (indent int, separator string) {
	switch {
	case strings.HasPrefix(line, "|"):
		return 2, "|"
	case strings.HasPrefix(line, "Go on "), strings.Contains(line, "\t"):
		return -1, ""
	case strings.HasPrefix(line, "uer: "), strings.HasPrefix(line, "     ") && line[5] != ' ': // an error and its hint
		return 5, " "
	case line[labelWidth-1] == ' ' && line[labelWidth] != ' ': // "Model    word_pos_seg, ...", or below such a line
		return labelWidth, " "
	}
	return -1, ""
}

// labelWidth is the width of the labels of lines such as "Model    ...".
const labelWidth = 9
