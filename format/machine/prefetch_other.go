//go:build !amd64 && !arm64

package machine

// Prefetch does nothing here.
func Prefetch[T any](*T) {}
