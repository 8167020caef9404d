// Modules and their kernels.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "device.h"
#include "kernel.h"
#include "ptx.h"

struct CUfunc_st {
	CUmodule module;
	vgpu::PtxKernel ptx;
	const vgpu::Kernel *twin;
	int most_dynamic_shared; // bytes that a launch may ask for
};

struct CUmod_st {
	CUcontext context;
	vgpu::Ptx ptx;
	std::string hash; // of the text
	std::map<std::string, std::unique_ptr<CUfunc_st>> functions;
	std::atomic<bool> alive{true};
};

namespace vgpu {

// function_of checks a handle of a kernel: it gives its error, and says why.
CUresult usable_function(const char *caller, Context *context, CUfunction function);

} // namespace vgpu
