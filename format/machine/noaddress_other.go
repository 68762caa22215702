//go:build !amd64 || purego

package machine

// CannotHoldAddress reports false: the plain way takes longer than what follows.
func CannotHoldAddress([]byte, byte) bool { return false }
