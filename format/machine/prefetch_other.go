//go:build !amd64 || purego

package machine

func prefetch(*byte) {}
