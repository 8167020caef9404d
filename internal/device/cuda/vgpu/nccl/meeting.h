// Where the ranks of a communicator meet: a file in shared memory, whatever processes they are in.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>

namespace vgpu {

class Meeting {
public:
	static constexpr size_t SLOT = 256 << 10; // bytes that each rank gives at a time

	Meeting(const std::string &name, int ranks, int rank) : name_(name), ranks_(ranks), rank_(rank) {}
	~Meeting();

	// open maps the file and waits until all ranks have. It gives what is wrong, or "".
	std::string open(int device, const std::atomic<bool> &aborted);

	// wait waits until all ranks have called it. False: the communicator was aborted meanwhile, here or elsewhere.
	bool wait(const std::atomic<bool> &aborted);

	// abort ends the waiting of all ranks.
	void abort();

	char *slot(int rank);
	int ranks() const { return ranks_; }
	int rank() const { return rank_; }

private:
	struct Shared;
	const std::string name_;
	const int ranks_, rank_;
	Shared *shared_ = nullptr;
	size_t size_ = 0;
};

} // namespace vgpu
