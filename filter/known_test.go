package filter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/rooms"
)

// Whatever is cached of their parts, lines are treated as without ParseFast and without caches,
// and each pair of room and address is recorded once.
func TestKnownLines(t *testing.T) {
	t.Parallel()
	var all []string
	for _, log := range recordedLogs(t) {
		all = append(all, slices.Collect(strings.Lines(log))...)
	}
	for _, s := range steady {
		all = append(all, s.line+"\n")
	}
	// One client in five rooms, more than its cache entry notes.
	for i := range 200 {
		all = append(all, strings.Replace(steady[1].line, "petersrunde", "room"+string(rune('a'+i*i%5)), 1)+"\n")
	}
	for _, format := range []string{"auto", "combined", "common", "vhost_combined"} {
		cal := everyDay()
		known := New(newConfig(t, format), cal)
		plain := New(newConfig(t, format), cal)
		withoutMemory(plain)
		var got, want, gotRecords, wantRecords []string
		for range 3 {
			for _, line := range all {
				got, gotRecords = treatOne(known, line, got, gotRecords)
				want, wantRecords = treatOne(plain, line, want, wantRecords)
			}
		}
		require.Equal(t, want, got, format)
		assert.Equal(t, plain.Stats(), known.Stats(), format)
		assert.Equal(t, wantRecords, gotRecords, format)
		assert.Len(t, slices.Compact(slices.Sorted(slices.Values(gotRecords))), len(gotRecords), format)

		for i, line := range all {
			if i%50 > 0 && i < len(all)-len(steady)-200 {
				continue // a new filter for each line is slow
			}
			fresh := New(newConfig(t, format), cal)
			withoutMemory(fresh)
			alone, _ := treatOne(fresh, line, nil, nil)
			require.Equal(t, alone[0], got[i], "%s: %s", format, line)
		}
	}
}

// The same holds while texts constantly replace others in the caches: the same bytes as a
// request and as a header, with and without something to replace.
func TestForgottenLines(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	header := func() string {
		switch r.IntN(5) {
		case 0:
			return fmt.Sprintf("Chrome/124.0.%d.1", r.IntN(256)) // unchanged only as a user agent
		case 1:
			return fmt.Sprintf("GET /http-bind?room=r%d HTTP/1.1", r.IntN(30))
		case 2:
			return fmt.Sprintf("for 192.0.2.%d", r.IntN(256))
		case 3:
			return strings.Repeat("x", r.IntN(unchangedLen+20))
		}
		return fmt.Sprintf("Mozilla/%d", r.IntN(2*unchangedMax))
	}
	for _, format := range []string{"auto", "combined", `%h %l %u %t "%r" %>s %b "%{THE_REQUEST}e" "%{User-Agent}i"`} {
		cal := everyDay()
		known, plain := New(newConfig(t, format), cal), New(newConfig(t, format), cal)
		withoutMemory(plain)
		for n := range 1500 {
			var log strings.Builder
			for range 1 + r.IntN(40) {
				request := header()
				if r.IntN(2) == 0 {
					request = fmt.Sprintf("GET /http-bind?room=r%d&x=%d HTTP/1.1", r.IntN(30), r.IntN(2*unchangedMax))
				}
				fmt.Fprintf(&log, "192.0.%d.%d - - [%d/Nov/2026:07:23:55 +0000] \"%s\" %d 5 \"%s\" \"%s\"\n",
					r.IntN(4), r.IntN(256), 20+r.IntN(3), request, 200+204*r.IntN(2), header(), header())
			}
			got, gotRecords := treatOne(known, log.String(), nil, nil)
			want, wantRecords := treatOne(plain, log.String(), nil, nil)
			require.Equal(t, want, got, format)
			require.Equal(t, wantRecords, gotRecords, format)
			if n%100 == 0 {
				fresh, _ := treatOne(New(newConfig(t, format), cal), log.String(), nil, nil)
				require.Equal(t, fresh, got, format)
			}
		}
		assert.Equal(t, plain.Stats(), known.Stats(), format)
	}
}

func treatOne(f *Filter, line string, lines, records []string) ([]string, []string) {
	var b Batch
	b.Reset()
	f.renew()
	f.treatLines(&b, []byte(line))
	made := ""
	for i := range b.Parts {
		p := &b.Parts[i]
		made += string(p.Lines)
		for r := range slices.Chunk(p.Records, rooms.RecordSize) {
			r = slices.Clone(r)
			if [12]byte(r) == [12]byte{} {
				clear(r[12:20]) // the id of a Counts is random
			}
			records = append(records, p.Day.String()+string(r))
		}
	}
	return append(lines, made), records
}
