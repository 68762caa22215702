//go:build !amd64 && !arm64

package prefetch

// Pair does nothing here.
func Pair[T any](*[2]T) {}
