package vocab

import "fmt"

// Sentinels returns the ids of T5's sentinels <extra_id_0>, <extra_id_1> and so on.
func (v *Vocabulary) Sentinels() []int32 {
	var ids []int32
	for {
		id, present := v.ids[fmt.Sprintf("<extra_id_%d>", len(ids))]
		if !present {
			return ids
		}
		ids = append(ids, id)
	}
}
