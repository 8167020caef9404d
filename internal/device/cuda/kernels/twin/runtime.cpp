// Blocks run one after another, a fiber for each thread. A fiber runs until it waits for others, then another one does,
// in a random order: what differs between schedules, reads what nobody wrote or waits for a thread that never comes is
// found.
#include "runtime.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <link.h>
#include <map>
#include <random>
#include <sys/mman.h>
#include <vector>

namespace vgpu {
Thread *current;
Index current_block;

enum class State { ready, at_barrier, at_exchange, over };

struct Fiber : Thread {
	State state;
	void *stack_pointer;
	char *stack;
	const char *site; // where it waits
	uint64_t value;   // that it gives to others, or got
	unsigned distance;
};

static std::map<std::string, Call> &kernels() {
	static std::map<std::string, Call> all;
	return all;
}

int enter_kernel(const char *name, Call call) {
	kernels()[name] = call;
	return 0;
}

// switch_stacks saves the registers that a function preserves, and goes on where another fiber did so (x86-64).
extern "C" void switch_stacks(void **from, void *to);
asm(R"(.text
.globl switch_stacks
.type switch_stacks,@function
switch_stacks:
  pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
  ret
.size switch_stacks, .-switch_stacks
)");

static const size_t stack_size = 128 << 10;

// Block is the one that runs.
struct Block {
	std::vector<Fiber> fibers;
	std::vector<unsigned> order;
	Call call;
	void **arguments;
	void *scheduler; // its stack pointer
	unsigned warps;
	std::mt19937_64 random;

	std::string run();
	void resume(Fiber &f);
	bool finish_exchanges();
	bool open_barrier(std::string *wrong);
	std::string deadlock();
};
static Block block;

static void yield(State state, const char *site) {
	Fiber *f = static_cast<Fiber *>(current);
	f->state = state, f->site = site;
	switch_stacks(&f->stack_pointer, block.scheduler);
}

void barrier(const char *site) { yield(State::at_barrier, site); }

uint64_t exchange(const char *site, uint64_t value, unsigned distance) {
	Fiber *f = static_cast<Fiber *>(current);
	f->value = value, f->distance = distance;
	yield(State::at_exchange, site);
	return f->value;
}

static void begin_fiber() {
	block.call(block.arguments);
	yield(State::over, "");
	abort();
}

void Block::resume(Fiber &f) {
	current = &f;
	switch_stacks(&scheduler, f.stack_pointer);
	current = nullptr;
}

// finish_exchanges lets the warps go on whose threads have all come to the same place.
bool Block::finish_exchanges() {
	bool any = false;
	for (unsigned first = 0; first < fibers.size(); first += 32) {
		Fiber *warp = &fibers[first];
		bool all = std::all_of(
			warp, warp + 32, [&](Fiber &f) { return f.state == State::at_exchange && f.site == warp->site; });
		if (!all) continue;
		uint64_t values[32];
		for (unsigned i = 0; i < 32; i++) values[i] = warp[i ^ warp[i].distance].value;
		for (unsigned i = 0; i < 32; i++) warp[i].value = values[i], warp[i].state = State::ready;
		any = true;
	}
	return any;
}

bool Block::open_barrier(std::string *wrong) {
	unsigned over = 0;
	const char *site = nullptr;
	for (Fiber &f : fibers) {
		if (f.state == State::over) {
			over++;
		} else if (f.state != State::at_barrier) {
			return false;
		} else if (site && site != f.site) {
			*wrong = std::string("threads wait at two barriers, ") + site + " and " + f.site;
		} else {
			site = f.site;
		}
	}
	if (!site) return false;
	if (over) *wrong = std::string("threads wait at ") + site + ", and others have returned";
	for (Fiber &f : fibers)
		if (f.state == State::at_barrier) f.state = State::ready;
	return true;
}

std::string Block::deadlock() {
	std::string text = "threads wait for ever:";
	std::map<std::string, int> places;
	for (Fiber &f : fibers) places[f.state == State::over ? "returned" : f.site]++;
	for (auto &p : places) text += " " + std::to_string(p.second) + " at " + p.first;
	return text;
}

std::string Block::run() {
	unsigned only = ~0u, rounds = 0; // for some rounds, one warp may run far ahead
	for (;;) {
		if (rounds-- == 0) rounds = random() % 64, only = random() % 2 ? random() % warps : ~0u;
		std::shuffle(order.begin(), order.end(), random);
		bool ran = false, live = false;
		for (unsigned i : order) {
			Fiber &f = fibers[i];
			live |= f.state != State::over;
			if (f.state != State::ready || (only != ~0u && f.warp != only)) continue;
			resume(f);
			ran = true;
		}
		if (!live) return "";
		std::string wrong;
		bool released = finish_exchanges() | open_barrier(&wrong);
		if (!wrong.empty()) return wrong;
		if (!ran && !released && only != ~0u)
			only = ~0u;
		else if (!ran && !released)
			return deadlock();
	}
}

// poison fills the static shared memory of the library that a kernel is in, its thread-local storage.
static int poison(dl_phdr_info *info, size_t, void *kernel) {
	ElfW(Addr) at = reinterpret_cast<ElfW(Addr)>(kernel);
	const ElfW(Phdr) *storage = nullptr;
	bool found = false;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) &p = info->dlpi_phdr[i];
		if (p.p_type == PT_TLS) storage = &p;
		if (p.p_type == PT_LOAD && at - info->dlpi_addr - p.p_vaddr < p.p_memsz) found = true;
	}
	if (found && storage && info->dlpi_tls_data) memset(info->dlpi_tls_data, 0xff, storage->p_memsz);
	return found;
}

static void prepare(Fiber &f, unsigned i) {
	if (!f.stack) {
		void *m = mmap(nullptr, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (m == MAP_FAILED) perror("twin: stack"), exit(1);
		f.stack = static_cast<char *>(m);
		mprotect(m, 4096, PROT_NONE);
	}
	f.index = {i, 0, 0}, f.lane = i % 32, f.warp = i / 32, f.state = State::ready, f.site = "";
	void **top =
		reinterpret_cast<void **>(f.stack + stack_size - 64 - i % 64 * 128); // spread over the sets of the cache
	*--top = nullptr;
	*--top = reinterpret_cast<void *>(begin_fiber);
	for (int r = 0; r < 6; r++) *--top = nullptr;
	f.stack_pointer = top;
}

std::string run(const Launch &launch, void **arguments) {
	auto kernel = kernels().find(launch.kernel);
	if (kernel == kernels().end()) return "there is no kernel " + launch.kernel;
	if (launch.threads == 0 || launch.threads % 32 || launch.threads > 1024)
		return "a block has whole warps, at most 32";
	size_t blocks = (size_t)launch.grid.x * launch.grid.y * launch.grid.z;
	if (blocks == 0 || launch.grid.y > 65535 || launch.grid.z > 65535) return "the grid is empty or too large";
	block.call = kernel->second, block.arguments = arguments, block.warps = launch.threads / 32;
	block.random.seed(launch.seed);
	block.fibers.resize(std::max<size_t>(block.fibers.size(), launch.threads));
	for (size_t i = launch.threads; i < block.fibers.size(); i++)
		if (block.fibers[i].stack) munmap(block.fibers[i].stack, stack_size);
	block.fibers.resize(launch.threads);
	block.order.resize(launch.threads);
	for (unsigned i = 0; i < launch.threads; i++) block.order[i] = i;
	std::vector<size_t> order(blocks);
	for (size_t i = 0; i < blocks; i++) order[i] = i;
	std::shuffle(order.begin(), order.end(), block.random);
	for (size_t b : order) {
		current_block = {(unsigned)(b % launch.grid.x), (unsigned)(b / launch.grid.x % launch.grid.y),
			(unsigned)(b / launch.grid.x / launch.grid.y)};
		dl_iterate_phdr(poison, reinterpret_cast<void *>(block.call));
		for (unsigned i = 0; i < launch.threads; i++) prepare(block.fibers[i], i);
		std::string wrong = block.run();
		if (!wrong.empty())
			return "block " + std::to_string(current_block.x) + " " + std::to_string(current_block.y) + " " +
				   std::to_string(current_block.z) + ": " + wrong;
	}
	return "";
}
} // namespace vgpu
