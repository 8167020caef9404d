// Faults on demand. VGPU_FAIL is a list such as "alloc:3,launch:120@1": the third allocation of device memory fails,
// and so does the 120th launch on device 1 (without @, on any device, counted over all).
//
//	alloc    CUDA_ERROR_OUT_OF_MEMORY from the call
//	host     the same, of pinned memory
//	module   CUDA_ERROR_INVALID_PTX from the call
//	launch   the kernel fails when it runs: CUDA_ERROR_LAUNCH_FAILED from then on
//	copy     the copy fails when it is made: CUDA_ERROR_ECC_UNCORRECTABLE from then on
//	lost     at that launch the device is gone: CUDA_ERROR_UNKNOWN from then on
//	product  CUBLAS_STATUS_EXECUTION_FAILED from cublasLtMatmul
//	collective  ncclSystemError from ncclAllReduce
#pragma once

#include <string>

namespace vgpu {

enum class Fault { alloc, host, module, launch, copy, lost, product, collective };

// fault counts an event of a device and tells whether it is to fail.
bool fault(Fault kind, int device);

// faults_error is what is wrong with VGPU_FAIL, or "".
std::string faults_error();

} // namespace vgpu
