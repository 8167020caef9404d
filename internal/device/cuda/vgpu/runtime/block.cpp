#include "block.h"

#include <cstdio>
#include <cstring>
#include <numeric>

#include "sanitizer.h"

namespace vgpu {

__thread Now now;

constexpr unsigned WARP = 32;

Fiber::Fiber() { context.tsan = tsan_create_fiber(); }
Fiber::~Fiber() { tsan_destroy_fiber(context.tsan); }

__thread Block *Block::own __attribute__((tls_model("initial-exec")));

// make makes the block of this thread, which goes with the thread.
Block *Block::make() {
	static thread_local std::unique_ptr<Block> owner = std::make_unique<Block>();
	return own = owner.get();
}

Failure run_block(const Kernel &kernel, const std::string &name, const Launch &launch, uint64_t block, void **arguments,
	uint64_t seed) {
	return Block::of_this_thread().run(kernel, name, launch, block, arguments, seed);
}

std::vector<uint32_t> order_of_blocks(const Launch &launch, uint64_t seed) {
	std::vector<uint32_t> order((size_t)launch.grid.x * launch.grid.y * launch.grid.z);
	std::iota(order.begin(), order.end(), 0);
	Random random(seed);
	for (size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[random.below(i)]);
	return order;
}

bool in_kernel() { return now.thread != nullptr; }

Failure Block::run(const Kernel &kernel, const std::string &name, const Launch &launch, uint64_t block,
	void **arguments, uint64_t seed) {
	kernel_ = &kernel, name_ = &name, launch_ = &launch, arguments_ = arguments;
	failure_ = Failure{};
	random_ = Random(seed + block * 0x2545f4914f6cdd1du);
	begin(block);
	while (live_ > 0 && failure_.why.empty()) {
		if (runnable_warps_ != 0) {
			run_warp(pick_warp(), pick_steps());
		} else if (!release_barrier()) {
			fail_block("its threads wait for ever: " + deadlock());
		}
	}
	end();
	return failure_;
}

// begin sets up block number `block` of the launch, none of whose threads has begun.
void Block::begin(uint64_t block) {
	const Index &grid = launch_->grid, &size = launch_->block;
	shared_.begin(kernel_->shared, launch_->shared, kernel_->function);
	now.block = {(unsigned)(block % grid.x), (unsigned)(block / grid.x % grid.y), (unsigned)(block / grid.x / grid.y)};
	now.launch = launch_;
	now.shared = shared_.base(), now.dynamic_shared = shared_.dynamic(), now.shared_size = shared_.size();
	threads_ = live_ = size.x * size.y * size.z;
	waiting_ = 0, runnable_warps_ = 0;
	while (fibers_.size() < threads_) fibers_.push_back(std::make_unique<Fiber>());
	for (unsigned i = 0; i < threads_; i++) {
		Fiber &f = *fibers_[i];
		f.index = {i % size.x, i / size.x % size.y, i / size.x / size.y};
		f.lane = (int)(i % WARP), f.warp = i / WARP, f.number = i;
		f.state = State::unstarted;
		f.copies.clear();
		f.barriers = f.warp_barriers = 0;
	}
	for (unsigned w = 0; w * WARP < threads_; w++) {
		runnable_[w] = threads_ - w * WARP < WARP ? threads_ - w * WARP : WARP;
		runnable_warps_ |= 1u << w;
		arrived_[w] = 0;
	}
	tsan_release(&order_launch_);
}

void Block::end() {
	tsan_acquire(&order_end_);
	for (unsigned i = 0; i < threads_; i++) {
		Fiber &f = *fibers_[i];
		if (f.context.stack != nullptr) stacks_.give(f.context.stack); // abandoned after an error
		f.context.stack = nullptr;
	}
	for (char *stack : used_) stacks_.give(stack);
	used_.clear();
	if (failure_.why.empty() && shared_.overrun()) fail_block("wrote past the end of its shared memory");
	now = Now{};
}

// pick_warp chooses among the warps that can go on.
unsigned Block::pick_warp() {
	unsigned nth = random_.below((unsigned)__builtin_popcount(runnable_warps_)), warps = runnable_warps_;
	while (nth-- > 0) warps &= warps - 1;
	return (unsigned)__builtin_ctz(warps);
}

// pick_steps chooses how far a warp runs ahead of the others. Often one step; at times until it waits at the barrier,
// or else the barriers at the ends of loops would look unnecessary.
unsigned Block::pick_steps() {
	switch (random_.below(4)) {
	case 0: return ~0u;
	case 1: return 1 + random_.below(16);
	default: return 1;
	}
}

// run_warp lets the lanes of a warp run, in each step every lane once until it waits, in an order of the step's own.
void Block::run_warp(unsigned warp, unsigned steps) {
	while (steps-- > 0 && runnable_[warp] > 0 && failure_.why.empty()) {
		uint64_t random = random_.next() >> 8;
		warp_ = warp, position_ = 0, stride_ = (unsigned)random | 1, offset_ = (unsigned)(random >> 32);
		Fiber *first = next_lane();
		resume(first, own_, false);
		now.thread = nullptr, current_ = nullptr;
	}
}

// next_lane is the next lane of the step that can go on, or null.
Fiber *Block::next_lane() {
	while (position_ < WARP) {
		unsigned number = warp_ * WARP + ((stride_ * position_++ + offset_) & (WARP - 1));
		if (number >= threads_) continue;
		Fiber *fiber = fibers_[number].get();
		if (fiber->state == State::unstarted || fiber->state == State::ready) return fiber;
	}
	return nullptr;
}

// resume goes on with a thread of the block, from another one or from the scheduler.
void Block::resume(Fiber *fiber, StackContext &from, bool ended) {
	if (fiber->state == State::unstarted) {
		char *stack = stacks_.take();
		if (stack == nullptr) {
			fail_block("no memory for the stack of a thread");
			if (&from != &own_) switch_to(from, own_, ended);
			return;
		}
		fiber->state = State::ready;
		prepare(fiber->context, stack, entry, fiber->number);
	}
	now.thread = current_ = fiber;
	switch_to(from, fiber->context, ended);
}

// leave goes on with the next lane of the step, or with the scheduler.
void Block::leave(bool ended) {
	StackContext &from = current_->context;
	Fiber *next = failure_.why.empty() ? next_lane() : nullptr;
	if (next == current_) return;
	if (next != nullptr) {
		resume(next, from, ended);
	} else {
		switch_to(from, own_, ended);
	}
}

void Block::entry() {
	begun();
	of_this_thread().thread();
}

// thread runs the kernel as the current thread, and then, on the same stack, as lanes of the step that have not begun.
void Block::thread() {
	for (;;) {
		tsan_acquire(&order_launch_);
		kernel_->call(kernel_->function, arguments_);
		tsan_release(&order_end_);
		Fiber *ended = current_;
		ended->state = State::ended;
		live_--;
		if (--runnable_[ended->warp] == 0) runnable_warps_ &= ~(1u << ended->warp);
		Fiber *next = TSAN ? nullptr : next_lane();
		if (next == nullptr || next->state != State::unstarted) {
			return_stack(ended->context);
			if (next != nullptr) {
				resume(next, ended->context, true);
			} else {
				switch_to(ended->context, own_, true);
			}
		}
		next->state = State::ready;
		next->context.stack = ended->context.stack;
		ended->context.stack = nullptr;
		now.thread = current_ = next;
	}
}

bool Block::on_stack(const void *address) const {
	const char *at = static_cast<const char *>(address), *stack = current_->context.stack;
	return at >= stack - STACK_GUARD && at < stack + STACK_SIZE;
}

// return_stack takes the stack of a thread that has ended.
void Block::return_stack(StackContext &context) {
	Private scope;
	if (TSAN) {
		used_.push_back(context.stack); // its reuse in this block would look like a race
	} else {
		stacks_.give(context.stack);
	}
	context.stack = nullptr;
}

void Block::fail(const char *why, bool address) {
	char text[512];
	const Index &b = now.block, &t = current_->index;
	snprintf(text, sizeof text, "kernel %s, block (%u,%u,%u), thread (%u,%u,%u): %s", name_->c_str(), b.x, b.y, b.z,
		t.x, t.y, t.z, why);
	failure_ = {text, address};
	switch_to(current_->context, own_, false); // which ends the block
	__builtin_unreachable();
}

void Block::fail_block(const std::string &why) {
	char block[64];
	snprintf(block, sizeof block, ", block (%u,%u,%u): ", now.block.x, now.block.y, now.block.z);
	failure_ = {"kernel " + *name_ + block + why, false};
}

// wait_or_wake counts the lanes of a warp that can go on.
void Block::wait_or_wake(Fiber *fiber, State state) {
	fiber->state = state;
	if (state == State::ready) {
		if (runnable_[fiber->warp]++ == 0) runnable_warps_ |= 1u << fiber->warp;
	} else {
		if (--runnable_[fiber->warp] == 0) runnable_warps_ &= ~(1u << fiber->warp);
	}
}

void Block::barrier(const char *site) {
	Fiber *me = current_;
	// Two objects in turn: who runs ahead to the next barrier does not order who has yet to leave this one.
	char *order = &order_barrier_[me->barriers++ & 1];
	tsan_release(order);
	me->site = site;
	wait_or_wake(me, State::at_barrier);
	waiting_++;
	leave(false);
	tsan_acquire(order);
}

// release_barrier lets the threads go on if all of them wait at the barrier.
bool Block::release_barrier() {
	if (waiting_ < threads_) return false;
	for (unsigned i = 1; i < threads_; i++) {
		if (fibers_[i]->site != fibers_[0]->site && strcmp(fibers_[i]->site, fibers_[0]->site) != 0) {
			fail_block(std::string("its threads wait at different barriers, ") + fibers_[0]->site + " and " +
				fibers_[i]->site + ": undefined on a GPU");
			return true;
		}
	}
	waiting_ = 0;
	for (unsigned i = 0; i < threads_; i++) wait_or_wake(fibers_[i].get(), State::ready);
	return true;
}

void Block::warp_operation(const char *site, unsigned mask, WarpAct act, void *brought) {
	Fiber *me = current_;
	if (!(mask >> me->lane & 1)) fail("a warp operation whose mask lacks the lane that calls it");
	me->site = site, me->mask = mask, me->act = act, me->brought = brought;
	wait_or_wake(me, State::in_warp_operation);
	unsigned lanes = threads_ - me->warp * WARP < WARP ? (1u << (threads_ - me->warp * WARP)) - 1 : ~0u;
	bool last = ++arrived_[me->warp] >= (unsigned)__builtin_popcount(mask & lanes);
	if (!last || !complete(me)) leave(false);
}

// complete acts for the warp if `fiber` was the last lane of the mask to arrive.
bool Block::complete(Fiber *fiber) {
	unsigned first = fiber->warp * WARP;
	void *lanes[WARP] = {};
	for (unsigned i = 0; i < WARP; i++) {
		if (!(fiber->mask >> i & 1) || first + i >= threads_) continue;
		const Fiber &other = *fibers_[first + i];
		bool same = other.state == State::in_warp_operation && other.site == fiber->site && other.act == fiber->act &&
			other.mask == fiber->mask;
		if (!same) return false;
		lanes[i] = other.brought;
	}
	fiber->act(lanes);
	for (unsigned i = 0; i < WARP; i++) {
		if (lanes[i] == nullptr) continue;
		wait_or_wake(fibers_[first + i].get(), State::ready);
		arrived_[fiber->warp]--;
	}
	return true;
}

void Block::warp_barrier(const char *site, unsigned mask) {
	Fiber *me = current_;
	char *order = &order_warp_[me->warp][me->warp_barriers++ & 1];
	tsan_release(order);
	warp_operation(site, mask, [](void *const *) {}, me);
	tsan_acquire(order);
}

std::string Block::deadlock() const {
	unsigned ended = 0, warp_waits = 0;
	const Fiber *at_barrier = nullptr, *in_warp = nullptr;
	for (unsigned i = 0; i < threads_; i++) {
		const Fiber *f = fibers_[i].get();
		if (f->state == State::ended) ended++;
		if (f->state == State::at_barrier) at_barrier = f;
		if (f->state == State::in_warp_operation) in_warp = f, warp_waits++;
	}
	std::string text = std::to_string(ended) + " of " + std::to_string(threads_) + " have returned";
	if (at_barrier != nullptr) {
		text += ", " + std::to_string(waiting_) + " are at the barrier " + at_barrier->site;
	}
	if (in_warp != nullptr) {
		char mask[16];
		snprintf(mask, sizeof mask, "%08x", in_warp->mask);
		text += ", " + std::to_string(warp_waits) + " are in a warp operation, one at " + in_warp->site +
			" with mask " + mask;
	}
	return text;
}

void fail(const char *why) { Block::of_this_thread().fail(why); }
void barrier(const char *site) { Block::of_this_thread().barrier(site); }
void warp_operation(const char *site, unsigned mask, WarpAct act, void *brought) {
	Block::of_this_thread().warp_operation(site, mask, act, brought);
}
void warp_barrier(const char *site, unsigned mask) { Block::of_this_thread().warp_barrier(site, mask); }

} // namespace vgpu
