package kernel

import "math"

// Dropout zeroes elements with a probability and scales the others by 1/(1-Probability). Nothing is drawn or stored:
// whether an element stays follows from Key and its place, so forward and backward agree, and the result depends
// neither on threads nor on how a batch is split. The zero value drops nothing.
//
// Column j of the row numbered r stays if hash(Key, r, j) >= Probability*2^32, where
//
//	s = mix(Key ^ r*0xd1342543de82ef95)        64 bits, once a row; mix is the SplitMix64 finaliser
//	h = (j ^ low(s)) * 0x7feb352d              32 bits from here on
//	hash = (h ^ h>>15 ^ high(s)) * 0x846ca68b
type Dropout struct {
	Probability float32
	Key         uint64 // from DropoutKey
}

// DropoutKey derives the key of one place where dropout is applied (site) at one training step.
func DropoutKey(seed, step uint64, site int) uint64 {
	return mix64(mix64(mix64(seed)+step) + uint64(site))
}

// mix64 is the output function of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
func mix64(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// threshold is Probability*2^32; elements whose hash is below it are dropped.
func (d Dropout) threshold() uint32 {
	return uint32(min(math.Round(float64(d.Probability)*(1<<32)), math.MaxUint32))
}

// scale is the factor of the elements that stay; 0 where none does.
func (d Dropout) scale() float32 {
	if d.Probability >= 1 {
		return 0
	}
	return float32(1 / (1 - float64(d.Probability)))
}

// rowKey is the part of the hash that the columns of a row share. Attention numbers its rows by token and head.
func (d Dropout) rowKey(row uint64) uint64 { return mix64(d.Key ^ row*0xd1342543de82ef95) }

// dropoutHash finishes the hash for one column.
func dropoutHash(rowKey uint64, column uint32) uint32 {
	h := (column ^ uint32(rowKey)) * 0x7feb352d
	return (h ^ h>>15 ^ uint32(rowKey>>32)) * 0x846ca68b
}

// DropoutForward writes y = dropout(x), or adds it to y. It is its own gradient: dx = dropout(dy).
// x, y are [n, width], rows [n] numbers the rows. y may be x.
func (c *CPU) DropoutForward(y, x []float32, width int, rows []int32, d Dropout, accumulate bool) {
	var residual []float32
	if accumulate {
		residual = y
	}
	c.DropoutAdd(y, x, residual, width, rows, d)
}

// DropoutAdd writes y = dropout(x) + residual. x, y, residual are [n, width], rows [n] numbers the rows; a nil
// residual is left out. y may be x or residual. rows is not read if nothing is dropped.
func (c *CPU) DropoutAdd(y, x, residual []float32, width int, rows []int32, d Dropout) {
	n := rowCount("x", x, width)
	requireLength("y", len(y), len(x))
	requireOptional("residual", residual, len(x))
	rows = dropoutRows(rows, n, d)
	c.overRows(n, width, func(first, last int) {
		i, j := first*width, last*width
		c.rows.dropout(y[i:j], x[i:j], part(residual, i, j), width, part(rows, first, last), d)
	})
}

// dropoutRows checks the row numbers, and drops them where they have no effect.
func dropoutRows(rows []int32, n int, d Dropout) []int32 {
	if d.Probability <= 0 {
		return nil
	}
	requireLength("rows", len(rows), n)
	return rows
}
