//go:build gpu

package cuda

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Choices are the algorithms that were the fastest for classes of products when they were measured. They are kept in a
// file that processes share, so that later trainings multiply in the same way, to the last bit. A line is the algorithm in
// hexadecimal digits, and the class; the first line of a class holds. Devices may use it at the same time.
type Choices struct {
	path string

	mutex sync.Mutex
	known map[string]choice
	read  int64 // bytes of the file that are known
}

// choice is cuBLASLt's description of an algorithm, which its version of the library takes back.
type choice [64]byte

// OpenChoices reads the choices of a file. It need not exist, but must be writable.
func OpenChoices(path string) (*Choices, error) {
	c := &Choices{path: path, known: map[string]choice{}}
	return c, c.locked(func(*os.File) error { return nil })
}

// find returns the choice for a class.
func (c *Choices) find(class string) (choice, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	found, ok := c.known[class]
	return found, ok
}

// keep remembers a choice, and returns the one that holds: another process may have been faster.
func (c *Choices) keep(class string, measured choice) (choice, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	err := c.locked(func(file *os.File) error {
		if _, ok := c.known[class]; ok {
			return nil
		}
		c.known[class] = measured
		n, err := fmt.Fprintf(file, "%x %s\n", measured[:], class)
		c.read += int64(n)
		return err
	})
	if err != nil {
		return measured, fmt.Errorf("keeping how products are computed in %s: %w", c.path, err)
	}
	return c.known[class], nil
}

// locked calls do with the file, whose new lines were read and which nobody else changes meanwhile.
func (c *Choices) locked(do func(*os.File) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(c.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(c.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	if _, err := file.Seek(c.read, io.SeekStart); err != nil {
		return err
	}
	lines := bufio.NewReader(io.LimitReader(file, 16<<20))
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			if line != "" { // torn, by a machine that lost power: what follows begins a line of its own
				if _, err := file.WriteString("\n"); err != nil {
					return err
				}
				c.read += int64(len(line)) + 1
			}
			return do(file)
		}
		if err != nil {
			return err
		}
		c.read += int64(len(line))
		c.learn(strings.TrimSuffix(line, "\n"))
	}
}

// learn takes a line, unless it is damaged or its class is known.
func (c *Choices) learn(line string) {
	digits, class, _ := strings.Cut(line, " ")
	var read choice
	if n, err := hex.Decode(read[:], []byte(digits[:min(len(digits), 2*len(read))])); err != nil || n != len(read) || class == "" {
		return
	}
	if _, ok := c.known[class]; !ok {
		c.known[class] = read
	}
}
