#include <algorithm>
#include <system_error>

#include "device.h"
#include "handles.h"
#include "options.h"
#include "report.h"

using namespace vgpu;

// The contexts of the calling thread, the current one last.
static thread_local std::vector<Context *> stack;

CUctx_st::CUctx_st(Device &device, unsigned flags) : device(device), flags(flags) {
	legacy_ = new CUstream_st(this, CU_STREAM_DEFAULT, 0);
}

CUstream CUctx_st::create_stream(unsigned flags, int priority) {
	CUstream stream = new CUstream_st(this, flags, priority);
	Handles<CUstream_st>::add(stream);
	std::lock_guard<std::mutex> lock(mutex);
	streams_.insert(stream);
	return stream;
}

// streams are those that are alive or have something left to do, without the legacy one.
std::vector<CUstream> CUctx_st::streams() {
	std::lock_guard<std::mutex> lock(mutex);
	for (auto at = streams_.begin(); at != streams_.end();) {
		CUstream stream = *at++;
		if (!stream->alive && stream->last().passed()) streams_.erase(stream);
	}
	return {streams_.begin(), streams_.end()};
}

void CUctx_st::synchronize() {
	std::vector<CUstream> all = streams();
	all.push_back(legacy_);
	for (CUstream stream : all) stream->last().wait();
}

void CUctx_st::destroy() {
	synchronize();
	alive = false;
	for (CUstream stream : streams()) stream->end();
	legacy_->end();
	device.memory.release_all(this);
}

std::vector<Point> CUctx_st::last(CUstream stream) {
	if (stream != nullptr) return {stream->last()};
	std::vector<Point> points = {legacy_->last()};
	for (CUstream other : streams()) {
		if (!(other->flags & CU_STREAM_NON_BLOCKING)) points.push_back(other->last());
	}
	return points;
}

Point CUctx_st::submit(CUstream stream, std::function<void()> run) {
	if (stream == nullptr) return legacy_->submit(last(nullptr), std::move(run));
	std::vector<Point> after;
	if (!(stream->flags & CU_STREAM_NON_BLOCKING)) after.push_back(legacy_->last());
	return stream->submit(std::move(after), std::move(run));
}

bool CUctx_st::reaches(uint64_t address, size_t size) {
	if (device.memory.contains(this, address, size)) return true;
	std::lock_guard<std::mutex> lock(mutex);
	return std::any_of(peers.begin(), peers.end(),
		[&](Context *peer) { return peer->alive && peer->device.memory.contains(peer, address, size); });
}

namespace vgpu {

CUresult current_context(const char *caller, Context **context) {
	if (!initialized()) return refused(CUDA_ERROR_NOT_INITIALIZED, caller, "cuInit has not been called");
	if (in_stream())
		return refused(CUDA_ERROR_NOT_PERMITTED, caller, "a host function of a stream may not call the driver");
	if (stack.empty() || stack.back() == nullptr) {
		return refused(
			CUDA_ERROR_INVALID_CONTEXT, caller, "no context is current on this thread of the operating system");
	}
	if (!stack.back()->alive)
		return refused(CUDA_ERROR_CONTEXT_IS_DESTROYED, caller, "the current context was destroyed");
	*context = stack.back();
	return (*context)->device.status();
}

CUresult stream_of(const char *caller, Context *context, CUstream *stream) {
	if (*stream == CU_STREAM_LEGACY) *stream = nullptr;
	if (*stream == CU_STREAM_PER_THREAD) {
		return refused(CUDA_ERROR_NOT_SUPPORTED, caller, "a default stream for each thread is not modelled");
	}
	if (*stream == nullptr) return CUDA_SUCCESS;
	if (!Handles<CUstream_st>::usable(caller, "stream", *stream)) return CUDA_ERROR_INVALID_HANDLE;
	if ((*stream)->context != context)
		return refused(CUDA_ERROR_INVALID_HANDLE, caller, "the stream is of another context");
	return CUDA_SUCCESS;
}

static CUresult known_context(const char *caller, Context *context) {
	if (!initialized()) return CUDA_ERROR_NOT_INITIALIZED;
	if (context == nullptr || !Handles<Context>::known(context))
		return refused(CUDA_ERROR_INVALID_CONTEXT, caller, "no such context");
	if (!context->alive) return refused(CUDA_ERROR_CONTEXT_IS_DESTROYED, caller, "the context was destroyed");
	return CUDA_SUCCESS;
}

static CUresult create_context(CUcontext *context, Device &device, unsigned flags) {
	try {
		*context = new CUctx_st(device, flags);
	} catch (const std::system_error &) { // no more threads
		return CUDA_ERROR_OUT_OF_MEMORY;
	}
	Handles<Context>::add(*context);
	return CUDA_SUCCESS;
}

} // namespace vgpu

extern "C" {

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice number) {
	if (!initialized()) return CUDA_ERROR_NOT_INITIALIZED;
	Device *d = device(number);
	if (d == nullptr) return CUDA_ERROR_INVALID_DEVICE;
	if (context == nullptr) return CUDA_ERROR_INVALID_VALUE;
	std::lock_guard<std::mutex> lock(d->mutex);
	if (d->primary_references == 0) {
		if (CUresult status = create_context(&d->primary, *d, d->primary_flags)) return status;
	}
	d->primary_references++;
	*context = d->primary;
	return d->status();
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice number) {
	Device *d = device(number);
	if (d == nullptr) return CUDA_ERROR_INVALID_DEVICE;
	std::lock_guard<std::mutex> lock(d->mutex);
	if (d->primary_references == 0)
		return refused(CUDA_ERROR_INVALID_CONTEXT, __func__, "the primary context is not retained");
	if (--d->primary_references == 0) {
		d->primary->destroy();
		d->primary = nullptr;
	}
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice number) {
	Device *d = device(number);
	if (d == nullptr) return CUDA_ERROR_INVALID_DEVICE;
	std::lock_guard<std::mutex> lock(d->mutex);
	if (d->primary != nullptr) d->primary->destroy();
	d->primary = nullptr;
	d->primary_references = 0;
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxGetState(CUdevice number, unsigned *flags, int *active) {
	Device *d = device(number);
	if (d == nullptr) return CUDA_ERROR_INVALID_DEVICE;
	if (flags == nullptr || active == nullptr) return CUDA_ERROR_INVALID_VALUE;
	std::lock_guard<std::mutex> lock(d->mutex);
	*flags = d->primary_flags, *active = d->primary != nullptr;
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice number, unsigned flags) {
	Device *d = device(number);
	if (d == nullptr) return CUDA_ERROR_INVALID_DEVICE;
	std::lock_guard<std::mutex> lock(d->mutex);
	d->primary_flags = flags;
	return CUDA_SUCCESS;
}

CUresult cuCtxCreate_v2(CUcontext *context, unsigned flags, CUdevice number) {
	if (!initialized()) return CUDA_ERROR_NOT_INITIALIZED;
	Device *d = device(number);
	if (d == nullptr) return CUDA_ERROR_INVALID_DEVICE;
	if (context == nullptr) return CUDA_ERROR_INVALID_VALUE;
	if (CUresult status = create_context(context, *d, flags)) return status;
	stack.push_back(*context);
	return d->status();
}

CUresult cuCtxDestroy_v2(CUcontext context) {
	if (CUresult status = known_context(__func__, context)) return status;
	if (context == context->device.primary)
		return refused(CUDA_ERROR_INVALID_CONTEXT, __func__, "a primary context is released");
	context->destroy();
	if (!stack.empty() && stack.back() == context) stack.pop_back();
	return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent_v2(CUcontext context) {
	if (CUresult status = known_context(__func__, context)) return status;
	stack.push_back(context);
	return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent_v2(CUcontext *context) {
	if (stack.empty()) return refused(CUDA_ERROR_INVALID_CONTEXT, __func__, "no context is current on this thread");
	if (context != nullptr) *context = stack.back();
	stack.pop_back();
	return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext context) {
	if (!initialized()) return CUDA_ERROR_NOT_INITIALIZED;
	if (context != nullptr) {
		if (CUresult status = known_context(__func__, context)) return status;
	}
	if (!stack.empty()) stack.pop_back();
	if (context != nullptr) stack.push_back(context);
	return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext *context) {
	if (!initialized()) return CUDA_ERROR_NOT_INITIALIZED;
	if (context == nullptr) return CUDA_ERROR_INVALID_VALUE;
	*context = stack.empty() ? nullptr : stack.back();
	return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice *number) {
	CURRENT(context);
	if (number == nullptr) return CUDA_ERROR_INVALID_VALUE;
	*number = context->device.number;
	return CUDA_SUCCESS;
}

CUresult cuCtxGetFlags(unsigned *flags) {
	CURRENT(context);
	if (flags == nullptr) return CUDA_ERROR_INVALID_VALUE;
	*flags = context->flags;
	return CUDA_SUCCESS;
}

CUresult cuCtxGetApiVersion(CUcontext context, unsigned *version) {
	if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
	if (context != nullptr) {
		if (CUresult status = known_context(__func__, context)) return status;
	}
	*version = 3020;
	return CUDA_SUCCESS;
}

// Limits are accepted and have no effect.
CUresult cuCtxSetLimit(int limit, size_t) {
	CURRENT(context);
	return limit > CU_LIMIT_MALLOC_HEAP_SIZE || limit < 0 ? CUDA_ERROR_UNSUPPORTED_LIMIT : CUDA_SUCCESS;
}

CUresult cuCtxGetLimit(size_t *value, int limit) {
	CURRENT(context);
	static const size_t limits[] = {1024, 1 << 20, 8 << 20};
	if (limit > CU_LIMIT_MALLOC_HEAP_SIZE || limit < 0) return CUDA_ERROR_UNSUPPORTED_LIMIT;
	if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
	*value = limits[limit];
	return CUDA_SUCCESS;
}

CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
	CURRENT(context);
	if (least != nullptr) *least = 0;
	if (greatest != nullptr) *greatest = -5;
	return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize() {
	CURRENT(context);
	context->synchronize();
	return context->device.status();
}

CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned flags) {
	CURRENT(context);
	if (CUresult status = known_context(__func__, peer)) return status;
	if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
	if (!options().peers || &peer->device == &context->device) return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
	std::lock_guard<std::mutex> lock(context->mutex);
	return context->peers.insert(peer).second ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
}

CUresult cuCtxDisablePeerAccess(CUcontext peer) {
	CURRENT(context);
	std::lock_guard<std::mutex> lock(context->mutex);
	return context->peers.erase(peer) > 0 ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
}

} // extern "C"
