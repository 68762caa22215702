package machine

import "bytes"

// isSimplePlain is IsSimple for a text of any length.
func isSimplePlain(text []byte, other byte) bool {
	return bytes.Count(text, []byte{'.'}) < 3 && bytes.Count(text, []byte{':'}) < 2 && !bytes.ContainsAny(text, `%\`) &&
		bytes.IndexByte(text, other) < 0
}
