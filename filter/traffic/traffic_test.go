package traffic_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/traffic"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/trafficfile"
)

// reading is a log that is read line by line.
type reading struct {
	t       testing.TB
	opt     traffic.Options
	parser  format.Parser
	counter *traffic.Counter
	hits    *traffic.Hits
	keys    map[civil.Day]*traffic.Visitors
}

func newReading(t testing.TB, opt traffic.Options) *reading { return newReadingOf(t, opt, "combined") }

func newReadingOf(t testing.TB, opt traffic.Options, logFormat string) *reading {
	parser, err := format.New(logFormat, time.UTC, nil)
	require.NoError(t, err)
	return &reading{t: t, opt: opt, parser: parser, counter: traffic.NewCounter(opt), hits: traffic.NewHits(parser, time.UTC), keys: map[civil.Day]*traffic.Visitors{}}
}

// count counts a line in the delta that deltas gives for its day.
func (r *reading) count(line []byte, deltas func(civil.Day) *traffic.Delta) {
	var l format.Line
	if !r.parser.Parse(line, &l) {
		return
	}
	h, ok := r.hits.Of(line, &l)
	if !ok {
		return
	}
	field := l.Fields[l.Client]
	if a, ok := pseudonym.ParseAddr(line[field.Start:field.End]); ok {
		h.See(a)
	}
	if r.keys[l.Day] == nil {
		mode, err := pseudonym.ParseMode("ipcrypt")
		require.NoError(r.t, err)
		r.keys[l.Day] = traffic.NewVisitors(pseudonym.New(&pseudonym.Key{byte(l.Day)}, mode))
	}
	r.counter.Count(deltas(l.Day), h, r.keys[l.Day])
}

// count returns the figures of a log by day.
func count(t testing.TB, opt traffic.Options, lines [][]byte) map[civil.Day]trafficfile.Day {
	return newReading(t, opt).all(lines)
}

// all returns the figures of a log by day.
func (r *reading) all(lines [][]byte) map[civil.Day]trafficfile.Day {
	t, days := r.t, traffic.NewDays(r.opt)
	deltas := map[civil.Day]*traffic.Delta{}
	for _, line := range lines {
		r.count(line, func(day civil.Day) *traffic.Delta {
			if deltas[day] == nil {
				deltas[day] = r.counter.NewDelta()
			}
			return deltas[day]
		})
	}
	for day, d := range deltas {
		require.NoError(t, days.Add(day, d.AppendTo(nil)))
	}
	out, names := map[civil.Day]trafficfile.Day{}, traffic.Names{}
	for _, day := range days.All() {
		out[day] = days.Figures(day, names)
	}
	return out
}

func sampleLines(t testing.TB) [][]byte {
	text, err := os.ReadFile("../../testdata/elastic/apache-combined-2015.log")
	require.NoError(t, err)
	return bytes.Split(bytes.TrimSpace(text), []byte("\n"))
}

func fileOf(days map[civil.Day]trafficfile.Day) string {
	var text []byte
	for _, day := range slices.Sorted(maps.Keys(days)) {
		text = trafficfile.Append(text, days[day])
	}
	return string(text)
}

// TestAnySplit: the figures do not depend on the order of the lines, nor on how they are
// split over processes and batches, with bounds that are reached and without.
func TestAnySplit(t *testing.T) {
	lines := sampleLines(t)
	few := traffic.Defaults()
	few.MaxVisits, few.MaxNames = 40, 10
	some := traffic.Defaults()
	some.MinGroup = 3
	some.Countries = countries(t)
	few.Groups, some.Groups = groups(t, "/blog/{group}", "/presentations/{group}"), groups(t, "/{group}")
	for name, opt := range map[string]traffic.Options{"defaults": traffic.Defaults(), "bounds": few, "three": some} {
		want := fileOf(count(t, opt, lines))
		for seed := range uint64(8) {
			r := rand.New(rand.NewPCG(seed, 2))
			read := newReading(t, opt)
			var parts []*traffic.Days
			for range 1 + r.IntN(4) {
				parts = append(parts, traffic.NewDays(opt))
			}
			shuffled := slices.Clone(lines)
			r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			for len(shuffled) > 0 {
				n := min(1+r.IntN(200), len(shuffled))
				deltas := map[civil.Day]*traffic.Delta{}
				for _, line := range shuffled[:n] {
					read.count(line, func(day civil.Day) *traffic.Delta {
						if deltas[day] == nil {
							deltas[day] = read.counter.NewDelta()
						}
						return deltas[day]
					})
				}
				part := parts[r.IntN(len(parts))]
				for day, d := range deltas {
					require.NoError(t, part.Add(day, d.AppendTo(nil)))
				}
				shuffled = shuffled[n:]
			}
			all := traffic.NewDays(opt)
			for _, part := range parts {
				for _, day := range part.All() {
					require.NoError(t, all.Add(day, part.Record(day)))
				}
			}
			got, names := map[civil.Day]trafficfile.Day{}, traffic.Names{}
			for _, day := range all.All() {
				got[day] = all.Figures(day, names)
			}
			require.Equal(t, want, fileOf(got), "%s, seed %d", name, seed)
		}
	}
}

// TestNothingPersonal plants tokens wherever a client can choose text, and searches the kept
// files for them.
func TestNothingPersonal(t *testing.T) {
	tokens := []string{"tok3nInPath", "tok3nInQuery", "tok3nInReferrer", "tok3nInAgent", "alice%40example.org", "alice@example.org",
		"192.0.2.7", "2001:db8::7", "6f9619ff8b86d011", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "eyJhbGciOi.eyJzdWIiOiI.SflKxwRJSM", "tok3nHost"}
	line := func(client, target, referrer, agent string) []byte {
		return fmt.Appendf(nil, `%s - alice [10/Mar/2026:08:00:00 +0000] "GET %s HTTP/1.1" 200 100 "%s" "%s"`, client, target, referrer, agent)
	}
	const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	var lines [][]byte
	for i, client := range []string{"192.0.2.7", "2001:db8::7", "198.51.100.9", "203.0.113.4"} { // four networks
		for range i + 1 {
			lines = append(lines,
				line(client, "/s/tok3nInPath", "-", browser),
				line(client, "/gone/tok3nInPath", "-", browser),
				line(client, "/a?utm_campaign=tok3nInQuery", "-", browser),
				line(client, "/a?utm_source=tok3nInQuery", "-", browser),
				line(client, "/a?session=tok3nInQuery", "https://tok3nHost.example.net/tok3nInReferrer?q=tok3nInReferrer", browser),
				line(client, "/b;tok3nInQuery=1", "-", "tok3nInAgent "+browser),
				line(client, "/ows?layers=tok3nInQuery", "-", browser))
		}
	}
	for network := range 20 { // as many networks as one likes: what looks like a secret is masked
		client := fmt.Sprintf("10.0.%d.1", network)
		for _, segment := range []string{"alice%40example.org", "alice@example.org", "192.0.2.7", "2001:db8::7",
			"6f9619ff-8b86-d011-b42d-00c04fc964ff", "eyJhbGciOi.eyJzdWIiOiI.SflKxwRJSM"} {
			lines = append(lines, line(client, "/u/"+segment+"/x", "-", browser), line(client, "/c?utm_campaign=for+"+segment, "-", browser), line(client, "/ows?layers="+segment, "-", browser))
		}
		lines = append(lines, line(client, "/public", "https://example.net/tok3nInReferrer", browser))
	}
	for host := range 6 { // one network of IPv4, behind 6to4; and hosts that are no names
		lines = append(lines, line(fmt.Sprintf("2002:c000:20%d::1", host), "/s/tok3nInPath", "-", browser))
		for _, from := range []string{"192.0.2.7", "6f9619ff8b86d011.example.net"} {
			lines = append(lines, line(fmt.Sprintf("10.1.%d.1", host), "/public", "https://"+from+"/", browser))
		}
	}
	opt := traffic.Defaults()
	opt.Groups = groups(t, "/ows?layers={group}", "/u/{group}/x")
	text := fileOf(count(t, opt, lines))
	for _, token := range tokens {
		assert.NotContains(t, strings.ToLower(text), strings.ToLower(token))
	}
	assert.Contains(t, text, " /public\n")
	assert.Contains(t, text, " /u/*/x\n")
	assert.Contains(t, text, "site example.net\n")
	assert.NotContains(t, text, "alice")
}

// TestNames: a path shown by name on one day stays shown; one in a sitemap is always shown.
func TestNames(t *testing.T) {
	line := func(day, network int, target string) []byte {
		return fmt.Appendf(nil, `10.0.%d.1 - - [%02d/Mar/2026:08:00:00 +0000] "GET %s HTTP/1.1" 200 100 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`, network, day, target)
	}
	var lines [][]byte
	for network := range 5 {
		lines = append(lines, line(10, network, "/known"))
	}
	lines = append(lines, line(9, 1, "/known"), line(11, 1, "/known"), line(11, 1, "/once"), line(11, 1, "/public"))
	opt := traffic.Defaults()
	opt.Public = traffic.ReadSitemap([]byte(`<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://example.org/public?x=1</loc></url></urlset>`))
	days := count(t, opt, lines)
	for day, want := range map[int]string{9: "page 1 100 1 1 other", 10: "page 5 500 5 5 /known", 11: "page 1 100 1 0 /known page 1 100 0 0 /once"} {
		text := string(trafficfile.Append(nil, days[civil.NewDay(2026, 3, day)]))
		if day == 11 {
			assert.Contains(t, text, " /known\n")
			assert.Contains(t, text, " /public\n")
			assert.NotContains(t, text, "/once")
			continue
		}
		assert.Contains(t, text, want+"\n")
	}
}

// TestIgnoredAgents: parts of user agents are found whatever their case.
func TestIgnoredAgents(t *testing.T) {
	opt := traffic.Defaults()
	opt.IgnoreUA = []string{"uptime", "münchen"}
	var lines [][]byte
	for _, agent := range []string{"UpTime-Kuma/1.2", "Wetter MÜNCHEN", "München\xff", "Uptim", "\xff"} {
		lines = append(lines, []byte(`192.0.2.1 - - [10/Mar/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 100 "-" "`+agent+`"`))
	}
	text := string(trafficfile.Append(nil, count(t, opt, lines)[civil.NewDay(2026, 3, 10)]))
	assert.Contains(t, text, "total 0 3 0 0 0 ignored\n")
}

// TestPathsAsKept is a table of paths.
func TestPathsAsKept(t *testing.T) {
	for target, want := range map[string]string{
		"/":                     "/",
		"/a/b.html":             "/a/b.html",
		"/a?q=secret":           "/a",
		"/a;jsessionid=1/b":     "/a",
		"/a#frag":               "/a",
		"https://example.org/x": "/x",
		"https://example.org":   "/",
		"/%7Euser/%2e":          "/~user/.",
		"/caf%c3%a9":            "/caf%C3%A9",
		"/2026/11/22/title":     "/2026/11/22/title",
		"/news/20261122":        "/news/20261122",
		"/p/12345678":           "/p/*",
		"/p/123456":             "/p/123456",
		"/r/0123456789ab":       "/r/*",
		"/d/6f9619ff-8b86-d011-b42d-00c04fc964ff": "/d/*",
		"/s/a1B2c3D4e5F6":                         "/s/*",
		"/how-to-install-debian":                  "/how-to-install-debian",
		"/u/alice@example.org/x":                  "/u/*/x",
		"/u/alice%40example.org":                  "/u/*",
		"/x/deadbeefcafebabe":                     "/x/*",
		"/x/obe9vhrm1xlfcj2z":                     "/x/*",
		"/x/H6KVkt7Eidr":                          "/x/*",
		"/x/CbUWGxdGLnATiRtv":                     "/x/*",
		"/x/f890-6c76-a747-1570":                  "/x/*",
		"/x/M8XKY-N1IFN-L0V5S":                    "/x/*",
		"/x/bob%2540example.org":                  "/x/*",
		"/x/bob%EF%BC%A0mail":                     "/x/*",
		"/x/192_0_2_7":                            "/x/*",
		"/x/login%3Ftoken=a":                      "/x/login",
		"/x/ServerName":                           "/x/ServerName",
		"/x/utf8-and-latin1":                      "/x/utf8-and-latin1",
		"/x/ubuntu-24-04-on-rpi5":                 "/x/ubuntu-24-04-on-rpi5",
		"/x/JavaScript-2nd-edition":               "/x/JavaScript-2nd-edition",
		"/ip/192.0.2.7":                           "/ip/*",
		"/ip/2001:db8::7":                         "/ip/*",
		"/x-192-0-2-7":                            "/*",
		"/2026-11-22-10-tips":                     "/2026-11-22-10-tips",
		"/a.eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.SflKxwRJSMeKKF2QT4fwpMeJf36P": "/*",
		"/installing-windows-8-consumer-preview.html":                          "/installing-windows-8-consumer-preview.html",
	} {
		got := traffic.ReadSitemap([]byte(target))
		require.Len(t, got, 1, target)
		assert.Equal(t, want, got[0], target)
	}
	long := traffic.ReadSitemap([]byte("/" + strings.Repeat("abc/", 100)))[0]
	assert.LessOrEqual(t, len(long), 120)
}

func TestAllocations(t *testing.T) {
	opt := traffic.Defaults()
	opt.Groups, opt.Countries = groups(t, "/{group}"), countries(t)
	r, lines := newReading(t, opt), sampleLines(t)[:500]
	d := traffic.NewCounter(opt).NewDelta()
	type parsed struct {
		hit traffic.Hit
		day civil.Day
	}
	var all []parsed
	for _, line := range lines {
		var l format.Line
		require.True(t, r.parser.Parse(line, &l))
		h, _ := r.hits.Of(line, &l)
		field := l.Fields[l.Client]
		if a, ok := pseudonym.ParseAddr(line[field.Start:field.End]); ok {
			h.See(a)
		}
		h.Micros, h.Timed = uint64(len(all)*len(all)), true
		all = append(all, parsed{*h, l.Day})
	}
	mode, err := pseudonym.ParseMode("ipcrypt")
	require.NoError(t, err)
	keys := traffic.NewVisitors(pseudonym.New(&pseudonym.Key{1}, mode))
	var record []byte
	work := func() {
		d.Empty()
		for i := range all {
			r.counter.Count(d, &all[i].hit, keys)
		}
		record = d.AppendTo(record[:0])
	}
	work()
	assert.Zero(t, testing.AllocsPerRun(10, work))
}
