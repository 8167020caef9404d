// Which handles there are: a driver call that gets anything else answers with an error instead of crashing.
#pragma once

#include <mutex>
#include <unordered_set>

#include "device.h"

namespace vgpu {

// Handles knows every object of a type that was ever made. Types have a flag `alive`.
template <class T> class Handles {
public:
	static void add(T *object) {
		std::lock_guard<std::mutex> lock(mutex());
		all().insert(object);
	}
	static bool known(T *object) {
		std::lock_guard<std::mutex> lock(mutex());
		return all().count(object) > 0;
	}
	// usable says what is wrong with a handle, if anything is.
	static bool usable(const char *caller, const char *kind, T *object) {
		if (!known(object)) {
			refused(CUDA_ERROR_INVALID_HANDLE, caller, std::string("no such ") + kind);
			return false;
		}
		if (!object->alive) {
			refused(CUDA_ERROR_INVALID_HANDLE, caller, std::string("the ") + kind + " was destroyed");
			return false;
		}
		return true;
	}

private:
	static std::mutex &mutex() {
		static std::mutex *mutex = new std::mutex;
		return *mutex;
	}
	static std::unordered_set<T *> &all() {
		static std::unordered_set<T *> *all = new std::unordered_set<T *>;
		return *all;
	}
};

} // namespace vgpu
