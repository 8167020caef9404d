// replay plays recordings of launches again, on twins that are built for a check:
//
//	replay TWINS.so SCHEDULES RECORDING…
//
// Each launch runs on two threads under several schedules and has to leave the recorded bits. It prints what went
// wrong, a line each; with twins and a runtime built for ThreadSanitizer or AddressSanitizer, those report what they
// find.
#include <sys/mman.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "block.h"
#include "recording.h"
#include "registry.h"

using namespace vgpu;

namespace {

constexpr uint64_t PAGE = 4096;

// Pages are those that a buffer lies in.
struct Pages {
	void *start;
	size_t size;

	explicit Pages(const Recording::Buffer &buffer) {
		uint64_t first = buffer.address / PAGE * PAGE, end = buffer.address + buffer.before.size();
		start = reinterpret_cast<void *>(first);
		size = (end - first + PAGE - 1) / PAGE * PAGE;
	}
};

// map gives the buffers of a recording their addresses.
bool map(const Recording &recording) {
	for (const Recording::Buffer &buffer : recording.buffers) {
		Pages pages(buffer);
		void *mapped = mmap(pages.start, pages.size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if (mapped == MAP_FAILED) return false;
	}
	return true;
}

void unmap(const Recording &recording) {
	for (const Recording::Buffer &buffer : recording.buffers) {
		Pages pages(buffer);
		munmap(pages.start, pages.size);
	}
}

// run runs the blocks of a launch on two threads, or each on its own if they wait for each other.
std::string run(const Kernel &kernel, Recording &recording, uint64_t seed) {
	std::vector<void *> arguments;
	for (std::vector<char> &argument : recording.arguments) arguments.push_back(argument.data());
	const std::vector<uint32_t> order = order_of_blocks(recording.launch, seed);
	if (recording.launch.together) {
		return run_together(order.size(), [&](size_t i) {
			return run_block(kernel, recording.kernel, recording.launch, order[i], arguments.data(), seed);
		}).why;
	}
	std::atomic<size_t> next{0};
	std::mutex mutex;
	std::string why;
	auto work = [&] {
		for (size_t i; (i = next++) < order.size();) {
			Failure failure = run_block(kernel, recording.kernel, recording.launch, order[i], arguments.data(), seed);
			if (failure.why.empty()) continue;
			std::lock_guard<std::mutex> lock(mutex);
			why = failure.why;
			next = order.size();
		}
	};
	std::thread other(work);
	work();
	other.join();
	return why;
}

std::string play(const Kernels &kernels, const std::string &path, unsigned schedules) {
	Recording recording;
	if (!recording.read(path)) return "cannot be read";
	auto kernel = kernels.find(recording.kernel);
	if (kernel == kernels.end()) return "the library lacks the kernel " + recording.kernel;
	if (!map(recording)) return "the addresses of its buffers are taken";
	std::string why;
	for (unsigned seed = 1; seed <= schedules && why.empty(); seed++) {
		for (const Recording::Buffer &buffer : recording.buffers) {
			memcpy(reinterpret_cast<void *>(buffer.address), buffer.before.data(), buffer.before.size());
		}
		why = run(kernel->second, recording, seed);
		for (size_t i = 0; i < recording.buffers.size() && why.empty(); i++) {
			const Recording::Buffer &buffer = recording.buffers[i];
			if (memcmp(reinterpret_cast<void *>(buffer.address), buffer.after.data(), buffer.after.size()) == 0)
				continue;
			why = "kernel " + recording.kernel + ": buffer " + std::to_string(i) + " has other bits than were recorded";
		}
	}
	unmap(recording);
	return why;
}

} // namespace

int main(int count, char **arguments) {
	setvbuf(stdout, nullptr, _IOLBF, 0);
	if (count < 3) {
		fprintf(stderr, "usage: replay TWINS.so SCHEDULES RECORDING...\n");
		return 2;
	}
	std::string reason;
	const Kernels *kernels = load_twins(arguments[1], &reason);
	if (kernels == nullptr) {
		printf("%s\n", reason.c_str());
		return 2;
	}
	int failures = 0;
	for (int i = 3; i < count; i++) {
		std::string why = play(*kernels, arguments[i], (unsigned)atoi(arguments[2]));
		if (why.empty()) continue;
		printf("%s: %s\n", arguments[i], why.c_str());
		failures++;
	}
	return failures != 0;
}
