package traffic_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/country"
	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
	"hushpipe/format/trafficfile"
)

const countriesFile = "../country/testdata/countries.mmdb"

func countries(t testing.TB) *country.Database {
	d, err := country.Open(countriesFile)
	require.NoError(t, err)
	return d
}

var clientOf = map[string]string{"DE": "192.0.2.%d", "AT": "198.51.100.%d", "CH": "198.51.100.20%d", "FR": "203.0.113.%d", "NO": "2001:db8:%d::1", "": "172.16.0.%d"}

// fromCountries returns pages of as many visitors.
func fromCountries(visitors map[string]int) (lines [][]byte) {
	for code, n := range visitors {
		for i := range n {
			lines = append(lines, fmt.Appendf(nil, `%s - - [10/Mar/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 100 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`, fmt.Sprintf(clientOf[code], i)))
		}
	}
	return lines
}

func countryCells(d trafficfile.Day) (list []string) {
	for _, c := range d.Cells {
		if c.Kind == "country" {
			list = append(list, fmt.Sprint(c.Key, c.Numbers))
		}
	}
	return list
}

// TestCountries: a country is shown by name from five visitors on. A smaller one is never
// alone in other, if another can join it: alone, it would be identified by its visitors.
func TestCountries(t *testing.T) {
	day := civil.NewDay(2026, 3, 10)
	for _, test := range []struct {
		visitors map[string]int
		want     []string
	}{
		{map[string]int{"DE": 9, "AT": 6}, []string{"AT[6 6 600 6]", "DE[9 9 900 9]"}},
		{map[string]int{"DE": 9, "AT": 4, "NO": 1}, []string{"DE[9 9 900 9]", "other[5 5 500 5]"}},
		{map[string]int{"DE": 9, "AT": 8, "NO": 4}, []string{"DE[9 9 900 9]", "other[12 12 1200 12]"}},
		{map[string]int{"DE": 7, "AT": 7, "NO": 4}, []string{"DE[7 7 700 7]", "other[11 11 1100 11]"}},
		{map[string]int{"DE": 9, "NO": 4}, []string{"other[13 13 1300 13]"}},
		{map[string]int{"NO": 4}, []string{"other[4 4 400 4]"}},
		{map[string]int{"DE": 9, "": 1}, []string{"DE[9 9 900 9]", "unknown[1 1 100 1]"}},
		{map[string]int{"DE": 9, "AT": 8, "NO": 1, "": 1}, []string{"DE[9 9 900 9]", "other[9 9 900 9]", "unknown[1 1 100 1]"}},
	} {
		opt := traffic.Defaults()
		opt.Countries = countries(t)
		assert.Equal(t, test.want, countryCells(count(t, opt, fromCountries(test.visitors))[day]), test.visitors)
	}
	opt := traffic.Defaults()
	assert.Empty(t, countryCells(count(t, opt, fromCountries(map[string]int{"DE": 9}))[day]), "nobody asked")
	opt.Countries = country.Named("yes")
	assert.Equal(t, []string{"unknown[9 9 900 9]"}, countryCells(count(t, opt, fromCountries(map[string]int{"DE": 9}))[day]), "there is no file")
}

// TestCountryOf: robots have no country, other hits than pages have one, and clients without
// an address have none.
func TestCountryOf(t *testing.T) {
	line := func(client, target, agent string) []byte {
		return fmt.Appendf(nil, `%s - - [10/Mar/2026:08:00:00 +0000] "GET %s HTTP/1.1" 200 100 "-" "%s"`, client, target, agent)
	}
	const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	opt := traffic.Defaults()
	opt.Countries = countries(t)
	lines := append(fromCountries(map[string]int{"DE": 5}),
		line("192.0.2.1", "/a.css", browser), line("192.0.2.1", "/", "curl/8"),
		line("2002:c000:0201::1", "/", browser), // 6to4 of 192.0.2.1: the same visitor
		line("host.example.org", "/", browser))
	assert.Equal(t, []string{"DE[6 7 700 5]", "unknown[1 1 100 0]"}, countryCells(count(t, opt, lines)[civil.NewDay(2026, 3, 10)]))
}

// TestReplacedCountries: a client that was seen before is looked up in the next file, too.
func TestReplacedCountries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.mmdb")
	opt := traffic.Defaults()
	var err error
	opt.Countries, err = country.Open(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	r := newReading(t, opt)
	d := r.counter.NewDelta()
	lines := fromCountries(map[string]int{"DE": 5})
	for i := range 4 {
		for _, line := range lines {
			r.count(line, func(civil.Day) *traffic.Delta { return d })
		}
		switch i {
		case 0:
			text, err := os.ReadFile(countriesFile)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, text, 0o600))
		case 1:
			require.NoError(t, os.Truncate(path, 1000))
		}
		opt.Countries.Refresh()
	}
	day := traffic.NewDay(opt)
	require.NoError(t, day.Add(d.AppendTo(nil)))
	assert.Equal(t, []string{"DE[5 5 500 5]", "unknown[15 15 1500 0]"}, countryCells(day.Figures(1, traffic.Names{})))
}

// TestCountryOptions: the day's file records the database, and both options for a day
// counted with and without one.
func TestCountryOptions(t *testing.T) {
	with, without := traffic.Defaults(), traffic.Defaults()
	with.Countries = countries(t)
	assert.Contains(t, with.String(), " country=Test-Country")
	assert.NotContains(t, without.String(), "country")
	read, ok := traffic.ParseOptions(with.Record())
	require.True(t, ok)
	assert.Equal(t, with.String(), read.String())
	assert.NotEqual(t, with.Record(), without.Record())
	for _, all := range [][]traffic.Options{{with, without}, {without, with}} {
		mixed := traffic.Mix(all)
		assert.Equal(t, without.String()+" and "+with.String(), mixed.String())
		assert.NotNil(t, mixed.Countries)
	}
	assert.False(t, bytes.Contains(with.Record(), []byte(countriesFile)))
}
