package kernel

import "uer/internal/kernel/routine"

// CrossEntropy is a linear layer, softmax and the mean cross-entropy of its rows, with all gradients, in one pass:
// logits = Hidden Weightᵀ + Bias, loss = mean of log Σ exp(logits) - logits[label]. The logits exist only for a chunk
// of rows at a time.
type CrossEntropy struct {
	Rows, Width, Classes    int
	Hidden                  Array     // [rows, width]
	Weight, Bias            []float32 // [classes, width], [classes]; nil Bias: none
	Labels                  []int32   // [rows]
	DHidden, DWeight, DBias Output    // gradients of the loss, as their operands
	ZLoss                   float32   // weight of (log Σ exp(logits))² in the loss of a row (Chowdhery et al. 2022, PaLM); 0: none
	Scratch                 []float32 // CrossEntropyScratch elements, and with a DHidden in bfloat16 PartialSums of its rows
	Precision               Precision // of the factors of the products
}

// crossEntropyStep is the number of rows of a tile.
func crossEntropyStep(classes int) int { return max(8, rowTile(classes)) }

// CrossEntropyRows is the largest number of rows whose logits are held at a time: enough to make good use of the weight
// each time it is read, but not much more than 64 MB.
func CrossEntropyRows(classes int) int {
	const elements = 16 << 20
	return max(64, min(4096, elements/classes))
}

// crossEntropyChunk cuts rows into chunks of equal size.
func crossEntropyChunk(rows, classes int) int {
	limit := CrossEntropyRows(classes)
	chunks := max(1, routine.CeilDivide(rows, limit))
	return routine.CeilDivide(rows, chunks)
}

// crossEntropySizes are the lengths of the parts of the scratch for n rows: the logits, the column sums of their tiles,
// the results.
func crossEntropySizes(n, classes int) (logits, sums, results int) {
	step := crossEntropyStep(classes)
	return n * classes, routine.CeilDivide(n, step) * classes, 2 * n
}

// CrossEntropyScratch is the length of the scratch memory of a CrossEntropy. That for many rows is enough for fewer.
func CrossEntropyScratch(rows, width, classes int) int {
	logits, sums, results := crossEntropySizes(min(rows, CrossEntropyRows(classes)), classes)
	return logits + sums + results
}

// CrossEntropy returns the mean loss and the number of rows whose label has the largest logit (the first of equal ones).
// Without rows the loss and its gradients are 0.
func (c *CPU) CrossEntropy(p *CrossEntropy) (loss float32, correct int) {
	p.check()
	if p.Rows == 0 {
		for _, out := range []Output{p.DWeight, p.DBias} {
			if !out.Accumulate {
				c.Clear(out.To)
			}
		}
		return 0, 0
	}
	total := 0.0
	chunk := crossEntropyChunk(p.Rows, p.Classes)
	for first := 0; first < p.Rows; first += chunk {
		rowsLoss, rowsCorrect := c.crossEntropyRows(p, first, min(first+chunk, p.Rows))
		total += rowsLoss
		correct += rowsCorrect
	}
	return float32(total / float64(p.Rows)), correct
}

func (p *CrossEntropy) check() {
	requireLength("Hidden", p.Hidden.Len(), p.Rows*p.Width)
	requireLength("Weight", len(p.Weight), p.Classes*p.Width)
	requireOptional("Bias", Floats(p.Bias), p.Classes)
	requireLength("Labels", len(p.Labels), p.Rows)
	requireBelow("Labels", p.Labels, p.Classes)
	requireOptional("DHidden", p.DHidden.To, p.Hidden.Len())
	requireOptional("DWeight", p.DWeight.To, len(p.Weight))
	requireOptional("DBias", p.DBias.To, p.Classes)
	requireScratch(p.Scratch, CrossEntropyScratch(p.Rows, p.Width, p.Classes))
}

// crossEntropyRows computes the rows first to last-1 and returns the sum of their losses.
func (c *CPU) crossEntropyRows(p *CrossEntropy, first, last int) (loss float64, correct int) {
	n := last - first
	nLogits, nSums, nResults := crossEntropySizes(n, p.Classes)
	logits := p.Scratch[:nLogits]                         // [n, classes]
	sums := p.Scratch[nLogits:][:nSums]                   // [tiles, classes]
	results := p.Scratch[nLogits+nSums:][:nResults]       // [n, 2]
	hidden := p.Hidden.Slice(first*p.Width, last*p.Width) // [n, width]
	dweight, dbias := p.DWeight, p.DBias
	if first > 0 {
		dweight.Accumulate, dbias.Accumulate = true, true
	}
	c.MatMul(&Product{Precision: p.Precision, M: n, N: p.Classes, K: p.Width, A: hidden, B: Floats(p.Weight), TransposeB: true,
		C: Floats(logits), Bias: p.Bias})
	c.softmaxRows(p, logits, sums, results, p.Labels[first:last])
	if p.DHidden.To.Present() {
		dhidden := p.DHidden.Slice(first*p.Width, last*p.Width)
		c.MatMul(&Product{Precision: p.Precision, M: n, N: p.Width, K: p.Classes, A: Floats(logits), B: Floats(p.Weight),
			C: dhidden.To, Accumulate: dhidden.Accumulate, Scratch: p.Scratch[nLogits+nSums+nResults:]})
	}
	if p.DWeight.To.Present() {
		c.MatMul(&Product{Precision: p.Precision, M: p.Classes, N: p.Width, K: n, A: Floats(logits), TransposeA: true, B: hidden,
			C: dweight.To, Accumulate: dweight.Accumulate})
	}
	c.sumBlocks(dbias, sums, p.Classes)
	for i := 0; i < len(results); i += 2 {
		loss += float64(results[i])
		correct += int(results[i+1])
	}
	return loss, correct
}

// softmaxRows turns logits into the gradient of the loss.
func (c *CPU) softmaxRows(p *CrossEntropy, logits, sums, results []float32, labels []int32) {
	step := crossEntropyStep(p.Classes)
	c.parallel(routine.CeilDivide(len(labels), step), func(tile int) {
		i, j := tile*step, min((tile+1)*step, len(labels))
		t := routine.CrossEntropy{
			Logits:  logits[i*p.Classes : j*p.Classes],
			Labels:  labels[i:j],
			Scale:   1 / float32(p.Rows),
			Results: results[2*i : 2*j],
		}
		var dbias []float32
		if p.DBias.To.Present() {
			dbias = sums[tile*p.Classes : (tile+1)*p.Classes]
		}
		if p.ZLoss == 0 {
			t.DBias = dbias
			c.table.CrossEntropy(t)
			return
		}
		c.zLossRows(t, p.ZLoss, dbias)
	})
}

// zLossRows is the cross-entropy of a tile with z-loss. With z = log Σ exp(logits), which is the loss of a row plus the label's
// logit, it adds weight z² to the loss, and to the gradient of the logits 2 weight z softmax(logits): it multiplies the
// gradient of the cross-entropy, softmax(logits) - onehot(label), by 1 + 2 weight z, and gives the label the rest.
func (c *CPU) zLossRows(t routine.CrossEntropy, weight float32, dbias []float32) {
	classes := len(t.Logits) / len(t.Labels)
	label := func(r int) *float32 { return &t.Logits[r*classes+int(t.Labels[r])] }
	partitions := make([]float32, len(t.Labels)) // z of each row
	for r := range partitions {
		partitions[r] = *label(r)
	}
	c.table.CrossEntropy(t)
	clear(dbias)
	for r, z := range partitions {
		z += t.Results[2*r]
		t.Results[2*r] += weight * z * z
		row := t.Logits[r*classes : (r+1)*classes]
		for j := range row {
			row[j] *= 1 + 2*weight*z
		}
		*label(r) += 2 * weight * z * t.Scale
		for j := range dbias {
			dbias[j] += row[j]
		}
	}
}
