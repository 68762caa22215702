package terms_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/terms"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

func check(t *testing.T, text string) (list []string) {
	t.Helper()
	p, mistakes := policy.Parse([]byte(text))
	require.Empty(t, mistakes, "%s\n%v", text, mistakes)
	for _, m := range terms.Check(p) {
		list = append(list, m.Error())
	}
	return list
}

// TestExamples: this version supports the policies of published statements.
func TestExamples(t *testing.T) {
	for _, name := range []string{"000-lug", "001-lit", "001-proxy", "002-blf", "003-cardo", "004-blog"} {
		text, err := os.ReadFile(filepath.Join("../../format/policy/testdata/examples", name+".toml"))
		require.NoError(t, err)
		assert.Empty(t, check(t, string(text)), name)
	}
}

// TestCheck tests each requirement that the format, DIR or this version may not meet.
func TestCheck(t *testing.T) {
	stream := func(more string) string {
		return "[[stream]]\nname = \"web\"\npurpose = \"x\"\nkeep = \"14d\"\n" + more + "\n"
	}
	for _, test := range []struct {
		text string
		want string // "": no error
	}{
		{stream(""), ""},
		{"format = 'combined'\n" + stream(`where = { url = "/a", query = "b", method = "GET", status = 404, user = "*", client = "10.0.0.0/8" }`), ""},
		{"format = 'combined'\n" + stream(`where = { host = "a" }`), "6:18: the format has no host, and no line fits; hint: log it, or leave it out"},
		{"format = '%h %t %m %U'\n" + stream(`where = { url = "/a", method = "GET" }`), ""},
		{"format = '%h %t'\n[[event]]\nname = \"a\"\nquery = \"q\"\n" + stream(""), "4:9: the format has no query, and no line fits; hint: log it, or leave it out"},
		{"format = '%h %t %s'\nevents = 'http'\n" + stream(""), ""},
		{"format = '%h %t %s'\nevents = 'drupal'\n" + stream(""), "2:10: the format cannot show events of drupal: it has no status or no request; hint: log both, or leave it out"},
		{"format = 'nonsense'\n" + stream(""), "1:10: unknown format \"nonsense\""},
		{"json-keys = ['x']\n" + stream(""), "1:13: json key"},
		{"client = 'a b'\n" + stream(""), "1:10: client \"a b\": give the name of one header, variable or JSON key"},
		{"trusted-proxies = ['x']\n" + stream(""), "1:19: \"x\" is not a network"},
		{"format = '%h %{X-User}o %t'\nuser-field = '%{X-User}o'\n" + stream(`where = { user = "*" }`), ""},
		{"format = '%h %{X-User}i %t'\nuser-field = '%{X-User}o'\n" + stream(""), "2:14: the format has no %{X-User}o; hint: log it"},
		{stream(`fields = { host = "keep" }`), ""},
		{"format = 'combined'\n" + stream(`fields = { host = "keep" }`), "6:19: the format has no host; hint: log it, or leave it out"},
		{"format = 'combined'\n" + stream("fields = { time = \"keep\" }\nformat = '%t %D'"), "7:10: "},
		{"[[stream]]\nname = \"journal\"\npurpose = \"x\"\nkeep = \"14d\"\n", "2:8: \"journal\" is a name that hushpipe gives in DIR; hint: give another"},
		{"[[stream]]\nname = \"held\"\npurpose = \"x\"\nkeep = \"14d\"\n", "2:8: \"held\" is a name that hushpipe gives in DIR; hint: give another"},
		{"format = '%h %u %t'\n" + stream(`fields = { user = "keep" }`), "6:19: user: %u is often a password where the status is 401, and the format has no status for each line; hint: log %>s"},
		{"format = '%h %u %t %{X}o'\nuser-field = '%{X}o'\n" + stream(`fields = { other = { "%u" = "keep" } }`), "7:10: user: %u is often a password"},
		{stream(`rooms = ["jitsi", "none"]`), "5:19: room preset none excludes all others; hint: give it alone"},
		{stream("rooms = \"jitsi\"\nfields = { client = \"mask\" }"), ""},
		{stream("rooms = \"jitsi\"\ncount = \"full\"\nfields = { client = \"mask\" }"), ""},
		{"format = 'json'\n" + stream(`fields = { client = "ipcrypt", user = "hash", url = "path", other = { "id" = "keep" } }`), ""},
		{"format = 'json'\n" + stream("fields = { url = \"path\" }\nformat = '%t %D'"), ""},
		{"format = 'json'\n" + stream("fields = { url = \"path\" }\nformat = '%t %{X}i'"), "7:10: format: the format of the input has no %{X}i"},
		{"format = 'json'\n" + stream(`fields = { level = "keep" }`), "6:20: lines of an access log have no level; hint: leave it out, or list the key under other"},
		{"format = 'json'\n" + stream(`fields = { other = { "%{X}i" = "keep" } }`), "the format of the input has no %{X}i"},
		{"format = 'error'\n" + stream(`where = { client = "10.0.0.0/8" }`+"\n"+`fields = { client = "mask", time = "day", level = "keep", module = "keep", message = "keep" }`), ""},
		{"format = 'error'\n" + stream(`fields = { time = "day", agent = "keep" }`), "6:34: an error log has no agent; hint: leave it out"},
		{"format = 'error'\n" + stream(`fields = { level = "keep" }`), "6:10: fields: without its time, no line of an error log has a day"},
		{"format = 'error'\nuser-field = '%{X}o'\n" + stream(""), "2:14: the format has no %{X}o; hint: log it"},
		{stream("rooms = \"jitsi\"\n[[stream]]\nname = \"two\"\npurpose = \"x\"\nkeep = \"100 entries, 30d\"\nrooms = \"jitsi\"\nlinked = \"web\""), ""},
		{"[[stream]]\nname = \"web\"\npurpose = \"x\"\nkeep = \"100 entries\"\nrooms = \"jitsi\"\n", `4:8: rooms are counted by day, and nobody knows when the last line of a day has gone; hint: give a bound in days as well, as in "100 entries, 400d", or give the figures a stream of their own`},
		{stream("linked = \"two\"\n[[stream]]\nname = \"two\"\npurpose = \"x\"\nkeep = \"100 entries\""), `9:8: linked streams share their keys, and nobody knows when the last line of a day has gone; hint: give a bound in days as well, as in "100 entries, 400d"`},
		{"format = '%h %u %t %>s'\n" + stream(`gate = { names = "user" }`), ""},
		{"format = '%h %u %>s'\n" + stream(`gate = { longest = "5d" }`), "6:8: the format has no time, and the gate opens for days; hint: log %t"},
		{"format = '%h %t %>s'\n" + stream(`gate = { names = "user" }`), "6:18: the format has no user, and no line fits; hint: log it, or leave it out"},
		{"format = 'error'\n" + stream(`gate = { names = "user" }`), "6:18: the format has no user, and no line fits; hint: log it, or leave it out"},
		{"format = '%h %u %t'\n" + stream(`gate = { names = "user" }`), "6:18: the format has no status: who is refused may call himself anything; hint: log %>s"},
		{"format = 'error'\n" + stream(`gate = { longest = "5d" }`), ""},
		{"format = 'common'\n" + stream("fields = { client = \"mask\", user = \"words=1\" }\ngroup = [\"client\", \"user\"]\nleast = 7"), ""},
		{"format = 'common'\n" + stream("fields = { client = \"ipcrypt\" }\ngroup = \"client\"\nleast = 7"), "7:9: under \"ipcrypt\" each client is a group of its own, and no line would be released; hint: give client = \"mask=24/48\""},
		{"format = 'common'\n" + stream("fields = { client = \"mask=32/64\" }\ngroup = \"client\"\nleast = 7"), "7:9: under \"mask=32/64\" each client is a group of its own"},
		{"format = 'common'\n" + stream("fields = { client = \"mask\", user = \"keep\" }\ngroup = [\"client\", \"user\"]\nleast = 7"), "7:20: under \"keep\" each user is a group of its own, and no line would be released; hint: give user = \"words=2\""},
		{"format = 'common'\n[[stream]]\nname = \"a\"\npurpose = \"x\"\nkeep = \"100 entries, 30d\"\nfields = { client = \"mask\" }\ngroup = \"client\"\nleast = 7\n", "5:8: \"100 entries\" with a group: lines that wait would be entries as well; hint: give days"},
		{"format = '%h %a %t %s'\n" + stream("fields = { client = \"mask\" }\ngroup = \"client\"\nleast = 7"), "7:9: the format has several fields of clients, and a group one; hint: log one of them"},
		{"format = 'common'\n" + stream("fields = { client = \"mask\" }\ngroup = \"client\"\nleast = 7\nrooms = \"jitsi\"\ncount = \"full\""), "7:9: figures count people of groups that are not released; hint: give the figures a stream of their own"},
		{stream("traffic = true\ntraffic-country = \"/x.mmdb\"\ntraffic-group = \"/ows?layers={group}\""), ""},
	} {
		list := check(t, test.text)
		if test.want == "" {
			assert.Empty(t, list, test.text)
			continue
		}
		require.Len(t, list, 1, test.text)
		assert.Contains(t, list[0], test.want, test.text)
	}
}

// TestCalendars: each calendar that a policy can name exists, and the error for an unknown
// name has a hint.
func TestCalendars(t *testing.T) {
	for name, hint := range map[string]string{"de-be": "de-BE", "de_BY": "de-BY", "NO": "", "de-BEE": "de-BE", "Berlin": "", "de-XX": "", "de": ""} {
		_, mistakes := policy.Parse([]byte("workdays = \"" + name + "\"\n[[stream]]\nname = \"a\"\npurpose = \"x\"\nkeep = \"24h of workdays\"\n"))
		require.Len(t, mistakes, 1, name)
		assert.Equal(t, [2]int{1, 12}, [2]int{mistakes[0].Line, mistakes[0].Column})
		names, listed := strings.CutPrefix(mistakes[0].Hint, "give ")
		if hint != "" {
			assert.Equal(t, fmt.Sprintf("did you mean %q?", hint), mistakes[0].Hint, name)
		}
		if !listed {
			continue
		}
		list := strings.FieldsFunc(strings.ReplaceAll(names, " or ", ", "), func(r rune) bool { return r == ',' || r == ' ' })
		assert.Len(t, list, 17)
		for _, name := range list {
			assert.True(t, calendar.DaysOff{Calendar: name}.Has(civil.NewDay(2026, 12, 25)), name)
		}
	}
}

// TestKeep tests the period in days and the other bounds that keep of a stream results in.
func TestKeep(t *testing.T) {
	be := calendar.DaysOff{Calendar: "de-BE", Holidays: []civil.Day{civil.NewDay(2025, 5, 8)}}
	july := []civil.Day{civil.NewDay(2026, 7, 31)}
	for keep, want := range map[string]struct {
		keep   calendar.Period
		bounds calendar.Bounds
	}{
		"14d":                                   {14, calendar.Bounds{}},
		"none":                                  {2, calendar.Bounds{}},
		"10000 entries":                         {calendar.MaxPeriod, calendar.Bounds{Entries: 10000, PeriodImplied: true}},
		"10000 entries, 30d":                    {30, calendar.Bounds{Entries: 10000}},
		"24h of workdays":                       {6, calendar.Bounds{Hours: 24, Off: be, PeriodImplied: true}},
		"24h of workdays, 3d":                   {3, calendar.Bounds{Hours: 24, Off: be}},
		"24h of workdays, 20 entries":           {6, calendar.Bounds{Hours: 24, Off: be, Entries: 20, PeriodImplied: true}},
		"90d after settling, 400d":              {400, calendar.Bounds{After: 90, Settled: july}},
		"90d after settling, 100 entries":       {calendar.MaxPeriod, calendar.Bounds{After: 90, Settled: july, Entries: 100, PeriodImplied: true}},
		"400d, 90d after settling, 100 entries": {400, calendar.Bounds{After: 90, Settled: july, Entries: 100}},
	} {
		settled := ""
		if strings.Contains(keep, "settling") {
			settled = "settled = [2026-07-31]\n"
		}
		p, mistakes := policy.Parse([]byte("workdays = \"de-BE\"\nholidays = [2025-05-08]\n[[stream]]\nname = \"a\"\npurpose = \"x\"\nkeep = \"" + keep + "\"\n" + settled))
		require.Empty(t, mistakes, keep)
		period, bounds := terms.Keep(p, &p.Streams[0])
		assert.Equal(t, want.keep, period, keep)
		assert.Equal(t, want.bounds, bounds, keep)
		read, err := calendar.ParseBounds(bounds.AppendText(nil))
		require.NoError(t, err, keep)
		assert.Equal(t, bounds, read, "as DIR records it")
	}
}
