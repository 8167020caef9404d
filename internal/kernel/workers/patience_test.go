package workers

import (
	"testing"
	"time"
)

// TestPatienceFollowsWaits checks that long waits end the spinning within a few of them, and that short ones bring it back.
func TestPatienceFollowsWaits(t *testing.T) {
	p := newPatience()
	wait := func(d time.Duration) {
		for range 6 {
			p.learn(int64(d))
		}
	}
	if wait(longest + 1); p.limit != shortest {
		t.Errorf("after long waits a thread spins for %v", p.limit)
	}
	if wait(-time.Microsecond); p.limit != longest { // what it waited for had happened before
		t.Errorf("after short waits a thread spins for %v", p.limit)
	}
}

// TestSpinGivesUp waits for what does not happen, with any patience.
func TestSpinGivesUp(t *testing.T) {
	for _, limit := range []time.Duration{shortest, longest} {
		p, looks := patience{limit}, 0
		if p.spin(clock(), func() bool { looks++; return false }) || looks == 0 {
			t.Errorf("patience of %v: true after %d looks", limit, looks)
		}
	}
}
