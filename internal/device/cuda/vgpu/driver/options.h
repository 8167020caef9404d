// The variables that the stand-in reads.
#pragma once

#include <cstdint>
#include <string>

namespace vgpu {

struct Options {
	int devices = 1;                // VGPU_DEVICES: how many GPUs there are
	int capability = 90;            // VGPU_SM: their compute capability, times ten
	int driver = 13000;             // VGPU_DRIVER: the version of CUDA that the driver is for, such as 12040
	uint64_t memory = 4ull << 30;   // VGPU_MEMORY: bytes of each, such as 512M or 80G
	uint64_t seed = 1;              // VGPU_SEED: chooses schedules and delays
	unsigned delay = 200;           // VGPU_DELAY: the longest pause before an operation of a stream, in microseconds
	bool peers = true;              // VGPU_PEERS: 0 if GPUs cannot read each other's memory
	std::string kernels = "source"; // VGPU_KERNELS: source, or ptx: what the twins of kernels are made from
	std::string fail;               // VGPU_FAIL: see faults.h
	std::string record;             // VGPU_RECORD: a folder for recordings of launches
	std::string trace;              // VGPU_TRACE: a file for what begins and ends, in order
	std::string folder;             // where this library is
};

// options reads the variables at the first call.
const Options &options();

// options_error is what is wrong with them, or "".
const std::string &options_error();

constexpr int MAX_DEVICES = 16;

} // namespace vgpu
