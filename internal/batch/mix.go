package batch

import (
	"math"
	"math/bits"

	"uer/internal/dataset"
	"uer/internal/random"
)

// passes are those over one file: a permutation of its instances each.
type passes struct {
	start, length int // of the file, in instances of the dataset
	seed          int64
	// fraction, over 2^64, is the part's share of the instances that are left to it and to the parts after it.
	fraction uint64
	pass     int64 // the one of order, -1 before the first
	order    permutation
}

// partsOf returns the parts of a dataset, which is its own only part if it is not a mix.
func partsOf(d *dataset.Dataset, seed int64) []*passes {
	if d.Parts == nil {
		return []*passes{{length: d.Len(), seed: seed, pass: -1}}
	}
	var list []*passes
	start, left := 0, 1.0
	for i, p := range d.Parts {
		of := &passes{start: start, length: p.Len(), seed: seed, pass: -1}
		if i > 0 { // datasets of equal length are not shuffled alike
			of.seed = int64(random.Mix(uint64(seed) + uint64(i)))
		}
		if fraction := math.Ldexp(p.Share/left, 64); fraction < math.Ldexp(1, 64) {
			of.fraction = uint64(fraction)
		} else {
			of.fraction = math.MaxUint64
		}
		list = append(list, of)
		start, left = start+p.Len(), left-p.Share
	}
	return list
}

// choose returns the part that the n-th instance of all comes from, and how many have come from it before. At any time, each
// part has had its share of the instances that were left by the parts before it, to less than one instance.
func choose(parts []*passes, n int64) (part *passes, before int64) {
	for _, p := range parts[:len(parts)-1] {
		had, _ := bits.Mul64(uint64(n), p.fraction)
		has, _ := bits.Mul64(uint64(n+1), p.fraction)
		if has > had {
			return p, int64(had)
		}
		n -= int64(had)
	}
	return parts[len(parts)-1], n
}

// at returns the n-th instance of all passes.
func (p *passes) at(n int64) int {
	if pass := n / int64(p.length); pass != p.pass {
		p.pass, p.order = pass, newPermutation(p.length, p.seed, pass)
	}
	return p.start + p.order.at(int(n%int64(p.length)))
}
