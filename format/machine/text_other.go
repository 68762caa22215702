//go:build !amd64 || purego

package machine

// Sum returns the hash of a text for a table in memory. It is no secret: who makes
// texts with one hash only makes their user compare them.
func Sum(text []byte) uint64 { return sumPlain(text) }
