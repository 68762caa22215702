package machine

import "bytes"

// hasNULPlain is HasNUL without vectors.
func hasNULPlain(data []byte) bool { return bytes.IndexByte(data, 0) >= 0 }
