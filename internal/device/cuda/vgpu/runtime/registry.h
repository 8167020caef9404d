// Libraries of twins.
#pragma once

#include <string>

#include "kernel.h"

namespace vgpu {

// load_twins loads a library of twins and gives its kernels by name, or null and the reason. It stays loaded.
const Kernels *load_twins(const std::string &path, std::string *reason);

} // namespace vgpu
