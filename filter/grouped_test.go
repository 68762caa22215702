package filter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
	"hushpipe/filter/where"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// openGroups are the groups that a test has opened.
type openGroups struct {
	turn uint64
	list []pseudonym.Group
}

func (o *openGroups) Generation() uint64 { return o.turn }

func (o *openGroups) Since(_ civil.Day, n int) []pseudonym.Group { return o.list[n:] }

// groupedStream returns a stream with groups of two people, which writes to b.
func groupedStream(t testing.TB, logFormat, fields string, group []string, open Opened, b *Batch) *Streams {
	text := fmt.Sprintf("format = '%s'\n[[stream]]\nname = \"g\"\npurpose = \"x\"\nkeep = \"14d\"\nfields = { %s }\ngroup = [\"%s\"]\nleast = 2\n",
		logFormat, fields, strings.Join(group, `", "`))
	p, mistakes := policy.Parse([]byte(text))
	require.Empty(t, mistakes)
	parser, err := format.New(logFormat, nil, nil)
	require.NoError(t, err)
	plan, err := treatment.Compile(&p.Streams[0], parser)
	require.NoError(t, err)
	g := &Groups{Rule: p.Streams[0].GroupRule(), Least: 2, Open: open}
	for _, field := range group {
		g.Client, g.User = g.Client || field == "client", g.User || field == "user"
	}
	redact, err := treatment.NewRedact()
	require.NoError(t, err)
	f := New(Config{Parser: parser, Redact: redact, Plan: plan, Mode: plan.Mode, Limits: rooms.DefaultLimits, CountV6: 128, Groups: g}, newCalendar())
	return NewStreams(Config{Parser: parser}, where.New(p), []Stream{{Filter: f, Get: func() *Batch { b.Reset(); return b }}})
}

// TestPeopleOfLines: which clients and users count as different people.
func TestPeopleOfLines(t *testing.T) {
	for _, test := range []struct {
		name           string
		group          string
		lines          []string // client, user, status
		clients, users int      // people of the one group that the lines are
	}{
		{"two addresses", "client", []string{"192.0.2.1 - 200", "192.0.2.2 - 200"}, 2, 0},
		{"enough is enough", "client", []string{"192.0.2.1 - 200", "192.0.2.2 - 200", "192.0.2.3 - 200"}, 2, 0},
		{"one address", "client", []string{"192.0.2.1 - 200", "192.0.2.1 - 404"}, 1, 0},
		{"one address behind 6to4", "client", []string{"2002:c000:201:1::1 - 200", "2002:c000:201:2::1 - 200"}, 1, 0},
		{"who may call himself anything", "user", []string{"192.0.2.1 u:1 404", "192.0.2.1 u:2 403"}, 0, 0},
		{"many addresses of one network", "client", []string{"2001:db8::1 - 200", "2001:db8::2 - 200", "2001:db8::3:4 - 200"}, 1, 0},
		{"two networks", "client", []string{"2001:db8:0:1::1 - 200", "2001:db8:0:2::1 - 200"}, 2, 0},
		{"an address in two spellings", "client", []string{"192.0.2.1 - 200", "::ffff:192.0.2.1 - 200"}, 1, 0},
		{"two users", "user", []string{"192.0.2.1 u:1 200", "192.0.2.1 u:2 200"}, 0, 2},
		{"one user", "user", []string{"192.0.2.1 u:1 200", "192.0.2.9 u:1 200"}, 0, 1},
		{"who is asked for a password", "user", []string{"192.0.2.1 u:1 401", "192.0.2.1 u:2 401"}, 0, 0},
		{"who is asked by a proxy", "user", []string{"192.0.2.1 u:1 407", "192.0.2.1 u:2 407"}, 0, 0},
		{"nobody knows the status", "user", []string{"192.0.2.1 u:1 -", "192.0.2.1 u:2 -"}, 0, 0},
		{"no user", "user", []string{"192.0.2.1 - 200", "192.0.2.2 - 200"}, 0, 0},
		{"one user, in other letters", "user", []string{"192.0.2.1 u:Jane 200", "192.0.2.1 u:jANE 200"}, 0, 1},
		{"one user, in others than ASCII", "user", []string{`192.0.2.1 u:\xc3\x84nne 200`, `192.0.2.1 u:\xc3\xa4NNE 200`}, 0, 1},
		{"one user from two places", "client user", []string{"192.0.2.1 u:1 200", "192.0.2.2 u:1 200"}, 2, 1},
		{"two users from one place", "client user", []string{"192.0.2.1 u:1 200", "192.0.2.1 u:2 200"}, 1, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := &Batch{}
			s := groupedStream(t, `%h %l %u %t "%r" %>s`, `client = "mask=24/32", user = "words=1"`, strings.Fields(test.group), nil, b)
			var log strings.Builder
			for _, l := range test.lines {
				words := strings.Fields(l)
				user := words[1]
				if name, n, two := strings.Cut(user, ":"); two {
					user = name + " " + n
				}
				fmt.Fprintf(&log, "%s - %s [22/Nov/2026:10:00:00 +0100] \"GET / HTTP/1.1\" %s\n", words[0], user, words[2])
			}
			all := &Batch{streams: make([]*Batch, 1)}
			s.renew()
			s.treatLines(all, []byte(log.String()))
			part := &b.Parts[0]
			require.Equal(t, len(test.lines), strings.Count(string(part.Held), "\n"), "all lines are held")
			require.Empty(t, part.Lines)
			group, ok := pseudonym.ParseGroup(part.Held[:groupPrefix-1])
			require.True(t, ok)
			for line := range strings.Lines(string(part.Held)) {
				assert.Equal(t, string(part.Held[:groupPrefix]), line[:groupPrefix], "the lines are one group")
			}
			people := rooms.NewDistinctSet(rooms.NoLimits)
			require.NoError(t, people.Apply(part.People))
			got := map[string]uint64{}
			for i, field := range strings.Fields(test.group) {
				of := group.Field(i)
				got[field] = people.Addresses(&of)
			}
			assert.EqualValues(t, test.clients, got["client"])
			assert.EqualValues(t, test.users, got["user"])
		})
	}
}

// TestGroupsOfOtherLines: lines of JSON and of error logs have groups as well, unless they
// name several clients or users.
func TestGroupsOfOtherLines(t *testing.T) {
	const (
		json   = "json"
		errors = "error"
		both   = `client = "mask=24/48", user = "words=2", time = "keep", url = "keep"`
		ofLog  = `client = "mask=24/48", time = "keep", level = "keep", message = "keep"`
	)
	jsonLine := func(members string) string {
		return `{"time":"2026-11-22T10:00:00+00:00","request":"GET /a HTTP/1.1",` + members + "}\n"
	}
	errorLine := func(rest string) string {
		return "[Sun Nov 22 10:00:00.000000 2026] [core:error] [pid 7] " + rest + "\n"
	}
	nginxLine := func(rest string) string { return "2026/11/22 10:00:00 [error] 7#7: *1 open() failed, " + rest + "\n" }
	for _, test := range []struct {
		name                   string
		format, fields, group  string
		lines                  []string
		groups, clients, users int // clients and users: of the first group
		withheld               uint64
	}{
		{"two people in JSON", json, both, "client user", []string{
			jsonLine(`"remote_addr":"192.0.2.1","remote_user":"ZS A 1","status":200`),
			jsonLine(`"status":"200","remote_user":"ZS A 2","remote_addr":"192.0.2.2"`),
		}, 1, 2, 2, 0},
		{"members in any order", json, both, "client user", []string{
			jsonLine(`"remote_user":"ZS A 1","remote_addr":"192.0.2.1","status":200`),
			jsonLine(`"status":200,"x":{"y":[1]},"remote_addr":"192.0.2.1","remote_user":"ZS \u0041 1"`),
		}, 1, 1, 1, 0},
		{"one network in JSON", json, both, "client", []string{
			jsonLine(`"remote_addr":"2001:db8::1","status":200`), jsonLine(`"remote_addr":"2001:db8::ffff:1","status":200`),
		}, 1, 1, 0, 0},
		{"two units in JSON", json, both, "client user", []string{
			jsonLine(`"remote_addr":"192.0.2.1","remote_user":"ZS A 1","status":200`),
			jsonLine(`"remote_addr":"192.0.2.2","remote_user":"ZS B 2","status":200`),
		}, 2, 1, 1, 0},
		{"who is asked for a password in JSON", json, both, "client user", []string{
			jsonLine(`"remote_addr":"192.0.2.1","remote_user":"ZS A 1","status":401`),
			jsonLine(`"remote_addr":"192.0.2.2","remote_user":"ZS A 2","status":"401"`),
		}, 1, 2, 0, 0},
		{"nobody knows the status in JSON", json, both, "user", []string{
			jsonLine(`"remote_addr":"192.0.2.1","remote_user":"ZS A 1"`), jsonLine(`"remote_addr":"192.0.2.2","remote_user":"ZS A 2"`),
		}, 1, 0, 0, 0},
		{"a user that is no string", json, both, "user", []string{
			jsonLine(`"remote_addr":"192.0.2.1","remote_user":null,"status":200`), jsonLine(`"remote_addr":"192.0.2.1","status":200`),
		}, 1, 0, 0, 0},
		{"several users in JSON", json, both, "user", []string{
			jsonLine(`"remote_addr":"192.0.2.1","remote_user":"ZS A 1","user":"ZS A 2","status":200`),
			jsonLine(`"remote_addr":"192.0.2.1","remote_user":"ZS A 1","user":"-","status":200`),
			jsonLine(`"remote_addr":"192.0.2.1","remote_user":"ZS A 1","user":"ZS A 1","status":200`),
		}, 1, 0, 1, 1},
		{"several clients in JSON", json, both, "client", []string{
			jsonLine(`"remote_addr":"192.0.2.1","client_ip":"198.51.100.1","status":200`),
			jsonLine(`"remote_addr":"192.0.2.1","client_ip":"192.0.2.9","status":200`),
		}, 1, 1, 0, 1},
		{"two clients of httpd's errors", errors, ofLog, "client", []string{
			errorLine("[client 192.0.2.1:4711] a message"), errorLine("[client 192.0.2.2:4712] another"), errorLine("[client 192.0.2.2:99] a third"),
		}, 1, 2, 0, 0},
		{"IPv6 in httpd's errors", errors, ofLog, "client", []string{
			errorLine("[client 2001:db8::1:4711] a message"), errorLine("[client 2001:db8::2:4712] another"),
		}, 1, 1, 0, 0},
		{"errors without a client", errors, ofLog, "client", []string{errorLine("started"), errorLine("started again")}, 1, 0, 0, 0},
		{"two clients of nginx's errors", errors, ofLog, "client", []string{
			nginxLine(`client: 192.0.2.1, server: example.org, request: "GET /a HTTP/1.1", host: "example.org"`),
			nginxLine(`client: 192.0.2.2, server: example.org, request: "GET /b HTTP/1.1", host: "example.org"`),
		}, 1, 2, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := &Batch{}
			s := groupedStream(t, test.format, test.fields, strings.Fields(test.group), nil, b)
			all := &Batch{streams: make([]*Batch, 1)}
			s.renew()
			s.treatLines(all, []byte(strings.Join(test.lines, "")))
			assert.Equal(t, test.withheld, s.all[0].Filter.stats.Withheld)
			require.Len(t, b.Parts, 1)
			part := &b.Parts[0]
			require.Empty(t, part.Lines, "all lines are held")
			require.Equal(t, len(test.lines)-int(test.withheld), strings.Count(string(part.Held), "\n"), "%s", part.Held)
			groups, first := map[string]bool{}, pseudonym.Group{}
			for line := range strings.Lines(string(part.Held)) {
				if group, ok := pseudonym.ParseGroup([]byte(line[:groupPrefix-1])); assert.True(t, ok) && len(groups) == 0 {
					first = group
				}
				groups[line[:groupPrefix]] = true
				assert.NotRegexp(t, `192\.0\.2\.[1-9]|198\.51|ZS . \d|db8:\S*[12]`, line[groupPrefix:])
			}
			assert.Len(t, groups, test.groups, "%s", part.Held)
			people := rooms.NewDistinctSet(rooms.NoLimits)
			require.NoError(t, people.Apply(part.People))
			got := map[string]uint64{}
			for i, field := range strings.Fields(test.group) {
				of := first.Field(i)
				got[field] = people.Addresses(&of)
			}
			assert.EqualValues(t, test.clients, got["client"])
			assert.EqualValues(t, test.users, got["user"])
		})
	}
}

// TestGroupsAfterPanic: a line that causes a panic changes none of the lines after it, and no
// person counts in another group.
func TestGroupsAfterPanic(t *testing.T) {
	const line = `{"remote_addr":"%s","time":"2026-11-22T10:00:00+00:00","request":"GET /a?b=c HTTP/1.1","status":200,"size":5}` + "\n"
	treat := func(panics bool) (held string, people []byte) {
		b := &Batch{}
		s := groupedStream(t, "json", `client = "mask=24/48", time = "keep", url = "keep"`, []string{"client"}, nil, b)
		f := s.all[0].Filter
		s.renew()
		redact := f.redact
		if panics {
			f.redact = nil
			s.treatLines(&Batch{streams: make([]*Batch, 1)}, fmt.Appendf(nil, line, "192.0.2.1"))
			require.Contains(t, f.Fault(), "treatment.(*Redact)")
		}
		f.redact = redact
		s.treatLines(&Batch{streams: make([]*Batch, 1)}, []byte(fmt.Sprintf(line, "198.51.100.1")+fmt.Sprintf(line, "203.0.113.1")))
		return string(b.Parts[0].Held), b.Parts[0].People
	}
	held, people := treat(false)
	after, peopleAfter := treat(true)
	assert.Equal(t, 2, strings.Count(held, "\n"))
	assert.Equal(t, held, after)
	assert.Equal(t, people, peopleAfter)
}

// TestGroupsAllocateNothing: the lines of an open group do not allocate.
func TestGroupsAllocateNothing(t *testing.T) {
	b, open := &Batch{}, &openGroups{}
	s := groupedStream(t, `%h %l %u %t "%r" %>s`, `client = "mask", user = "words=2", time = "keep", url = "keep"`, []string{"client", "user"}, open, b)
	log := []byte(strings.Repeat(`192.0.2.1 - ZS C 1 [22/Nov/2026:10:00:00 +0100] "GET /a?b=c HTTP/1.1" 200
192.0.2.7 - ZS C 2 [22/Nov/2026:10:00:00 +0100] "GET /d HTTP/1.1" 200
`, 200))
	all := &Batch{streams: make([]*Batch, 1)}
	treat := func() {
		clear(all.streams)
		s.renew()
		s.treatLines(all, log)
	}
	treat()
	part := &b.Parts[0]
	require.Empty(t, part.Lines)
	require.Equal(t, 400, strings.Count(string(part.Held), "\n"))
	group, ok := pseudonym.ParseGroup(part.Held[:groupPrefix-1])
	require.True(t, ok)
	assert.Len(t, part.People, 4*rooms.RecordSize, "two people, by client and by user")

	open.list, open.turn = []pseudonym.Group{group}, 1
	treat()
	require.Zero(t, testing.AllocsPerRun(20, treat))
	part = &b.Parts[0]
	require.Empty(t, part.Held)
	require.Empty(t, part.People)
	require.Equal(t, 400, strings.Count(string(part.Lines), "\n"))
	require.True(t, strings.HasPrefix(string(part.Lines), `192.0.2.0 - ZS C [22/Nov/2026:10:00:00 +0100] "GET /a?b=c HTTP/1.1" -`))
}
