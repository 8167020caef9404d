// Copies and fills. What is asynchronous on a GPU is so here: copies between the memories of devices and fills too,
// even those without a stream; copies of pinned memory with one.
#include <cstring>

#include "device.h"
#include "faults.h"
#include "handles.h"
#include "report.h"

using namespace vgpu;

namespace {

// Place is one side of a copy.
struct Place {
	uint64_t address;
	bool host;
	Context *context; // of a device's memory
};

std::string in_words(const Place &place, size_t size) {
	char text[80];
	snprintf(text, sizeof text, "%zu bytes at 0x%llx: ", size, (unsigned long long)place.address);
	return text + place.context->device.memory.describe(place.address);
}

// check_place makes sure that memory of a device lies in one buffer, and that memory of the host is the host's.
CUresult check_place(const char *caller, const Place &place, size_t size) {
	if (place.host) {
		if (place.address == 0)
			return refused(CUDA_ERROR_INVALID_VALUE, caller, "the address in the host's memory is null");
		for (int i = 0; i < device_count(); i++) {
			if (!device(i)->memory.owns(place.address)) continue;
			return refused(CUDA_ERROR_INVALID_VALUE, caller, "an address of a device was given for one of the host");
		}
		return CUDA_SUCCESS;
	}
	if (place.context->reaches(place.address, size)) return CUDA_SUCCESS;
	return refused(CUDA_ERROR_INVALID_VALUE, caller, in_words(place, size));
}

// begin_fault makes an operation fail when it is due.
std::function<void()> or_fault(Context *context, std::function<void()> run) {
	if (!fault(Fault::copy, context->device.number)) return run;
	return [context] { context->device.fail(CUDA_ERROR_ECC_UNCORRECTABLE, "a copy met an error of the memory"); };
}

// copy begins a copy in a stream. The host waits for it where a real driver would have to: it cannot leave memory that
// is not pinned to the device.
CUresult copy(const char *caller, Place to, Place from, size_t size, CUstream stream, bool waits) {
	Context *context;
	if (CUresult status = current_context(caller, &context)) return status;
	if (CUresult status = stream_of(caller, context, &stream)) return status;
	if (size == 0) return CUDA_SUCCESS;
	for (Place *place : {&to, &from}) {
		if (place->context == nullptr) place->context = context;
		if (CUresult status = check_place(caller, *place, size)) return status;
	}
	void *target = reinterpret_cast<void *>(to.address);
	const void *source = reinterpret_cast<const void *>(from.address);
	for (const Place &place : {to, from}) {
		if (!place.host || waits ||
			HostMemory::instance().contains(reinterpret_cast<const void *>(place.address), size))
			continue;
		say_once(std::string(caller) + ": the memory is not pinned, so the call waits for the copy");
		waits = true;
	}
	Point point = context->submit(stream, or_fault(context, [=] { memmove(target, source, size); }));
	if (!waits) return CUDA_SUCCESS;
	point.wait();
	return context->device.status();
}

Place on_device(CUdeviceptr address) { return {address, false, nullptr}; }
Place on_host(const void *address) { return {reinterpret_cast<uint64_t>(address), true, nullptr}; }

// anywhere finds out where an address is, as a driver with unified addresses does.
Place anywhere(CUdeviceptr address) {
	for (int i = 0; i < device_count(); i++) {
		if (device(i)->memory.owns(address)) return on_device(address);
	}
	return {address, true, nullptr};
}

template <class T> CUresult fill(const char *caller, CUdeviceptr to, T value, size_t count, CUstream stream) {
	Context *context;
	if (CUresult status = current_context(caller, &context)) return status;
	if (CUresult status = stream_of(caller, context, &stream)) return status;
	if (count == 0) return CUDA_SUCCESS;
	if (to % sizeof(T) != 0)
		return refused(CUDA_ERROR_INVALID_VALUE, caller, "the address is no multiple of the value's size");
	Place place{to, false, context};
	if (CUresult status = check_place(caller, place, count * sizeof(T))) return status;
	T *target = reinterpret_cast<T *>(to);
	context->submit(stream, [=] { std::fill_n(target, count, value); });
	return CUDA_SUCCESS;
}

// peer checks the context that one side of a copy belongs to.
CUresult peer(const char *caller, Context *context) {
	if (context != nullptr && Handles<Context>::usable(caller, "context", context)) return CUDA_SUCCESS;
	return CUDA_ERROR_INVALID_CONTEXT;
}

} // namespace

extern "C" {

CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t size) {
	return copy(__func__, anywhere(to), anywhere(from), size, nullptr, true);
}
CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream) {
	return copy(__func__, anywhere(to), anywhere(from), size, stream, false);
}
CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t size) {
	return copy(__func__, on_device(to), on_host(from), size, nullptr, true);
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t size, CUstream stream) {
	return copy(__func__, on_device(to), on_host(from), size, stream, false);
}
CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t size) {
	return copy(__func__, on_host(to), on_device(from), size, nullptr, true);
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t size, CUstream stream) {
	return copy(__func__, on_host(to), on_device(from), size, stream, false);
}
CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t size) {
	return copy(__func__, on_device(to), on_device(from), size, nullptr, false);
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream) {
	return copy(__func__, on_device(to), on_device(from), size, stream, false);
}
CUresult cuMemcpyPeerAsync(
	CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context, size_t size, CUstream stream) {
	if (CUresult status = peer(__func__, to_context)) return status;
	if (CUresult status = peer(__func__, from_context)) return status;
	return copy(__func__, {to, false, to_context}, {from, false, from_context}, size, stream, false);
}
CUresult cuMemcpyPeer(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context, size_t size) {
	return cuMemcpyPeerAsync(to, to_context, from, from_context, size, nullptr);
}

CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
	return fill(__func__, to, value, count, nullptr);
}
CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count) {
	return fill(__func__, to, value, count, nullptr);
}
CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) {
	return fill(__func__, to, value, count, nullptr);
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
	return fill(__func__, to, value, count, stream);
}
CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream stream) {
	return fill(__func__, to, value, count, stream);
}
// A number that the host may look at whenever it likes, so pinned memory will do as well.
CUresult cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr to, unsigned value, unsigned flags) {
	CURRENT(context);
	if (CUresult status = stream_of(__func__, context, &stream)) return status;
	if (flags != 0) return refused(CUDA_ERROR_NOT_SUPPORTED, __func__, "flags are not modelled");
	Place place = anywhere(to);
	place.context = context;
	if (to % sizeof value != 0 ||
		(place.host && !HostMemory::instance().contains(reinterpret_cast<const void *>(to), sizeof value))) {
		return refused(CUDA_ERROR_INVALID_VALUE, __func__, "the address is not aligned, or not the device's and not pinned");
	}
	if (CUresult status = check_place(__func__, place, sizeof value)) return status;
	context->submit(stream, [=] { __atomic_store_n(reinterpret_cast<unsigned *>(to), value, __ATOMIC_RELEASE); });
	return CUDA_SUCCESS;
}

CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
	return fill(__func__, to, value, count, stream);
}

} // extern "C"
