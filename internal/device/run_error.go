package device

// RunError is the failure of a run that was begun earlier, which an asynchronous device notices in some later call.
type RunError struct {
	Step uint64 // as in the [Run]
	Err  error  // names the operation
}

func (e *RunError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RunError) Unwrap() error { return e.Err }
