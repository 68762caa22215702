package calendar

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hushpipe/format/civil"
)

// Bounds are upper bounds on what is kept, beside a Period. The first that is reached
// deletes. The zero Bounds are none.
type Bounds struct {
	Entries int // lines, ≥ MinEntries; 0: no bound
	Hours   int // of days that are not Off, from the beginning of a line's hour; 0: no bound
	Off     DaysOff

	After   Period      // whole days after the first of Settled that is not before a line's; 0: no bound
	Settled []civil.Day // ascending

	// PeriodImplied tells that the Period is not a bound that was asked for: it is only longer than
	// the others let lines live.
	PeriodImplied bool

	// FormerPeriod is the period of lines that stand in no segment, 0 for none: they were
	// written when there was no bound in entries.
	FormerPeriod Period

	// Shared tells that other directories have lines under the same keys: these go by
	// their period alone.
	Shared bool
}

// MinEntries is the least bound in entries: of as many segments.
const MinEntries = segments

// segments is in how many files the lines stand that are bounded in number.
const segments = 20

// HasSettled reports whether the lines of a day have settled long enough ago, as of today.
func (b Bounds) HasSettled(day, today civil.Day) bool {
	i, _ := slices.BinarySearch(b.Settled, day)
	return b.After > 0 && i < len(b.Settled) && b.Settled[i] < b.After.First(today)
}

// SegmentSize is how many lines a segment has.
func (b Bounds) SegmentSize() int { return b.Entries / segments }

// IsZero reports whether there are no bounds.
func (b Bounds) IsZero() bool { return len(b.AppendText(nil)) == 0 }

// With returns the bounds and a period as people write them, separated by commas.
func (b Bounds) With(keep Period) string {
	var list []string
	if b.Entries > 0 {
		list = append(list, strconv.Itoa(b.Entries)+" entries")
	}
	if b.Hours > 0 {
		list = append(list, strconv.Itoa(b.Hours)+"h of workdays")
	}
	if b.After > 0 {
		list = append(list, b.After.String()+" after settling")
	}
	if !b.PeriodImplied {
		list = append(list, keep.String())
	}
	return strings.Join(list, ", ")
}

// AppendText appends the bounds as ParseBounds reads them, each in a line of its own.
func (b Bounds) AppendText(dst []byte) []byte {
	if b.Entries > 0 {
		dst = fmt.Appendf(dst, "entries %d\n", b.Entries)
	}
	if b.Hours > 0 {
		dst = fmt.Appendf(dst, "hours %d\noff %s", b.Hours, cmp.Or(b.Off.Calendar, noCalendar))
		dst = append(appendDays(dst, b.Off.Holidays), '\n')
	}
	if b.After > 0 {
		dst = fmt.Appendf(dst, "after %s\nsettled", b.After)
		dst = append(appendDays(dst, b.Settled), '\n')
	}
	if b.PeriodImplied {
		dst = append(dst, "period loose\n"...)
	}
	if b.FormerPeriod > 0 {
		dst = fmt.Appendf(dst, "former %s\n", b.FormerPeriod)
	}
	if b.Shared {
		dst = append(dst, "keys shared\n"...)
	}
	return dst
}

// ErrBounds is returned for a text that is not a bounds.
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
		case "hours":
			if b.Hours, wrong = strconv.Atoi(value); b.Hours < 1 {
				b.Hours, wrong = 0, ErrBounds
			}
		case "off":
			var days string
			b.Off.Calendar, days, _ = strings.Cut(value, " ")
			if b.Off.Calendar == noCalendar {
				b.Off.Calendar = ""
			} else if !b.Off.isKnown() {
				wrong = ErrBounds // what is no day off deletes earlier
			}
			if wrongDays := parseDays(days, &b.Off.Holidays); wrongDays != nil {
				wrong = wrongDays
			}
		case "after":
			b.After, wrong = ParsePeriod(value)
		case "settled":
			wrong = parseDays(value, &b.Settled)
		case "period":
			b.PeriodImplied = value == "loose"
		case "former":
			b.FormerPeriod, wrong = ParsePeriod(value)
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

// noCalendar stands for weekends alone.
const noCalendar = "-"

func appendDays(dst []byte, days []civil.Day) []byte {
	for _, day := range days {
		dst = day.AppendTo(append(dst, ' '))
	}
	return dst
}

func parseDays(text string, days *[]civil.Day) error {
	for _, word := range strings.Fields(text) {
		day, ok := civil.ParseDay(word)
		if !ok {
			return ErrBounds
		}
		*days = append(*days, day)
	}
	return nil
}
