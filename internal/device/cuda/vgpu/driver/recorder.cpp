#include "recorder.h"

#include <unistd.h>

#include <cstring>
#include <map>
#include <set>

#include "options.h"
#include "report.h"

namespace vgpu {

namespace {

constexpr size_t MOST_BYTES = 8 << 20; // of buffers
constexpr unsigned MOST_LAUNCHES = 12; // of a kernel

// shape_of tells launches apart that take different ways through a kernel: by their sizes, their small numbers and
// flags, and by which pointers are null.
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

// buffers_of gives the buffers that the arguments point into, those that are parts of a structure too.
std::map<uint64_t, size_t> buffers_of(Context *context, CUfunction function, void **arguments) {
	std::map<uint64_t, size_t> buffers;
	for (size_t i = 0; i < function->ptx.parameters.size(); i++) {
		for (unsigned at = 0; at + sizeof(uint64_t) <= function->ptx.parameters[i]; at += sizeof(uint64_t)) {
			uint64_t address, start;
			size_t size;
			memcpy(&address, static_cast<const char *>(arguments[i]) + at, sizeof address);
			if (context->device.memory.range(address, &start, &size)) buffers[start] = size;
		}
	}
	return buffers;
}

// Chosen are the launches that were recorded, by kernel and shape.
struct Chosen {
	std::mutex mutex;
	std::map<std::string, std::set<std::string>> shapes;

	static Chosen &instance() {
		static Chosen *chosen = new Chosen;
		return *chosen;
	}
	bool add(const std::string &kernel, const std::string &shape) {
		std::lock_guard<std::mutex> lock(mutex);
		std::set<std::string> &known = shapes[kernel];
		return known.size() < MOST_LAUNCHES && known.insert(shape).second;
	}
	void remove(const std::string &kernel, const std::string &shape) {
		std::lock_guard<std::mutex> lock(mutex);
		shapes[kernel].erase(shape);
	}
};

} // namespace

std::unique_ptr<Recorder> Recorder::begin(
	Context *context, CUfunction function, const Launch &launch, void **arguments) {
	if (options().record.empty()) return nullptr;
	const std::string &kernel = function->ptx.name;
	std::map<uint64_t, size_t> buffers = buffers_of(context, function, arguments);
	size_t bytes = 0;
	for (auto &buffer : buffers) bytes += buffer.second;
	if (bytes > MOST_BYTES) return nullptr;
	std::string shape = shape_of(function, launch, arguments);
	if (!Chosen::instance().add(kernel, shape)) return nullptr;
	auto recorder = std::make_unique<Recorder>();
	recorder->context_ = context;
	recorder->shape_ = shape;
	Recording &r = recorder->recording_;
	r.module = function->module->hash, r.kernel = kernel, r.launch = launch;
	for (size_t i = 0; i < function->ptx.parameters.size(); i++) {
		const char *bytes = static_cast<const char *>(arguments[i]);
		r.arguments.emplace_back(bytes, bytes + function->ptx.parameters[i]);
	}
	for (auto [address, size] : buffers) {
		const char *start = reinterpret_cast<const char *>(address);
		r.buffers.push_back({address, std::vector<char>(start, start + size), {}});
	}
	return recorder;
}

void Recorder::end() {
	static std::atomic<unsigned> recordings{0};
	bool changed = false;
	for (Recording::Buffer &buffer : recording_.buffers) {
		const char *bytes = reinterpret_cast<const char *>(buffer.address);
		buffer.after.assign(bytes, bytes + buffer.before.size());
		changed |= buffer.after != buffer.before;
	}
	if (!changed) {
		Chosen::instance().remove(recording_.kernel, shape_);
		return;
	}
	std::string path = options().record + "/" + recording_.kernel + "-" + std::to_string(getpid()) + "-" +
		std::to_string(++recordings);
	if (!recording_.write(path)) say("cannot write %s", path.c_str());
}

} // namespace vgpu
