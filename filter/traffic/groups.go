package traffic

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"hushpipe/filter/rooms"
	"hushpipe/format"
	"hushpipe/format/trafficfile"
)

// Groups are groups of requests with a common value in the URL, such as a layer of a map,
// whose hits, errors and durations are counted. They are immutable.
type Groups struct {
	patterns []string
	matcher  *rooms.Matcher
}

// groupPlaceholder marks the name of a group in a pattern.
const groupPlaceholder = "{group}"

// NewGroups returns the Groups for patterns such as /ows?layers={group} or
// /api/{group}/items, which have the syntax of rooms.NewMatcher with {group} for {room}.
func NewGroups(patterns []string) (*Groups, error) {
	var asRooms []string
	for _, p := range patterns {
		if at := strings.Index(p, "{room}"); at >= 0 {
			return nil, fmt.Errorf("group %q, column %d: the only placeholder is {group}", p, at+1)
		}
		asRooms = append(asRooms, strings.Replace(p, groupPlaceholder, "{room}", 1))
	}
	m, err := rooms.NewMatcher(nil, asRooms)
	if wrong := (*rooms.PatternError)(nil); errors.As(err, &wrong) {
		pattern := strings.Replace(wrong.Pattern, "{room}", groupPlaceholder, 1)
		column := wrong.Column
		if at := strings.Index(wrong.Pattern, "{room}"); at >= 0 && column > at+1 {
			column += len(groupPlaceholder) - len("{room}")
		}
		reason := strings.NewReplacer("{room}", groupPlaceholder, "a room", "a group", "the room", "the group", "/call/", "/api/").Replace(wrong.Reason)
		return nil, fmt.Errorf("group %q, column %d: %s", pattern, column, reason)
	}
	if err != nil {
		return nil, err
	}
	return &Groups{slices.Clone(patterns), m}, nil
}

// String returns the patterns for the options in a day's file.
func (g *Groups) String() string { return strings.Join(g.patterns, ",") }

// maxGroups is how many groups are shown by name for a day.
const maxGroups = 1000

// countGroup counts a hit under its group, if it has one. Only people's networks count for
// showing a group by name.
func (c *Counter) countGroup(d *Delta, h *Hit, v *Visitors, who *agentFact, robot bool) {
	c.requests.splitRequest(h)
	var m rooms.Match
	if !c.opt.Groups.matcher.Match(h.Request.Target, 0, &m) {
		return
	}
	n := d.string(stringGroup, c.requests.keptValue(m.Room))
	s := sums{1, h.Micros, 0, 0}
	switch h.Status / 100 {
	case 4:
		s[2] = 1
	case 5:
		s[3] = 1
	}
	d.cells.at(cellOf(kindGroup, n, 0)).add(&s)
	if h.Timed {
		d.cells.at(cellOf(kindTime, n, stepOf(h.Micros)))[0]++
	}
	if h.HasClient && !robot {
		d.cells.at(cellOf(kindNetwork, n, v.of(c, h, who).network))
	}
}

// keptValue returns a value in a URL as it may be kept, valid until the next call. It is not
// a path: a slash is part of the name.
func (r *requests) keptValue(value []byte) []byte {
	r.kept = appendDecoded(r.kept[:0], value)
	return keptName(r.kept, !r.rules.Secrets)
}

// keptName returns the part of a decoded name that may be kept, nil for one counted under
// other.
func keptName(name []byte, mask bool) []byte {
	if mask && looksSecret(name) || string(name) == trafficfile.Other {
		return nil
	}
	if len(name) > maxPath {
		name = append(name[:maxPath-1], '*')
		if mask && looksSecret(name) { // truncation can make it look like a token, or hide that it is an address
			return nil
		}
	}
	return name
}

// steps are the upper bounds of duration classes in microseconds, four per doubling, from 64
// µs to an hour. The last class also has anything longer.
var steps = func() (list []uint64) {
	for i := 0; ; i++ {
		most := uint64(math.Round(64 * math.Pow(2, float64(i)/4)))
		list = append(list, most)
		if most >= 3_600_000_000 {
			return list
		}
	}
}()

// stepOf returns the index of the first step that is not below micros.
func stepOf(micros uint64) uint32 {
	if micros <= steps[0] {
		return 0
	}
	// Each doubling has four steps: start at the power of two below.
	at := min(4*(bits.Len64(micros-1)-7), len(steps)-1)
	for at < len(steps)-1 && steps[at] < micros {
		at++
	}
	return uint32(at)
}

// timeKey returns the key of a step of a group: the upper bound in microseconds, and the
// name.
func timeKey(step uint32, name string) string {
	return strconv.FormatUint(steps[min(int(step), len(steps)-1)], 10) + " " + name
}

// unit is the unit of a duration.
type unit uint8

const (
	unitByForm unit = iota // seconds if it has a decimal point, else microseconds
	seconds                // %T
	millis
	micros // %D
)

// unitsOf returns the units of a format's directives.
func unitsOf(p format.Parser) (units []unit) {
	known, ok := p.(interface{ Directives() []string })
	if !ok {
		return nil
	}
	for _, d := range known.Directives() {
		switch {
		case strings.HasSuffix(d, "D"):
			units = append(units, micros)
		case strings.HasSuffix(d, "{us}T"):
			units = append(units, micros)
		case strings.HasSuffix(d, "{ms}T"):
			units = append(units, millis)
		case strings.HasSuffix(d, "T"):
			units = append(units, seconds)
		default:
			units = append(units, unitByForm)
		}
	}
	return units
}

// maxMicros, eleven days, is longer than any request, and keeps sums within 64 bits.
const maxMicros = 1e12

// duration parses a duration: digits, a decimal point, and an exponent as Caddy may write
// it. It returns false for other texts.
func duration(text []byte, u unit) (uint64, bool) {
	n, places, exponent, digits, point := 0.0, 0, 0, 0, false
	for i, c := range text {
		switch {
		case isDigit(c) && digits < 18:
			n = 10*n + float64(c-'0')
			digits++
			if point {
				places++
			}
		case c == '.' && !point:
			point = true
		case (c == 'e' || c == 'E') && digits > 0:
			e, err := strconv.Atoi(string(text[i+1 : min(len(text), i+5)]))
			if err != nil || i+5 < len(text) {
				return 0, false
			}
			exponent, point = e, true
			return scaled(n, exponent-places, u, point)
		default:
			return 0, false
		}
	}
	if digits == 0 {
		return 0, false
	}
	return scaled(n, -places, u, point)
}

func scaled(n float64, exponent int, u unit, point bool) (uint64, bool) {
	switch {
	case u == seconds, u == unitByForm && point:
		exponent += 6
	case u == millis:
		exponent += 3
	}
	n *= math.Pow10(exponent)
	if !(n >= 0 && n <= maxMicros) {
		return 0, false
	}
	return uint64(math.Round(n)), true
}
