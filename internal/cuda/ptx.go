//go:build gpu

package cuda

import (
	"fmt"
	"regexp"
	"strings"
)

var entry = regexp.MustCompile(`\.entry\s+(\w+)\s*\(([^)]*)\)`)

// parametersOf reads what each kernel of a module takes from the module's PTX, whose declarations look like
//
//	.visible .entry scale(
//		.param .u64 scale_param_0,
//		.param .f32 scale_param_1
//	)
//
// Of a module in machine code it knows no kernel.
func parametersOf(ptx []byte) (map[string][]kind, error) {
	kernels := map[string][]kind{}
	for _, match := range entry.FindAllSubmatch(ptx, -1) {
		name, list := string(match[1]), strings.TrimSpace(string(match[2]))
		parameters := []kind{}
		for declaration := range strings.SplitSeq(list, ",") {
			fields := strings.Fields(declaration)
			if len(fields) == 0 {
				continue
			}
			if len(fields) < 3 || fields[0] != ".param" {
				return nil, fmt.Errorf("kernel %s: cannot read parameter %q", name, strings.TrimSpace(declaration))
			}
			parameters = append(parameters, kindOf(fields[1]))
		}
		kernels[name] = parameters
	}
	return kernels, nil
}

// kindOf is the kind of a parameter of a type of PTX. A structure begins with its alignment.
func kindOf(ptxType string) kind {
	switch ptxType {
	case ".f32":
		return single
	case ".f64":
		return double
	case ".u64", ".s64", ".b64":
		return word64
	case ".align":
		return structure
	default:
		return word32
	}
}
