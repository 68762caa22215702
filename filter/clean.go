package filter

import (
	"bytes"

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
	cleanSlots = 8192
	cleanLen   = 224 // a slot fills four cache lines
)

type cleanText struct {
	sum  uint64
	len  uint8
	room roomOf
	at   uint8 // of a request, text[at:at+n] is the target that room tells of
	n    uint8
	hash [20]byte
	text [cleanLen]byte
}

// roomOf says what a slot knows of the room in a request.
type roomOf uint8

const (
	roomUnknown roomOf = iota
	roomNone
	roomSome // hash is its
)

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
	s.sum, s.len, s.room = sum, uint8(copy(s.text[:], text)), roomUnknown
}

// putRoom notes the hash of the room in a request's target, nil for none. A
// target that is no part of the text, such as a decoded one, is not noted.
func (s *cleanText) putRoom(target []byte, hash *[20]byte) {
	at := bytes.Index(s.text[:s.len], target)
	if at < 0 {
		return
	}
	s.room, s.at, s.n = roomNone, uint8(at), uint8(len(target))
	if hash != nil {
		s.room, s.hash = roomSome, *hash
	}
}

// roomIn returns what putRoom noted of the target.
func (s *cleanText) roomIn(target []byte) (hash *[20]byte, known bool) {
	if s.room == roomUnknown || string(s.text[s.at:][:s.n]) != string(target) {
		return nil, false
	}
	if s.room == roomNone {
		return nil, true
	}
	return &s.hash, true
}
