package cli

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
)

// numpyMagic begins NumPy's .npy files, with the version of the format.
const numpyMagic = "\x93NUMPY\x01\x00"

// writeNumpy writes a float32 array [rows, width] in NumPy's format 1.0.
func writeNumpy(w io.Writer, values []float32, width int) error {
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", len(values)/width, width)
	const fixed, alignment = len(numpyMagic) + 2, 64
	header += strings.Repeat(" ", (alignment-(fixed+len(header)+1)%alignment)%alignment) + "\n"
	data := append([]byte(numpyMagic), 0, 0)
	binary.LittleEndian.PutUint16(data[len(numpyMagic):], uint16(len(header)))
	data = append(data, header...)
	for _, x := range values {
		if data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x)); len(data) >= 1<<16 {
			if _, err := w.Write(data); err != nil {
				return err
			}
			data = data[:0]
		}
	}
	_, err := w.Write(data)
	return err
}
