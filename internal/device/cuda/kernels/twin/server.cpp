// Runs kernels for a test: reads launches from standard input and answers with what they wrote. Usage: server
// KERNELS.so
//
// A launch: name, grid, threads, seed, number of arguments, arguments. Each of these begins with its
// kind. The answer: what was wrong, "" for nothing, and then the bytes of all arrays that the kernel may write to.
#include "runtime.h"
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

enum Kind : uint32_t { scalar, null, constant, variable };

static void read_bytes(void *to, size_t n) {
	if (n && fread(to, 1, n, stdin) != n) exit(0); // the test is over
}
template <class T> static T read_value() {
	T x;
	read_bytes(&x, sizeof x);
	return x;
}
static std::string read_text() {
	std::string s(read_value<uint32_t>(), ' ');
	read_bytes(s.data(), s.size());
	return s;
}
static void write_bytes(const void *from, size_t n) {
	if (fwrite(from, 1, n, stdout) != n) exit(1);
}

// Array is memory between two pages that cannot be touched. It ends at the second, but for what 16-byte alignment
// leaves.
struct Array {
	char *pages;
	size_t mapped, size;
	char *data;

	explicit Array(size_t n) : size(n) {
		size_t room = (n + 15) / 16 * 16, page = 4096;
		mapped = (room + page - 1) / page * page + 2 * page;
		pages = static_cast<char *>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		if (pages == MAP_FAILED) perror("twin: array"), exit(1);
		mprotect(pages, page, PROT_NONE);
		mprotect(pages + mapped - page, page, PROT_NONE);
		data = pages + mapped - page - room;
		memset(data, 0xa5, room);
	}
	void protect() { mprotect(pages + 4096, mapped - 2 * 4096, PROT_READ); }
	bool overrun() const {
		for (size_t i = size; i % 16; i++)
			if (data[i] != (char)0xa5) return true;
		return false;
	}
	void free() { munmap(pages, mapped); }
};

static std::string launched; // what to blame for a fault

static void fault(int, siginfo_t *info, void *) {
	char text[300];
	int n = snprintf(text, sizeof text, "twin: %s, block %u %u %u, thread %u, touched %p, which it may not\n",
		launched.c_str(), vgpu::current_block.x, vgpu::current_block.y, vgpu::current_block.z,
		vgpu::current ? vgpu::current->index.x : 0, info->si_addr);
	if (write(2, text, n) < 0) _exit(3);
	_exit(2);
}

int main(int count, char **arguments) {
	if (count != 2 || !dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL)) {
		fprintf(stderr, "twin: %s\n", count == 2 ? dlerror() : "usage: server KERNELS.so");
		return 1;
	}
	static char stack[1 << 16]; // that of a fiber may be what has overflowed
	stack_t other = {stack, 0, sizeof stack};
	sigaltstack(&other, nullptr);
	struct sigaction action = {};
	action.sa_sigaction = fault, action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigaction(SIGSEGV, &action, nullptr);
	sigaction(SIGBUS, &action, nullptr);
	for (;;) {
		vgpu::Launch launch;
		launch.kernel = launched = read_text();
		launch.grid.x = read_value<uint32_t>(), launch.grid.y = read_value<uint32_t>(),
		launch.grid.z = read_value<uint32_t>();
		launch.threads = read_value<uint32_t>(), launch.seed = read_value<uint64_t>();
		std::vector<uint64_t> values(read_value<uint32_t>());
		std::vector<void *> pointers;
		std::vector<Array> arrays, results;
		for (uint64_t &value : values) {
			pointers.push_back(&value);
			switch (read_value<uint32_t>()) {
			case scalar: value = read_value<uint64_t>(); break;
			case null: value = 0; break;
			case constant:
				arrays.emplace_back(read_value<uint64_t>());
				read_bytes(arrays.back().data, arrays.back().size);
				arrays.back().protect();
				value = reinterpret_cast<uint64_t>(arrays.back().data);
				break;
			case variable:
				results.emplace_back(read_value<uint64_t>());
				read_bytes(results.back().data, results.back().size);
				value = reinterpret_cast<uint64_t>(results.back().data);
				break;
			}
		}
		std::string wrong = vgpu::run(launch, pointers.data());
		for (Array &a : results)
			if (wrong.empty() && a.overrun()) wrong = "wrote past the end of an array";
		uint32_t length = wrong.size();
		write_bytes(&length, sizeof length);
		write_bytes(wrong.data(), length);
		for (Array &a : results) write_bytes(a.data, a.size);
		fflush(stdout);
		for (Array &a : arrays) a.free();
		for (Array &a : results) a.free();
	}
}
