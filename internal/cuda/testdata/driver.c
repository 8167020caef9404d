// A driver for tests, whose GPUs are the host: it has what package cuda calls, does all work at once, and knows one
// kernel. The environment is read at every call:
//
//	FAKE_INIT     the result of cuInit
//	FAKE_VERSION  the version of CUDA, 13000 unless set
//	FAKE_MAJOR    the compute capability of the GPUs, 9 unless set
//	FAKE_FAIL     a call that fails, and how: cuLaunchKernel=700
#include "../cuda.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { GPUS = 2 };
static const size_t gpu_memory = 1 << 30;     // bytes
static const size_t block_memory = 227 << 10; // bytes of shared memory that a block can have

struct CUctx_st { int number; };
struct CUstream_st { CUcontext context; };
struct CUevent_st { struct timespec time; unsigned flags; };
struct CUfunc_st { int shared; };
struct CUmod_st { struct CUfunc_st scale; };

static struct CUctx_st contexts[GPUS];
static __thread CUcontext current;
static size_t used;

static long setting(const char *name, long otherwise)
{
	const char *text = getenv(name);
	return text != NULL ? atol(text) : otherwise;
}

static CUresult injected(const char *call)
{
	const char *fail = getenv("FAKE_FAIL");
	size_t length = strlen(call);
	if (fail != NULL && strncmp(fail, call, length) == 0 && fail[length] == '=')
		return (CUresult)atoi(fail + length + 1);
	return CUDA_SUCCESS;
}

// Begins a function: it fails where it is told to, or if no context is current on this thread.
#define CALL                                       \
	do {                                           \
		CUresult injected_ = injected(__func__);   \
		if (injected_ != CUDA_SUCCESS)             \
			return injected_;                      \
	} while (0)
#define CALL_IN_CONTEXT                            \
	CALL;                                          \
	if (current == NULL)                           \
		return CUDA_ERROR_INVALID_CONTEXT

CUresult cuInit(unsigned flags) { return flags ? CUDA_ERROR_INVALID_VALUE : (CUresult)setting("FAKE_INIT", 0); }

CUresult cuDriverGetVersion(int *version)
{
	*version = (int)setting("FAKE_VERSION", 13000);
	return CUDA_SUCCESS;
}

CUresult cuGetErrorName(CUresult error, const char **name)
{
	*name = error == CUDA_ERROR_OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY"
		: error == CUDA_ERROR_ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS"
		: error == CUDA_ERROR_INVALID_PTX     ? "CUDA_ERROR_INVALID_PTX"
											  : NULL;
	return *name != NULL ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetErrorString(CUresult error, const char **text)
{
	(void)error;
	*text = "as injected";
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int *count)
{
	CALL;
	*count = GPUS;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int number)
{
	CALL;
	*device = number;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int size, CUdevice device)
{
	CALL;
	snprintf(name, size, "Fake %d", device);
	return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem(size_t *bytes, CUdevice device)
{
	(void)device;
	*bytes = gpu_memory;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device)
{
	(void)device;
	switch ((int)attribute) {
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = (int)setting("FAKE_MAJOR", 9); break;
	case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = 4; break;
	case 97: *value = (int)block_memory; break; // shared memory of a block, on request
	default: *value = 0;
	}
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
	CALL;
	contexts[device].number = device;
	*context = &contexts[device];
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device)
{
	(void)device;
	CALL;
	return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext context)
{
	CALL;
	current = context;
	return CUDA_SUCCESS;
}

CUresult cuStreamCreate(CUstream *stream, unsigned flags)
{
	CALL_IN_CONTEXT;
	*stream = malloc(sizeof **stream);
	(*stream)->context = current;
	return flags == CU_STREAM_NON_BLOCKING ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// Begins a function that works in a stream, which belongs to a context.
#define CALL_IN_STREAM(stream)                     \
	CALL_IN_CONTEXT;                               \
	if ((stream)->context != current)              \
		return CUDA_ERROR_INVALID_HANDLE

CUresult cuStreamDestroy(CUstream stream)
{
	CALL_IN_STREAM(stream);
	free(stream);
	return CUDA_SUCCESS;
}

CUresult cuStreamSynchronize(CUstream stream)
{
	CALL_IN_STREAM(stream);
	return CUDA_SUCCESS;
}

CUresult cuStreamQuery(CUstream stream)
{
	CALL_IN_STREAM(stream);
	return CUDA_SUCCESS;
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags)
{
	CALL_IN_STREAM(stream);
	return event != NULL && flags == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuEventCreate(CUevent *event, unsigned flags)
{
	CALL_IN_CONTEXT;
	*event = calloc(1, sizeof **event);
	(*event)->flags = flags;
	return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent event)
{
	CALL_IN_CONTEXT;
	free(event);
	return CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent event, CUstream stream)
{
	CALL_IN_STREAM(stream);
	clock_gettime(CLOCK_MONOTONIC, &event->time);
	return CUDA_SUCCESS;
}

CUresult cuEventSynchronize(CUevent event)
{
	(void)event;
	CALL_IN_CONTEXT;
	return CUDA_SUCCESS;
}

CUresult cuEventQuery(CUevent event)
{
	(void)event;
	CALL_IN_CONTEXT;
	return CUDA_SUCCESS;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent from, CUevent to)
{
	CALL_IN_CONTEXT;
	if ((from->flags | to->flags) & CU_EVENT_DISABLE_TIMING)
		return CUDA_ERROR_INVALID_HANDLE;
	*milliseconds = (to->time.tv_sec - from->time.tv_sec) * 1e3f + (to->time.tv_nsec - from->time.tv_nsec) * 1e-6f;
	return CUDA_SUCCESS;
}

// An allocation has its size before it.
CUresult cuMemAlloc(CUdeviceptr *at, size_t bytes)
{
	CALL_IN_CONTEXT;
	if (bytes == 0)
		return CUDA_ERROR_INVALID_VALUE;
	if (used + bytes > gpu_memory)
		return CUDA_ERROR_OUT_OF_MEMORY;
	char *memory = aligned_alloc(256, (bytes + 511) / 256 * 256);
	*(size_t *)memory = bytes;
	used += bytes;
	*at = (CUdeviceptr)(memory + 256);
	return CUDA_SUCCESS;
}

CUresult cuMemFree(CUdeviceptr at)
{
	CALL_IN_CONTEXT;
	char *memory = (char *)at - 256;
	used -= *(size_t *)memory;
	free(memory);
	return CUDA_SUCCESS;
}

CUresult cuMemGetInfo(size_t *unused, size_t *total)
{
	CALL_IN_CONTEXT;
	*total = gpu_memory;
	*unused = *total - used;
	return CUDA_SUCCESS;
}

CUresult cuMemHostAlloc(void **at, size_t bytes, unsigned flags)
{
	CALL_IN_CONTEXT;
	*at = malloc(bytes);
	return flags == CU_MEMHOSTALLOC_PORTABLE ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemFreeHost(void *at)
{
	CALL_IN_CONTEXT;
	free(at);
	return CUDA_SUCCESS;
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes, CUstream stream)
{
	CALL_IN_STREAM(stream);
	memcpy((void *)to, from, bytes);
	return CUDA_SUCCESS;
}

CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream stream)
{
	CALL_IN_STREAM(stream);
	memcpy(to, (void *)from, bytes);
	return CUDA_SUCCESS;
}

CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
	CALL_IN_STREAM(stream);
	memcpy((void *)to, (void *)from, bytes);
	return CUDA_SUCCESS;
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream)
{
	CALL_IN_STREAM(stream);
	memset((void *)to, value, bytes);
	return CUDA_SUCCESS;
}

CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t words, CUstream stream)
{
	CALL_IN_STREAM(stream);
	for (size_t i = 0; i < words; i++)
		((unsigned *)to)[i] = value;
	return CUDA_SUCCESS;
}

CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count, CUjit_option *options, void **values)
{
	CALL_IN_CONTEXT;
	if (strstr(image, "mule.") != NULL) {
		for (unsigned i = 0; i < count; i++)
			if (options[i] == CU_JIT_ERROR_LOG_BUFFER)
				strcpy(values[i], "ptxas fatal: no instruction mule\n");
		return CUDA_ERROR_INVALID_PTX;
	}
	*module = calloc(1, sizeof **module);
	(*module)->scale.shared = 48 << 10;
	return CUDA_SUCCESS;
}

CUresult cuModuleUnload(CUmodule module)
{
	CALL_IN_CONTEXT;
	free(module);
	return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name)
{
	CALL_IN_CONTEXT;
	*function = &module->scale;
	return strcmp(name, "scale") == 0 ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction function)
{
	(void)function;
	CALL_IN_CONTEXT;
	*value = attribute == CU_FUNC_ATTRIBUTE_NUM_REGS ? 10
		: attribute == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? 1024 : 0;
	return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value)
{
	CALL_IN_CONTEXT;
	if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value > (int)block_memory)
		return CUDA_ERROR_INVALID_VALUE;
	function->shared = value;
	return CUDA_SUCCESS;
}

// The kernel scale: y[i] = factor * x[i] for i below n.
CUresult cuLaunchKernel(CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
	unsigned bz, unsigned shared, CUstream stream, void **arguments, void **extra)
{
	CALL_IN_STREAM(stream);
	if (gx * gy * gz == 0 || bx * by * bz == 0 || bx * by * bz > 1024 || (int)shared > function->shared || extra)
		return CUDA_ERROR_INVALID_VALUE;
	float *y = *(float **)arguments[0], *x = *(float **)arguments[1], factor = *(float *)arguments[2];
	unsigned n = *(unsigned *)arguments[3];
	for (unsigned i = 0; i < n && i < gx * bx; i++)
		y[i] = factor * x[i];
	return CUDA_SUCCESS;
}
