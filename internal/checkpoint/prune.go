package checkpoint

import (
	"uer/internal/durable"
)

// Prune removes the checkpoints of a prefix that a training has saved, except the keep latest and those of later steps than
// the last. Those of other trainings stay, as does what is not whole. The state goes before its weights, so that no
// checkpoint seems whole that is not.
func Prune(prefix, run string, last, keep int) error {
	candidates, err := list(prefix)
	if err != nil {
		return err
	}
	for _, c := range candidates {
		if c.err != nil || c.run != run || c.step > last {
			continue
		}
		if keep > 0 {
			keep--
			continue
		}
		if err := durable.Remove(StatePath(c.path)); err != nil {
			return err
		}
		if err := durable.Remove(c.path); err != nil {
			return err
		}
	}
	return nil
}
