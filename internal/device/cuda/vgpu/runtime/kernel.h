// What the twin of a kernel and the runtime that runs it agree on: where a thread is, how it meets the other threads of
// its warp and block, and how a kernel makes itself known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace vgpu {

struct Index {
	unsigned x, y, z;
};

struct Thread {
	Index index; // in the block
	int lane;    // in the warp
};

struct Launch {
	Index grid, block;
	unsigned shared; // bytes of dynamic shared memory
	bool together;   // all blocks run at the same time, and may wait for each other
};

// Now is where the code that runs on this thread of the operating system is.
struct Now {
	const Thread *thread;
	Index block;
	const Launch *launch;
	char *shared; // memory of the block: first the static part that the runtime provides, then the dynamic part
	char *dynamic_shared;
	size_t shared_size;
};
extern __thread Now now __attribute__((tls_model("initial-exec")));

// fail ends the launch: what the kernel does is undefined on a GPU.
[[noreturn]] void fail(const char *why);

// barrier is __syncthreads. A site names the place in the source: threads that wait at different places have diverged.
void barrier(const char *site);

// warp_operation waits until every lane of the mask has called it at the same site. Then the last one acts for all:
// lanes[i] is what lane i brought, or null where the lane is not of the mask. It orders no memory.
using WarpAct = void (*)(void *const *lanes);
void warp_operation(const char *site, unsigned mask, WarpAct act, void *brought);

// warp_barrier is __syncwarp: it orders memory.
void warp_barrier(const char *site, unsigned mask);

// let_blocks_run is called again and again by a thread that waits for other blocks.
void let_blocks_run();

// Shuffle is what a lane brings to a shuffle or a ballot; the act leaves the result there.
struct Shuffle {
	uint64_t value;
	int argument; // the distance, or the lane
	int width;    // of the parts of the warp that shuffle among themselves
	uint64_t result;
};
void shuffle_xor(void *const *lanes);
void shuffle_down(void *const *lanes);
void shuffle_up(void *const *lanes);
void shuffle_index(void *const *lanes);
void ballot(void *const *lanes);

[[noreturn]] void fail_outside_shared(uint64_t address, unsigned size);

// shared_address is the place of `size` bytes at an address in the window of shared memory; shared_offset is the
// inverse.
inline void *shared_address(uint64_t address, unsigned size) {
	if (address > now.shared_size || size > now.shared_size - address) fail_outside_shared(address, size);
	return now.shared + address;
}
inline uint64_t shared_offset(uint64_t generic) { return generic - (uint64_t)now.shared; }

struct Parameter {
	unsigned size;
	bool pointer;
};

struct Kernel {
	void (*function)();
	void (*call)(void (*function)(), void **arguments);
	std::vector<Parameter> parameters;
	unsigned shared; // bytes of static shared memory that the runtime provides: those of twins made from PTX
};

using Kernels = std::map<std::string, Kernel>;

// register_kernel is called while a library of twins is loaded.
void register_kernel(const char *name, Kernel kernel);

template <class... A, size_t... I>
inline void call_with(void (*function)(A...), void **arguments, std::index_sequence<I...>) {
	function(*static_cast<std::remove_reference_t<A> *>(arguments[I])...);
}

template <class... A> inline bool register_twin(const char *name, void (*function)(A...), unsigned shared = 0) {
	Kernel kernel;
	kernel.function = reinterpret_cast<void (*)()>(function);
	kernel.call = [](void (*f)(), void **arguments) {
		call_with(reinterpret_cast<void (*)(A...)>(f), arguments, std::index_sequence_for<A...>{});
	};
	kernel.parameters = {{(unsigned)sizeof(A), std::is_pointer<A>::value}...};
	kernel.shared = shared;
	register_kernel(name, std::move(kernel));
	return true;
}

} // namespace vgpu
