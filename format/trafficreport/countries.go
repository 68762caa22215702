package trafficreport

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

	"hushpipe/format/report"
	"hushpipe/format/trafficfile"
)

// countryList has a country in each line: its two letters, and its names in English, German
// and Norwegian by CLDR. The package of these names is forty times as large.
//
//go:embed countries.txt
var countryList string

// countryNames are those of countryList by their letters.
var countryNames = sync.OnceValue(func() map[string][]string {
	names := map[string][]string{}
	for line := range strings.Lines(countryList) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		names[fields[0]] = fields[1:]
	}
	return names
})

// country returns the name of a country.
func country(code string, l *report.Language) string {
	switch code {
	case trafficfile.Other:
		return word(l, "other countries")
	case "unknown":
		return word(l, "country unknown")
	}
	names, ok := countryNames()[code]
	if !ok {
		return code
	}
	return names[map[string]int{"de": 1, "nb": 2}[l.Tag()]]
}

// source is whom the countries of a period are owed to.
type source struct{ begins, URL, Text string }

// sources are what makers of databases want to be named with, by how the names of their
// databases begin.
var sources = []source{
	{"DBIP-", "https://db-ip.com", "IP Geolocation by DB-IP"},
	{"GeoLite2-", "https://www.maxmind.com", "This product includes GeoLite Data created by MaxMind, available from https://www.maxmind.com."},
	{"ipinfo-", "https://ipinfo.io", "IP address data powered by IPinfo"},
}

// Sources returns those of the period.
func (p *page) Sources() (list []source) {
	for _, s := range sources {
		if slices.ContainsFunc(p.Counted, func(c Counting) bool { return strings.Contains(c.Options, " country="+s.begins) }) {
			list = append(list, s)
		}
	}
	return list
}
