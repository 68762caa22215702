package traffic_test

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/need"
	"hushpipe/filter/traffic"
	"hushpipe/format/trafficfile"
)

// awstatsRules are what AWStats calls a page (tools/../cgi-bin/awstats.pl 7.8): what has no
// extension of NotPageList, and none that lib/mime.pm marks as an image or a download,
// whatever the method.
func awstatsRules(t *testing.T) *traffic.Rules {
	text, err := os.ReadFile("/usr/share/awstats/lib/mime.pm")
	require.NoError(t, err)
	rules := &traffic.Rules{Feeds: true, Robots: true, Secrets: true,
		Assets:  []string{".css", ".js", ".class", ".gif", ".jpg", ".jpeg", ".png", ".bmp", ".ico", ".rss", ".xml", ".swf", ".eot", ".woff", ".woff2"},
		Methods: []string{"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND"}}
	for _, m := range regexp.MustCompile(`'(\w+)',\[.*'[id]'\]`).FindAllStringSubmatch(string(text), -1) {
		rules.Assets = append(rules.Assets, "."+m[1])
	}
	return rules
}

// awstats are AWStats' figures for a log.
type awstats struct {
	day     map[string][]uint64 // pages, hits, bytes, visits by 20150517
	hour    map[string][]uint64 // pages, hits, bytes; what is not viewed: pages, hits, bytes
	page    map[string][]uint64 // pages, bytes, entries, exits
	session map[string][]uint64
	errors  map[string][]uint64
}

const awstatsConf = `LogFile="%[1]s/access.log"
LogType=W
LogFormat=1
LogSeparator=" "
SiteDomain="www.semicomplete.com"
HostAliases="semicomplete.com"
DNSLookup=0
DirData="%[1]s"
DirCgi="/cgi-bin"
DirIcons="/awstats-icon"
DirLang="/usr/share/awstats/lang"
EnableLockForUpdate=0
DefaultFile="no-such-file.html"
NotPageList="css js class gif jpg jpeg png bmp ico rss xml swf eot woff woff2"
ValidHTTPCodes="200 304"
URLQuerySeparators="?;"
URLWithQuery=0
DecodeUA=0
LevelForBrowsersDetection=0
LevelForOSDetection=0
LevelForRefererAnalyze=0
LevelForRobotsDetection=0
LevelForSearchEnginesDetection=0
LevelForKeywordsDetection=0
LevelForFileTypesDetection=2
LevelForWormsDetection=0
`

// runAWStats lets AWStats count a log of one month.
func runAWStats(t *testing.T, log []byte) awstats {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "access.log"), log, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "awstats.log.conf"), fmt.Appendf(nil, awstatsConf, dir), 0o600))
	cmd := exec.Command("perl", "/usr/lib/cgi-bin/awstats.pl", "-config=log", "-configdir="+dir, "-update")
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	found, err := filepath.Glob(dir + "/awstats[01]*.txt")
	require.NoError(t, err)
	require.Len(t, found, 1, "%s", out)
	text, err := os.ReadFile(found[0])
	require.NoError(t, err)
	section := func(name string) map[string][]uint64 {
		rows := map[string][]uint64{}
		inside := false
		for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
			words := strings.Fields(s.Text())
			switch {
			case len(words) > 0 && words[0] == "BEGIN_"+name:
				inside = true
			case len(words) > 0 && words[0] == "END_"+name:
				return rows
			case inside && len(words) > 1:
				for _, word := range words[1:] {
					n, err := strconv.ParseUint(word, 10, 64)
					if err != nil {
						break
					}
					rows[words[0]] = append(rows[words[0]], n)
				}
			}
		}
		return rows
	}
	return awstats{section("DAY"), section("TIME"), section("SIDER"), section("SESSION"), section("ERRORS")}
}

// asAWStats are the options under which the figures equal those of AWStats. Everything is
// shown by name.
func asAWStats(t *testing.T) traffic.Options {
	opt := traffic.Defaults()
	opt.ByAddress, opt.Timeout, opt.MinGroup, opt.Rules = true, time.Hour, 1, awstatsRules(t)
	opt.Own = []string{"semicomplete.com"}
	return opt
}

// TestAWStats compares the figures with AWStats' own, for the sample log and for generated
// logs. They differ where AWStats adds the bytes of a partial response twice, and where it
// does not report the end of visits that are open at the end of the log.
func TestAWStats(t *testing.T) {
	need.Program(t, "/usr/lib/cgi-bin/awstats.pl", "awstats")
	sample, err := os.ReadFile("../../testdata/elastic/apache-combined-2015.log")
	require.NoError(t, err)
	logs := map[string][][]byte{"sample": sorted(bytes.Split(bytes.TrimSpace(sample), []byte("\n")))}
	for seed := range uint64(3) {
		logs[fmt.Sprint("seed", seed)] = madeUp(seed)
	}
	for name, lines := range logs {
		t.Run(name, func(t *testing.T) {
			want := runAWStats(t, append(bytes.Join(lines, []byte("\n")), '\n'))
			var all [][]trafficfile.Cell
			for day, got := range count(t, asAWStats(t), lines) {
				all = append(all, got.Cells)
				key := strings.ReplaceAll(day.String(), "-", "")
				people := cellOf(got.Cells, "total", "people")
				require.Contains(t, want.day, key)
				assert.Equal(t, want.day[key][0], people[0], "%s: pages", day)
				assert.Equal(t, want.day[key][3], people[3], "%s: visits", day)
			}
			cells := trafficfile.Add(all...)
			var viewed, notViewed uint64
			for hour, n := range want.hour {
				viewed, notViewed = viewed+n[1], notViewed+n[4]
				got := cellOf(cells, "hour", hour)
				assert.Equal(t, n[0], got[0], "hour %s: pages", hour)
			}
			partial := cellOf(cells, "status", "206")
			if failed := want.errors["206"]; failed != nil {
				partial[0] -= failed[0]
			}
			assert.Equal(t, viewed+notViewed, cellOf(cells, "total", "people")[1]-partial[0], "hits, but for partial answers of downloads")

			open := uint64(0)
			pages := 0
			for _, c := range cells {
				if c.Kind != "page" {
					continue
				}
				pages++
				n := want.page[c.Key]
				if !assert.Len(t, n, 4, c.Key) {
					continue
				}
				assert.Equal(t, n[0], c.Numbers[0], "%s: views", c.Key)
				assert.Equal(t, n[1], c.Numbers[1], "%s: bytes", c.Key)
				assert.Equal(t, n[2], c.Numbers[2], "%s: entries", c.Key)
				assert.GreaterOrEqual(t, c.Numbers[3], n[3], "%s: exits", c.Key)
				open += c.Numbers[3] - n[3]
			}
			assert.Equal(t, len(want.page), pages)
			lengths := map[string][]string{"0s-30s": {"one-page", "30s"}, "30s-2mn": {"2m"}, "2mn-5mn": {"5m"}, "5mn-15mn": {"15m"},
				"15mn-30mn": {"30m"}, "30mn-1h": {"1h"}, "1h+": {"more"}}
			closed := uint64(0)
			for class, ours := range lengths {
				sum := uint64(0)
				for _, key := range ours {
					sum += cellOf(cells, "length", key)[0]
				}
				known := uint64(0)
				if n := want.session[class]; n != nil {
					known = n[0]
				}
				assert.GreaterOrEqual(t, sum, known, class)
				closed += sum - known
			}
			assert.Equal(t, open, closed, "visits open at the end have an exit and a length")
		})
	}
}

// cellOf returns the numbers of a cell, zeros where there is none.
func cellOf(cells []trafficfile.Cell, kind, key string) []uint64 {
	for _, c := range cells {
		if c.Kind == kind && c.Key == key {
			return c.Numbers
		}
	}
	return make([]uint64, 5)
}

var stampOf = regexp.MustCompile(`\[([^]]+)\]`)

// sorted sorts lines by their time, and those of one second by what they ask for.
func sorted(lines [][]byte) [][]byte {
	at := func(line []byte) int64 {
		when, err := time.Parse("02/Jan/2006:15:04:05 -0700", string(stampOf.FindSubmatch(line)[1]))
		if err != nil {
			panic(err)
		}
		return when.Unix()
	}
	target := func(line []byte) string { return strings.Fields(string(line))[6] }
	slices.SortStableFunc(lines, func(a, b []byte) int { return cmp.Or(int(at(a)-at(b)), strings.Compare(target(a), target(b))) })
	return lines
}

// madeUp makes up a log of three days.
func madeUp(seed uint64) (lines [][]byte) {
	r := rand.New(rand.NewPCG(seed, 1))
	begin := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	for client := range 200 {
		at := begin.Add(time.Duration(r.IntN(2*86400)) * time.Second)
		for range 1 + r.IntN(20) {
			target := []string{"/", "/a", "/b.html", "/c/d?x=1", "/i.png", "/s.css", "/j.js", "/doc.pdf", "/form.php", "/gone"}[r.IntN(10)]
			status := []int{200, 200, 200, 304, 301, 500}[r.IntN(6)]
			size := r.IntN(9000)
			switch {
			case target == "/gone":
				status = 404
			case status == 304:
				size = 0
			}
			lines = append(lines, fmt.Appendf(nil, `192.0.2.%d - - [%s] "GET %s HTTP/1.1" %d %d "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`,
				client, at.Format("02/Jan/2006:15:04:05 -0700"), target, status, size))
			at = at.Add(time.Duration([]int{1, 30, 31, 120, 300, 900, 1800, 3599, 3600, 3601, 20000}[r.IntN(11)]) * time.Second)
		}
	}
	return sorted(lines)
}
