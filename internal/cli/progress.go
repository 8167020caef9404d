package cli

import (
	"fmt"
	"sync"
	"time"

	"uer/internal/console"
	"uer/internal/instance"
)

// portion describes how much of a number of bytes is done, at which speed, and when the rest will be.
func portion(done, all int64, elapsed time.Duration) string {
	share := float64(done) / float64(max(all, 1))
	if done <= 0 {
		return fmt.Sprintf(" 0%%  of %s  %s", console.Bytes(all), console.Duration(elapsed))
	}
	left := time.Duration(float64(elapsed) * (1 - share) / share)
	speed := float64(done) / 1e6 / max(elapsed.Seconds(), 1e-9)
	return fmt.Sprintf("%2.0f%%  %.1f MB/s  %s left", 100*share, speed, console.Duration(left))
}

// buildProgress is how far the building of a dataset has got, for the status line.
type buildProgress struct {
	began time.Time

	mu   sync.Mutex
	last instance.Progress
}

func (b *buildProgress) set(p instance.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = p
}

func (b *buildProgress) describe() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("Build    %s  %s  %s", portion(int64(b.last.Done), int64(b.last.Total), time.Since(b.began)),
		counted(b.last.Instances, "instance"), counted(b.last.Documents, "document"))
}
