package trafficreport

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

	"hushpipe/format/report"
	"hushpipe/format/trafficfile"
)

// countryList has a country on each line: its two letters, and its CLDR names in English, German
// and Norwegian. The package with these names is forty times as large.
//
//go:embed countries.txt
var countryList string

// countryNames returns the names of countryList by the two letters.
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

// source is a credit for country data.
type source struct{ begins, URL, Text string }

// sources are the credits that makers of databases require, by the beginning of their databases'
// names.
var sources = []source{
	{"DBIP-", "https://db-ip.com", "IP Geolocation by DB-IP"},
	{"GeoLite2-", "https://www.maxmind.com", "This product includes GeoLite Data created by MaxMind, available from https://www.maxmind.com."},
	{"ipinfo-", "https://ipinfo.io", "IP address data powered by IPinfo"},
}

// Sources returns the credits for the period.
func (p *page) Sources() (list []source) {
	for _, s := range sources {
		if slices.ContainsFunc(p.Counted, func(c Counting) bool { return strings.Contains(c.Options, " country="+s.begins) }) {
			list = append(list, s)
		}
	}
	return list
}
