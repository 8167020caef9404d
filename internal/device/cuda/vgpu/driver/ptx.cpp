#include "ptx.h"

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <map>

namespace vgpu {

namespace {

// Scanner goes through the words of a PTX text: names and directives, numbers, and single other characters.
class Scanner {
public:
	explicit Scanner(const std::string &text) : at_(text.c_str()) {}

	// next gives the next word, "" at the end.
	std::string next() {
		skip();
		const char *start = at_;
		if (*at_ == 0) return "";
		if (!in_word(*at_)) return std::string(1, *at_++);
		while (in_word(*at_)) at_++;
		return std::string(start, at_);
	}

private:
	static bool in_word(char c) { return isalnum((unsigned char)c) || strchr("._$%", c) != nullptr; }

	void skip() {
		for (;;) {
			while (isspace((unsigned char)*at_)) at_++;
			if (strncmp(at_, "//", 2) == 0) {
				while (*at_ && *at_ != '\n') at_++;
			} else if (strncmp(at_, "/*", 2) == 0) {
				const char *end = strstr(at_ + 2, "*/");
				at_ = end ? end + 2 : at_ + strlen(at_);
			} else {
				return;
			}
		}
	}

	const char *at_;
};

// size_of_type is the bytes of .u32, .f64 and so on, or 0.
unsigned size_of_type(const std::string &word) {
	if (word.size() < 3 || word[0] != '.' || !strchr("usbf", word[1])) return 0;
	char *end = nullptr;
	unsigned bits = (unsigned)strtoul(word.c_str() + 2, &end, 10);
	return *end ? 0 : bits / 8;
}

// declaration reads what follows .param or .shared: [.align n] type name [[count]]. It gives the bytes, the name and
// the word after it.
unsigned declaration(Scanner &scanner, std::string *name, std::string *after) {
	unsigned size = 0;
	std::string word = scanner.next();
	while (!word.empty() && word[0] == '.') {
		if (word == ".align") scanner.next();
		if (unsigned type = size_of_type(word)) size = type;
		word = scanner.next();
	}
	*name = word;
	*after = scanner.next();
	if (*after == "[") {
		size *= (unsigned)strtoul(scanner.next().c_str(), nullptr, 10);
		scanner.next(); // the bracket
		*after = scanner.next();
	}
	return size;
}

struct Variable {
	unsigned size;
	bool counted; // for the kernel that is being read
};
using Variables = std::map<std::string, Variable>;

// read_parameters reads a list in parentheses, behind the first of them.
bool read_parameters(Scanner &scanner, PtxKernel *kernel) {
	std::string word = scanner.next();
	while (word != ")") {
		std::string name;
		if (word != ".param") return false;
		kernel->parameters.push_back(declaration(scanner, &name, &word));
		if (word == ",") word = scanner.next();
	}
	return true;
}

bool read_kernel(Scanner &scanner, Variables &variables, PtxKernel *kernel) {
	kernel->name = scanner.next();
	std::string word = scanner.next();
	if (word == "(") {
		if (!read_parameters(scanner, kernel)) return false;
		word = scanner.next();
	}
	while (word != "{") {
		if (word.empty()) return false;
		bool limit = word == ".maxntid" || word == ".reqntid";
		word = limit ? "," : scanner.next();
		if (limit) kernel->max_threads = 1;
		for (; limit && word == ","; word = scanner.next()) {
			kernel->max_threads *= (unsigned)strtoul(scanner.next().c_str(), nullptr, 10);
		}
	}
	for (auto &variable : variables) variable.second.counted = false;
	for (int depth = 1; depth > 0;) {
		word = scanner.next();
		if (word.empty()) return false;
		depth += (word == "{") - (word == "}");
		std::string name;
		if (word == ".shared") kernel->shared += declaration(scanner, &name, &word);
		auto variable = variables.find(word);
		if (variable != variables.end() && !variable->second.counted) {
			kernel->shared += variable->second.size;
			variable->second.counted = true;
		}
	}
	return true;
}

} // namespace

bool read_ptx(const std::string &text, Ptx *ptx) {
	Scanner scanner(text);
	Variables shared; // of the module
	for (std::string word = scanner.next(); !word.empty(); word = scanner.next()) {
		if (word == ".version") ptx->version = (int)(strtod(scanner.next().c_str(), nullptr) * 10 + 0.5);
		if (word == ".target") {
			std::string target = scanner.next();
			if (target.compare(0, 3, "sm_") == 0) ptx->target = atoi(target.c_str() + 3);
		}
		if (word == ".shared") {
			std::string name;
			unsigned size = declaration(scanner, &name, &word);
			shared[name] = {size, false};
		}
		if (word == ".entry") {
			ptx->kernels.emplace_back();
			if (!read_kernel(scanner, shared, &ptx->kernels.back())) return false;
		}
	}
	return ptx->version > 0 && ptx->target > 0;
}

} // namespace vgpu
