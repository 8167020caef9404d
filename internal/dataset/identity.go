package dataset

import (
	"crypto/sha256"
	"encoding/hex"
)

// Identity returns a digest (SHA-256) that tells datasets apart, wherever they lie. Of our own format, it is that of the
// footer, which holds the checksums of all instances; of UER-py's, which has none, of the whole file.
func (d *Dataset) Identity() string {
	sum := sha256.Sum256(d.source.identity())
	return hex.EncodeToString(sum[:])
}

func (f *arrowFile) identity() []byte { return f.mapping.Bytes[f.footerStart:] }

func (f *pickles) identity() []byte { return f.mapping.Bytes }
