// Streams and events as the driver's interface has them.
#include <system_error>

#include "device.h"
#include "handles.h"
#include "report.h"

using namespace vgpu;

extern "C" {

CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned flags, int priority) {
	CURRENT(context);
	if (stream == nullptr || flags > CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
	try {
		*stream = context->create_stream(flags, priority);
	} catch (const std::system_error &) { // no more threads
		return CUDA_ERROR_OUT_OF_MEMORY;
	}
	return CUDA_SUCCESS;
}

CUresult cuStreamCreate(CUstream *stream, unsigned flags) { return cuStreamCreateWithPriority(stream, flags, 0); }

// What the stream still has to do is done.
CUresult cuStreamDestroy_v2(CUstream stream) {
	if (!Handles<CUstream_st>::usable(__func__, "stream", stream)) return CUDA_ERROR_INVALID_HANDLE;
	stream->end();
	return CUDA_SUCCESS;
}

CUresult cuStreamGetFlags(CUstream stream, unsigned *flags) {
	CURRENT(context);
	if (CUresult status = stream_of(__func__, context, &stream)) return status;
	if (flags == nullptr) return CUDA_ERROR_INVALID_VALUE;
	*flags = stream == nullptr ? (unsigned)CU_STREAM_DEFAULT : stream->flags;
	return CUDA_SUCCESS;
}

CUresult cuStreamGetPriority(CUstream stream, int *priority) {
	CURRENT(context);
	if (CUresult status = stream_of(__func__, context, &stream)) return status;
	if (priority == nullptr) return CUDA_ERROR_INVALID_VALUE;
	*priority = stream == nullptr ? 0 : stream->priority;
	return CUDA_SUCCESS;
}

CUresult cuStreamQuery(CUstream stream) {
	CURRENT(context);
	if (CUresult status = stream_of(__func__, context, &stream)) return status;
	for (const Point &point : context->last(stream)) {
		if (!point.passed()) return CUDA_ERROR_NOT_READY;
	}
	return context->device.status();
}

CUresult cuStreamSynchronize(CUstream stream) {
	CURRENT(context);
	if (CUresult status = stream_of(__func__, context, &stream)) return status;
	for (const Point &point : context->last(stream)) point.wait();
	return context->device.status();
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags) {
	CURRENT(context);
	if (CUresult status = stream_of(__func__, context, &stream)) return status;
	if (!Handles<CUevent_st>::usable(__func__, "event", event)) return CUDA_ERROR_INVALID_HANDLE;
	if (flags > 1) return CUDA_ERROR_INVALID_VALUE;
	std::shared_ptr<CUevent_st::Record> record = event->recorded();
	if (record != nullptr) context->submit(stream, [record] { record->point.wait(); });
	return CUDA_SUCCESS;
}

CUresult cuLaunchHostFunc(CUstream stream, CUhostFn function, void *argument) {
	CURRENT(context);
	if (CUresult status = stream_of(__func__, context, &stream)) return status;
	if (function == nullptr) return CUDA_ERROR_INVALID_VALUE;
	context->submit(stream, [function, argument] { function(argument); });
	return CUDA_SUCCESS;
}

CUresult cuEventCreate(CUevent *event, unsigned flags) {
	CURRENT(context);
	const unsigned known = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
	if (event == nullptr || (flags & ~known)) return CUDA_ERROR_INVALID_VALUE;
	*event = new CUevent_st(context, flags);
	Handles<CUevent_st>::add(*event);
	return CUDA_SUCCESS;
}

CUresult cuEventDestroy_v2(CUevent event) {
	if (!Handles<CUevent_st>::usable(__func__, "event", event)) return CUDA_ERROR_INVALID_HANDLE;
	event->alive = false;
	return CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
	CURRENT(context);
	if (CUresult status = stream_of(__func__, context, &stream)) return status;
	if (!Handles<CUevent_st>::usable(__func__, "event", event)) return CUDA_ERROR_INVALID_HANDLE;
	if (event->context != context)
		return refused(CUDA_ERROR_INVALID_HANDLE, __func__, "the event is of another context");
	auto record = std::make_shared<CUevent_st::Record>();
	std::lock_guard<std::mutex> lock(event->mutex);
	record->point = context->submit(stream, [record] { record->time = std::chrono::steady_clock::now(); });
	event->record = record;
	return CUDA_SUCCESS;
}

CUresult cuEventQuery(CUevent event) {
	CURRENT(context);
	if (!Handles<CUevent_st>::usable(__func__, "event", event)) return CUDA_ERROR_INVALID_HANDLE;
	auto record = event->recorded();
	return record == nullptr || record->point.passed() ? context->device.status() : CUDA_ERROR_NOT_READY;
}

CUresult cuEventSynchronize(CUevent event) {
	CURRENT(context);
	if (!Handles<CUevent_st>::usable(__func__, "event", event)) return CUDA_ERROR_INVALID_HANDLE;
	if (auto record = event->recorded()) record->point.wait();
	return context->device.status();
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
	if (milliseconds == nullptr) return CUDA_ERROR_INVALID_VALUE;
	std::shared_ptr<CUevent_st::Record> records[2];
	CUevent events[] = {start, end};
	for (int i = 0; i < 2; i++) {
		if (!Handles<CUevent_st>::usable(__func__, "event", events[i])) return CUDA_ERROR_INVALID_HANDLE;
		records[i] = events[i]->recorded();
		if (records[i] == nullptr || (events[i]->flags & CU_EVENT_DISABLE_TIMING)) {
			return refused(CUDA_ERROR_INVALID_HANDLE, __func__, "an event was not recorded, or takes no time");
		}
	}
	for (auto &record : records) {
		if (!record->point.passed()) return CUDA_ERROR_NOT_READY;
	}
	*milliseconds = std::chrono::duration<float, std::milli>(records[1]->time - records[0]->time).count();
	return CUDA_SUCCESS;
}

} // extern "C"
