//go:build !amd64 || purego

package machine

// IsSimple reports false: the plain way takes longer than what follows.
func IsSimple([]byte, byte) bool { return false }
