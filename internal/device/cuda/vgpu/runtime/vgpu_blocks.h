// Blocks of a launch that wait for each other: under the names of the kernels' blocks.h.
#pragma once

#include "kernel.h"

namespace vgpu {

inline void signal_blocks(int *counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELEASE); }

inline int load_acquire(const int *at) {
	int x = __atomic_load_n(at, __ATOMIC_ACQUIRE);
	let_blocks_run();
	return x;
}

inline void await_blocks(const int *counter, int signals) {
	while (load_acquire(counter) < signals) {
	}
}

} // namespace vgpu

using vgpu::await_blocks;
using vgpu::signal_blocks;
