package filter

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/counters"
	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
)

// everyDay returns a calendar that keeps the recorded logs of all years, under one key.
func everyDay() *testCalendar {
	cal := newCalendar()
	cal.first = 0
	cal.key = guardtest.Key(guardtest.Today)
	return cal
}

// recordedLogs returns the recorded logs by file name.
func recordedLogs(t testing.TB) map[string]string { return guardtest.Logs(t, "../testdata") }

func formatOf(log string) string {
	if log == "apache-combined-2015.log" {
		return "combined"
	}
	return strings.TrimSuffix(log, ".log")
}

// TestLogs compares the treatment of the recorded logs, under their own format and under auto,
// with regular expressions.
func TestLogs(t *testing.T) {
	t.Parallel()
	c := testCipher(t, "ipcrypt")
	for name, log := range recordedLogs(t) {
		in := strings.SplitAfter(log, "\n")
		want := make([]string, len(in))
		for i, line := range in {
			want[i] = refLine(c.Cipher, name, line)
		}
		for _, spec := range []string{formatOf(name), "auto"} {
			t.Run(name+"/"+spec, func(t *testing.T) {
				got, stats := treated(t, newConfig(t, spec), everyDay(), log)
				out := strings.SplitAfter(got, "\n")
				require.Len(t, out, len(in))
				for i := range in {
					require.Equal(t, want[i], out[i], "line %d", i+1)
				}
				stats.Late = 0 // one of the logs is old
				assert.Equal(t, counters.Values{Lines: uint64(len(in) - 1)}, stats)
			})
		}
	}
}

var (
	refSecret = regexp.MustCompile(`([?&](?:` + strings.ReplaceAll(treatment.DefaultRedact, ",", "|") + `)=)[^& "]*`)
	// Skipped text: time stamps, and escapes that separate an address from the text before it.
	refPassed = regexp.MustCompile(guardtest.Stamp.String() + `|%(?:2[0-9a-dA-D]|3[b-fB-F])`)
	refPeer   = regexp.MustCompile(`^(.*?\[client )([^\]]*)(:\d+\].*)$`)
)

func refLine(c *pseudonym.Cipher, log, line string) string {
	line = refSecret.ReplaceAllString(line, "${1}-")
	if log == "error.log" {
		if m := refPeer.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			return refText(c, m[1], false) + refText(c, m[2], false) + refText(c, m[3], false) + "\n"
		}
	}
	agent := len(line)
	if i := strings.LastIndex(line, `"user_agent":"`); i >= 0 {
		agent = i + len(`"user_agent":"`)
	} else if i := strings.LastIndex(line, `" "`); i >= 0 {
		agent = i + len(`" "`)
	}
	return refText(c, line[:agent], false) + refText(c, line[agent:], true)
}

func refText(c *pseudonym.Cipher, text string, agent bool) (out string) {
	at := 0
	for _, span := range refPassed.FindAllStringIndex(text, -1) {
		out += string(guardtest.Raw(c, []byte(text[at:span[0]]), agent)) + text[span[0]:span[1]]
		at = span[1]
	}
	return out + string(guardtest.Raw(c, []byte(text[at:]), agent))
}

// TestWrongFormat: with any --format, no address gets through.
func TestWrongFormat(t *testing.T) {
	t.Parallel()
	for name, log := range recordedLogs(t) {
		log = log[:strings.LastIndexByte(log[:min(len(log), 12<<10)], '\n')+1]
		known := map[netip.Addr]bool{}
		for _, run := range guardtest.Run.FindAllString(log, -1) {
			if a, err := netip.ParseAddr(strings.Trim(run, ".")); err == nil {
				known[a] = true
			}
		}
		require.Greater(t, len(known), 10)
		for _, spec := range []string{"auto", "common", "combined", "vhost_common", "vhost_combined", "json", "error",
			`%l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"`, `%l %u %t "%r" %>s %b`, `%r`, `%u %h`, `%{x}n`,
			`%A %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"`, `%h %A %t "%r" %>s %b`,
			`%v %l %u %t "%r" %>s %b`, `%A %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"`} {
			t.Run(name+"/"+spec, func(t *testing.T) {
				got, stats := treated(t, newConfig(t, spec), everyDay(), log)
				assert.EqualValues(t, strings.Count(log, "\n"), stats.Lines)
				for _, span := range guardtest.Run.FindAllStringIndex(got, -1) {
					run, before := got[span[0]:span[1]], got[max(0, span[0]-100):span[0]]
					if guardtest.Version([]byte(before+run+got[span[1]:min(len(got), span[1]+10)]), []int{len(before), len(before) + len(run)}) {
						continue
					}
					for core := run; core != ""; core = core[:max(0, strings.LastIndexByte(core, ':'))] { // ports
						if a, err := netip.ParseAddr(strings.Trim(core, ".")); err == nil {
							require.False(t, known[a], "%s%s", before, run)
						}
					}
				}
			})
		}
	}
}
