#include "module.h"

#include <cstdio>
#include <cstring>

#include "faults.h"
#include "handles.h"
#include "launch_limits.h"
#include "options.h"
#include "report.h"
#include "twins.h"

namespace vgpu {

namespace {

// Log is the buffer of cuModuleLoadDataEx for what the compiler has to say.
struct Log {
	char *buffer = nullptr;
	size_t size = 0;

	void write(const std::string &text) const {
		if (buffer != nullptr && size > 0) snprintf(buffer, size, "%s", text.c_str());
	}
};

CUresult refused_image(CUresult error, const char *caller, const Log &log, const std::string &why) {
	log.write(why);
	return refused(error, caller, why);
}

// newest_ptx is the version of PTX that a driver for CUDA 11.0, 12.0, 13.0 … takes: 7.0, 8.0, 9.0 …
int newest_ptx() { return (options().driver / 1000 - 4) * 10 + options().driver / 10 % 100; }

// bind finds the twin of each kernel. Its parameters have to be those of the PTX.
bool bind(const Kernels &twins, CUmodule module, std::string *why) {
	for (const PtxKernel &kernel : module->ptx.kernels) {
		auto twin = twins.find(kernel.name);
		if (twin == twins.end()) {
			*why = "the kernel " + kernel.name + " has no twin";
			return false;
		}
		bool same = twin->second.parameters.size() == kernel.parameters.size();
		for (size_t i = 0; same && i < kernel.parameters.size(); i++) {
			same = twin->second.parameters[i].size == kernel.parameters[i];
		}
		if (!same) {
			*why = "the kernel " + kernel.name + " and its twin differ in parameters: the PTX is older than its source";
			return false;
		}
		int dynamic = SHARED_MEMORY - (int)kernel.shared;
		module->functions[kernel.name].reset(new CUfunc_st{module, kernel, &twin->second, dynamic});
	}
	return true;
}

CUresult load(const char *caller, CUmodule *module, const char *image, const Log &log) {
	CURRENT(context);
	if (module == nullptr || image == nullptr) return CUDA_ERROR_INVALID_VALUE;
	if (fault(Fault::module, context->device.number)) {
		return refused_image(CUDA_ERROR_INVALID_PTX, caller, log, "the module cannot be compiled");
	}
	std::string text = image, why;
	auto made = std::make_unique<CUmod_st>();
	made->context = context;
	if (!read_ptx(text, &made->ptx)) return refused_image(CUDA_ERROR_INVALID_IMAGE, caller, log, "the image is no PTX");
	if (made->ptx.version > newest_ptx()) {
		return refused_image(
			CUDA_ERROR_UNSUPPORTED_PTX_VERSION, caller, log, "the PTX is of a later version than the driver");
	}
	if (made->ptx.target > options().capability) {
		return refused_image(CUDA_ERROR_NO_BINARY_FOR_GPU, caller, log,
			"the PTX is for sm_" + std::to_string(made->ptx.target) + ", the device is sm_" +
				std::to_string(options().capability));
	}
	made->hash = hash_of(text);
	const Kernels *twins = twins_of(text, &why);
	if (twins == nullptr || !bind(*twins, made.get(), &why)) {
		return refused_image(CUDA_ERROR_INVALID_PTX, caller, log, why);
	}
	*module = made.release();
	Handles<CUmod_st>::add(*module);
	return CUDA_SUCCESS;
}

} // namespace

CUresult usable_function(const char *caller, Context *context, CUfunction function) {
	// A function is never deleted, nor is its module.
	if (function == nullptr || !Handles<CUmod_st>::usable(caller, "module", function->module))
		return CUDA_ERROR_INVALID_HANDLE;
	if (function->module->context != context) {
		return refused(CUDA_ERROR_INVALID_HANDLE, caller, "the kernel was loaded in another context");
	}
	return CUDA_SUCCESS;
}

} // namespace vgpu

using namespace vgpu;

extern "C" {

CUresult cuModuleLoadData(CUmodule *module, const void *image) {
	return load(__func__, module, static_cast<const char *>(image), Log{});
}

CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count, int *options, void **values) {
	Log log;
	for (unsigned i = 0; i < count; i++) {
		if (options[i] == CU_JIT_ERROR_LOG_BUFFER) log.buffer = static_cast<char *>(values[i]);
		if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
			log.size = (unsigned)reinterpret_cast<uintptr_t>(values[i]);
	}
	log.write("");
	return load(__func__, module, static_cast<const char *>(image), log);
}

CUresult cuModuleLoad(CUmodule *module, const char *path) {
	FILE *file = path == nullptr ? nullptr : fopen(path, "r");
	if (file == nullptr) return CUDA_ERROR_FILE_NOT_FOUND;
	std::string text;
	char part[4096];
	while (size_t n = fread(part, 1, sizeof part, file)) text.append(part, n);
	fclose(file);
	return load(__func__, module, text.c_str(), Log{});
}

CUresult cuModuleUnload(CUmodule module) {
	CURRENT(context);
	if (!Handles<CUmod_st>::usable(__func__, "module", module)) return CUDA_ERROR_INVALID_HANDLE;
	context->synchronize();
	module->alive = false;
	return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
	CURRENT(context);
	if (function == nullptr || name == nullptr) return CUDA_ERROR_INVALID_VALUE;
	if (!Handles<CUmod_st>::usable(__func__, "module", module)) return CUDA_ERROR_INVALID_HANDLE;
	if (module->context != context)
		return refused(CUDA_ERROR_INVALID_HANDLE, __func__, "the module is of another context");
	auto found = module->functions.find(name);
	if (found == module->functions.end()) return CUDA_ERROR_NOT_FOUND;
	*function = found->second.get();
	return CUDA_SUCCESS;
}

CUresult cuModuleGetLoadingMode(int *mode) {
	if (mode == nullptr) return CUDA_ERROR_INVALID_VALUE;
	*mode = 1; // all at once
	return CUDA_SUCCESS;
}

CUresult cuFuncGetAttribute(int *value, int attribute, CUfunction function) {
	CURRENT(context);
	if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
	if (CUresult status = usable_function(__func__, context, function)) return status;
	switch (attribute) {
	case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
		*value = function->ptx.max_threads ? (int)function->ptx.max_threads : (int)MAX_THREADS;
		return CUDA_SUCCESS;
	case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = (int)function->ptx.shared; return CUDA_SUCCESS;
	case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
	case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: *value = 0; return CUDA_SUCCESS;
	case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = 32; return CUDA_SUCCESS; // a twin has none
	case CU_FUNC_ATTRIBUTE_PTX_VERSION: *value = function->module->ptx.version; return CUDA_SUCCESS;
	case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = options().capability; return CUDA_SUCCESS;
	case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = function->most_dynamic_shared; return CUDA_SUCCESS;
	default:
		say_once("cuFuncGetAttribute: attribute " + std::to_string(attribute) + " is not modelled and reads 0");
		*value = 0;
		return CUDA_SUCCESS;
	}
}

CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value) {
	CURRENT(context);
	if (CUresult status = usable_function(__func__, context, function)) return status;
	if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) return CUDA_SUCCESS;
	if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return CUDA_ERROR_INVALID_VALUE;
	if (value < 0 || value + (int)function->ptx.shared > most_shared_memory()) {
		return refused(CUDA_ERROR_INVALID_VALUE, __func__,
			function->ptx.name + ": " + std::to_string(value) +
				" bytes of shared memory are more than a block can have");
	}
	function->most_dynamic_shared = value;
	return CUDA_SUCCESS;
}

// Caches are not modelled.
CUresult cuFuncSetCacheConfig(CUfunction function, int) {
	CURRENT(context);
	return usable_function(__func__, context, function);
}

} // extern "C"
