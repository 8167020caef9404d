// Package machine says what the machine has for this process: memory.
package machine

// Available returns how many bytes of memory this process can still get, within the limits that are set for it. It is not
// known on every system.
func Available() (bytes int64, known bool) { return available() }

// Resident returns how many bytes of memory this process has now, the program and mapped files included; 0 if that is not
// known.
func Resident() int64 { return resident() }
