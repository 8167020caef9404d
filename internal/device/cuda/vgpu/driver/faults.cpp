#include "faults.h"

#include <cstdlib>
#include <mutex>
#include <sstream>
#include <vector>

#include "options.h"
#include "report.h"

namespace vgpu {

namespace {

const char *const names[] = {"alloc", "host", "module", "launch", "copy", "lost", "product", "collective"};

struct Planned {
	Fault kind;
	int device; // -1: any
	long left;  // events until it fails
};

struct Plan {
	std::mutex mutex;
	std::vector<Planned> planned;
	std::string error;

	explicit Plan(const std::string &text) {
		std::stringstream items(text);
		for (std::string item; std::getline(items, item, ',');) {
			item.erase(0, item.find_first_not_of(' '));
			if (!item.empty()) add(item);
		}
	}

	void add(const std::string &item) {
		size_t colon = item.find(':'), at = item.find('@');
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			if (colon == std::string::npos || item.compare(0, colon, names[i]) != 0) continue;
			char *end = nullptr;
			long count = strtol(item.c_str() + colon + 1, &end, 10), device = -1;
			if (at != std::string::npos && *end == '@') device = strtol(end + 1, &end, 10);
			if (*end != 0 || count < 1) break;
			planned.push_back({static_cast<Fault>(i), (int)device, count});
			return;
		}
		error = "VGPU_FAIL: cannot read \"" + item +
			"\": a kind, a colon, a count, and perhaps @ and a device, as in launch:120@1";
	}
};

Plan &plan() {
	static Plan *plan = new Plan(options().fail);
	return *plan;
}

} // namespace

bool fault(Fault kind, int device) {
	Plan &p = plan();
	if (p.planned.empty()) return false;
	std::lock_guard<std::mutex> lock(p.mutex);
	bool fails = false;
	for (Planned &f : p.planned) {
		if (f.kind == kind && (f.device < 0 || f.device == device) && --f.left == 0) fails = true;
	}
	if (fails) say("device %d: the fault \"%s\" that VGPU_FAIL asks for", device, names[(int)kind]);
	return fails;
}

std::string faults_error() { return plan().error; }

} // namespace vgpu
