//go:build !amd64 || purego

package machine

func near(*byte) {}
