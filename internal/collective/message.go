package collective

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// protocol numbers the messages of the control connection. Other versions are refused.
const protocol = 2

// maxMessage bounds the memory that a stranger on the network can make a process use.
const maxMessage = 8 << 20

// message is what the hub and the members tell each other. Exactly one field is set.
type message struct {
	Join   *join    `json:",omitempty"` // member: the first message
	Beat   []At     `json:",omitempty"` // member, once a second: where its ranks are
	Vote   *vote    `json:",omitempty"` // member: its vote; hub: the result, once all have voted
	Put    *entry   `json:",omitempty"` // member: a value for the others
	Get    string   `json:",omitempty"` // member: the key of a value that it waits for
	Value  *entry   `json:",omitempty"` // hub: that value
	Abort  *Failure `json:",omitempty"` // member: it has failed; hub: somebody has
	Leave  bool     `json:",omitempty"` // member: it has finished
	Start  []Host   `json:",omitempty"` // hub: all ranks are there
	Living *At      `json:",omitempty"` // hub, once a second: it is still there, and where rank 0 is
}

// join introduces a process.
type join struct {
	Protocol  int
	Job       string
	WorldSize int
	Host      Host
	Facts     []Fact
}

// Host is a process that takes part: where it runs and which ranks it has.
type Host struct {
	Name  string // of the machine
	PID   int
	Ranks []int

	Address string // of the machine, where the other processes reach it; the hub finds it out
}

// Fact is something that all processes must have in common, such as the digest of the dataset.
type Fact struct{ Name, Value string }

// At says where in the training a rank is.
type At struct {
	Step  int
	Phase string
	Waits bool // for other ranks
	// Busy is how many seconds of work a step has taken the rank lately, without waiting for others; 0 if it is not known.
	Busy float64 `json:",omitempty"`
}

// vote is also a beat of the process, so that the hub knows where the ranks are, and the members where rank 0 is.
type vote struct {
	Round, Value int
	At           []At `json:",omitempty"`
}

type entry struct {
	Key   string
	Value []byte
}

// write sends a message, with its length before it.
func (m message) write(w io.Writer) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(body) > maxMessage {
		return fmt.Errorf("a message of %d bytes is too long", len(body))
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body)))
	_, err = w.Write(append(frame, body...))
	return err
}

// readMessage receives a message.
func readMessage(r io.Reader) (message, error) {
	var header [4]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return message{}, err
	}
	length := binary.BigEndian.Uint32(header[:])
	if length > maxMessage {
		return message{}, fmt.Errorf("a message of %d bytes: this is not uer", length)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return message{}, err
	}
	var m message
	err := json.Unmarshal(body, &m)
	return m, err
}
