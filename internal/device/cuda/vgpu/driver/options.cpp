#include "options.h"

#include <dlfcn.h>

#include <cctype>
#include <cstdlib>

namespace vgpu {

namespace {

struct Reader {
	Options options;
	std::string error;

	// number reads an integer of a range, with a binary suffix K, M, G or T where `sizes` allows one.
	uint64_t number(const char *name, uint64_t otherwise, uint64_t least, uint64_t most, bool sizes = false) {
		const char *text = getenv(name);
		if (text == nullptr || *text == 0) return otherwise;
		char *end = nullptr;
		uint64_t value = strtoull(text, &end, 10);
		static const std::string suffixes = "KMGT";
		size_t suffix = sizes && *end ? suffixes.find((char)toupper(*end)) : std::string::npos;
		if (suffix != std::string::npos) value <<= 10 * (suffix + 1), end++;
		if (!isdigit((unsigned char)*text) || *end != 0 || value < least || value > most) {
			error = std::string(name) + "=" + text + " is no number from " + std::to_string(least) + " to " +
				std::to_string(most);
			return otherwise;
		}
		return value;
	}

	Reader() {
		Options &o = options;
		o.devices = (int)number("VGPU_DEVICES", 1, 0, MAX_DEVICES);
		o.capability = (int)number("VGPU_SM", 90, 50, 130);
		o.driver = (int)number("VGPU_DRIVER", 13000, 10000, 14000);
		o.memory = number("VGPU_MEMORY", o.memory, 1 << 20, 1ull << 37, true);
		o.seed = number("VGPU_SEED", 1, 0, ~0ull >> 1);
		o.delay = (unsigned)number("VGPU_DELAY", 200, 0, 1000000);
		o.peers = number("VGPU_PEERS", 1, 0, 1) != 0;
		if (const char *kernels = getenv("VGPU_KERNELS")) o.kernels = *kernels ? kernels : "source";
		if (o.kernels != "source" && o.kernels != "ptx")
			error = "VGPU_KERNELS=" + o.kernels + " is neither source nor ptx";
		if (const char *fail = getenv("VGPU_FAIL")) o.fail = fail;
		if (const char *record = getenv("VGPU_RECORD")) o.record = record;
		if (const char *trace = getenv("VGPU_TRACE")) o.trace = trace;
		Dl_info here;
		if (dladdr(reinterpret_cast<void *>(&vgpu::options), &here) && here.dli_fname != nullptr) {
			char *real = realpath(here.dli_fname, nullptr);
			std::string file = real != nullptr ? real : here.dli_fname;
			free(real);
			o.folder = file.substr(0, file.rfind('/'));
		}
	}
};

const Reader &reader() {
	static const Reader *reader = new Reader;
	return *reader;
}

} // namespace

const Options &options() { return reader().options; }
const std::string &options_error() { return reader().error; }

} // namespace vgpu
