package filter

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
	"hushpipe/filter/where"
	"hushpipe/format"
	"hushpipe/format/policy"
)

type groupPlan struct{ format, fields, group, written string }

// groupPlans are streams with groups: the format of the input, the fields, the fields that
// define groups, and the format of written lines.
var groupPlans = []groupPlan{
	{"combined", `client = "mask=24/48", user = "words=2", time = "keep", url = "keep"`, `"client", "user"`, ""},
	{"combined", `client = "mask=24/48", user = "keep", time = "keep", url = "path", status = "keep", agent = "keep"`, `"client"`, ""},
	{"combined", `client = "ipcrypt", user = "words=1", time = "hour", url = "keep", status = "keep"`, `"user"`, ""},
	{"combined", `client = "drop", user = "words=2", time = "keep"`, `"user"`, ""},
	{"combined", `client = "only=192.0.2.0/24", time = "keep", referer = "site"`, `"client"`, ""},
	{"combined", `client = "mask=16/32", user = "words=3", time = "keep", url = "path"`, `"user", "client"`, ""},
	{"combined", `client = "mask=24/48", user = "words=2", time = "keep", status = "keep"`, `"client", "user"`, `%t %h "%u" %>s`},
	{"vhost_combined", `client = "mask=24/48", time = "keep", host = "keep", url = "keep"`, `"client"`, ""},
	{"auto", `client = "mask=24/48", user = "words=2", time = "keep", url = "keep"`, `"client", "user"`, ""},
	{"json", `client = "mask=24/48", user = "words=2", time = "keep", url = "keep"`, `"client", "user"`, ""},
	{"json", `client = "mask", user = "words=1", time = "keep", status = "keep"`, `"user", "client"`, ""},
	{"error", `client = "mask=24/48", time = "keep", level = "keep", message = "keep"`, `"client"`, ""},
}

// heldLines returns the lines of a log that the stream of groupPlans[i] holds back, and a Proof
// for released lines. open reports which groups are open.
func heldLines(t testing.TB, i int, log string, open func(pseudonym.Group) bool) (held []string, p *Proof) {
	t.Helper()
	of := groupPlans[i]
	text := fmt.Sprintf("format = \"%s\"\n[[stream]]\nname = \"a\"\npurpose = \"b\"\nkeep = \"1d\"\nfields = { %s }\ngroup = [%s]\nleast = 2\n", of.format, of.fields, of.group)
	if of.written != "" {
		text += "format = '" + of.written + "'\n"
	}
	parsed, mistakes := policy.Parse([]byte(text))
	require.Empty(t, mistakes, text)
	cfg := streamsConfigs(t, parsed)[0]
	stream := &parsed.Streams[0]
	by := &Groups{Rule: stream.GroupRule(), Client: strings.Contains(of.group, "client"), User: strings.Contains(of.group, "user"), Least: 2}
	cal := everyDay()
	cal.first = math.MinInt32
	writing := cfg
	writing.Groups, writing.Limits = by, rooms.DefaultLimits
	b := &Batch{}
	s := NewStreams(Config{Parser: cfg.Parser}, where.New(parsed), []Stream{{Filter: New(writing, cal), Get: func() *Batch { b.Reset(); return b }}})
	s.renew()
	s.treatLines(&Batch{streams: make([]*Batch, 1)}, []byte(log))
	for i := range b.Parts {
		held = append(held, strings.SplitAfter(string(b.Parts[i].Held), "\n")...)
	}
	if of.written != "" {
		out, err := format.Compile(of.written, time.UTC)
		require.NoError(t, err)
		cfg.Parser, cfg.Plan = out, treatment.Written(stream, out)
	}
	p = NewProof(cfg, nil, pseudonym.NewProof(cal.key, []pseudonym.Mode{cfg.Mode}), math.MinInt32)
	p.Grouped(by, open)
	return held, p
}

// checkGroups compares the groups of lines with the groups that a Proof finds for the written
// lines.
func checkGroups(t *testing.T, plan int, log string) (n int) {
	var asked []pseudonym.Group
	held, p := heldLines(t, plan, log, func(g pseudonym.Group) bool { asked = append(asked, g); return false })
	for _, text := range held {
		if text == "" || strings.Contains(text, pseudonym.NoClient) && strings.Contains(groupPlans[plan].group, "client") {
			continue // a name does not tell people apart, so the line is never released
		}
		group, ok := pseudonym.ParseGroup([]byte(text[:groupPrefix-1]))
		require.True(t, ok)
		line := []byte(text[groupPrefix:])
		asked = asked[:0]
		doubt := p.Group(line)
		if doubt == treatment.Groupless {
			continue // an unknown group is not a fault
		}
		n++
		require.Equal(t, treatment.Closed, doubt, "%s: %q", groupPlans[plan].fields, line)
		require.NotEmpty(t, asked, "%s: %q", groupPlans[plan].fields, line)
		if asked[0] != group {
			t.Fatalf("%s: %s: another group: %q, of %q", groupPlans[plan].format, groupPlans[plan].fields, line, log)
		}
		places, _ := p.Unfit(line)
		assert.NotEmpty(t, places)
	}
	return n
}

// TestGroupsOfWritten: the group of a line can be found from the written line.
func TestGroupsOfWritten(t *testing.T) {
	t.Parallel()
	logs := recordedLogs(t)
	for i, of := range groupPlans {
		n := 0
		for name, log := range logs {
			if f := formatOf(name); f != of.format && of.format != "auto" {
				continue
			}
			n += checkGroups(t, i, log)
		}
		for _, s := range lineSpecs {
			if s.format == of.format || of.format == "auto" {
				n += checkGroups(t, i, s.lines+"\n")
			}
		}
		t.Logf("%s: %s: %d lines", of.format, of.fields, n)
		assert.NotZero(t, n, of.fields)
	}
}

// FuzzGroupsOfWritten: for any log, an audit finds no other group for a written line than the
// one that the line was held for. So no client can make it report a fault.
func FuzzGroupsOfWritten(f *testing.F) {
	for i, of := range groupPlans {
		for _, s := range lineSpecs {
			if s.format == of.format || of.format == "auto" {
				f.Add(uint8(i), s.lines)
			}
		}
		for _, line := range []string{
			`192.0.2.1 - ZS A 1 [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "-"`,
			`192.0.2.1 - "" [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "-"`,
			`host.example - 192.0.2.9 \xc3\xa4 b [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 401 5 "-" "-"`,
			`- - - [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" - 5 "-" "-"`,
			`::ffff:192.0.2.1 - a\x20b [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "-"`,
			`2001:db8::1 - 2001:db8::1 a [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "-"`,
			`{"time":"2026-11-22T10:00:00+00:00","request":"GET /a HTTP/1.1","remote_addr":"192.0.2.1","remote_user":"ZS \u0041\u00e4 1","status":200}`,
			`{"time":"2026-11-22T10:00:00+00:00","request":"GET /a HTTP/1.1","remote_addr":["192.0.2.1"],"remote_user":null}`,
			"[Sun Nov 22 10:00:00.000000 2026] [core:error] [pid 7] [client 192.0.2.1:4711] a message of 192.0.2.1",
			`2026/11/22 10:00:00 [error] 7#7: *1 open() failed, client: 192.0.2.1, server: example.org, request: "GET /a HTTP/1.1", host: "example.org"`,
		} {
			f.Add(uint8(i), line)
		}
	}
	f.Fuzz(func(t *testing.T, plan uint8, log string) {
		if len(log) < 4000 {
			checkGroups(t, int(plan)%len(groupPlans), log+"\n")
		}
	})
}

// TestHandMadeLines: a line that was written by hand has the group of the values in it. Case,
// escapes or a second name do not put it into another line's group.
func TestHandMadeLines(t *testing.T) {
	t.Parallel()
	const (
		log  = `10.0.0.1 - ZS A 1 [22/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "-"` + "\n"
		json = `{"time":"2026-11-22T10:00:00+00:00","request":"GET /a HTTP/1.1","remote_addr":"10.0.0.1","remote_user":"ZS A 1","status":200}` + "\n"
	)
	made := func(was, is string) func(string) string {
		return func(line string) string {
			require.Contains(t, line, was)
			return strings.Replace(line, was, is, 1)
		}
	}
	for _, test := range []struct {
		name   string
		format string
		make   func(line string) string
		want   treatment.Doubt
	}{
		{"as it is", "combined", made("", ""), treatment.NoDoubt},
		{"another network", "combined", made("10.0.0.0", "10.0.1.0"), treatment.Closed},
		{"an address of the network", "combined", made("10.0.0.0", "10.0.0.7"), treatment.Closed},
		{"an address in IPv6", "combined", made("10.0.0.0", "::ffff:10.0.0.0"), treatment.NoDoubt},
		{"nobody", "combined", made("10.0.0.0", "-"), treatment.Closed},
		{"another case", "combined", made("ZS A", "zs a"), treatment.Closed},
		{"escaped", "combined", made("ZS A", `ZS\x20A`), treatment.Closed},
		{"one word", "combined", made("ZS A", "ZS"), treatment.Closed},
		{"an address as the user", "combined", made("ZS A", "10.0.0.9"), treatment.Closed},
		{"no user", "combined", made("ZS A", "-"), treatment.Closed},
		{"erased", "combined", made("ZS A", "xxxx"), treatment.Groupless},
		{"of no format", "combined", made("[22/Nov", "22/Nov"), treatment.Groupless},
		{"as it is, in JSON", "json", made("", ""), treatment.NoDoubt},
		{"another user in JSON", "json", made("ZS A", "ZS B"), treatment.Closed},
		{"the same in another spelling", "json", made("ZS A", `ZS \u0041`), treatment.NoDoubt},
		{"a second user", "json", made("{", `{"user":"ZS B",`), treatment.Closed},
		{"a second client", "json", made("{", `{"client_ip":"10.9.9.0",`), treatment.Closed},
		{"no client in JSON", "json", made(`"remote_addr":"10.0.0.0",`, ""), treatment.Closed},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := map[string]string{"combined": log, "json": json}[test.format]
			plan := slices.IndexFunc(groupPlans, func(of groupPlan) bool { return of.format == test.format })
			var open pseudonym.Group
			held, p := heldLines(t, plan, in, func(g pseudonym.Group) bool { return g == open })
			var ok bool
			open, ok = pseudonym.ParseGroup([]byte(held[0][:groupPrefix-1]))
			require.True(t, ok)
			assert.Equal(t, test.want, p.Group([]byte(test.make(held[0][groupPrefix:]))))
		})
	}
}
