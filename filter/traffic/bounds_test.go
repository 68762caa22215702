package traffic_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
	"hushpipe/format/trafficfile"
)

// TestInventedPaths: a client that requests more paths than are shown by name cannot choose
// which of the site's own are counted under other, and none shown on an earlier day is.
func TestInventedPaths(t *testing.T) {
	second := 0
	line := func(network int, target string) []byte {
		second++ // within one of them the entry is decided by names
		return fmt.Appendf(nil, `10.0.%d.1 - - [10/Mar/2026:08:%02d:%02d +0000] "GET %s HTTP/1.1" 200 100 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`, network, second/60, second%60, target)
	}
	opt := traffic.Defaults()
	opt.MaxNames = 50
	var invented, own [][]byte
	for i := range 300 {
		invented = append(invented, line(99, fmt.Sprintf("/invented/%c%c%c", 'a'+i/26/26, 'a'+i/26%26, 'a'+i%26)))
	}
	for i := range 20 {
		for network := range 5 {
			own = append(own, line(network, fmt.Sprintf("/own/%c", 'a'+i)))
		}
	}
	day := civil.NewDay(2026, 3, 10)
	file := func(seed uint64, earlier traffic.Names, lines [][]byte) string {
		d := traffic.NewDay(opt)
		d.Prefer(seed, earlier)
		read := newReading(t, opt)
		for len(lines) > 0 {
			n := min(40, len(lines))
			delta := read.counter.NewDelta()
			for _, l := range lines[:n] {
				read.count(l, func(civil.Day) *traffic.Delta { return delta })
			}
			require.NoError(t, d.Add(delta.AppendTo(nil)))
			lines = lines[n:]
		}
		return string(trafficfile.Append(nil, d.Figures(day, traffic.Names{})))
	}
	before := append(append([][]byte{}, invented...), own...)
	behind := append(append([][]byte{}, own...), invented...)
	stand := map[int]bool{}
	for seed := range uint64(8) {
		text := file(seed, traffic.Names{}, before)
		assert.Equal(t, text, file(seed, traffic.Names{}, behind), "the order does not matter")
		assert.Contains(t, text, "total 400 400 ")
		some := 0
		for i := range 20 {
			if strings.Contains(text, fmt.Sprintf(" /own/%c\n", 'a'+i)) {
				stand[i] = true
				some++
			}
		}
		assert.Less(t, some, 20)
	}
	assert.Greater(t, len(stand), 8, "each key chooses others")

	earlier := traffic.Names{}
	for i := range 20 {
		earlier.Add(fmt.Sprintf("/own/%c", 'a'+i))
	}
	for _, lines := range [][][]byte{before, behind} {
		text := file(1, earlier, lines)
		for i := range 20 {
			assert.Contains(t, text, fmt.Sprintf(" /own/%c\n", 'a'+i))
		}
	}
}

// TestManyEarlierNames: if more strings stay shown than the limit, the tables are not
// rebuilt with each record.
func TestManyEarlierNames(t *testing.T) {
	opt := traffic.Defaults()
	opt.MaxNames = 50
	earlier := traffic.Names{}
	read := newReading(t, opt)
	delta := read.counter.NewDelta()
	record := func(paths, from int) []byte {
		delta.Empty()
		for i := range paths {
			path := fmt.Sprintf("/own/%c%c", 'a'+(from+i)/26, 'a'+(from+i)%26)
			earlier.Add(path)
			read.count(fmt.Appendf(nil, `10.0.1.1 - - [10/Mar/2026:08:00:00 +0000] "GET %s HTTP/1.1" 200 100 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`, path),
				func(civil.Day) *traffic.Delta { return delta })
		}
		return delta.AppendTo(nil)
	}
	all, one := record(150, 0), record(1, 7)
	d := traffic.NewDay(opt)
	d.Prefer(1, earlier)
	require.NoError(t, d.Add(all))
	assert.Zero(t, testing.AllocsPerRun(10, func() { _ = d.Add(one) }))
	require.NoError(t, d.Add(record(26*26-150, 150)))
	text := string(trafficfile.Append(nil, d.Figures(civil.NewDay(2026, 3, 10), traffic.Names{})))
	assert.Contains(t, text, "total 687 687 ")
}

// TestSumsPastBounds: strings past a bound are counted under other: the sums of pages,
// sites, missing paths and groups stay.
func TestSumsPastBounds(t *testing.T) {
	opt := traffic.Defaults()
	opt.MaxNames, opt.MinGroup, opt.Groups = 20, 3, groups(t, "/ows?layers={group}")
	var lines [][]byte
	for i := range 600 {
		word := fmt.Sprintf("%c%c", 'a'+i/3%26, 'a'+i/3/26)
		target, status := []string{"/page/" + word, "/ows?layers=" + word}[i/300], 200
		if i/3%4 == 0 {
			target, status = "/gone/"+word, 404
		}
		lines = append(lines, fmt.Appendf(nil, `10.0.%d.1 - - [10/Mar/2026:08:00:00 +0000] "GET %s HTTP/1.1" %d 100 "https://%s.example.net/" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`, i%3, target, status, word))
	}
	cells := count(t, opt, lines)[civil.NewDay(2026, 3, 10)].Cells
	sum := map[string]uint64{}
	names := map[string]int{}
	for _, c := range cells {
		sum[c.Kind] += c.Numbers[0]
		names[c.Kind]++
	}
	people := cellOf(cells, "total", "people")
	assert.EqualValues(t, 600, people[1])
	assert.Equal(t, people[0], sum["page"])
	assert.Equal(t, people[0], sum["from"])
	assert.Equal(t, cellOf(cells, "status", "404")[0], sum["missing"])
	assert.EqualValues(t, 225, sum["group"], "but for the 75 that are not there")
	for _, kind := range []string{"page", "from", "missing", "group"} {
		assert.Greater(t, names[kind], 1, kind)
		assert.LessOrEqual(t, names[kind], 22, kind)
	}
}

// TestInventedAgents: a client that sends many user agents counts as many visitors, but
// alone makes neither a browser nor a system nor a country shown by name.
func TestInventedAgents(t *testing.T) {
	opt := traffic.Defaults()
	opt.Countries = countries(t)
	named := func(addresses, agents int) (list []string) {
		var lines [][]byte
		for address := range addresses {
			for version := range agents {
				lines = append(lines, fmt.Appendf(nil, `192.0.2.%d - - [10/Mar/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 100 "-" "Mozilla/5.0 (X11; Haiku x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Epiphany/%d"`, address, version))
			}
		}
		for _, c := range count(t, opt, lines)[civil.NewDay(2026, 3, 10)].Cells {
			if c.Kind == "browser" || c.Kind == "system" || c.Kind == "country" {
				list = append(list, fmt.Sprint(c.Kind, " ", c.Key, " ", c.Numbers[3]))
			}
		}
		return list
	}
	assert.Equal(t, []string{"browser other 9", "country other 9", "system other 9"}, named(1, 9))
	assert.Equal(t, []string{"browser other 8", "country other 8", "system other 8"}, named(4, 2))
	assert.Equal(t, []string{"browser GNOME Web 5", "country DE 5", "system Haiku 5"}, named(5, 1))
}
