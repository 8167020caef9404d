// Names and meanings of errors.
#include <map>

#include "cuda_api.h"

namespace {

struct Meaning {
	const char *name, *text;
};

#define MEANING(error, text) \
	{ error, { #error, text } }

const std::map<int, Meaning> &meanings() {
	static const auto *all = new std::map<int, Meaning>{
		MEANING(CUDA_SUCCESS, "no error"),
		MEANING(CUDA_ERROR_INVALID_VALUE, "invalid argument"),
		MEANING(CUDA_ERROR_OUT_OF_MEMORY, "out of memory"),
		MEANING(CUDA_ERROR_NOT_INITIALIZED, "initialization error"),
		MEANING(CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected"),
		MEANING(CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal"),
		MEANING(CUDA_ERROR_INVALID_IMAGE, "device kernel image is invalid"),
		MEANING(CUDA_ERROR_INVALID_CONTEXT, "invalid device context"),
		MEANING(CUDA_ERROR_NO_BINARY_FOR_GPU, "no kernel image is available for execution on the device"),
		MEANING(CUDA_ERROR_ECC_UNCORRECTABLE, "uncorrectable ECC error encountered"),
		MEANING(CUDA_ERROR_UNSUPPORTED_LIMIT, "limit is not supported on this architecture"),
		MEANING(CUDA_ERROR_PEER_ACCESS_UNSUPPORTED, "peer access is not supported between these two devices"),
		MEANING(CUDA_ERROR_INVALID_PTX, "a PTX JIT compilation failed"),
		MEANING(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "the provided PTX was compiled with an unsupported toolchain"),
		MEANING(CUDA_ERROR_FILE_NOT_FOUND, "file not found"),
		MEANING(CUDA_ERROR_INVALID_HANDLE, "invalid resource handle"),
		MEANING(CUDA_ERROR_NOT_FOUND, "named symbol not found"),
		MEANING(CUDA_ERROR_NOT_READY, "device not ready"),
		MEANING(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered"),
		MEANING(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, "peer access is already enabled"),
		MEANING(CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, "peer access has not been enabled"),
		MEANING(CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE, "cannot set while device is active in this process"),
		MEANING(CUDA_ERROR_CONTEXT_IS_DESTROYED, "context is destroyed"),
		MEANING(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "part or all of the memory range is already mapped"),
		MEANING(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "pointer does not correspond to a registered memory region"),
		MEANING(CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure"),
		MEANING(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, "too many blocks in cooperative launch"),
		MEANING(CUDA_ERROR_NOT_PERMITTED, "operation not permitted"),
		MEANING(CUDA_ERROR_NOT_SUPPORTED, "operation not supported"),
		MEANING(CUDA_ERROR_UNKNOWN, "unknown error"),
	};
	return *all;
}

} // namespace

extern "C" {

CUresult cuGetErrorName(CUresult error, const char **name) {
	auto found = meanings().find(error);
	*name = found == meanings().end() ? nullptr : found->second.name;
	return *name == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult error, const char **text) {
	auto found = meanings().find(error);
	*text = found == meanings().end() ? nullptr : found->second.text;
	return *text == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

} // extern "C"
