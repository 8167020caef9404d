#include "twins.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "options.h"
#include "registry.h"
#include "report.h"

extern char **environ;

namespace vgpu {

// hash_of is FNV-1a over 64 bits, in hexadecimal.
std::string hash_of(const std::string &text) {
	uint64_t hash = 0xcbf29ce484222325u;
	for (unsigned char c : text) hash = (hash ^ c) * 0x100000001b3u;
	char name[17];
	snprintf(name, sizeof name, "%016llx", (unsigned long long)hash);
	return name;
}

static bool exists(const std::string &path) { return access(path.c_str(), R_OK) == 0; }

static std::string first_line(const std::string &path) {
	char line[1024] = "";
	if (FILE *file = fopen(path.c_str(), "r")) {
		if (fgets(line, sizeof line, file) == nullptr) line[0] = 0;
		fclose(file);
	}
	line[strcspn(line, "\n")] = 0;
	return line;
}

// translate has the build tool make a library from a PTX text. It gives what the tool said if it failed.
static bool translate(const std::string &ptx, const std::string &library, std::string *reason) {
	char base[] = "/tmp/vgpu-XXXXXX";
	if (mkdtemp(base) == nullptr) {
		*reason = "no folder for the translation";
		return false;
	}
	std::string source = std::string(base) + "/module.ptx", log = std::string(base) + "/log";
	std::string tool = options().folder + "/vgpu-build";
	if (FILE *file = fopen(source.c_str(), "w")) {
		fwrite(ptx.data(), 1, ptx.size(), file);
		fclose(file);
	}
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	const char *arguments[] = {tool.c_str(), "-translate", source.c_str(), "-o", options().folder.c_str(), nullptr};
	pid_t process = 0;
	int failed = posix_spawn(&process, tool.c_str(), &actions, nullptr, const_cast<char **>(arguments), environ);
	posix_spawn_file_actions_destroy(&actions);
	int status = 0;
	if (failed == 0) waitpid(process, &status, 0);
	bool made = failed == 0 && exists(library);
	if (!made) *reason = failed ? "cannot run " + tool : first_line(log);
	unlink(source.c_str());
	unlink(log.c_str());
	rmdir(base);
	return made;
}

const Kernels *twins_of(const std::string &ptx, std::string *reason) {
	std::string base = options().folder + "/twins/" + hash_of(ptx), library = base + "." + options().kernels + ".so";
	if (!exists(library)) {
		library = base + ".ptx.so";
		if (!exists(library) && !translate(ptx, library, reason)) return nullptr;
		if (options().kernels == "source")
			say_once("the module " + hash_of(ptx) + " is not one that ships: its PTX is translated");
	}
	return load_twins(library, reason);
}

} // namespace vgpu
