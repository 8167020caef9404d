package collective

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"uer/internal/durable"
)

// Folder is the network of processes that share a folder: rank 0 writes there where it listens. Files of jobs that have
// ended may be left; the newest one of the job counts, and a process that finds nobody at its address looks again.
type Folder struct {
	Path string
	Job  string // part of the file's name
}

func (f Folder) String() string { return "file://" + f.Path }

// meeting is the content of the file.
type meeting struct {
	Host      string
	Addresses []string // host:port, to be tried in turn
}

func (f Folder) prefix() string {
	name := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, f.Job)
	return "uer-ranks-" + name + "-"
}

// Listen listens at a free port and writes the addresses of this machine. The file goes when the listener is closed.
func (f Folder) Listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		return nil, plain(err)
	}
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	var m meeting
	if m.Host, err = os.Hostname(); err == nil {
		m.Addresses = append(m.Addresses, net.JoinHostPort(m.Host, port))
	}
	own, err := net.InterfaceAddrs()
	if err == nil {
		for _, a := range own {
			if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLinkLocalUnicast() {
				m.Addresses = append(m.Addresses, net.JoinHostPort(ip.IP.String(), port))
			}
		}
	}
	path := filepath.Join(f.Path, f.prefix()+strconv.FormatInt(time.Now().UnixNano(), 10))
	data, err := json.Marshal(m)
	if err == nil {
		err = durable.WriteFile(path, nil, func(w io.Writer) error { _, err := w.Write(data); return err })
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tell the other ranks where rank 0 is: %w", err), listener.Close())
	}
	return &announced{listener, path}, nil
}

type announced struct {
	net.Listener
	path string
}

func (a *announced) Close() error { return errors.Join(a.Listener.Close(), os.Remove(a.path)) }

// Dial tries the addresses in the newest file.
func (f Folder) Dial(ctx context.Context) (net.Conn, error) {
	m, err := f.newest()
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	for _, address := range m.Addresses {
		connection, dialled := d.DialContext(ctx, "tcp", address)
		if dialled == nil {
			return connection, nil
		}
		err = fmt.Errorf("%s at %s: %w", m.Host, address, plain(dialled))
	}
	return nil, err
}

func (f Folder) newest() (m meeting, err error) {
	files, err := os.ReadDir(f.Path)
	if err != nil {
		return m, err
	}
	newest := int64(0)
	for _, file := range files {
		if started, found := strings.CutPrefix(file.Name(), f.prefix()); found {
			if at, err := strconv.ParseInt(started, 10, 64); err == nil {
				newest = max(newest, at)
			}
		}
	}
	if newest == 0 {
		return m, errors.New("rank 0 has not written there yet")
	}
	data, err := os.ReadFile(filepath.Join(f.Path, f.prefix()+strconv.FormatInt(newest, 10)))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil || len(m.Addresses) == 0 {
		return m, errors.New("the file there is damaged")
	}
	return m, nil
}
