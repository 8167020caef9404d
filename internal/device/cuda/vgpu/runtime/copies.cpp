#include "copies.h"

#include <cstdint>
#include <cstring>

#include "block.h"
#include "sanitizer.h"
#include "vgpu_tensor.h"

namespace vgpu {

constexpr size_t COPY_SIZE = 16;

void AsyncCopies::clear() {
	copies_.clear();
	groups_.clear();
	done_ = 0;
}

void AsyncCopies::issue(void *to, const void *from, bool present) {
	if ((uintptr_t)to % COPY_SIZE != 0 || (present && (uintptr_t)from % COPY_SIZE != 0)) {
		vgpu::fail("cp.async: an address is no multiple of 16");
	}
	tsan_writes(to, COPY_SIZE); // from now until the wait the copy may write
	memset(to, 0xff, COPY_SIZE);
	Private scope;
	copies_.push_back({to, present ? from : nullptr});
}

void AsyncCopies::commit() {
	Private scope;
	groups_.push_back(copies_.size());
}

void AsyncCopies::wait(unsigned pending) {
	for (; groups_.size() - done_ > pending; done_++) {
		for (size_t i = done_ == 0 ? 0 : groups_[done_ - 1]; i < groups_[done_]; i++) {
			const Copy &copy = copies_[i];
			tsan_writes(copy.to, COPY_SIZE);
			if (copy.from == nullptr) {
				memset(copy.to, 0, COPY_SIZE);
				continue;
			}
			tsan_reads(copy.from, COPY_SIZE);
			memcpy(copy.to, copy.from, COPY_SIZE);
		}
	}
	if (done_ == groups_.size() && (done_ == 0 || groups_.back() == copies_.size())) clear();
}

void copy_async(void *to, const void *from, bool present) {
	Block::of_this_thread().current()->copies.issue(to, from, present);
}

void copies_commit() { Block::of_this_thread().current()->copies.commit(); }

void copies_wait(unsigned pending) { Block::of_this_thread().current()->copies.wait(pending); }

} // namespace vgpu
