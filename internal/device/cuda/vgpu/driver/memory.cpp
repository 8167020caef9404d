#include "memory.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstring>

#include "options.h"

namespace vgpu {

constexpr uint64_t PAGE = 4096;
constexpr uint64_t ALIGNMENT = 256;
constexpr uint64_t GRAIN = 512; // what a buffer takes of the device's memory is a multiple of it
constexpr int GARBAGE = 0xff;

// The ranges are high enough for the sanitizers, whose shadows lie below.
constexpr uint64_t FIRST_ADDRESS = 0x7a1000000000;
constexpr uint64_t RANGE = 1ull << 38;

static uint64_t round_up(uint64_t n, uint64_t unit) { return (n + unit - 1) / unit * unit; }

DeviceMemory::DeviceMemory(int device)
	: first_(FIRST_ADDRESS + (uint64_t)device * RANGE), last_(first_ + RANGE), next_(first_) {}

// place finds room for a map after the last one, or from the start of the range on. Addresses of freed buffers are used
// again as late as can be.
uint64_t DeviceMemory::place(uint64_t map_size) {
	for (int tries = 0; tries < 2; tries++) {
		uint64_t at = next_;
		for (auto buffer = buffers_.lower_bound(at); at + map_size <= last_; buffer++) {
			if (buffer == buffers_.end() || at + map_size <= buffer->second.map) return at;
			at = buffer->second.map + buffer->second.map_size;
		}
		next_ = first_;
	}
	return 0;
}

bool DeviceMemory::allocate(Owner owner, size_t size, uint64_t *address) {
	std::lock_guard<std::mutex> lock(mutex_);
	uint64_t taken = round_up(size, GRAIN);
	if (taken < size || taken > options().memory - used_) return false;
	uint64_t data = round_up(size, PAGE), map_size = data + 2 * PAGE, map = place(map_size);
	if (map == 0) return false;
	void *mapped = mmap(reinterpret_cast<void *>(map), map_size, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (mapped == MAP_FAILED) return false;
	if (mprotect(reinterpret_cast<void *>(map + PAGE), data, PROT_READ | PROT_WRITE) != 0) {
		munmap(mapped, map_size);
		return false;
	}
	memset(reinterpret_cast<void *>(map + PAGE), GARBAGE, data);
	uint64_t start = (map + PAGE + data - size) / ALIGNMENT * ALIGNMENT;
	if (start < map + PAGE) start = map + PAGE;
	buffers_[start] = {owner, size, map, map_size, map + PAGE, map + PAGE + data};
	freed_.erase(freed_.lower_bound(map), freed_.lower_bound(map + map_size));
	next_ = map + map_size;
	used_ += taken;
	*address = start;
	return true;
}

std::map<uint64_t, DeviceMemory::Buffer>::iterator DeviceMemory::remove(std::map<uint64_t, Buffer>::iterator at) {
	const Buffer &buffer = at->second;
	munmap(reinterpret_cast<void *>(buffer.map), buffer.map_size);
	used_ -= round_up(buffer.size, GRAIN);
	freed_[at->first] = at->first + buffer.size;
	return buffers_.erase(at);
}

bool DeviceMemory::release(uint64_t address) {
	std::lock_guard<std::mutex> lock(mutex_);
	auto found = buffers_.find(address);
	if (found == buffers_.end()) return false;
	remove(found);
	return true;
}

void DeviceMemory::release_all(Owner owner) {
	std::lock_guard<std::mutex> lock(mutex_);
	for (auto at = buffers_.begin(); at != buffers_.end();) {
		if (at->second.owner == owner) {
			at = remove(at);
		} else {
			at++;
		}
	}
}

// at_or_before is the last buffer that begins at or before an address, or end().
std::map<uint64_t, DeviceMemory::Buffer>::iterator DeviceMemory::at_or_before(uint64_t address) {
	auto after = buffers_.upper_bound(address);
	return after == buffers_.begin() ? buffers_.end() : --after;
}

bool DeviceMemory::contains(Owner owner, uint64_t address, size_t size) {
	std::lock_guard<std::mutex> lock(mutex_);
	auto buffer = at_or_before(address);
	if (buffer == buffers_.end() || buffer->second.owner != owner) return false;
	uint64_t offset = address - buffer->first;
	return offset <= buffer->second.size && size <= buffer->second.size - offset;
}

bool DeviceMemory::range(uint64_t address, uint64_t *start, size_t *size) {
	std::lock_guard<std::mutex> lock(mutex_);
	auto buffer = at_or_before(address);
	if (buffer == buffers_.end() || address - buffer->first >= buffer->second.size) return false;
	*start = buffer->first, *size = buffer->second.size;
	return true;
}

size_t DeviceMemory::used() {
	std::lock_guard<std::mutex> lock(mutex_);
	return used_;
}

std::string DeviceMemory::describe(uint64_t address) {
	std::lock_guard<std::mutex> lock(mutex_);
	char text[160];
	auto freed = freed_.upper_bound(address);
	if (freed != freed_.begin() && address < (--freed)->second) {
		snprintf(text, sizeof text, "byte %llu of a buffer of %llu bytes that was freed",
			(unsigned long long)(address - freed->first), (unsigned long long)(freed->second - freed->first));
		return text;
	}
	auto before = at_or_before(address);
	if (before != buffers_.end()) {
		uint64_t offset = address - before->first;
		size_t size = before->second.size;
		if (offset < size) {
			snprintf(text, sizeof text, "byte %llu of a buffer of %zu bytes", (unsigned long long)offset, size);
			return text;
		}
		if (offset - size < 1 << 20) {
			snprintf(
				text, sizeof text, "%llu bytes past a buffer of %zu bytes", (unsigned long long)(offset - size), size);
			return text;
		}
	}
	auto after = buffers_.upper_bound(address);
	if (after != buffers_.end() && after->first - address < 1 << 20) {
		snprintf(text, sizeof text, "%llu bytes before a buffer of %zu bytes",
			(unsigned long long)(after->first - address), after->second.size);
		return text;
	}
	return "no buffer is near";
}

std::string DeviceMemory::overrun() {
	std::lock_guard<std::mutex> lock(mutex_);
	for (auto &[start, buffer] : buffers_) {
		const char *parts[2][2] = {
			{reinterpret_cast<const char *>(buffer.slack_start), reinterpret_cast<const char *>(start)},
			{reinterpret_cast<const char *>(start + buffer.size), reinterpret_cast<const char *>(buffer.slack_end)},
		};
		for (auto &part : parts) {
			for (const char *at = part[0]; at < part[1]; at++) {
				if (*at == static_cast<char>(GARBAGE)) continue;
				char text[160];
				long long offset = (long long)(reinterpret_cast<uint64_t>(at) - start);
				snprintf(text, sizeof text, "wrote at byte %lld of a buffer of %zu bytes", offset, buffer.size);
				return text;
			}
		}
	}
	return "";
}

HostMemory &HostMemory::instance() {
	static HostMemory *memory = new HostMemory;
	return *memory;
}

void *HostMemory::allocate(size_t size) {
	size_t data = round_up(size, PAGE);
	void *map = mmap(nullptr, data + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED) return nullptr;
	if (mprotect(static_cast<char *>(map) + data, PAGE, PROT_NONE) != 0) {
		munmap(map, data + PAGE);
		return nullptr;
	}
	memset(map, GARBAGE, data);
	std::lock_guard<std::mutex> lock(mutex_);
	ranges_[static_cast<const char *>(map)] = {size, data + PAGE};
	return map;
}

bool HostMemory::release(void *address) {
	std::lock_guard<std::mutex> lock(mutex_);
	auto found = ranges_.find(static_cast<const char *>(address));
	if (found == ranges_.end() || found->second.map_size == 0) return false;
	munmap(address, found->second.map_size);
	ranges_.erase(found);
	return true;
}

bool HostMemory::add(void *address, size_t size) {
	std::lock_guard<std::mutex> lock(mutex_);
	const char *start = static_cast<const char *>(address);
	auto after = ranges_.lower_bound(start + size);
	if (after != ranges_.begin() && (--after)->first + after->second.size > start) return false;
	ranges_[start] = {size, 0};
	return true;
}

bool HostMemory::remove(void *address) {
	std::lock_guard<std::mutex> lock(mutex_);
	auto found = ranges_.find(static_cast<const char *>(address));
	if (found == ranges_.end() || found->second.map_size != 0) return false;
	ranges_.erase(found);
	return true;
}

bool HostMemory::contains(const void *address, size_t size) {
	uint64_t start;
	size_t length;
	if (!range(address, &start, &length)) return false;
	return size <= length - (reinterpret_cast<uint64_t>(address) - start);
}

bool HostMemory::range(const void *address, uint64_t *start, size_t *size) {
	std::lock_guard<std::mutex> lock(mutex_);
	const char *at = static_cast<const char *>(address);
	auto after = ranges_.upper_bound(at);
	if (after == ranges_.begin() || (size_t)(at - (--after)->first) >= after->second.size) return false;
	*start = reinterpret_cast<uint64_t>(after->first), *size = after->second.size;
	return true;
}

} // namespace vgpu
