package cli

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"uer/internal/collective"
	"uer/internal/graph"
	"uer/internal/trainer"
)

// compare compares with the other processes what is about to be trained: settings and files may be the same, and what was made
// of them not.
func (o others) compare(t *trainer.Trainer, data trainingData) error {
	if o.member == nil {
		return nil
	}
	facts, err := programFacts(t)
	if err != nil {
		return err
	}
	if data.resumed != nil {
		facts = append(facts, collective.Fact{Name: "the checkpoint", Value: data.resumed.Digest()})
	}
	return o.member.Compare(facts)
}

func programFacts(t *trainer.Trainer) ([]collective.Fact, error) {
	layout := &t.Optimizer.Whole
	state := sha256.New()
	fmt.Fprintln(state, layout.State)
	parameters := sha256.New()
	piece := make([]float32, 1<<18)
	for offset := 0; offset < layout.ParameterSize; offset += len(piece) {
		values := piece[:min(len(piece), layout.ParameterSize-offset)]
		if err := t.Memory.Read(graph.InParameters, offset, values); err != nil {
			return nil, err
		}
		if err := binary.Write(parameters, binary.LittleEndian, values); err != nil {
			return nil, err
		}
	}
	short := func(sum []byte) string { return hex.EncodeToString(sum[:8]) }
	return []collective.Fact{
		{Name: "the program of the model", Value: t.Model.Program.Digest()},
		{Name: "the layout of the optimizer state", Value: short(state.Sum(nil))},
		{Name: "the digest of the initial parameters", Value: short(parameters.Sum(nil))},
	}, nil
}
