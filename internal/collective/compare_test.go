package collective

import (
	"errors"
	"testing"
)

// TestCompare: facts that differ end the training of all processes, which name the same rank and both machines.
func TestCompare(t *testing.T) {
	for _, odd := range []int{0, 1, 2, 3, 4} { // 0: none
		errs := spreadMembers(t, [][]int{{0, 3}, {1}, {2, 4}}, func(m *Member) error {
			value := "1234"
			if odd != 0 && m.hostOf(odd) == m.o.Name && odd != 3 {
				value = "5678"
			}
			return m.Compare([]Fact{{"the version", "1"}, {"the program", value}})
		})
		want := map[int]string{
			1: "rank 1 (host1): the program is 5678, but 1234 on host0, where rank 0 is",
			2: "rank 2 (host2): the program is 5678, but 1234 on host0, where rank 0 is",
			4: "rank 2 (host2): the program is 5678, but 1234 on host0, where rank 0 is",
		}[odd]
		for process, err := range errs {
			var f *Failure
			if want == "" && err != nil || want != "" && (!errors.As(err, &f) || f.Error() != want) {
				t.Errorf("rank %d is odd, process %d: error %v", odd, process, err)
			}
		}
	}
}
