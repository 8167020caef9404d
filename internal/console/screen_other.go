//go:build !unix

package console

import "os"

func inForeground(*os.File) bool { return true }

func clearsWhenSuspended(*screen) (end func()) { return func() {} }
