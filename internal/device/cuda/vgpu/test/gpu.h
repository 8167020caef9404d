// A device with the tests' kernels.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "harness.h"

namespace test {

// variable sets a variable of the stand-in. Call it before the driver.
inline void variable(const char *name, const char *value) { setenv(name, value, 1); }

// kernels is the PTX text of a file of this folder, or of the one that VGPU_TESTS names.
inline std::string kernels(const std::string &name) {
	const char *folder = getenv("VGPU_TESTS");
	std::ifstream file((folder ? folder : ".") + ("/" + name));
	std::stringstream text;
	text << file.rdbuf();
	return text.str();
}

// Gpu has the primary context of a device, current on this thread, and the kernels: right ones, and those with
// mistakes.
struct Gpu {
	CUcontext context = nullptr;
	CUmodule module = nullptr, mistakes = nullptr;
	CUstream stream = nullptr;

	explicit Gpu(int number = 0) {
		OK(cuInit(0));
		OK(cuDevicePrimaryCtxRetain(&context, number));
		OK(cuCtxSetCurrent(context));
		load("kernels/right.ptx");
		OK(cuModuleLoadData(&mistakes, kernels("mistakes/wrong.ptx").c_str()));
		OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
	}

	void load(const char *name) { OK(cuModuleLoadData(&module, kernels(name).c_str())); }

	CUfunction function(const char *name) {
		CUfunction f = nullptr;
		if (cuModuleGetFunction(&f, mistakes, name) != CUDA_SUCCESS) OK(cuModuleGetFunction(&f, module, name));
		return f;
	}

	// launch starts a kernel on the stream.
	template <class... A>
	CUresult launch(const char *name, unsigned blocks, unsigned threads, unsigned shared, A... arguments) {
		void *pointers[] = {&arguments...};
		return cuLaunchKernel(function(name), blocks, 1, 1, threads, 1, 1, shared, stream, pointers, nullptr);
	}

	CUresult wait() { return cuStreamSynchronize(stream); }

	// run is a launch and what became of it.
	template <class... A>
	CUresult run(const char *name, unsigned blocks, unsigned threads, unsigned shared, A... arguments) {
		CUresult status = launch(name, blocks, threads, shared, arguments...);
		return status ? status : wait();
	}
};

inline CUdeviceptr allocate(size_t bytes) {
	CUdeviceptr address = 0;
	OK(cuMemAlloc_v2(&address, bytes));
	return address;
}

template <class T> CUdeviceptr upload(const std::vector<T> &data) {
	CUdeviceptr address = allocate(data.size() * sizeof(T));
	OK(cuMemcpyHtoD_v2(address, data.data(), data.size() * sizeof(T)));
	return address;
}

template <class T> std::vector<T> download(CUdeviceptr address, size_t count) {
	std::vector<T> data(count);
	OK(cuMemcpyDtoH_v2(data.data(), address, count * sizeof(T)));
	return data;
}

// ramp is 0, 1, 2 …
inline std::vector<float> ramp(size_t count) {
	std::vector<float> x(count);
	for (size_t i = 0; i < count; i++) x[i] = (float)i;
	return x;
}

} // namespace test
