// What a driver reads of PTX before it compiles it: versions, and what a launch of each kernel is checked against.
#pragma once

#include <string>
#include <vector>

namespace vgpu {

struct PtxKernel {
	std::string name;
	std::vector<unsigned> parameters; // bytes of each
	unsigned shared = 0;              // bytes of static shared memory
	unsigned max_threads = 0;         // of a block, 0: not said
};

struct Ptx {
	int version = 0; // 71 for 7.1
	int target = 0;  // 80 for sm_80
	std::vector<PtxKernel> kernels;
};

// read_ptx gives false for a text that is no PTX.
bool read_ptx(const std::string &text, Ptx *ptx);

} // namespace vgpu
