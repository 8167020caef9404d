package record

import (
	"errors"
	"os"
)

// appender appends to a file, whole records or nothing.
type appender struct {
	file *os.File
	size int64
}

func newAppender(file *os.File) (appender, error) {
	info, err := file.Stat()
	if err != nil {
		return appender{}, err
	}
	return appender{file, info.Size()}, nil
}

// write appends a record. If the disk is full, what was written of it is removed again.
func (a *appender) write(record []byte) error {
	n, err := a.file.Write(record)
	if err != nil && n > 0 {
		return errors.Join(err, a.file.Truncate(a.size))
	}
	a.size += int64(n)
	return err
}

func (a *appender) close() error { return a.file.Close() }
