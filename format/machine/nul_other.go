//go:build !amd64 || purego

package machine

// HasNUL reports whether data has a NUL byte.
func HasNUL(data []byte) bool { return hasNULPlain(data) }
