package machine

import (
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const groups = "/sys/fs/cgroup"

func available() (int64, bool) {
	free, known := field("/proc/meminfo", "MemAvailable:")
	if !known {
		return 0, false
	}
	if group, found := groupOf("/proc/self/cgroup"); found {
		free = min(free, inGroup(groups, group))
	}
	// The size of the address space counts what is reserved, too.
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) == nil && limit.Cur < 1<<62 {
		size, _ := field("/proc/self/status", "VmSize:")
		free = min(free, int64(limit.Cur)-size)
	}
	return max(free, 0), true
}

func resident() int64 {
	bytes, _ := field("/proc/self/status", "VmRSS:")
	return bytes
}

// field reads a line such as "VmRSS:  123 kB", in bytes.
func field(file, name string) (int64, bool) {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(content)) {
		if words := strings.Fields(line); len(words) >= 2 && words[0] == name {
			n, err := strconv.ParseInt(words[1], 10, 64)
			return n << 10, err == nil
		}
	}
	return 0, false
}

// groupOf returns this process's control group of version 2.
func groupOf(file string) (string, bool) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(content)) {
		if group, found := strings.CutPrefix(strings.TrimSpace(line), "0::"); found {
			return group, true
		}
	}
	return "", false
}

// inGroup returns how much memory the limits of a control group and of those that it is in leave. What the system can
// drop, such as files in memory, does not count as used.
func inGroup(root, group string) int64 {
	left := int64(1<<63 - 1)
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		number := func(name string) (int64, bool) {
			content, err := os.ReadFile(path.Join(root, group, name))
			if err != nil {
				return 0, false
			}
			n, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
			return n, err == nil
		}
		if limit, limited := number("memory.max"); limited {
			used, _ := number("memory.current")
			left = min(left, limit-used+inactiveFiles(path.Join(root, group, "memory.stat")))
		}
		if group == "/" {
			return left
		}
	}
}

// inactiveFiles returns the bytes of files in the memory of a control group that were not used lately.
func inactiveFiles(file string) int64 {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(content)) {
		if count, found := strings.CutPrefix(strings.TrimSpace(line), "inactive_file "); found {
			n, _ := strconv.ParseInt(count, 10, 64)
			return n
		}
	}
	return 0
}
