// A test is a function; the program runs the one that its argument names, or lists all. Each runs in a process of its
// own: the stand-in reads its variables once, and errors stay.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cuda_api.h"

namespace test {

inline std::map<std::string, void (*)()> &all() {
	static std::map<std::string, void (*)()> tests;
	return tests;
}

struct Registered {
	Registered(const char *name, void (*test)()) { all()[name] = test; }
};

inline int failures;

inline void failed(const char *file, int line, const std::string &what) {
	printf("%s:%d: %s\n", file, line, what.c_str());
	failures++;
}

template <class A, class B> void equal(const char *file, int line, const char *text, A got, B want) {
	if (got == static_cast<A>(want)) return;
	failed(file, line,
		std::string(text) + " is " + std::to_string(got) + ", want " + std::to_string(static_cast<A>(want)));
}

inline int run(int count, char **arguments) {
	if (count != 2) {
		for (auto &test : all()) puts(test.first.c_str());
		return 0;
	}
	auto found = all().find(arguments[1]);
	if (found == all().end()) {
		printf("no test %s\n", arguments[1]);
		return 2;
	}
	found->second();
	return failures != 0;
}

} // namespace test

#define TEST(name) \
	static void name(); \
	static test::Registered registered_##name(#name, name); \
	static void name()
#define CHECK(condition) \
	do { \
		if (!(condition)) test::failed(__FILE__, __LINE__, #condition " does not hold"); \
	} while (0)
#define EQUAL(got, want) test::equal(__FILE__, __LINE__, #got, got, want)
#define OK(call) EQUAL((int)(call), CUDA_SUCCESS)
