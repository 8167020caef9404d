// Package instance turns the documents of a corpus into training examples.
package instance

import "uer/internal/masking"

// Instance is one training example, without padding. What its fields hold depends on the target:
//
//	mlm, t5        Tokens: a piece of a document; Ends: its length
//	bert, albert   Tokens: [CLS] a [SEP] b [SEP]; Ends: the index after each [SEP];
//	               Label: 1 if b is random (bert) or a and b are swapped (albert)
//	lm             Tokens: up to seq_length+1, each to be predicted from those before it; Ends: the number of inputs
//	bilm           Tokens: [CLS], up to seq_length inputs, [SEP]; an input predicts both its neighbours;
//	               Ends: the number of inputs
//	cls            Tokens: [CLS] a, or [CLS] a [SEP] b [SEP]; Ends: the index after each text; Label: the class
//	prefixlm       Tokens: [CLS] source [SEP] target [SEP], up to seq_length+1;
//	               Ends: the index after the source, the number of inputs
//	seq2seq        Tokens: [CLS] source [SEP]; Ends: its length; Output: [CLS] target [SEP], up to tgt_seq_length+1
type Instance struct {
	Tokens  []int32
	Targets []masking.Target // what static masks hide, sorted by position; nil if masks are drawn while training
	Ends    []int32          // number of inputs up to the end of each segment: one or two
	Label   int32
	Output  []int32
}
