package format

import "bytes"

// shape tells the segments of the usual formats, which have a matcher of their
// own: it knows at compile time what LogFormat.segment finds out at each line.
// A matcher may give up on any line, and then segment has the say. What it does
// match, it matches as segment would, to the byte.
type shape uint8

const (
	shapeOther   shape = iota
	shapeValue         // %r between its quotes: one loose element
	shapeNumbers       // %>s %b: numbers, a space between each two
	shapePeer          // [%v[:%p] ]%h %l %u %t, at the start of the line
)

// shapeOf returns the shape of a segment that is linked.
func shapeOf(s *segment, atStart bool) shape {
	switch {
	case s.single >= 0:
		return shapeValue
	case isNumbers(s.elems):
		return shapeNumbers
	case atStart && s.term != nil && isPeer(s.elems):
		return shapePeer
	}
	return shapeOther
}

func isNumbers(elems []element) bool {
	for i, e := range elems {
		if i%2 == 0 && e.op != opNumber || i%2 == 1 && string(e.lit) != " " {
			return false
		}
	}
	return len(elems)%2 == 1
}

// peerLen counts the elements of %h %l %u %t. In front of them stand those of
// nothing, of %v and a space, or of %v:%p and a space.
const peerLen = 7

func isPeer(elems []element) bool {
	n := len(elems) - peerLen
	if n < 0 {
		return false
	}
	for i, want := range elems[:n] {
		switch i {
			
		}
	}
	return false
}
