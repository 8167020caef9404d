// The runtime that kernels compiled for the CPU run on.
#pragma once
#include "vgpu_device.h"
#undef threadIdx
#undef blockIdx

namespace vgpu {
struct Launch {
	std::string kernel;
	Index grid;
	unsigned threads; // of a block
	uint64_t seed;    // of the schedule
};
// run runs a kernel, block after block in an order of the seed's, and returns what was wrong, "" for nothing.
std::string run(const Launch &launch, void **arguments);
} // namespace vgpu
