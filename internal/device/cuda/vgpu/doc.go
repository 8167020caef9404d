// Package vgpu builds a stand-in for NVIDIA's driver and cuBLASLt, so that the program can be tested as it is on a
// machine that has no GPU. The folder build/vgpu then holds
//
//	libcuda.so.1         the driver, for several virtual GPUs on the processor: driver/, on top of runtime/
//	libcublasLt.so.13    matrix products: cublaslt/
//	twins/               the kernels for the processor, by the hash of the PTX that they stand for
//	vgpu-build           what makes a twin of any other PTX when it is loaded
//
// and is used as LD_LIBRARY_PATH=build/vgpu bin/uer pretrain --gpu_ranks 0 …
//
// Twins are made from the source of a kernel and, through package ptx2cpp, from the PTX that ships; VGPU_KERNELS=ptx
// chooses the latter. The variables are listed in driver/options.h and driver/faults.h.
//
// The stand-in is stricter than a driver. Buffers end at pages that may not be touched, new memory is NaN, freed memory
// faults, addresses of the host and of devices are told apart, contexts belong to threads of the operating system.
// Streams are threads that pause at random, and the threads of a block run in a random order; VGPU_SEED chooses another
// one. Whatever a GPU leaves undefined ends the launch with the place and the reason.
//
// The C++ lies in folders without Go files, so that the go command leaves it alone.
package vgpu
