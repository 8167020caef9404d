#include "meeting.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace vgpu {

constexpr int MOST_RANKS = 64;

struct Meeting::Shared {
	std::atomic<int> arrived, round, aborted;
	struct {
		std::atomic<int> process, device;
	} who[MOST_RANKS];
};

// The slots begin at a page of their own.
constexpr size_t HEADER = 4096;
static_assert(sizeof(std::atomic<int>) == 4 && HEADER >= 12 + 8 * MOST_RANKS, "the header fits");

Meeting::~Meeting() {
	if (shared_ != nullptr) munmap(shared_, size_);
}

char *Meeting::slot(int rank) { return reinterpret_cast<char *>(shared_) + HEADER + rank * SLOT; }

std::string Meeting::open(int device, const std::atomic<bool> &aborted) {
	if (ranks_ > MOST_RANKS) return "more ranks than the stand-in has room for";
	int file = shm_open(name_.c_str(), O_RDWR | O_CREAT, 0600);
	if (file < 0) return std::string("shared memory: ") + strerror(errno);
	size_ = HEADER + ranks_ * SLOT;
	void *at = ftruncate(file, size_) == 0 ? mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
	close(file);
	if (at == MAP_FAILED) return std::string("shared memory: ") + strerror(errno);
	shared_ = static_cast<Shared *>(at); // a new file is zero
	if (shared_->who[rank_].process != 0) return "two processes are rank " + std::to_string(rank_);
	shared_->who[rank_].device = device;
	shared_->who[rank_].process = getpid();
	bool met = wait(aborted);
	if (rank_ == 0) shm_unlink(name_.c_str());
	if (!met) return "aborted";
	for (int other = 0; other < ranks_; other++) {
		if (other != rank_ && shared_->who[other].process == getpid() && shared_->who[other].device == device)
			return "ranks " + std::to_string(rank_) + " and " + std::to_string(other) + " have the same GPU";
	}
	return "";
}

bool Meeting::wait(const std::atomic<bool> &aborted) {
	int round = shared_->round;
	if (++shared_->arrived == ranks_) {
		shared_->arrived = 0;
		shared_->round++;
		return true;
	}
	for (unsigned tries = 0; shared_->round == round; tries++) {
		if (aborted || shared_->aborted) return false;
		if (tries > 100) usleep(tries > 1000 ? 1000 : 50);
	}
	return true;
}

void Meeting::abort() {
	if (shared_ != nullptr) shared_->aborted = 1;
}

} // namespace vgpu
