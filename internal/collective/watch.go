package collective

import (
	"fmt"
	"strings"
	"time"
)

// where says where in the training the first of some ranks was last seen.
func where(at []At) string {
	if len(at) == 0 || at[0] == (At{}) {
		return ""
	}
	return fmt.Sprintf(", in %s of step %d", at[0].Phase, at[0].Step)
}

// process names a process for the user.
func (h Host) process() string { return fmt.Sprintf("%s (process %d)", h.Name, h.PID) }

// line tells the user of rank 0 whom the training is waiting for.
func (h *hub) line() {
	if !h.started && h.failed == nil && h.o.Status != nil {
		h.o.Status(fmt.Sprintf("Waiting for ranks: %s", h.lacking()))
	}
}

// lacking says which ranks are not there: "12 of 16; missing 8..11".
func (h *hub) lacking() string {
	var missing []int
	for rank, p := range h.owners {
		if p == nil {
			missing = append(missing, rank)
		}
	}
	return fmt.Sprintf("%d of %d; missing %s", h.present, h.o.WorldSize, FormatRanks(missing))
}

// hang describes a training in which no rank gets ahead: where the ranks wait, and which do not.
func (h *hub) hang() Failure {
	var waiting At            // of the ranks that wait, the one that is furthest
	late := map[At][]int{}    // the ranks that others wait for
	order := make([]At, 0, 8) // of late, by rank
	for p := range h.peers() {
		for i, rank := range p.host.Ranks {
			at := p.at[i]
			if at.Waits {
				if at.Step >= waiting.Step {
					waiting = at
				}
				continue
			}
			if late[at] == nil {
				order = append(order, at)
			}
			late[at] = append(late[at], rank)
		}
	}
	text := fmt.Sprintf("step %d: waiting %.0f s in %s", waiting.Step, time.Since(h.moved).Seconds(), waiting.Phase)
	if len(order) == 0 {
		return Failure{Hang: true, Host: h.o.Name, Text: text + "; all ranks are there, so it is the network between them"}
	}
	for i, at := range order {
		separator := ","
		if i == 0 {
			separator = "; not there:"
		}
		ranks := late[at]
		text += fmt.Sprintf("%s rank %s (%s, in %s of step %d)", separator, FormatRanks(ranks), h.owners[ranks[0]].host.Name, at.Phase, at.Step)
	}
	first := late[order[0]][0]
	return Failure{Rank: first, Host: h.owners[first].host.Name, Hang: true, Text: text}
}

// FormatRanks writes ascending ranks as the flag --gpu_ranks takes them: 0..3 8 10..15.
func FormatRanks(ranks []int) string {
	var words []string
	for i := 0; i < len(ranks); {
		j := i
		for j+1 < len(ranks) && ranks[j+1] == ranks[j]+1 {
			j++
		}
		if i == j {
			words = append(words, fmt.Sprint(ranks[i]))
		} else {
			words = append(words, fmt.Sprintf("%d..%d", ranks[i], ranks[j]))
		}
		i = j + 1
	}
	return strings.Join(words, " ")
}
