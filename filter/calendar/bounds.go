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

// Bounds are limits on what is kept, in addition to a Period. The first one reached deletes.
// The zero Bounds have none.
type Bounds struct {
	Entries int // lines, at least MinEntries; 0: no bound
	Hours   int // hours of workdays from the beginning of a line's hour; 0: no bound
	Off     DaysOff

	After   Period      // whole days after the first day in Settled that is not before the line's; 0: no bound
	Settled []civil.Day // ascending

	// PeriodImplied is set if the Period was not requested: it is only an upper limit of how
	// long the other bounds let lines live.
	PeriodImplied bool

	// FormerPeriod is the period of lines that are not in segments, 0 for none: they were
	// written before there was a bound in entries.
	FormerPeriod Period

	// Shared is set if other directories have lines under the same keys: the keys expire by
	// their period alone.
	Shared bool
}

// MinEntries is the smallest bound in entries: one line per segment.
const MinEntries = segments

// segments is the number of files that lines with a bound in entries are spread over.
const segments = 20

// HasSettled reports whether the lines of a day are past the bound After, as of today.
func (b Bounds) HasSettled(day, today civil.Day) bool {
	i, _ := slices.BinarySearch(b.Settled, day)
	return b.After > 0 && i < len(b.Settled) && b.Settled[i] < b.After.First(today)
}

// SegmentSize returns the number of lines in a segment.
func (b Bounds) SegmentSize() int { return b.Entries / segments }

// IsZero reports whether there are no bounds.
func (b Bounds) IsZero() bool { return len(b.AppendText(nil)) == 0 }

// With returns the bounds and a period as text for people, separated by commas.
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

// AppendText appends the bounds in the format of ParseBounds, one per line.
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

// ErrBounds is returned for a text that is not valid bounds.
var ErrBounds = errors.New("contains no bounds; hint: remove it, the next start writes it anew")

// ParseBounds parses the output of AppendText. With an error it returns the bounds that
// could be read.
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
				wrong = ErrBounds // with unknown holidays, lines are deleted earlier
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

// noCalendar means weekends only.
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
