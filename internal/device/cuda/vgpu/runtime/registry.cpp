#include "registry.h"

#include <dlfcn.h>

#include <mutex>

namespace vgpu {

static std::mutex loading;
static Kernels *being_loaded; // whose static variables are being initialised
static std::map<std::string, Kernels> *loaded =
	new std::map<std::string, Kernels>; // never destroyed: threads outlive main

const Kernels *load_twins(const std::string &path, std::string *reason) {
	std::lock_guard<std::mutex> lock(loading);
	auto known = loaded->find(path);
	if (known != loaded->end()) return &known->second;
	Kernels kernels;
	being_loaded = &kernels;
	void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
	being_loaded = nullptr;
	if (library == nullptr) {
		*reason = dlerror();
		return nullptr;
	}
	return &loaded->emplace(path, std::move(kernels)).first->second;
}

void register_kernel(const char *name, Kernel kernel) {
	if (being_loaded != nullptr) (*being_loaded)[name] = std::move(kernel);
}

} // namespace vgpu
