#include "report.h"

#include "options.h"

#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <set>

namespace vgpu {

void say(const char *format, ...) {
	char text[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	fprintf(stderr, "vgpu: %s\n", text);
}

void say_once(const std::string &text) {
	static std::mutex mutex;
	static std::set<std::string> *said = new std::set<std::string>;
	std::lock_guard<std::mutex> lock(mutex);
	if (said->insert(text).second) say("%s", text.c_str());
}

void trace(int device, const char *event, const std::string &what) {
	const std::string &path = options().trace;
	if (path.empty()) return;
	static std::mutex mutex;
	std::lock_guard<std::mutex> lock(mutex);
	static FILE *file = fopen(path.c_str(), "a");
	if (file == nullptr) return;
	fprintf(file, "%d %s %s\n", device, event, what.c_str());
	fflush(file);
}

} // namespace vgpu
