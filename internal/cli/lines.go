package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/term"

	"uer/internal/console"
	"uer/internal/durable"
)

// line is a line of the text that a model is given.
type line struct {
	name   string // of the file
	number int    // from 1
	text   string
}

// wrap adds to an error where the line is.
func (l line) wrap(err error) error { return fmt.Errorf("%s:%d: %w", l.name, l.number, err) }

// linesAtOnce is how many lines are sorted by length together.
const linesAtOnce = 512

// eachLines reads the lines of all files, or of the standard input if there are none, and hands out some at a time: a single
// one where a person types them. Blank lines are left out. It returns how many these were.
func eachLines(ctx context.Context, paths []string, status io.Writer, take func([]line) error) (blank int, err error) {
	if len(paths) == 0 {
		paths = []string{"-"}
	}
	var lines []line
	atOnce := linesAtOnce
	var done atomic.Int64
	typed := slices.Contains(paths, "-") && term.IsTerminal(int(os.Stdin.Fd()))
	if !typed {
		defer console.NewStatus(status).Show(func() string { return "Read     " + counted(done.Load(), "line") })()
	}
	flush := func() error {
		if len(lines) == 0 {
			return nil
		}
		err := take(lines)
		done.Add(int64(len(lines)))
		lines = lines[:0]
		return err
	}
	for _, path := range paths {
		name, file := "standard input", os.Stdin
		if path != "-" {
			if name, file, err = open(path); err != nil {
				return blank, err
			}
			defer file.Close() // nothing was written
		} else if typed {
			fmt.Fprintln(status, "Reading lines; Ctrl-D ends")
			atOnce = 1
		}
		err := scan(name, file, func(l line) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if strings.TrimSpace(l.text) == "" {
				blank++
				return nil
			}
			if lines = append(lines, l); len(lines) == atOnce {
				return flush()
			}
			return nil
		})
		if err != nil {
			return blank, err
		}
	}
	return blank, flush()
}

// checkTexts reports early, before a model is loaded, that a file of text is missing. It opens none, for what is written to a
// pipe can be read only once.
func checkTexts(paths []string) error {
	for _, path := range paths {
		if path == "-" {
			continue
		}
		info, err := os.Stat(path)
		if missing := (*fs.PathError)(nil); errors.As(err, &missing) {
			missing.Op = "open"
		}
		if err == nil && info.IsDir() {
			err = fmt.Errorf("%s is a folder, not a file of text", path)
		}
		if err != nil {
			return adviseText(err)
		}
	}
	return nil
}

func open(path string) (name string, file *os.File, err error) {
	file, err = os.Open(path)
	return path, file, adviseText(err)
}

// adviseText adds to an error of a file of text where text is read from.
func adviseText(err error) error {
	return console.Hint(err, "--test_path names files; without it, text is read from the standard input")
}

// scan hands out the lines of a file.
func scan(name string, file io.Reader, take func(line) error) error {
	const longestLine = 16 << 20 // bytes
	scanner := bufio.NewScanner(file)
	scanner.Buffer(make([]byte, 0, 64<<10), longestLine)
	number := 0
	for scanner.Scan() {
		number++
		text := scanner.Text()
		if number == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		l := line{name, number, text}
		if at := invalidByte(text); at >= 0 {
			return console.Hint(l.wrap(fmt.Errorf("not UTF-8: byte 0x%02x at column %d", text[at], at+1)),
				"convert the text, for example with iconv -f GB18030 -t UTF-8")
		}
		if err := take(l); err != nil {
			return err
		}
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		return line{name: name, number: number + 1}.wrap(fmt.Errorf("the line is longer than %s", console.Bytes(longestLine)))
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// invalidByte returns the place of the first byte that is not UTF-8, -1 if there is none.
func invalidByte(text string) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// predict runs a command whose results go to a file, which is complete or absent, or to the standard output.
func (o *inferenceOptions) predict(out io.Writer, write func(w io.Writer) error) error {
	if o.PredictionPath == "" {
		return write(out)
	}
	return durable.WriteFile(o.PredictionPath, predictionReplaceable, func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, 1<<16)
		if err := write(buffered); err != nil {
			return err
		}
		return buffered.Flush()
	})
}

// predictionReplaceable is the rule of what predictions may replace: text, or an array of NumPy.
var predictionReplaceable = durable.Beginning(4096, func(start []byte) bool {
	return bytes.HasPrefix(start, []byte(numpyMagic)) || bytes.IndexByte(start, 0) < 0
}, "neither text nor an array of NumPy")
