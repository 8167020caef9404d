package cuda

import (
	"errors"
	"fmt"

	"uer/internal/console"
)

// ErrLost marks an error after which this process cannot use the GPU any more, such as an access outside its memory.
// All later calls fail too.
var ErrLost = errors.New("the GPU is lost to this process")

// Unavailable is why there is no GPU to use, or no library.
type Unavailable struct {
	Reason string
	Hint   string // what to do about it
}

func (u *Unavailable) Error() string { return u.Reason }

// Error is a call that the driver refused.
type Error struct {
	Doing string // what the call was for, such as "launching gelu_forward"
	Code  int    // CUDA's number of the error
	Name  string // such as CUDA_ERROR_ILLEGAL_ADDRESS
	Text  string // CUDA's description, or what its compiler says about a module
	Later string // what the call was for that noticed the failure, if Doing is something that began earlier
}

func (e *Error) Error() string {
	text := e.Doing + ": " + e.Name
	if e.Text != "" {
		text += ": " + e.Text
	}
	switch {
	case e.Later != "":
		text += " (noticed while " + e.Later + ")"
	case lost[e.Code]:
		text += " (in this operation or an earlier one)"
	}
	return text
}

// Is makes errors.Is(err, ErrLost) true for an error that the GPU does not recover from.
func (e *Error) Is(target error) bool { return target == ErrLost && lost[e.Code] }

// lost holds the errors that stay until the process ends. The numbers are the driver's.
var lost = map[int]bool{
	214: true, // uncorrectable ECC
	220: true, // uncorrectable NVLink
	226: true, // contained fault
	700: true, // illegal address
	702: true, // launch timeout
	709: true, // context is destroyed
	710: true, // assert
	714: true, // hardware stack
	715: true, // illegal instruction
	716: true, // misaligned address
	717: true, // invalid address space
	718: true, // invalid program counter
	719: true, // launch failed
	721: true, // tensor memory leak
	999: true, // unknown, such as a GPU that left the bus
}

// OutOfMemory is an allocation that a GPU has no room for.
type OutOfMemory struct {
	GPU         string
	Need        int64 // bytes
	Free, Total int64 // bytes, when it failed
}

func (e *OutOfMemory) Error() string {
	return fmt.Sprintf("%s is out of memory: %s more is needed, %s of %s is free",
		e.GPU, console.Bytes(e.Need), console.Bytes(e.Free), console.Bytes(e.Total))
}

// Hint says what can be done about an error of this package, or is empty.
func Hint(err error) string {
	var unavailable *Unavailable
	if errors.As(err, &unavailable) {
		return unavailable.Hint
	}
	var failed *Error
	if !errors.As(err, &failed) {
		return ""
	}
	hint := hints[failed.Code]
	if hint == "" && lost[failed.Code] {
		hint = "run it again with CUDA_LAUNCH_BLOCKING=1 to see which operation fails; dmesg may say what happened to the GPU"
	}
	return hint
}

var hints = map[int]string{
	2:   "see nvidia-smi and free for what else takes memory",
	46:  "another process may hold the GPU alone: see the compute mode in nvidia-smi -q",
	209: "the GPU is too old for these kernels, or too new for the driver: update the driver",
	214: "the GPU's memory is failing: see nvidia-smi -q -d ECC",
	218: "if the kernels were not changed, the driver's cache may be damaged: set CUDA_CACHE_DISABLE=1",
	221: "the driver's compiler, libnvidia-ptxjitcompiler.so.1, is missing: install the whole driver",
	222: "update the driver",
}
