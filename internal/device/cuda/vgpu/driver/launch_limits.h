// Limits of a launch.
#pragma once

#include "kernel.h"

namespace vgpu {

constexpr unsigned MAX_THREADS = 1024; // of a block
constexpr Index MAX_BLOCK = {1024, 1024, 64};
constexpr Index MAX_GRID = {2147483647, 65535, 65535};
constexpr unsigned MULTIPROCESSORS = 32;
constexpr int SHARED_MEMORY = 48 << 10; // bytes of a block unless it opts in to more

// most_shared_memory is what a block can opt in to.
int most_shared_memory();

} // namespace vgpu
