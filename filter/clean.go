package filter

import (
	"github.com/cespare/xxhash/v2"

	"hushpipe/format"
)

// Most texts come again and again: the user agent of a browser, the request of
// a poll. cleanTexts remembers, in a table of fixed size, those that had nothing
// to replace, so that they need not be looked through once more. A text is
// known only if all of its bytes are equal; whoever invents texts that share a
// slot only brings back the long way.
type cleanTexts struct {
	slots []cleanText
}

func newCleanTexts() cleanTexts { return cleanTexts{make([]cleanText, cleanSlots)} }

const (
	cleanSlots = 4096
	cleanLen   = 247 // a slot fills four cache lines
)

type cleanText struct {
	sum  uint64
	len  uint8
	text [cleanLen]byte
}

// slot returns the place of a text of a kind, and its hash there; nil for
// clients, and for a text that is too long, or too short to be worth it.
func (c *cleanTexts) slot(kind format.Kind, text []byte) (*cleanText, uint64) {
	if kind < format.Text || len(text) > cleanLen || len(text) < 8 {
		return nil, 0
	}
	sum := xxhash.Sum64(text) + uint64(kind)
	return &c.slots[sum%cleanSlots], sum
}

func (s *cleanText) holds(sum uint64, text []byte) bool {
	return s.sum == sum && string(s.text[:s.len]) == string(text)
}

func (s *cleanText) put(sum uint64, text []byte) {
	s.sum, s.len = sum, uint8(copy(s.text[:], text))
}
