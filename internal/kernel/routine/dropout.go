package routine

import "math"

// Dropout zeroes elements with a probability and scales the others by 1/(1-Probability). Nothing is drawn or stored: whether
// an element stays depends on Key and its position alone, so forward and backward agree, whatever the threads and however a
// batch is split. The zero value drops nothing.
//
// Column j of the row numbered r stays if hash(Key, r, j) >= Probability*2^32, where
//
//	s = mix(Key ^ r*0xd1342543de82ef95)        64 bits, once a row; mix is the SplitMix64 finaliser
//	h = (j ^ low(s)) * 0x7feb352d              32 bits from here on
//	hash = (h ^ h>>15 ^ high(s)) * 0x846ca68b
type Dropout struct {
	Probability float32
	Key         uint64 // of the seed, the step and the place in the model
}

// mix64 is the output function of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
func mix64(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Threshold is Probability*2^32; elements whose hash is below it are dropped.
func (d Dropout) Threshold() uint32 {
	return uint32(min(math.Round(float64(d.Probability)*(1<<32)), math.MaxUint32))
}

// Scale is the factor of the elements that stay; 0 if none do.
func (d Dropout) Scale() float32 {
	if d.Probability >= 1 {
		return 0
	}
	return float32(1 / (1 - float64(d.Probability)))
}

// RowKey is the part of the hash that the columns of a row share. Attention numbers its rows by token and head.
func (d Dropout) RowKey(row uint64) uint64 { return mix64(d.Key ^ row*0xd1342543de82ef95) }

// DropoutHash finishes the hash for one column.
func DropoutHash(rowKey uint64, column uint32) uint32 {
	h := (column ^ uint32(rowKey)) * 0x7feb352d
	return (h ^ h>>15 ^ uint32(rowKey>>32)) * 0x846ca68b
}

// Drops reports whether the element in a column is dropped.
func (d Dropout) Drops(rowKey uint64, column int) bool {
	return DropoutHash(rowKey, uint32(column)) < d.Threshold()
}

// DropoutAdd is y = dropout(x) + residual. Y may be X or Residual. All are stored the same way.
type DropoutAdd struct {
	Y, X     Array // [rows, width]
	Residual Array // [rows, width]; left out for none
	Width    int
	Rows     []int32 // [rows], row numbers; nil if nothing is dropped
	Dropout  Dropout
}
