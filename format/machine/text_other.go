//go:build !amd64 || purego

package machine

// Sum returns a hash of text for a table in memory. It depends on the processor, so it must
// not be stored. It has no key: texts chosen to collide make the table slower, not wrong,
// provided that its user compares texts.
func Sum(text []byte) uint64 { return sumPlain(text) }
