package kernel

import "uer/internal/kernel/routine"

// Output is one of several results of an operation. A nil To says that it is not wanted.
type Output = routine.Output
