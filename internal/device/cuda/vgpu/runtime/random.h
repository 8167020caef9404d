// A small generator for schedules: xorshift64.
#pragma once

#include <cstdint>

namespace vgpu {

class Random {
public:
	explicit Random(uint64_t seed = 1) : state_((seed * 0x9e3779b97f4a7c15u) | 1) { next(); }
	uint64_t next() {
		state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
		return state_;
	}
	unsigned below(uint64_t n) { return (unsigned)((next() >> 16) % n); }

private:
	uint64_t state_;
};

} // namespace vgpu
