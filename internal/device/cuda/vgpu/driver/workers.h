// Threads that help streams to run the blocks of their kernels.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace vgpu {

// Workers are as many threads as there are processors, less one because the stream itself works too, and at most 15.
class Workers {
public:
	static Workers &instance();

	// run calls each(0) to each(count-1), in that order but beside each other, and returns when all are over. After
	// each has returned false no further one is begun.
	void run(size_t count, const std::function<bool(size_t)> &each);

private:
	struct Job {
		size_t count;
		const std::function<bool(size_t)> *each;
		std::atomic<size_t> next{0};
		int helpers = 0; // at work on it
	};
	Workers();
	void help();
	static void work(Job &job);

	std::mutex mutex_;
	std::condition_variable offered_, left_;
	std::deque<Job *> jobs_;
};

} // namespace vgpu
