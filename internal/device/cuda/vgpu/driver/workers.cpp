#include "workers.h"

#include <algorithm>
#include <system_error>
#include <thread>

#include "trap.h"

namespace vgpu {

Workers &Workers::instance() {
	static Workers *workers = new Workers; // never destroyed: its threads outlive main
	return *workers;
}

// Each thread may need a stack with a guard page for each thread of a block, and a process has only so many maps.
constexpr unsigned MOST = 15;

Workers::Workers() {
	unsigned count = std::min(std::thread::hardware_concurrency() - 1, MOST);
	try {
		for (unsigned i = 0; i < count; i++) std::thread([this] { help(); }).detach();
	} catch (const std::system_error &) { // no more threads: fewer do
	}
}

void Workers::work(Job &job) {
	for (size_t i; (i = job.next++) < job.count;) {
		if (!(*job.each)(i)) job.next = job.count;
	}
}

void Workers::help() {
	prepare_for_traps();
	std::unique_lock<std::mutex> lock(mutex_);
	for (;;) {
		offered_.wait(lock, [&] { return !jobs_.empty(); });
		Job *job = jobs_.front();
		job->helpers++;
		lock.unlock();
		work(*job);
		lock.lock();
		jobs_.erase(std::remove(jobs_.begin(), jobs_.end(), job), jobs_.end()); // nothing is left to begin
		if (--job->helpers == 0) left_.notify_all();
	}
}

void Workers::run(size_t count, const std::function<bool(size_t)> &each) {
	Job job{count, &each};
	const size_t few = 4; // are not worth waking anybody
	if (count >= few) {
		std::lock_guard<std::mutex> lock(mutex_);
		jobs_.push_back(&job);
		offered_.notify_all();
	}
	work(job);
	std::unique_lock<std::mutex> lock(mutex_);
	jobs_.erase(std::remove(jobs_.begin(), jobs_.end(), &job), jobs_.end());
	left_.wait(lock, [&] { return job.helpers == 0; });
}

} // namespace vgpu
