package collective

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNetworks lets three processes meet on real networks and agree.
func TestNetworks(t *testing.T) {
	for name, network := range map[string]Network{
		"TCP":    TCP{freeAddress(t, "127.0.0.1")},
		"IPv6":   TCP{freeAddress(t, "::1")},
		"name":   TCP{strings.Replace(freeAddress(t, "127.0.0.1"), "127.0.0.1", "localhost", 1)},
		"folder": Folder{Path: staleFolder(t), Job: "4711.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(network.String(), "[::1]:0") {
				t.Skip("no IPv6 here")
			}
			errs := make(chan error)
			for i := range 3 {
				go func() { errs <- agree(t.Context(), network, i) }()
			}
			for range 3 {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func agree(ctx context.Context, network Network, process int) error {
	m, err := Join(ctx, Options{
		WorldSize: 3, Ranks: []int{process}, Name: "here", PID: process, Network: network, Patience: time.Minute, Timeout: time.Minute,
	})
	if err != nil {
		return err
	}
	defer m.Close()
	for _, h := range m.Hosts() {
		if ip := net.ParseIP(h.Address); ip == nil {
			return fmt.Errorf("process %d: %+v has no address", process, h)
		}
	}
	if greatest, err := m.Agree(process); err != nil || greatest != 2 {
		return fmt.Errorf("process %d: %d, error %v", process, greatest, err)
	}
	return nil
}

func freeAddress(t *testing.T, host string) string {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return net.JoinHostPort(host, "0")
	}
	defer listener.Close()
	return listener.Addr().String()
}

// staleFolder returns a folder with the files of jobs that have ended, and of another one.
func staleFolder(t *testing.T) string {
	folder := t.TempDir()
	for _, name := range []string{"uer-ranks-4711.0-12", "uer-ranks-4711.0-x", "uer-ranks-99.0-9999999999999999999"} {
		content := `{"Host": "gone", "Addresses": ["127.0.0.1:1"]}`
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// TestPortInUse: rank 0 says at once that it cannot listen, and what to do.
func TestPortInUse(t *testing.T) {
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	err = agree(t.Context(), TCP{"localhost:" + port}, 0)
	if err == nil || !strings.Contains(err.Error(), "port "+port+", where rank 0 meets the others, is in use") {
		t.Errorf("error %v", err)
	}
}

// dial connects to rank 0, which may not listen yet.
func dial(t *testing.T, network TCP) net.Conn {
	t.Helper()
	for attempt := 1; ; attempt++ {
		connection, err := network.Dial(t.Context())
		if err == nil {
			return connection
		}
		if attempt == 100 {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestTurnedAway: rank 0 does not end before a process that it turns away has learnt why.
func TestTurnedAway(t *testing.T) {
	network := TCP{freeAddress(t, "127.0.0.1")}
	options := Options{WorldSize: 2, Ranks: []int{0}, Name: "here", Network: network, Patience: time.Minute, Timeout: time.Minute}
	ended := make(chan error, 1)
	go func() {
		_, err := Join(t.Context(), options)
		ended <- err
	}()
	connection := dial(t, network)
	other := join{Protocol: protocol, WorldSize: 3, Host: Host{Name: "there", Ranks: []int{1}}}
	if err := (message{Join: &other}).write(connection); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		t.Fatalf("rank 0 ended before the other process had read why: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	for {
		m, err := readMessage(connection)
		if err != nil {
			t.Fatal(err)
		}
		if m.Abort != nil {
			break
		}
	}
	if err := connection.Close(); err != nil {
		t.Fatal(err)
	}
	var failure *Failure
	if err := <-ended; !errors.As(err, &failure) || failure.Rank != 1 {
		t.Errorf("error %v, want that of rank 1", err)
	}
}

// TestStrangers sends to rank 0 what is not from uer. It must go on waiting for the other ranks.
func TestStrangers(t *testing.T) {
	network := TCP{freeAddress(t, "127.0.0.1")}
	errs := make(chan error)
	go func() { errs <- agree(t.Context(), network, 0) }()
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "\xff\xff\xff\xff", "\x00\x00\x00\x02{}", "\x00\x00\x00\x0d{\"Leave\":true}", ""} {
		connection := dial(t, network)
		_, _ = connection.Write([]byte(text))
		_ = connection.Close()
	}
	for i := 1; i < 3; i++ {
		go func() { errs <- agree(t.Context(), network, i) }()
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0e{\"Leave\": true}"))
	f.Add([]byte("\x00\x10\x00\x00{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readMessage(strings.NewReader(string(data)))
		if err != nil {
			return
		}
		var b strings.Builder
		if err := m.write(&b); err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkAgree measures what the control connection costs a step.
func BenchmarkAgree(b *testing.B) {
	for _, processes := range []int{2, 8} {
		b.Run(fmt.Sprintf("%d processes", processes), func(b *testing.B) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			network := TCP{listener.Addr().String()}
			listener.Close()
			members := make(chan *Member)
			for i := range processes {
				go func() {
					m, err := Join(b.Context(), Options{
						WorldSize: processes, Ranks: []int{i}, PID: i, Network: network, Patience: time.Minute, Timeout: time.Minute,
					})
					if err != nil {
						b.Error(err)
					}
					members <- m
				}()
			}
			var all []*Member
			for range processes {
				all = append(all, <-members)
			}
			done := make(chan error)
			b.ResetTimer()
			for _, m := range all {
				go func() {
					var err error
					for i := 0; i < b.N && err == nil; i++ {
						_, err = m.Agree(0)
					}
					done <- err
				}()
			}
			for range all {
				if err := <-done; err != nil {
					b.Error(err)
				}
			}
		})
	}
}
