package filter

import (
	"bytes"

	"hushpipe/filter/recent"
	"hushpipe/format"
	"hushpipe/format/machine"
)

// Most texts come again and again: the user agent of a browser, the request of
// a poll. cleanTexts remembers, in a table of fixed size, those that had nothing
// to replace, so that they need not be looked through once more. A text is
// known only if all of its bytes are equal; whoever invents texts that share
// their places only brings back the long way.
type cleanTexts struct {
	recent recent.Table[cleanText]
	last   uint32 // id
}

// newCleanTexts returns cleanTexts of none, whose ids go on behind those of others.
func newCleanTexts(last uint32) cleanTexts { return cleanTexts{recent.New[cleanText](cleanMax), last} }

const (
	cleanMax = 1 << 13 // texts have 2 MiB
	minClean = 8       // shorter ones are not worth it
	cleanLen = 224     // a text and what is known of it fill four cache lines
)

type cleanText struct {
	place uint16      // where it lies
	kind  format.Kind // that it was put as; Plain: no text
	len   uint8
	room  roomState
	alone bool  // room is what the text as a request line names
	at    uint8 // of a request, text[at:at+n] is the target that room tells of
	n     uint8
	text  [cleanLen]byte // most end in the first of the cache lines
	hash  [20]byte
	id    uint32 // tells it from what lay there before, never 0
}

// roomState says what a slot knows of the room in a request.
type roomState uint8

const (
	roomUnknown roomState = iota
	roomNone
	roomSome // hash is its
)

// textSum is the hash of a text of a kind, 0 for clients, and for a text that is
// too long, or too short to be worth it.
func textSum(kind format.Kind, text []byte) uint64 {
	if kind < format.Text || uint(len(text)-minClean) > cleanLen-minClean {
		return 0
	}
	return machine.Sum(text) + uint64(kind)
}

// find returns what is known of a text of a kind, nil for nothing, and its textSum.
func (c *cleanTexts) find(kind format.Kind, text []byte) (*cleanText, uint64) {
	sum := textSum(kind, text)
	if sum == 0 {
		return nil, 0
	}
	t := c.recent.First(sum)
	if !t.is(kind, text) {
		if t = c.recent.Second(sum); !t.is(kind, text) {
			return nil, sum
		}
	}
	return t, sum
}

// at returns the text that lies at a place.
func (c *cleanTexts) at(place uint16) *cleanText {
	return c.recent.At(place)
}

func (t *cleanText) is(kind format.Kind, text []byte) bool {
	return t.kind == kind && string(t.text[:t.len]) == string(text)
}

// put makes a text of a kind known that find does not find, by its textSum. What
// find and put returned before may be another's now.
func (c *cleanTexts) put(kind format.Kind, text []byte, sum uint64) *cleanText {
	t, at := c.recent.Put(sum)
	t.place, t.kind, t.len = uint16(at), kind, uint8(copy(t.text[:], text))
	t.room, t.alone = roomUnknown, false
	c.last = max(c.last+1, 1)
	t.id = c.last
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
