//go:build !purego

package machine

import "golang.org/x/sys/cpu"

var hasVectors = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT && cpu.X86.HasAES

// find is findPlain, 64 bytes at a time. It returns isNearEnd if no whole block of 64 bytes
// has the newline, and hasMany for more than maxQuotes quotes.
func (m *Delimiters) find(data []byte) int {
	if !hasVectors {
		return isNearEnd
	}
	return findDelimiters(data, m)
}

//go:noescape
func findDelimiters(data []byte, m *Delimiters) int
