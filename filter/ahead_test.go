package filter

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/rooms"
)

// Whatever is known of their parts, lines come out as without Glance and from a
// filter that knows nothing, and each pair of room and address is recorded once.
func TestKnownLines(t *testing.T) {
	var all []string
	for _, log := range testLogs(t) {
		all = append(all, slices.Collect(strings.Lines(log))...)
	}
	for _, s := range steady {
		all = append(all, s.line+"\n")
	}
	// One client in five rooms, more than are noted of it.
	for i := range 200 {
		all = append(all, strings.Replace(steady[1].line, "petersrunde", "room"+string(rune('a'+i*i%5)), 1)+"\n")
	}
	for _, format := range []string{"auto", "combined", "common", "vhost_combined"} {
		cal := everyDay()
		known := New(newConfig(t, format), cal)
		plain := New(newConfig(t, format), cal)
		plain.glancer = nil
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
				continue // a new filter for each line takes long
			}
			fresh := New(newConfig(t, format), cal)
			fresh.glancer = nil
			alone, _ := treatOne(fresh, line, nil, nil)
			require.Equal(t, alone[0], got[i], "%s: %s", format, line)
		}
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
			records = append(records, p.Day.String()+string(r))
		}
	}
	return append(lines, made), records
}
