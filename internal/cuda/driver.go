//go:build gpu

package cuda

/*
#cgo LDFLAGS: -ldl
#include "driver.h"
*/
import "C"

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"gorgonia.org/cu"
)

// oldestCUDA is the version of CUDA that a driver has to support: that of the oldest cuBLASLt that [FindBLAS] opens.
const oldestCUDA = 12000

// FindDriver opens the NVIDIA driver. Where there is none that can be used, the error is an [Unavailable].
func FindDriver() (Driver, error) {
	opened := C.driver_open()
	driver := Driver{Version: kernelModule()}
	if opened.path == nil {
		return driver, noLibrary(C.GoString(opened.error))
	}
	driver.Path = C.GoString(opened.path)
	if opened.error != nil {
		return driver, &Unavailable{
			Reason: fmt.Sprintf("%s is no NVIDIA driver: %s", driver.Path, C.GoString(opened.error)),
			Hint:   "install the NVIDIA driver, version 525 or newer",
		}
	}
	if opened.result != C.CUDA_SUCCESS {
		return driver, notInitialised(int(opened.result))
	}
	driver.CUDA = cu.Version()
	if driver.CUDA < oldestCUDA {
		return driver, &Unavailable{
			Reason: fmt.Sprintf("the NVIDIA driver (%s) is too old: CUDA 12.0 is needed", driver),
			Hint:   "install driver 525 or newer",
		}
	}
	return driver, nil
}

// kernelModule is the version of the driver's part in the kernel, or empty.
func kernelModule() string {
	version, err := os.ReadFile("/sys/module/nvidia/version")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(version))
}

func noLibrary(why string) error {
	if chosen := os.Getenv("UER_LIBCUDA"); chosen != "" {
		return &Unavailable{
			Reason: fmt.Sprintf("the driver library that UER_LIBCUDA names cannot be opened: %s", why),
			Hint:   "unset UER_LIBCUDA to use the NVIDIA driver of this machine",
		}
	}
	return &Unavailable{
		Reason: "there is no NVIDIA driver: " + why,
		Hint:   "install the NVIDIA driver, version 525 or newer; a container needs --gpus all",
	}
}

// notInitialised explains what cuInit returned.
func notInitialised(code int) error {
	name, text := describe(code)
	u := &Unavailable{Reason: fmt.Sprintf("the NVIDIA driver does not start: %s: %s", name, text)}
	switch code {
	case 34: // stub library
		u.Hint = "LD_LIBRARY_PATH leads to the CUDA toolkit's stub of libcuda instead of the driver"
	case 100: // no device
		u.Reason = "the NVIDIA driver finds no GPU"
		u.Hint = "see what nvidia-smi lists; a container needs --gpus all"
		if visible, set := os.LookupEnv("CUDA_VISIBLE_DEVICES"); set {
			u.Hint = fmt.Sprintf("CUDA_VISIBLE_DEVICES is %q, which may hide it", visible)
		}
	case 802: // system not ready
		u.Hint = "start the fabric manager: systemctl start nvidia-fabricmanager"
	case 803: // system driver mismatch
		u.Hint = "the driver was updated while in use: restart the machine"
	default:
		u.Hint = "see whether nvidia-smi works"
	}
	return u
}

// describe is the driver's name for an error, and its description.
func describe(code int) (name, text string) {
	var cName, cText *C.char
	if C.cuGetErrorName(C.CUresult(code), &cName) != C.CUDA_SUCCESS || cName == nil {
		return fmt.Sprintf("CUDA error %d", code), ""
	}
	if C.cuGetErrorString(C.CUresult(code), &cText) == C.CUDA_SUCCESS && cText != nil {
		text = C.GoString(cText)
	}
	return C.GoString(cName), text
}

// codeOf is CUDA's number of an error of package cu, whose type is not exported.
func codeOf(err error) int { return int(reflect.ValueOf(err).Int()) }

// failure is an [Error] for an error of package cu.
func failure(err error, doing string) *Error {
	code := codeOf(err)
	name, text := describe(code)
	return &Error{Doing: doing, Code: code, Name: name, Text: text}
}

// Count is the number of GPUs. Without a driver that can be used the error is an [Unavailable].
func Count() (int, error) {
	if _, err := FindDriver(); err != nil {
		return 0, err
	}
	count, err := cu.NumDevices()
	if err != nil {
		return 0, failure(err, "counting the GPUs")
	}
	return count, nil
}

// Devices describes the GPUs, those too that are not [Info.Supported].
func Devices() ([]Info, error) {
	count, err := Count()
	if err != nil {
		return nil, err
	}
	devices := make([]Info, count)
	for number := range devices {
		if devices[number], err = describeGPU(number); err != nil {
			return nil, err
		}
	}
	return devices, nil
}

// sharedMemoryOptIn is the attribute of a device that package cu has no name for.
const sharedMemoryOptIn cu.DeviceAttribute = 97

func describeGPU(number int) (Info, error) {
	info := Info{Number: number}
	device, err := cu.GetDevice(number)
	if err == nil {
		info.Name, err = device.Name()
	}
	if err == nil {
		info.Memory, err = device.TotalMem()
	}
	for _, a := range []struct {
		attribute cu.DeviceAttribute
		value     *int
	}{
		{cu.ComputeCapabilityMajor, &info.Major}, {cu.ComputeCapabilityMinor, &info.Minor},
		{cu.MultiprocessorCount, &info.Multiprocessors}, {sharedMemoryOptIn, &info.SharedMemory},
	} {
		if err == nil {
			*a.value, err = device.Attribute(a.attribute)
		}
	}
	if err != nil {
		return info, failure(err, fmt.Sprintf("describing GPU %d", number))
	}
	return info, nil
}
