package calendar

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bounds are upper bounds on what is kept, beside a Period. The first that is reached
// deletes. The zero Bounds are none.
type Bounds struct {
	Entries int // lines, ≥ MinEntries; 0: no bound

	// Loose tells that the Period is no bound that was asked for: it is only longer than
	// the others let lines live.
	Loose bool

	// Former is the period of lines that stand in no segment, 0 for none: they were
	// written when there was no bound in entries.
	Former Period

	// Shared tells that other directories have lines under the same keys: these go by
	// their period alone.
	Shared bool
}

// MinEntries is the least bound in entries: of as many segments.
const MinEntries = segments

// segments is in how many files the lines stand that are bounded in number.
const segments = 20

// SegmentSize is how many lines a segment has.
func (b Bounds) SegmentSize() int { return b.Entries / segments }

// IsZero reports whether there are no bounds.
func (b Bounds) IsZero() bool { return b == Bounds{} }

// With returns the bounds and a period as people write them, separated by commas.
func (b Bounds) With(keep Period) string {
	var list []string
	if b.Entries > 0 {
		list = append(list, strconv.Itoa(b.Entries)+" entries")
	}
	if !b.Loose {
		list = append(list, keep.String())
	}
	return strings.Join(list, ", ")
}

// AppendText appends the bounds as ParseBounds reads them, each in a line of its own.
func (b Bounds) AppendText(dst []byte) []byte {
	if b.Entries > 0 {
		dst = fmt.Appendf(dst, "entries %d\n", b.Entries)
	}
	if b.Loose {
		dst = append(dst, "period loose\n"...)
	}
	if b.Former > 0 {
		dst = fmt.Appendf(dst, "former %s\n", b.Former)
	}
	if b.Shared {
		dst = append(dst, "keys shared\n"...)
	}
	return dst
}

// ErrBounds is returned for a text that is no bounds.
var ErrBounds = errors.New("contains no bounds; hint: remove it, the next start writes it anew")

// ParseBounds reads what AppendText has written. Beside an error it returns the bounds
// that could be read.
func ParseBounds(text []byte) (b Bounds, err error) {
	for line := range bytes.Lines(text) {
		word, value, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		var wrong error
		switch word {
		case "entries":
			b.Entries, wrong = strconv.Atoi(value)
			if b.Entries < MinEntries {
				b.Entries, wrong = 0, ErrBounds
			}
		case "period":
			b.Loose = value == "loose"
		case "former":
			b.Former, wrong = ParsePeriod(value)
		case "keys":
			b.Shared = value == "shared"
		default:
			wrong = ErrBounds
		}
		if wrong != nil {
			err = ErrBounds
		}
	}
	return b, err
}
