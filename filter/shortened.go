package filter

import (
	"hushpipe/filter/recent"
	"hushpipe/format"
	"hushpipe/format/machine"
)

// shortenedTexts remembers what treatments left of texts that recur, such as referrers and
// pages, if nothing in the result had to be replaced: the result then depends on the text
// and the field alone, and on no key. A hash depends on a key, so it is not remembered, nor
// is what is fast to compute again.
type shortenedTexts struct{ recent recent.Table[shortenedText] }

const (
	shortenedMax = 1 << 12 // entries, 1.5 MiB
	shortenedLen = 376     // bytes of both texts, so that an entry fills six cache lines
)

// shortenedText is a text and what a treatment left of it. Both lengths are 0 in an unused
// entry.
type shortenedText struct {
	field uint32 // as fieldKey makes it
	n, m  uint16 // lengths of text and out
	both  [shortenedLen]byte
}

func newShortenedTexts() shortenedTexts {
	return shortenedTexts{recent.New[shortenedText](shortenedMax)}
}

// fieldKey distinguishes fields that a plan can treat differently.
func fieldKey(f *format.Field) uint32 {
	key := uint32(f.Kind) | uint32(f.Role)<<8
	if f.Role == format.RoleOther {
		key |= uint32(f.Directive) << 16
	}
	return key
}

// find returns what is left of a text of a field, nil if that is not known, and the sum for
// put, 0 for a text that is not remembered.
func (s *shortenedTexts) find(field *format.Field, text []byte) (out []byte, sum uint64) {
	if field.Kind < format.Text || uint(len(text)-minRemembered) > shortenedLen-minRemembered || s.recent.Len() == 0 {
		return nil, 0
	}
	key := fieldKey(field)
	sum = machine.Sum(text) + uint64(key)*0x9e3779b97f4a7c15 | 1
	t := s.recent.First(sum)
	if !t.is(key, text) {
		if t = s.recent.Second(sum); !t.is(key, text) {
			return nil, sum
		}
	}
	return t.both[t.n:][:t.m], sum
}

func (t *shortenedText) is(key uint32, text []byte) bool {
	return t.field == key && string(t.both[:t.n]) == string(text)
}

// put records what is left of a text that find does not find, by find's sum.
func (s *shortenedTexts) put(field *format.Field, text, out []byte, sum uint64) {
	if len(text)+len(out) > shortenedLen {
		return
	}
	t, _ := s.recent.Put(sum)
	t.field, t.n, t.m = fieldKey(field), uint16(len(text)), uint16(len(out))
	copy(t.both[copy(t.both[:], text):], out)
}
