#include "recorder.h"

#include <unistd.h>

#include <cstring>
#include <map>
#include <set>

#include "options.h"
#include "report.h"

namespace vgpu {

namespace {

constexpr size_t MOST_BYTES = 4 << 20; // of buffers
constexpr unsigned MOST_LAUNCHES = 12; // of a kernel

// shape_of tells launches apart that take different ways through a kernel: by their sizes, their small numbers and flags, and
// by which pointers are null.
std::string shape_of(CUfunction function, const Launch &launch, void **arguments) {
	std::string shape(reinterpret_cast<const char *>(&launch), sizeof launch);
	for (size_t i = 0; i < function->ptx.parameters.size(); i++) {
		uint64_t value = 0;
		unsigned size = function->ptx.parameters[i];
		if (size <= sizeof value) memcpy(&value, arguments[i], size);
		bool pointer = function->twin->parameters[i].pointer;
		shape += pointer ? (value ? "p" : "0") : value < 1 << 16 ? std::to_string(value) : "n";
		shape += ' ';
	}
	return shape;
}

// chosen gives the number of a launch that is worth recording, from 1 on, or 0.
unsigned chosen(const std::string &kernel, const std::string &shape) {
	static std::mutex *mutex = new std::mutex;
	static auto *seen = new std::map<std::string, std::set<std::string>>;
	std::lock_guard<std::mutex> lock(*mutex);
	std::set<std::string> &shapes = (*seen)[kernel];
	if (shapes.size() >= MOST_LAUNCHES || !shapes.insert(shape).second) return 0;
	return (unsigned)shapes.size();
}

} // namespace

std::unique_ptr<Recorder> Recorder::begin(Context *context, CUfunction function, const Launch &launch, void **arguments) {
	if (options().record.empty() || context->device.memory.used() > MOST_BYTES) return nullptr;
	const std::string &kernel = function->ptx.name;
	unsigned number = chosen(kernel, shape_of(function, launch, arguments));
	if (number == 0) return nullptr;
	auto recorder = std::make_unique<Recorder>();
	recorder->context_ = context;
	recorder->path_ = options().record + "/" + kernel + "-" + std::to_string(getpid()) + "-" + std::to_string(number);
	Recording &r = recorder->recording_;
	r.module = function->module->hash, r.kernel = kernel, r.launch = launch;
	for (size_t i = 0; i < function->ptx.parameters.size(); i++) {
		const char *bytes = static_cast<const char *>(arguments[i]);
		r.arguments.emplace_back(bytes, bytes + function->ptx.parameters[i]);
	}
	context->device.memory.visit([&](uint64_t address, size_t size) {
		const char *bytes = reinterpret_cast<const char *>(address);
		r.buffers.push_back({address, std::vector<char>(bytes, bytes + size), {}});
	});
	return recorder;
}

void Recorder::end() {
	for (Recording::Buffer &buffer : recording_.buffers) {
		const char *bytes = reinterpret_cast<const char *>(buffer.address);
		buffer.after.assign(bytes, bytes + buffer.before.size());
	}
	if (!recording_.write(path_)) say("cannot write %s", path_.c_str());
}

} // namespace vgpu
