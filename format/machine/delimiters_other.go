//go:build !amd64 || purego

package machine

const hasVectors = false

func (m *Delimiters) find([]byte) int { return isNearEnd }
