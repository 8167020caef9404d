// Recordings of launches: what a kernel was given and what it left. They are played again by checks that would be too
// slow, or too intrusive, for the program itself.
#pragma once

#include <string>
#include <vector>

#include "kernel.h"

namespace vgpu {

struct Recording {
	std::string module; // the hash of the PTX text
	std::string kernel;
	Launch launch;
	std::vector<std::vector<char>> arguments;

	struct Buffer {
		uint64_t address;
		std::vector<char> before, after;
	};
	std::vector<Buffer> buffers;

	bool write(const std::string &path) const;
	bool read(const std::string &path);
};

} // namespace vgpu
