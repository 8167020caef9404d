// The twins of the kernels of a module: which library holds them.
#pragma once

#include <string>

#include "kernel.h"

namespace vgpu {

// hash_of names a PTX text.
std::string hash_of(const std::string &ptx);

// twins_of gives the kernels that stand for a PTX text, or null and the reason. Libraries are found by the hash of the
// text: `make vgpu` makes those of the kernels that ship, from their sources and from their PTX. Any other PTX is
// translated when it is loaded, as a driver compiles it.
const Kernels *twins_of(const std::string &ptx, std::string *reason);

} // namespace vgpu
