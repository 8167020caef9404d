// Memory of the devices, and pinned memory of the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace vgpu {

// DeviceMemory is the memory of one device. Buffers belong to the context that made them. A buffer ends just before a
// page that nobody may touch and is garbage (NaN) when it is new; what was freed may not be touched at all. Every
// device has a range of addresses of its own.
class DeviceMemory {
public:
	explicit DeviceMemory(int device);

	using Owner = const void *;
	bool allocate(Owner owner, size_t size, uint64_t *address); // false: out of memory
	bool release(uint64_t address);                             // false: no buffer begins there
	void release_all(Owner owner);

	// contains tells whether a range lies in one buffer; an empty one may lie at its end.
	bool contains(Owner owner, uint64_t address, size_t size);
	bool range(uint64_t address, uint64_t *start, size_t *size);
	size_t used();

	// describe says where an address of the device's range is: "12 bytes past a buffer of 400 bytes".
	std::string describe(uint64_t address);
	// overrun finds bytes around a buffer that were written, or gives "".
	std::string overrun();

	bool owns(uint64_t address) const { return address >= first_ && address < last_; }

private:
	struct Buffer {
		Owner owner;
		size_t size;
		uint64_t map, map_size; // with the guard pages
		uint64_t slack_start, slack_end;
	};
	std::map<uint64_t, Buffer>::iterator at_or_before(uint64_t address);
	uint64_t place(uint64_t map_size);
	std::map<uint64_t, Buffer>::iterator remove(std::map<uint64_t, Buffer>::iterator buffer);

	std::mutex mutex_;
	const uint64_t first_, last_; // the range of addresses
	uint64_t next_;               // where the next buffer is tried
	std::map<uint64_t, Buffer> buffers_;
	std::map<uint64_t, uint64_t> freed_; // ends of freed buffers by their starts
	size_t used_ = 0;
};

// HostMemory is what the driver knows of the host's memory: which of it is pinned.
class HostMemory {
public:
	static HostMemory &instance();

	void *allocate(size_t size);
	bool release(void *address);          // false: not allocated here
	bool add(void *address, size_t size); // false: some of it is registered already
	bool remove(void *address);
	bool contains(const void *address, size_t size);
	bool range(const void *address, uint64_t *start, size_t *size);

private:
	struct Range {
		size_t size, map_size; // no map: registered memory of the program's own
	};
	std::mutex mutex_;
	std::map<const char *, Range> ranges_;
};

} // namespace vgpu
