package filter

import (
	"bytes"

	"hushpipe/format"
	"hushpipe/format/machine"
)

// Most texts come again and again: the user agent of a browser, the request of
// a poll. cleanTexts remembers, in a table of fixed size, those that had nothing
// to replace, so that they need not be looked through once more. A text is
// known only if all of its bytes are equal; whoever invents texts that share
// their places only brings back the long way.
//
// The oldest text makes room for a new one. Where it lies stands in the index, at
// one of two places that its hash gives.
type cleanTexts struct {
	index *[cleanIndex]uint16
	texts *[cleanMax]cleanText
	next  uint16 // the oldest text
}

func newCleanTexts() cleanTexts {
	return cleanTexts{new([cleanIndex]uint16), new([cleanMax]cleanText), 0}
}

const (
	cleanMax   = 1 << 13
	cleanIndex = 1 << 16 // few texts share a place
	minClean   = 8       // shorter ones are not worth it
	cleanLen   = 220     // a text and what is known of it fill four cache lines
)

type cleanText struct {
	sum   uint64 // 0: no text
	place uint16 // where it lies
	len   uint8
	room  roomOf
	alone bool  // room is what the text as a request line names
	at    uint8 // of a request, text[at:at+n] is the target that room tells of
	n     uint8
	text  [cleanLen]byte // most end in the first of the cache lines
	hash  [20]byte
}

// roomOf says what a slot knows of the room in a request.
type roomOf uint8

const (
	roomUnknown roomOf = iota
	roomNone
	roomSome // hash is its
)

// textSum is the hash of a text of a kind, 0 for clients, and for a text that is
// too long, or too short to be worth it.
func textSum(kind format.Kind, text []byte) uint64 {
	if kind < format.Text || uint(len(text)-minClean) > cleanLen-minClean {
		return 0
	}
	return machine.Sum(text)<<4 | uint64(kind)
}

// first and second return the places of a text in the index.
func (c *cleanTexts) first(sum uint64) *uint16  { return &c.index[sum>>4%cleanIndex] }
func (c *cleanTexts) second(sum uint64) *uint16 { return &c.index[sum>>24%cleanIndex] }

// at returns what the index tells of.
func (c *cleanTexts) at(place *uint16) *cleanText { return &c.texts[*place%cleanMax] }

// find returns what is known of a text of a kind, nil for nothing, and its textSum.
func (c *cleanTexts) find(kind format.Kind, text []byte) (*cleanText, uint64) {
	sum := textSum(kind, text)
	t := c.at(c.first(sum))
	if t.sum != sum {
		t = c.at(c.second(sum))
	}
	if t.sum != sum || sum == 0 || !machine.Equal(t.text[:t.len], text) {
		return nil, sum
	}
	return t, sum
}

// isAt reports whether a text of a kind lies at a place.
func (c *cleanTexts) isAt(place uint16, kind format.Kind, text []byte) bool {
	t := &c.texts[place%cleanMax]
	return t.kind() == kind && machine.Equal(t.text[:t.len], text)
}

// kind is the kind that the text was put as.
func (t *cleanText) kind() format.Kind { return format.Kind(t.sum & 15) }

// put makes a text known that find does not find. What find and put returned
// before may be another's now.
func (c *cleanTexts) put(text []byte, sum uint64) *cleanText {
	place := c.first(sum)
	if t := c.at(place); t.sum != 0 && c.first(t.sum) == place {
		place = c.second(sum) // the first one is taken
	}
	*place = c.next
	t := &c.texts[c.next]
	t.place = c.next
	c.next = (c.next + 1) % cleanMax
	t.sum, t.len, t.room, t.alone = sum, uint8(copy(t.text[:], text)), roomUnknown, false
	return t
}

// putRoom notes the hash of the room in a request's target, nil for none. A
// target that is no part of the text, such as a decoded one, is not noted.
// alone tells that the target is that of the text as a request line.
func (s *cleanText) putRoom(target []byte, hash *[20]byte, alone bool) {
	at := bytes.Index(s.text[:s.len], target)
	if at < 0 {
		return
	}
	s.alone = alone
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
	return s.hashOf(), true
}

// hashOf returns the hash of the room that is known, nil for none.
func (s *cleanText) hashOf() *[20]byte {
	if s.room == roomNone {
		return nil
	}
	return &s.hash
}
