// The asynchronous copies of one thread to shared memory (cp.async).
#pragma once

#include <cstddef>
#include <vector>

namespace vgpu {

class AsyncCopies {
public:
	void clear();
	void issue(void *to, const void *from, bool present);
	void commit();
	void wait(unsigned pending);

private:
	struct Copy {
		void *to;
		const void *from; // null: clear
	};
	std::vector<Copy> copies_;
	std::vector<size_t> groups_; // where each committed group ends
	size_t done_ = 0;            // groups that have arrived
};

} // namespace vgpu
