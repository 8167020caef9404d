package inference

// Scores are those that the last token was chosen by.
func (g *Generator) Scores() []float32 { return g.scores }
