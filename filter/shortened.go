package filter

import (
	"hushpipe/filter/recent"
	"hushpipe/format"
	"hushpipe/format/machine"
)

// shortTexts remembers, as cleanTexts does, what treatments left of texts that come
// again and again, where nothing in that had to be replaced: the same referrers, the same
// pages. It depends on no key then, and on nothing but the text and the field. A hash,
// which does, is not remembered, nor is what is fast to compute again.
type shortTexts struct{ recent recent.Table[shortText] }

const (
	shortMax = 1 << 12 // texts have 1.5 MiB
	shortLen = 376     // an entry fills six cache lines
)

// shortText is a text and what is left of it. Both lengths are 0 in an unused entry.
type shortText struct {
	field uint32 // as fieldKey makes it
	n, m  uint16 // lengths of text and out
	both  [shortLen]byte
}

func newShortTexts() shortTexts { return shortTexts{recent.New[shortText](shortMax)} }

// fieldKey tells fields apart that a plan can treat otherwise.
func fieldKey(f *format.Field) uint32 {
	key := uint32(f.Kind) | uint32(f.Role)<<8
	if f.Role == format.RoleOther {
		key |= uint32(f.Directive) << 16
	}
	return key
}

// find returns what is left of a text of a field, nil for not known, and the sum to put it
// by, 0 for a text that is not remembered.
func (s *shortTexts) find(field *format.Field, text []byte) (out []byte, sum uint64) {
	if field.Kind < format.Text || uint(len(text)-minClean) > shortLen-minClean || s.recent.Len() == 0 {
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

func (t *shortText) is(key uint32, text []byte) bool {
	return t.field == key && string(t.both[:t.n]) == string(text)
}

// put makes known what is left of a text that find does not find, by find's sum.
func (s *shortTexts) put(field *format.Field, text, out []byte, sum uint64) {
	if len(text)+len(out) > shortLen {
		return
	}
	t, _ := s.recent.Put(sum)
	t.field, t.n, t.m = fieldKey(field), uint16(len(text)), uint16(len(out))
	copy(t.both[copy(t.both[:], text):], out)
}
