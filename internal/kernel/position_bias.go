package kernel

// PositionBiasForward spreads a table [buckets, heads] into the bias [heads, offsets] of Attention. bucketOf [offsets] holds
// the row of the table for each offset of a key from its query.
func (c *CPU) PositionBiasForward(bias, table []float32, heads int, bucketOf []int32) {
	requireLength("bias", len(bias), heads*len(bucketOf))
	requireBelow("bucketOf", bucketOf, rowCount("table", len(table), heads))
	for i, bucket := range bucketOf {
		for head := range heads {
			bias[head*len(bucketOf)+i] = table[int(bucket)*heads+head]
		}
	}
}

// PositionBiasBackward sums the gradient dbias [heads, offsets] into that of the table [buckets, heads], or adds to it.
func (c *CPU) PositionBiasBackward(dtable, dbias []float32, heads int, bucketOf []int32, accumulate bool) {
	requireLength("dbias", len(dbias), heads*len(bucketOf))
	requireBelow("bucketOf", bucketOf, rowCount("dtable", len(dtable), heads))
	if !accumulate {
		clear(dtable)
	}
	for i, bucket := range bucketOf {
		for head := range heads {
			dtable[int(bucket)*heads+head] += dbias[head*len(bucketOf)+i]
		}
	}
}
