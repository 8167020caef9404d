package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version describes this build: its version or revision, the compiler and the system.
func version() string {
	return fmt.Sprintf("%s, %s, %s/%s", versionName(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// release is the version that scripts/release.sh sets.
var release string

// versionName is the version of this build or, if it has none, its revision.
func versionName() string {
	if release != "" {
		return release
	}
	name := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		name = info.Main.Version
		settings := map[string]string{}
		for _, setting := range info.Settings {
			settings[setting.Key] = setting.Value
		}
		if revision := settings["vcs.revision"]; name == "(devel)" && len(revision) >= 12 {
			name = revision[:12]
		}
	}
	return name
}
