//go:build amd64 || arm64

// Package prefetch tells the processor what will be read soon. It holds all of
// the program's unsafe code.
package prefetch

import "unsafe"

// Pair has the beginnings of both halves, 128 bytes each, brought near. It waits
// for nothing, and does no more than a processor does by itself when it guesses.
func Pair[T any](p *[2]T) { lines(unsafe.Pointer(p), unsafe.Pointer(&p[1])) }

// lines prefetches two cache lines at a and two at b.
//
//go:noescape
func lines(a, b unsafe.Pointer)
