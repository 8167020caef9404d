// Devices and their contexts.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "cuda_api.h"
#include "memory.h"
#include "stream.h"

namespace vgpu {

struct Device {
	explicit Device(int number) : number(number), memory(number) {}

	// fail says what went wrong, and from then on every call for this device answers `error`, as on a GPU.
	void fail(CUresult error, const std::string &why);
	CUresult status() const { return static_cast<CUresult>(error.load()); }

	const int number;
	DeviceMemory memory;
	std::atomic<int> error{CUDA_SUCCESS};
	std::mutex mutex;
	CUcontext primary = nullptr;
	int primary_references = 0;
	unsigned primary_flags = 0;
};

// initialized tells whether cuInit has been called; device gives a device or null.
bool initialized();
Device *device(int number);
int device_count();

} // namespace vgpu

struct CUctx_st {
	CUctx_st(vgpu::Device &device, unsigned flags);

	CUstream create_stream(unsigned flags, int priority);
	void synchronize();
	void destroy();

	// submit queues an operation. Stream null is the legacy stream: it goes in order with all streams that block.
	vgpu::Point submit(CUstream stream, std::function<void()> run);
	// last are the operations that a stream is through when they are over: of the legacy stream, those of all that
	// block.
	std::vector<vgpu::Point> last(CUstream stream);
	// reaches tells whether kernels of this context may touch a range: of its device, or of a peer that was enabled.
	bool reaches(uint64_t address, size_t size);

	vgpu::Device &device;
	const unsigned flags;
	std::atomic<bool> alive{true};
	std::mutex mutex;
	std::set<CUcontext> peers;

private:
	std::vector<CUstream> streams();

	std::set<CUstream> streams_;
	CUstream legacy_;
};

namespace vgpu {

using Context = CUctx_st;

// current_context gives the context of the calling thread, or why there is none that can be used. `caller` is the
// function that asks, for the message.
CUresult current_context(const char *caller, Context **context);

// stream_of checks that a stream can be used in a context, and takes the names of the legacy stream to null.
CUresult stream_of(const char *caller, Context *context, CUstream *stream);

// refused says why a call is wrong and gives its error.
CUresult refused(CUresult error, const char *caller, const std::string &why);

} // namespace vgpu

// CURRENT declares the calling thread's context, or returns from the function of the driver that it stands in.
#define CURRENT(context) \
	vgpu::Context *context = nullptr; \
	if (CUresult status = vgpu::current_context(__func__, &context)) return status
