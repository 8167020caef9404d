// Streams: each has a thread that makes its operations one after another, at times after a pause.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda_api.h"

// Handles are pointers to these. None is ever deleted, so that the use of one that was destroyed is told from anything
// else.

struct CUstream_st {
	CUstream_st(CUcontext context, unsigned flags, int priority);

	// Point is an operation of a stream.
	struct Point {
		CUstream stream = nullptr;
		uint64_t number = 0; // counted from 1
		bool passed() const { return stream == nullptr || stream->passed(number); }
		void wait() const {
			if (stream != nullptr) stream->wait(number);
		}
	};

	// submit queues an operation that begins when all of `after` are over.
	Point submit(std::vector<Point> after, std::function<void()> run);
	Point last(); // the operation that was queued last
	bool passed(uint64_t number);
	void wait(uint64_t number);
	// end lets the thread go once the queue is empty.
	void end();

	const CUcontext context;
	const unsigned flags;
	const int priority;
	std::atomic<bool> alive{true};

private:
	struct Operation {
		std::vector<Point> after;
		std::function<void()> run;
	};
	void work(uint64_t seed);

	std::mutex mutex_;
	std::condition_variable queued_, over_;
	std::deque<Operation> queue_;
	uint64_t submitted_ = 0, done_ = 0;
	bool ended_ = false;
};

struct CUevent_st {
	CUevent_st(CUcontext context, unsigned flags) : context(context), flags(flags) {}

	// Record is one use of the event; a later one takes its place, for those who ask after it.
	struct Record {
		CUstream_st::Point point;
		std::chrono::steady_clock::time_point time;
	};
	std::shared_ptr<Record> recorded();

	const CUcontext context;
	const unsigned flags;
	std::atomic<bool> alive{true};
	std::mutex mutex;
	std::shared_ptr<Record> record; // null: never recorded
};

namespace vgpu {

using Point = CUstream_st::Point;

// in_stream tells whether the caller runs on a stream's thread: as a host function, which may not call the driver.
bool in_stream();

} // namespace vgpu
