//go:build !amd64 || purego

package machine

// CannotHoldAddress returns false: without vectors the check costs more than it saves.
func CannotHoldAddress([]byte, byte) bool { return false }
