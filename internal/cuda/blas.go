//go:build gpu

package cuda

/*
#include "blas.h"
*/
import "C"

import (
	"fmt"
	"sync"
	"unsafe"
)

// blas is cuBLASLt, once it was opened.
type blas struct {
	Library
	functions C.struct_blas
}

// FindBLAS opens cuBLASLt: from the folders of UER_CUDA_LIB, where the loader looks, /usr/local/cuda, or the packages of
// python3. Where there is none that suits the driver, the error is an [Unavailable].
func FindBLAS() (Library, error) {
	driver, err := FindDriver()
	if err != nil {
		return Library{}, err
	}
	opened, err := openBLAS(driver)
	if err != nil {
		return Library{}, err
	}
	return opened.Library, nil
}

var blasOnce struct {
	sync.Once
	blas *blas
	err  error
}

func openBLAS(driver Driver) (*blas, error) {
	blasOnce.Do(func() { blasOnce.blas, blasOnce.err = loadBLAS(driver) })
	return blasOnce.blas, blasOnce.err
}

func loadBLAS(driver Driver) (*blas, error) {
	names, hint := []string{"libcublasLt.so.13", "libcublasLt.so.12"}, "pip install nvidia-cublas"
	if driver.CUDA < 13000 { // version 13 does not run on it
		names, hint = names[1:], "pip install nvidia-cublas-cu12"
	}
	hint += ", or set UER_CUDA_LIB to the folder that holds " + names[0]
	handle, path, err := openLibrary(names)
	if err != nil {
		return nil, &Unavailable{Reason: fmt.Sprintf("cuBLASLt %v", err), Hint: hint}
	}
	opened := &blas{Library: Library{Path: path}}
	if missing := C.blas_find(&opened.functions, handle); missing != nil {
		return nil, &Unavailable{Reason: fmt.Sprintf("cuBLASLt in %s lacks %s", path, C.GoString(missing)), Hint: hint}
	}
	version := int(C.blas_version(&opened.functions))
	opened.Version = fmt.Sprintf("%d.%d.%d", version/10000, version/100%100, version%100)
	return opened, nil
}

// statusName is cuBLASLt's name for a status, such as CUBLAS_STATUS_NOT_SUPPORTED.
func (b *blas) statusName(status C.int) string {
	return C.GoString(C.blas_status_name(&b.functions, status))
}

// handle makes a handle of the library for the current context.
func (b *blas) handle() (handle unsafe.Pointer, status C.int) {
	status = C.blas_create(&b.functions, &handle)
	return handle, status
}
