#include "shared.h"

#include <link.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "block.h"

extern "C" void *__tls_get_addr(void *index);

namespace vgpu {

constexpr size_t PAGE = 4096;
constexpr int GARBAGE = 0xff;

static size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// variables_of finds the thread-local variables of the library that `function` is in: they are its __shared__ ones.
SharedMemory::Variables SharedMemory::variables_of(void (*function)()) {
	auto known = variables_.find(function);
	if (known != variables_.end()) return known->second;
	struct Search {
		ElfW(Addr) function;
		Variables found;
	} search{reinterpret_cast<ElfW(Addr)>(function), {nullptr, 0}};
	auto visit = [](struct dl_phdr_info *library, size_t, void *data) -> int {
		Search *search = static_cast<Search *>(data);
		const ElfW(Phdr) *variables = nullptr;
		bool here = false;
		for (int i = 0; i < library->dlpi_phnum; i++) {
			const ElfW(Phdr) &part = library->dlpi_phdr[i];
			ElfW(Addr) start = library->dlpi_addr + part.p_vaddr;
			here |= part.p_type == PT_LOAD && search->function >= start && search->function < start + part.p_memsz;
			if (part.p_type == PT_TLS) variables = &part;
		}
		if (!here) return 0;
		if (variables != nullptr) {
			unsigned long index[2] = {library->dlpi_tls_modid, 0};
			search->found = {__tls_get_addr(index), variables->p_memsz};
		}
		return 1;
	};
	dl_iterate_phdr(visit, &search);
	variables_[function] = search.found;
	return search.found;
}

void SharedMemory::begin(size_t fixed, size_t dynamic, void (*function)()) {
	fixed_ = round_up(fixed, SHARED_ALIGNMENT);
	size_ = fixed_ + dynamic;
	size_t used = round_up(size_, SHARED_ALIGNMENT);
	if (used > capacity_) {
		if (map_ != nullptr) munmap(map_, capacity_ + PAGE);
		capacity_ = round_up(used, PAGE);
		void *map = mmap(nullptr, capacity_ + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (map == MAP_FAILED || mprotect(static_cast<char *>(map) + capacity_, PAGE, PROT_NONE) != 0) {
			perror("vgpu: shared memory of a block");
			abort();
		}
		map_ = static_cast<char *>(map);
	}
	base_ = map_ + capacity_ - used;
	if (used > 0) memset(base_, GARBAGE, used);
	Variables variables = variables_of(function);
	if (variables.size > 0) memset(variables.start, GARBAGE, variables.size);
}

bool SharedMemory::overrun() const {
	for (const char *at = base_ + size_; at < map_ + capacity_; at++) {
		if (*at != static_cast<char>(GARBAGE)) return true;
	}
	return false;
}

bool SharedMemory::contains(const void *address) const {
	return map_ != nullptr && address >= base_ && address < map_ + capacity_ + PAGE;
}

void fail_outside_shared(uint64_t address, unsigned size) {
	char why[160];
	snprintf(
		why, sizeof why, "%u bytes at %lld of shared memory, which has %zu", size, (long long)address, now.shared_size);
	fail(why);
}

} // namespace vgpu
