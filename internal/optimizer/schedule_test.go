package optimizer

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func readJSON(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// TestSchedules compares with the learning rates of UER-py, including those after the last update.
func TestSchedules(t *testing.T) {
	var cases []struct {
		Scheduler string
		BaseRate  float64 `json:"base_lr"`
		Steps     int     `json:"total_steps"`
		Warmup    float64
		Rates     []float64 `json:"lr_used_at_update"`
	}
	readJSON(t, "schedules.json", &cases)
	for _, test := range cases {
		schedule, err := NewSchedule(test.Scheduler, Plan{Updates: test.Steps, Warmup: test.Warmup, LearningRate: test.BaseRate})
		if err != nil {
			t.Fatal(err)
		}
		for update, want := range test.Rates {
			if got := test.BaseRate * schedule(update); math.Abs(got-want) > 1e-12*test.BaseRate {
				t.Errorf("%s of %d updates, warm-up %g: rate at update %d is %v, want %v",
					test.Scheduler, test.Steps, test.Warmup, update, got, want)
			}
		}
	}
}

func TestLaterSchedules(t *testing.T) {
	for _, test := range []struct {
		name    string
		updates int
		warmup  float64
		at      int
		want    float64
	}{
		{"inverse_sqrt", 100, 0.1, 0, 0},
		{"inverse_sqrt", 100, 0.1, 5, 0.5},
		{"inverse_sqrt", 100, 0.1, 10, 1},
		{"inverse_sqrt", 100, 0.1, 40, 0.5},
		{"inverse_sqrt", 100, 0.1, 100, math.Sqrt(0.1)},
		{"inverse_sqrt", 100, 0.1, 101, 1e-4},
		{"tri_stage", 100, 0.1, 0, 0.01},
		{"tri_stage", 100, 0.1, 5, 0.505},
		{"tri_stage", 100, 0.1, 10, 1},
		{"tri_stage", 100, 0.1, 49, 1},
		{"tri_stage", 100, 0.1, 50, 1},
		{"tri_stage", 100, 0.1, 75, math.Sqrt(0.05)},
		{"tri_stage", 100, 0.1, 100, 0.05},
		{"tri_stage", 100, 0.1, 200, 0.05},
		{"tri_stage", 100, 0, 0, 1},
		{"tri_stage", 100, 0.8, 79, 0.01 + 0.99*79/80},
		{"tri_stage", 100, 0.8, 80, 1},
	} {
		schedule, err := NewSchedule(test.name, Plan{Updates: test.updates, Warmup: test.warmup, LearningRate: 1e-3})
		if err != nil {
			t.Fatal(err)
		}
		if got := schedule(test.at); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("%s with warm-up %g: factor at update %d is %v, want %v", test.name, test.warmup, test.at, got, test.want)
		}
	}
}

// TestSchedulesStayInRange checks every schedule with unusual settings.
func TestSchedulesStayInRange(t *testing.T) {
	for name := range ScheduleByName {
		for _, updates := range []int{1, 2, 3, 10, 97} {
			for _, warmup := range []float64{0.001, 0.1, 0.5, 0.999, 1} {
				schedule, err := NewSchedule(name, Plan{Updates: updates, Warmup: warmup, LearningRate: 1e-3})
				if err != nil {
					t.Fatal(err)
				}
				for update := range updates {
					if factor := schedule(update); !(factor >= 0 && factor <= 1) {
						t.Errorf("%s of %d updates, warm-up %g: factor %v at update %d", name, updates, warmup, factor, update)
					}
				}
			}
		}
	}
}

func TestNewScheduleRefuses(t *testing.T) {
	for _, test := range []struct {
		name         string
		warmup, rate float64
		want         string
	}{
		{"quadratic", 0.1, 1e-3, `scheduler "quadratic" is not one of constant, constant_with_warmup, cosine,`},
		{"linear", -0.1, 1e-3, "warmup -0.1: must be between 0 and 1"},
		{"linear", 1.5, 1e-3, "warmup 1.5: must be between 0 and 1"},
		{"linear", math.NaN(), 1e-3, "warmup NaN: must be between 0 and 1"},
		{"inverse_sqrt", 0, 1e-3, "warmup 0: must be above 0 with scheduler inverse_sqrt"},
		{"polynomial", 0.1, 1e-7, "learning_rate 1e-07: must be above 1e-07"},
	} {
		_, err := NewSchedule(test.name, Plan{Updates: 10, Warmup: test.warmup, LearningRate: test.rate})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got error %v, want %s", fmt.Sprint(test.name, test.warmup), err, test.want)
		}
	}
}

// TestWarmupStableDecay: it grows from 0, stays, falls linearly to 0 at the end, and before the fall it is the same whatever
// the length of the training.
func TestWarmupStableDecay(t *testing.T) {
	schedule, err := NewSchedule("wsd", Plan{Updates: 100, Warmup: 0.1, LearningRate: 1, Falling: 20})
	if err != nil {
		t.Fatal(err)
	}
	for update, want := range map[int]float64{0: 0, 5: 0.5, 10: 1, 50: 1, 80: 1, 81: 0.95, 90: 0.5, 99: 0.05, 100: 0, 120: 0} {
		if got := schedule(update); math.Abs(got-want) > 1e-12 {
			t.Errorf("update %d: %g, want %g", update, got, want)
		}
	}
	// From a checkpoint after 60 updates, in 20 more.
	early, err := NewSchedule("wsd", Plan{Updates: 80, Warmup: 0.1, LearningRate: 1, Falling: 20})
	if err != nil {
		t.Fatal(err)
	}
	for update := 60; update < 80; update++ {
		if got, want := early(update), schedule(update+20); got != want {
			t.Errorf("update %d: %g, want %g", update, got, want)
		}
	}
}
