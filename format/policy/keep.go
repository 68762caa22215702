package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// Keep is the retention of a stream: upper bounds that all apply. Without a bound, no line is
// written.
type Keep []Bound

// Bound is one upper bound.
type Bound struct {
	Kind BoundKind
	N    int // ≥ 1, in days, hours or entries
}

// BoundKind is a kind of Bound.
type BoundKind uint8

const (
	Days     BoundKind = iota // "14d": whole days, today included
	Workdays                  // "24h of workdays": hours, not counting days off
	Entries                   // "10000 entries"
	Settling                  // "90d after settling"
)

// Limits of N.
const (
	maxDays    = 36500 // as in --keep
	maxHours   = 8760
	minEntries = 20
	maxEntries = 1_000_000
)

// None reports whether no line is kept.
func (k Keep) None() bool { return len(k) == 0 }

// Of returns N of the bound of that kind, and whether there is one.
func (k Keep) Of(kind BoundKind) (int, bool) {
	for _, b := range k {
		if b.Kind == kind {
			return b.N, true
		}
	}
	return 0, false
}

// String returns the bounds in the file's syntax.
func (k Keep) String() string {
	if k.None() {
		return "none"
	}
	var list []string
	for _, b := range k {
		list = append(list, b.String())
	}
	return strings.Join(list, ", ")
}

// String returns the bound in the file's syntax.
func (b Bound) String() string {
	return strconv.Itoa(b.N) + [...]string{Days: "d", Workdays: "h of workdays", Entries: " entries", Settling: "d after settling"}[b.Kind]
}

const keepHint = `give "14d", "24h of workdays", "10000 entries", "90d after settling, 400d" or "none"`

// parseKeep parses bounds, separated by commas.
func parseKeep(text string) (Keep, *mistake) {
	if text == "none" {
		return nil, nil
	}
	var keep Keep
	for part := range strings.SplitSeq(text, ",") {
		b, m := parseBound(strings.TrimSpace(part))
		if m != nil {
			return nil, m
		}
		if _, twice := keep.Of(b.Kind); twice {
			return nil, &mistake{fmt.Sprintf("%q has two bounds of one kind", text), "give the smaller one alone"}
		}
		keep = append(keep, b)
	}
	if _, settling := keep.Of(Settling); settling && len(keep) == 1 {
		return nil, &mistake{fmt.Sprintf("%q has no end where nobody settles", text), fmt.Sprintf(`give a second bound, as in "%s, 400d"`, text)}
	}
	return keep, nil
}

func parseBound(text string) (Bound, *mistake) {
	digits := strings.TrimLeft(text, "0123456789")
	number := text[:len(text)-len(digits)]
	n, err := strconv.Atoi(number)
	var b Bound
	least, most := 1, maxDays
	switch strings.Join(strings.Fields(digits), " ") {
	case "d":
		b.Kind = Days
	case "d after settling":
		b.Kind = Settling
	case "h of workdays":
		b.Kind, most = Workdays, maxHours
	case "entries":
		b.Kind, least, most = Entries, minEntries, maxEntries
	case "none":
		return b, &mistake{`"none" excludes other bounds`, `give "none" alone: no line is kept`}
	default:
		return b, &mistake{fmt.Sprintf("%q is not a bound", text), keepHint}
	}
	if number == "" {
		return b, &mistake{fmt.Sprintf("%q is not a bound", text), keepHint}
	}
	if err != nil || n < least || n > most {
		return b, &mistake{fmt.Sprintf("%q is out of range", text), fmt.Sprintf("give %d to %d", least, most)}
	}
	b.N = n
	return b, nil
}

// mistake is an invalid value's error and a hint.
type mistake struct{ what, hint string }
