//go:build !amd64

package machine

// Sum is a hash of a text.
func Sum(text []byte) uint64 { return sumPlain(text) }

func (w *Word) find(data []byte) { w.findPlain(data) }

// Near does nothing here.
func Near(*byte) {}
