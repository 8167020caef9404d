// The shared memory of a block.
#pragma once

#include <cstddef>
#include <map>

namespace vgpu {

// SharedMemory is garbage (NaN) when a block begins, and ends at a page that nobody may touch.
class SharedMemory {
public:
	// begin prepares memory: first the static part that the runtime provides, then the dynamic part. `function` is the
	// kernel: the library that it is in may have shared variables of its own.
	void begin(size_t fixed, size_t dynamic, void (*function)());
	// overrun tells whether bytes just after the end were written.
	bool overrun() const;

	char *base() const { return base_; }
	char *dynamic() const { return base_ + fixed_; }
	size_t size() const { return size_; }
	bool contains(const void *address) const; // the guard page too

private:
	struct Variables {
		void *start;
		size_t size;
	};
	Variables variables_of(void (*function)());

	char *map_ = nullptr;
	size_t capacity_ = 0; // bytes of the map before the guard page
	char *base_ = nullptr;
	size_t fixed_ = 0, size_ = 0;
	std::map<void (*)(), Variables> variables_;
};

constexpr size_t SHARED_ALIGNMENT = 128;

} // namespace vgpu
