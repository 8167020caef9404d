package cli

import "testing"

func TestRanks(t *testing.T) {
	const here = "tcp://localhost:12345"
	for _, test := range []struct {
		options deviceOptions
		refused bool
	}{
		{deviceOptions{WorldSize: 1, MasterIP: here, Device: "auto"}, false},
		{deviceOptions{WorldSize: 1, MasterIP: here, Device: "cpu"}, false},
		{deviceOptions{WorldSize: 1, MasterIP: here, Device: "cpu", GPURanks: []int{0}}, false},
		{deviceOptions{WorldSize: 1, MasterIP: here, Device: "auto", GPURanks: []int{3}}, false}, // the number of a GPU
		{deviceOptions{WorldSize: 16, MasterIP: here, Device: "auto", GPURanks: []int{8, 9, 15}}, false},
		{deviceOptions{WorldSize: 1, MasterIP: "tcp://[::1]:1", Device: "auto"}, false},
		{deviceOptions{WorldSize: 1, MasterIP: "tcp://:12345", Device: "auto"}, true},
		{deviceOptions{WorldSize: 1, MasterIP: "tcp://a:0", Device: "auto"}, true},
		{deviceOptions{WorldSize: 1, MasterIP: "tcp://a:65536", Device: "auto"}, true},
		{deviceOptions{WorldSize: 1, MasterIP: "http://a:80", Device: "auto"}, true},
		{deviceOptions{WorldSize: 1, MasterIP: "", Device: "auto"}, true},
	} {
		_, err := test.options.placeByFlags()
		if (err != nil) != test.refused {
			t.Errorf("%+v: error %v", test.options, err)
		}
	}
}
