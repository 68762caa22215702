package rooms

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// appendNFKC appends text in Unicode's NFKC, like JavaScript's normalize. Package norm also
// makes text "stream-safe": after 30 combining marks in a row it inserts U+034F (UAX #15,
// section 13), which no other implementation does.
func appendNFKC(dst, text []byte) []byte {
	start := len(dst)
	dst = norm.NFKC.Append(dst, text...)
	joiner := []byte(norm.GraphemeJoiner)
	if bytes.Count(dst[start:], joiner) == bytes.Count(text, joiner) {
		return dst
	}
	return appendPlainNFKC(dst[:start], text)
}

// appendPlainNFKC is appendNFKC by the definition (UAX #15, section 1.3). It is only for
// names, since it allocates per character. Bytes that are not UTF-8 stay.
func appendPlainNFKC(dst, text []byte) []byte {
	var chars []char
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			dst = appendComposed(dst, chars)
			dst, chars = append(dst, text[0]), chars[:0]
		} else {
			for _, r := range string(norm.NFKD.Bytes(text[:size])) {
				chars = append(chars, char{r, norm.NFKD.PropertiesString(string(r)).CCC()})
			}
		}
		text = text[size:]
	}
	return appendComposed(dst, chars)
}

// char is a decomposed character and its canonical combining class.
type char struct {
	r   rune
	ccc uint8
}

// appendComposed puts decomposed characters into canonical order, composes and appends them.
func appendComposed(dst []byte, chars []char) []byte {
	for i := 0; i < len(chars); {
		end := i + 1
		for end < len(chars) && chars[end].ccc > 0 {
			end++
		}
		marks := chars[i:end]
		if marks[0].ccc == 0 {
			marks = marks[1:]
		}
		slices.SortStableFunc(marks, func(a, b char) int { return int(a.ccc) - int(b.ccc) })
		i = end
	}
	var composed []char
	starter := -1
	for _, c := range chars {
		last := len(composed) - 1
		blocked := starter < 0 || starter < last && composed[last].ccc >= c.ccc
		if !blocked {
			if r, ok := composite(composed[starter].r, c.r); ok {
				composed[starter].r = r
				continue
			}
		}
		if c.ccc == 0 {
			starter = len(composed)
		}
		composed = append(composed, c)
	}
	for _, c := range composed {
		dst = utf8.AppendRune(dst, c.r)
	}
	return dst
}

// composite returns the composition of two characters, if there is one. In canonical order
// the second one never moves before a part of the first.
func composite(a, b rune) (rune, bool) {
	pair := norm.NFC.String(string([]rune{a, b}))
	r, size := utf8.DecodeRuneInString(pair)
	return r, size == len(pair)
}
