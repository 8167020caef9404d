// Launches: what is checked before one is queued, and how its blocks run.
#include <cstring>

#include "block.h"
#include "faults.h"
#include "launch_limits.h"
#include "module.h"
#include "options.h"
#include "recorder.h"
#include "report.h"
#include "trap.h"
#include "workers.h"

using namespace vgpu;

namespace {

std::string in_words(const Index &i) {
	return "(" + std::to_string(i.x) + "," + std::to_string(i.y) + "," + std::to_string(i.z) + ")";
}

bool within(const Index &size, const Index &most) {
	return size.x >= 1 && size.y >= 1 && size.z >= 1 && size.x <= most.x && size.y <= most.y && size.z <= most.z;
}

// wrong_shape says what is wrong with the shape of a launch, or nothing.
std::string wrong_shape(CUfunction function, const Launch &launch) {
	uint64_t threads = (uint64_t)launch.block.x * launch.block.y * launch.block.z;
	unsigned most = function->ptx.max_threads ? function->ptx.max_threads : MAX_THREADS;
	if (!within(launch.grid, MAX_GRID)) return "a grid of " + in_words(launch.grid);
	if (!within(launch.block, MAX_BLOCK) || threads > most) {
		return "a block of " + in_words(launch.block) + ", at most " + std::to_string(most) + " threads";
	}
	if (launch.shared > (unsigned)function->most_dynamic_shared) {
		return std::to_string(launch.shared) + " bytes of dynamic shared memory, at most " +
			std::to_string(function->most_dynamic_shared) + " unless cuFuncSetAttribute allows more";
	}
	return "";
}

// Arguments are the values of a launch's arguments, copied when it is queued.
struct Arguments {
	std::vector<uint64_t> words;
	std::vector<void *> pointers;

	Arguments(const std::vector<unsigned> &sizes, void **given) {
		std::vector<size_t> starts;
		for (unsigned size : sizes) {
			starts.push_back(words.size());
			words.resize(words.size() + (size + 7) / 8);
			memcpy(&words[starts.back()], given[starts.size() - 1], size);
		}
		for (size_t start : starts) pointers.push_back(&words[start]);
	}
};

// wrong_pointer finds an argument that points to memory that the device cannot reach, or gives -1.
int wrong_pointer(Context *context, CUfunction function, const Arguments &arguments) {
	for (size_t i = 0; i < arguments.pointers.size(); i++) {
		if (!function->twin->parameters[i].pointer) continue;
		uint64_t address;
		memcpy(&address, arguments.pointers[i], sizeof address);
		bool fine = address == 0 || context->reaches(address, 0) ||
			HostMemory::instance().contains(reinterpret_cast<const void *>(address), 1);
		if (!fine) return (int)i;
	}
	return -1;
}

void run(Context *context, CUfunction function, const Launch &launch, Arguments &arguments, uint64_t seed) {
	const std::string &name = function->ptx.name;
	std::unique_ptr<Recorder> recorder = Recorder::begin(context, function, launch, arguments.pointers.data());
	const std::vector<uint32_t> order = order_of_blocks(launch, seed);
	trace(context->device.number, "begins", name);
	auto run_one = [&](size_t i) {
		return run_block(*function->twin, name, launch, order[i], arguments.pointers.data(), seed);
	};
	auto note = [&](const Failure &failure) {
		if (failure.why.empty()) return true;
		context->device.fail(failure.address ? CUDA_ERROR_ILLEGAL_ADDRESS : CUDA_ERROR_LAUNCH_FAILED, failure.why);
		return false;
	};
	if (launch.together) {
		note(run_together(order.size(), [&](size_t i) {
			prepare_for_traps();
			return run_one(i);
		}));
	} else {
		Workers::instance().run(order.size(), [&](size_t i) { return note(run_one(i)); });
	}
	if (context->device.status() != CUDA_SUCCESS) return;
	trace(context->device.number, "ends", name);
	if (recorder != nullptr) recorder->end();
	std::string overrun = context->device.memory.overrun();
	if (!overrun.empty()) {
		context->device.fail(CUDA_ERROR_ILLEGAL_ADDRESS, "kernel " + name + ", or what ran beside it, " + overrun);
	}
}

// begin_launch checks a launch for the function `caller` of the driver, and queues it.
CUresult begin_launch(const char *caller, CUfunction function, const Launch &launch, CUstream stream, void **given) {
	CURRENT(context);
	if (CUresult status = usable_function(caller, context, function)) return status;
	if (CUresult status = stream_of(caller, context, &stream)) return status;
	const std::string &name = function->ptx.name;
	std::string wrong = wrong_shape(function, launch);
	if (!wrong.empty()) return refused(CUDA_ERROR_INVALID_VALUE, caller, name + ": " + wrong);
	if (launch.together && (uint64_t)launch.grid.x * launch.grid.y * launch.grid.z > MULTIPROCESSORS) {
		return refused(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, caller,
			name + ": a grid of " + in_words(launch.grid) + " does not fit the multiprocessors");
	}
	for (size_t i = 0; i < function->ptx.parameters.size(); i++) {
		if (given != nullptr && given[i] != nullptr) continue;
		return refused(CUDA_ERROR_INVALID_VALUE, caller, name + ": argument " + std::to_string(i) + " is missing");
	}
	Device &device = context->device;
	auto arguments = std::make_shared<Arguments>(function->ptx.parameters, given);
	int pointer = wrong_pointer(context, function, *arguments);
	if (pointer >= 0) {
		uint64_t address = arguments->words[0];
		memcpy(&address, arguments->pointers[pointer], sizeof address);
		context->submit(stream, [&device, name, pointer, address] {
			device.fail(CUDA_ERROR_ILLEGAL_ADDRESS,
				"kernel " + name + ": argument " + std::to_string(pointer) +
					" points to memory that the device cannot reach: " + device.memory.describe(address));
		});
		return CUDA_SUCCESS;
	}
	if (fault(Fault::lost, device.number)) {
		context->submit(stream, [&device] { device.fail(CUDA_ERROR_UNKNOWN, "the device is lost"); });
		return CUDA_SUCCESS;
	}
	if (fault(Fault::launch, device.number)) {
		context->submit(
			stream, [&device, name] { device.fail(CUDA_ERROR_LAUNCH_FAILED, "kernel " + name + " failed"); });
		return CUDA_SUCCESS;
	}
	static std::atomic<uint64_t> launches{0};
	uint64_t seed = options().seed * 1000003 + ++launches;
	context->submit(stream, [=] { run(context, function, launch, *arguments, seed); });
	return CUDA_SUCCESS;
}

} // namespace

extern "C" CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
	unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared, CUstream stream, void **given,
	void **extra) {
	if (extra != nullptr)
		return refused(CUDA_ERROR_NOT_SUPPORTED, __func__, "arguments in one buffer are not modelled");
	return begin_launch(__func__, function,
		{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared, false}, stream, given);
}

extern "C" CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
	unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared, CUstream stream, void **given) {
	return begin_launch(__func__, function,
		{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared, true}, stream, given);
}

// One block runs on a multiprocessor at a time, of any kernel.
extern "C" CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(
	int *blocks, CUfunction function, int threads, size_t) {
	CURRENT(context);
	if (CUresult status = usable_function(__func__, context, function)) return status;
	if (blocks == nullptr || threads < 1) return CUDA_ERROR_INVALID_VALUE;
	*blocks = 1;
	return CUDA_SUCCESS;
}
