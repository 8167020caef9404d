#include "stream.h"

#include <unistd.h>

#include <thread>

#include "device.h"
#include "options.h"
#include "random.h"
#include "trap.h"

static thread_local bool stream_thread;

bool vgpu::in_stream() { return stream_thread; }

CUstream_st::CUstream_st(CUcontext context, unsigned flags, int priority)
	: context(context), flags(flags), priority(priority) {
	static std::atomic<uint64_t> streams{0};
	uint64_t seed = vgpu::options().seed * 7919 + ++streams;
	std::thread([this, seed] { work(seed); }).detach();
}

void CUstream_st::work(uint64_t seed) {
	stream_thread = true;
	vgpu::prepare_for_traps();
	vgpu::Random random(seed);
	const unsigned longest = vgpu::options().delay;
	for (;;) {
		Operation next;
		{
			std::unique_lock<std::mutex> lock(mutex_);
			queued_.wait(lock, [&] { return ended_ || !queue_.empty(); });
			if (queue_.empty()) return;
			next = std::move(queue_.front());
			queue_.pop_front();
		}
		for (const Point &point : next.after) point.wait();
		if (longest > 0 && random.below(16) == 0) usleep(random.below(longest));
		if (context->device.status() == CUDA_SUCCESS) next.run();
		next.run = nullptr; // what it holds goes before anybody is told
		std::lock_guard<std::mutex> lock(mutex_);
		done_++;
		over_.notify_all();
	}
}

CUstream_st::Point CUstream_st::submit(std::vector<Point> after, std::function<void()> run) {
	std::lock_guard<std::mutex> lock(mutex_);
	queue_.push_back({std::move(after), std::move(run)});
	queued_.notify_one();
	return {this, ++submitted_};
}

CUstream_st::Point CUstream_st::last() {
	std::lock_guard<std::mutex> lock(mutex_);
	return {this, submitted_};
}

bool CUstream_st::passed(uint64_t number) {
	std::lock_guard<std::mutex> lock(mutex_);
	return done_ >= number;
}

void CUstream_st::wait(uint64_t number) {
	std::unique_lock<std::mutex> lock(mutex_);
	over_.wait(lock, [&] { return done_ >= number; });
}

void CUstream_st::end() {
	alive = false;
	std::lock_guard<std::mutex> lock(mutex_);
	ended_ = true;
	queued_.notify_one();
}

std::shared_ptr<CUevent_st::Record> CUevent_st::recorded() {
	std::lock_guard<std::mutex> lock(mutex);
	return record;
}
