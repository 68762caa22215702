package filter

import (
	"bytes"

	"hushpipe/filter/recent"
	"hushpipe/format"
	"hushpipe/format/machine"
)

// unchangedTexts remembers texts in which there was nothing to replace, so that they are not
// searched again: most texts, such as a browser's user agent and the request of a poll,
// recur many times. A text is recognised by all of its bytes, so that texts chosen to
// collide cost time, but never pass an address.
type unchangedTexts struct {
	recent recent.Table[unchangedText]
	last   uint32 // id
}

// newUnchangedTexts returns an empty cache, whose ids continue after last.
func newUnchangedTexts(last uint32) unchangedTexts {
	return unchangedTexts{recent.New[unchangedText](unchangedMax), last}
}

const (
	unchangedMax  = 1 << 13 // entries, 2 MiB
	minRemembered = 8       // bytes: to remember shorter texts saves nothing
	unchangedLen  = 224     // bytes, so that an entry fills four cache lines
)

type unchangedText struct {
	index     uint16      // of the entry
	kind      format.Kind // of the field that it was in; Plain: the entry is unused
	len       uint8
	room      roomState
	isRequest bool  // room is that of the text read as a request line
	at        uint8 // text[at:at+n] is the target of the request that names the room
	n         uint8
	text      [unchangedLen]byte // most texts end in the first cache line
	hash      [20]byte
	id        uint32 // distinguishes it from earlier texts of the entry, never 0
}

// roomState is what an entry knows of the room in a request.
type roomState uint8

const (
	roomUnknown roomState = iota
	roomNone
	roomSome // its hash is in the entry
)

// textSum is the hash of a text of a kind, 0 for a text that is not remembered: a client,
// and a text that is too long or too short.
func textSum(kind format.Kind, text []byte) uint64 {
	if kind < format.Text || uint(len(text)-minRemembered) > unchangedLen-minRemembered {
		return 0
	}
	return machine.Sum(text) + uint64(kind)
}

// find returns the entry of a text of a kind, nil for none, and its textSum.
func (c *unchangedTexts) find(kind format.Kind, text []byte) (*unchangedText, uint64) {
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

// at returns the entry at an index.
func (c *unchangedTexts) at(place uint16) *unchangedText {
	return c.recent.At(place)
}

func (t *unchangedText) is(kind format.Kind, text []byte) bool {
	return t.kind == kind && string(t.text[:t.len]) == string(text)
}

// put adds a text of a kind that find does not find, by its textSum. An entry that find or
// put returned before may hold another text from now on.
func (c *unchangedTexts) put(kind format.Kind, text []byte, sum uint64) *unchangedText {
	t, at := c.recent.Put(sum)
	t.index, t.kind, t.len = uint16(at), kind, uint8(copy(t.text[:], text))
	t.room, t.isRequest = roomUnknown, false
	c.last = max(c.last+1, 1)
	t.id = c.last
	return t
}

// putRoom records the hash of the room that a request's target names, nil for none. It
// ignores a target that is no part of the text, such as a decoded one. isRequest is set if
// the target is that of the text read as a request line.
func (s *unchangedText) putRoom(target []byte, hash *[20]byte, isRequest bool) {
	at := bytes.Index(s.text[:s.len], target)
	if at < 0 {
		return
	}
	s.isRequest = isRequest
	s.room, s.at, s.n = roomNone, uint8(at), uint8(len(target))
	if hash != nil {
		s.room, s.hash = roomSome, *hash
	}
}

// roomIn returns the hash that putRoom recorded for the target.
func (s *unchangedText) roomIn(target []byte) (hash *[20]byte, known bool) {
	if s.room == roomUnknown || string(s.text[s.at:][:s.n]) != string(target) {
		return nil, false
	}
	return s.hashOf(), true
}

// hashOf returns the hash of the recorded room, nil for none.
func (s *unchangedText) hashOf() *[20]byte {
	if s.room == roomNone {
		return nil
	}
	return &s.hash
}
