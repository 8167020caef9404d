package task

// Instance is one training example, without padding. [Task] says which fields a target uses and how.
type Instance struct {
	Tokens []int32 // the inputs, with those tokens before and after them that are only predicted
	Ends   []int32 // number of inputs up to the end of each segment
	Masks  []Mask  // hidden tokens in order of position; nil if masks are drawn during training
	Label  int32   // the class
	Output []int32 // the second text, from [CLS] on
}

// Mask is a hidden token, which is to be predicted.
type Mask struct {
	Position int32 // index in Tokens
	ID       int32 // the original token
}

// Reset empties an instance and keeps the memory of its lists.
func (x *Instance) Reset() {
	*x = Instance{Tokens: x.Tokens[:0], Ends: x.Ends[:0], Masks: x.Masks[:0], Output: x.Output[:0]}
}

// OutsideID looks for an id that is negative or not below the size of its vocabulary: inputs for tokens and masks,
// outputs for the output. It returns the id and that size.
func (x *Instance) OutsideID(inputs, outputs int) (id int32, size int, found bool) {
	for _, id := range x.Tokens {
		if uint32(id) >= uint32(inputs) {
			return id, inputs, true
		}
	}
	for _, mask := range x.Masks {
		if uint32(mask.ID) >= uint32(inputs) {
			return mask.ID, inputs, true
		}
	}
	for _, id := range x.Output {
		if uint32(id) >= uint32(outputs) {
			return id, outputs, true
		}
	}
	return 0, 0, false
}
