package collective

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"uer/internal/console"
)

// TCP is the network at an address that all processes are given: host:port of rank 0.
type TCP struct{ Address string }

func (t TCP) String() string { return t.Address }

// Listen listens at the port on all interfaces, since the name of the host may mean several of them, or only be known to
// the others.
func (t TCP) Listen() (net.Listener, error) {
	_, port, err := net.SplitHostPort(t.Address)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("", port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, console.Hint(fmt.Errorf("port %s, where rank 0 meets the others, is in use", port),
			"another training runs here, or is just ending; pass --master_ip with another port to all processes")
	}
	if err != nil {
		return nil, fmt.Errorf("listen at port %s for the other ranks: %w", port, plain(err))
	}
	return listener, nil
}

// Dial tries all addresses of the host.
func (t TCP) Dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	connection, err := d.DialContext(ctx, "tcp", t.Address)
	if err != nil {
		return nil, plain(err)
	}
	return connection, nil
}

// plain returns what went wrong without the operation and the addresses, which the message around it names.
func plain(err error) error {
	var name *net.DNSError
	if errors.As(err, &name) {
		return fmt.Errorf("no address of %s is known: %s", name.Name, name.Err)
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "dial tcp "))
}
