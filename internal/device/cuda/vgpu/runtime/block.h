// How a block runs: its threads are fibers on one thread of the operating system, in an order that a seed chooses.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "copies.h"
#include "fiber.h"
#include "kernel.h"
#include "random.h"
#include "shared.h"

namespace vgpu {

// Failure is what a kernel did wrong, if anything.
struct Failure {
	std::string why;
	bool address = false; // it touched memory that it may not
};

// run_block runs one block of a launch.
Failure run_block(const Kernel &kernel, const std::string &name, const Launch &launch, uint64_t block, void **arguments,
	uint64_t seed);

// order_of_blocks gives the numbers of the blocks of a launch in an order that the seed chooses.
std::vector<uint32_t> order_of_blocks(const Launch &launch, uint64_t seed);

// run_together runs all blocks of a launch at the same time, each on a thread of the operating system of its own, and
// gives the first failure.
Failure run_together(size_t blocks, const std::function<Failure(size_t)> &run);

// in_kernel tells whether the caller is the code of a kernel.
bool in_kernel();

enum class State : uint8_t { unstarted, ready, at_barrier, in_warp_operation, ended };

// Fiber is a thread of the block. The base comes first: Now points to it.
struct Fiber : Thread {
	Fiber();
	~Fiber();

	StackContext context;
	State state;
	unsigned number, warp;
	const char *site; // where it waits
	unsigned mask;    // of the warp operation
	WarpAct act;
	void *brought;
	AsyncCopies copies;
	unsigned barriers, warp_barriers; // that it has passed, for ThreadSanitizer
};

class Block {
public:
	Block() : own_(own_stack()) {}
	static Block &of_this_thread() { return own != nullptr ? *own : *make(); }

	Failure run(const Kernel &kernel, const std::string &name, const Launch &launch, uint64_t block, void **arguments,
		uint64_t seed);

	Fiber *current() { return current_; }
	SharedMemory &shared() { return shared_; }
	// on_stack tells whether an address is on the stack of the current thread, or just below.
	bool on_stack(const void *address) const;
	[[noreturn]] void fail(const char *why, bool address = false);
	void barrier(const char *site);
	void warp_operation(const char *site, unsigned mask, WarpAct act, void *brought);
	void warp_barrier(const char *site, unsigned mask);

private:
	static __thread Block *own __attribute__((tls_model("initial-exec")));
	static Block *make();
	void begin(uint64_t block);
	void run_warp(unsigned warp, unsigned steps);
	unsigned pick_warp();
	unsigned pick_steps();
	Fiber *next_lane();
	void resume(Fiber *fiber, StackContext &from, bool ended);
	void leave(bool ended);
	static void entry();
	void thread();
	void return_stack(StackContext &context);
	bool release_barrier();
	bool complete(Fiber *fiber);
	void wait_or_wake(Fiber *fiber, State state);
	void fail_block(const std::string &why);
	std::string deadlock() const;
	void end();

	const Kernel *kernel_ = nullptr;
	const std::string *name_ = nullptr;
	const Launch *launch_ = nullptr;
	void **arguments_ = nullptr;
	Failure failure_;
	Random random_;

	std::vector<std::unique_ptr<Fiber>> fibers_;
	StackContext own_;
	Stacks stacks_;
	std::vector<char *> used_; // stacks of threads of the block that have ended, under ThreadSanitizer
	SharedMemory shared_;
	Fiber *current_ = nullptr;
	unsigned threads_ = 0, live_ = 0, waiting_ = 0;              // at the barrier
	unsigned runnable_[32] = {};                                 // lanes of each warp that can go on
	unsigned runnable_warps_ = 0;                                // a bit a warp
	unsigned arrived_[32] = {};                                  // lanes of each warp that wait in a warp operation
	unsigned warp_ = 0, position_ = 0, stride_ = 1, offset_ = 0; // of the present step: each lane of a warp once
	char order_launch_ = 0, order_end_ = 0, order_barrier_[2] = {}, order_warp_[32][2] = {}; // for ThreadSanitizer
};

} // namespace vgpu
