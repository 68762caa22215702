package filter

import (
	"bytes"
	"hash/maphash"

	"hushpipe/format"
)

// Most texts come again and again: the user agent of a browser, the request of
// a poll. cleanTexts remembers, in a table of fixed size, those that had nothing
// to replace, so that they need not be looked through once more. A text is
// known only if all of its bytes are equal; whoever invents texts that share
// their places only brings back the long way.
//
// A text has two places, side by side, the latest at the first one.
type cleanTexts struct {
	sets [][2]cleanText
}

func newCleanTexts() cleanTexts { return cleanTexts{make([][2]cleanText, cleanSets)} }

const (
	cleanSets = 4096
	minClean  = 8   // shorter ones are not worth it
	cleanLen  = 224 // a text and what is known of it fill four cache lines
)

type cleanText struct {
	sum   uint64 // 0: no text
	len   uint8
	room  roomOf
	alone bool  // room is what the text as a request line names
	at    uint8 // of a request, text[at:at+n] is the target that room tells of
	n     uint8
	hash  [20]byte
	text  [cleanLen]byte
}

// roomOf says what a slot knows of the room in a request.
type roomOf uint8

const (
	roomUnknown roomOf = iota
	roomNone
	roomSome // hash is its
)

// textSeed makes the hash of one process useless for another's. The hash is
// that of the standard library, which AES instructions make: it takes half the
// time of xxhash for a text of 30 to 200 bytes.
var textSeed = maphash.MakeSeed()

// textSum is the hash of a text of a kind, 0 for clients, and for a text that is
// too long, or too short to be worth it.
func textSum(kind format.Kind, text []byte) uint64 {
	if kind < format.Text || uint(len(text)-minClean) > cleanLen-minClean {
		return 0
	}
	return maphash.Bytes(textSeed, text)<<4 | uint64(kind)
}

func (c *cleanTexts) set(sum uint64) *[2]cleanText { return &c.sets[sum>>4%cleanSets] }

// find returns what is known of the text that has a textSum, nil for nothing.
func (c *cleanTexts) find(text []byte, sum uint64) *cleanText {
	set := c.set(sum)
	if t := &set[0]; t.sum == sum && string(t.text[:t.len]) == string(text) {
		return t
	}
	if t := &set[1]; t.sum == sum && string(t.text[:t.len]) == string(text) {
		return t
	}
	return nil
}

// put makes a text known that find does not find. What find and put returned
// before may be another's now.
func (c *cleanTexts) put(text []byte, sum uint64) *cleanText {
	set := c.set(sum)
	set[1] = set[0]
	t := &set[0]
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
