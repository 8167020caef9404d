// Package gloo exchanges values between the processes of a training on CPUs, with Facebook's library Gloo.
//
// The library is opened at run time, through a small shared object that make gloo builds (see library/), so that the
// program needs neither to be built nor to be started.
package gloo

import "time"

// Options say which process this is, and how it finds the others.
type Options struct {
	Process, Processes int
	Address            string        // of this machine, where the others reach it
	Timeout            time.Duration // of one exchange

	Put func(key string, value []byte)             // gives a value to the other processes
	Get func(key string) (value []byte, err error) // waits for a value
}
