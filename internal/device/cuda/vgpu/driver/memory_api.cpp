// Device and pinned memory as the driver's interface has them.
#include "device.h"
#include "faults.h"
#include "options.h"
#include "report.h"

using namespace vgpu;

// check_overrun marks the device broken if somebody wrote beside a buffer.
static void check_overrun(Context *context) {
	std::string found = context->device.memory.overrun();
	if (!found.empty()) context->device.fail(CUDA_ERROR_ILLEGAL_ADDRESS, "something " + found);
}

extern "C" {

CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t size) {
	CURRENT(context);
	if (address == nullptr || size == 0) return refused(CUDA_ERROR_INVALID_VALUE, __func__, "no bytes are asked for");
	uint64_t start = 0;
	if (fault(Fault::alloc, context->device.number) || !context->device.memory.allocate(context, size, &start)) {
		return CUDA_ERROR_OUT_OF_MEMORY;
	}
	*address = start;
	return CUDA_SUCCESS;
}

// As in the real driver, all that is under way comes first.
CUresult cuMemFree_v2(CUdeviceptr address) {
	CURRENT(context);
	context->synchronize();
	check_overrun(context);
	if (!context->device.memory.release(address)) {
		return refused(CUDA_ERROR_INVALID_VALUE, __func__,
			"not where a buffer begins: " + context->device.memory.describe(address));
	}
	return context->device.status();
}

CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
	CURRENT(context);
	if (free == nullptr || total == nullptr) return CUDA_ERROR_INVALID_VALUE;
	*total = options().memory;
	*free = *total - context->device.memory.used();
	return CUDA_SUCCESS;
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *size, CUdeviceptr address) {
	CURRENT(context);
	uint64_t start;
	size_t length;
	if (!context->device.memory.range(address, &start, &length)) return CUDA_ERROR_NOT_FOUND;
	if (base != nullptr) *base = start;
	if (size != nullptr) *size = length;
	return CUDA_SUCCESS;
}

CUresult cuMemHostAlloc(void **address, size_t size, unsigned flags) {
	CURRENT(context);
	const unsigned known = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
	if (address == nullptr || size == 0 || (flags & ~known)) return CUDA_ERROR_INVALID_VALUE;
	*address = fault(Fault::host, context->device.number) ? nullptr : HostMemory::instance().allocate(size);
	return *address == nullptr ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}

CUresult cuMemAllocHost_v2(void **address, size_t size) { return cuMemHostAlloc(address, size, 0); }

CUresult cuMemFreeHost(void *address) {
	CURRENT(context);
	for (int i = 0; i < device_count(); i++) {
		std::lock_guard<std::mutex> lock(device(i)->mutex);
		if (device(i)->primary != nullptr) device(i)->primary->synchronize();
	}
	context->synchronize();
	if (!HostMemory::instance().release(address))
		return refused(CUDA_ERROR_INVALID_VALUE, __func__, "not from cuMemHostAlloc");
	return CUDA_SUCCESS;
}

CUresult cuMemHostRegister_v2(void *address, size_t size, unsigned) {
	CURRENT(context);
	if (address == nullptr || size == 0) return CUDA_ERROR_INVALID_VALUE;
	return HostMemory::instance().add(address, size) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
}

CUresult cuMemHostUnregister(void *address) {
	CURRENT(context);
	context->synchronize();
	return HostMemory::instance().remove(address) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
}

CUresult cuPointerGetAttribute(void *value, int attribute, CUdeviceptr address) {
	CURRENT(context);
	if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
	uint64_t start = 0;
	size_t size = 0;
	int number = -1;
	for (int i = 0; i < device_count() && number < 0; i++) {
		if (device(i)->memory.range(address, &start, &size)) number = i;
	}
	bool host = number < 0 && HostMemory::instance().range(reinterpret_cast<const void *>(address), &start, &size);
	if (number < 0 && !host) return CUDA_ERROR_INVALID_VALUE;
	switch (attribute) {
	case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
		*static_cast<unsigned *>(value) = host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
		return CUDA_SUCCESS;
	case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: *static_cast<CUdeviceptr *>(value) = address; return CUDA_SUCCESS;
	case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
		*static_cast<int *>(value) = host ? context->device.number : number;
		return CUDA_SUCCESS;
	case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: *static_cast<CUdeviceptr *>(value) = start; return CUDA_SUCCESS;
	case CU_POINTER_ATTRIBUTE_RANGE_SIZE: *static_cast<size_t *>(value) = size; return CUDA_SUCCESS;
	default:
		return refused(
			CUDA_ERROR_NOT_SUPPORTED, __func__, "attribute " + std::to_string(attribute) + " is not modelled");
	}
}

} // extern "C"
