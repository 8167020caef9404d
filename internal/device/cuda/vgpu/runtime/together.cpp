// Blocks that wait for each other run at the same time.
#include <sched.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>

#include "block.h"

namespace vgpu {

namespace {

using Clock = std::chrono::steady_clock;

// How long a launch may take: then its blocks wait for ever.
constexpr std::chrono::seconds LIMIT{100};

struct Meeting {
	std::atomic<bool> over{false}; // a block has failed
	Clock::time_point end = Clock::now() + LIMIT;
	std::mutex mutex;
	Failure failure;

	void fail(const Failure &why) {
		std::lock_guard<std::mutex> lock(mutex);
		if (!over) failure = why;
		over = true;
	}
};

__thread Meeting *meeting __attribute__((tls_model("initial-exec")));

} // namespace

Failure run_together(size_t blocks, const std::function<Failure(size_t)> &run) {
	Meeting all;
	std::vector<std::thread> threads;
	auto work = [&](size_t block) {
		meeting = &all;
		Failure failure = run(block);
		if (!failure.why.empty()) all.fail(failure);
	};
	try {
		for (size_t i = 0; i < blocks; i++) threads.emplace_back(work, i);
	} catch (const std::system_error &error) {
		all.fail({std::string("no thread for each block: ") + error.what(), false});
	}
	for (std::thread &thread : threads) thread.join();
	return all.failure;
}

void let_blocks_run() {
	if (meeting == nullptr) fail("it waits for blocks that were not launched together with it");
	if (meeting->over) fail("it waits for a block that has failed");
	if (Clock::now() > meeting->end) fail("it waits for another block for ever");
	sched_yield();
}

} // namespace vgpu
