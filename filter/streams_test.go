package filter

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
	"hushpipe/filter/where"
	"hushpipe/format"
	"hushpipe/format/policy"
)

// streamsOf returns the streams of a policy. Linked streams share a calendar.
func streamsOf(t testing.TB, p *policy.Policy, get func(i int) *Batch) *Streams {
	var streams []Stream
	for i, cfg := range streamsConfigs(t, p) {
		cal := newCalendar()
		cal.key = &pseudonym.Key{}
		copy(cal.key[:], cmp.Or(p.Streams[i].Linked, p.Streams[i].Name))
		streams = append(streams, Stream{Filter: New(cfg, cal), Get: func() *Batch { return get(i) }, Gate: NewGate(p.Openings(nil)[i])})
	}
	return NewStreams(Config{Parser: parserOf(t, p), Proxies: proxiesOf(t, p)}, where.New(p), streams)
}

// parserOf returns a Parser of the input of a policy.
func parserOf(t testing.TB, p *policy.Policy) format.Parser {
	parser, err := format.NewWith(p.Format, time.UTC, format.Options{Client: p.Client, User: p.UserField, JSONKeys: p.JSONKeys, Proxies: len(p.TrustedProxies) > 0})
	require.NoError(t, err)
	return parser
}

// proxiesOf returns the trusted proxies of a policy.
func proxiesOf(t testing.TB, p *policy.Policy) *pseudonym.Networks {
	if len(p.TrustedProxies) == 0 {
		return nil
	}
	nets, err := pseudonym.ParseNetworks(p.TrustedProxies...)
	require.NoError(t, err)
	return nets
}

// streamsConfigs returns the Configs of the streams of a policy.
func streamsConfigs(t testing.TB, p *policy.Policy) (list []Config) {
	redact, err := treatment.NewRedact(p.Redact...)
	require.NoError(t, err)
	for i := range p.Streams {
		s := &p.Streams[i]
		cfg := Config{Parser: parserOf(t, p), Proxies: proxiesOf(t, p), Redact: redact, Limits: rooms.DefaultLimits, NoLines: s.Keep.None(),
			CountV6: cmp.Or(s.Figures.CountV6, 128), ByLeft: s.CountsLeft()}
		if len(s.Figures.Rooms) > 0 {
			cfg.Rooms, err = rooms.NewMatcher(s.Figures.Rooms, nil)
			require.NoError(t, err)
		}
		cfg.Plan, err = treatment.Compile(s, cfg.Parser)
		require.NoError(t, err)
		if cfg.Plan != nil {
			cfg.Mode = cfg.Plan.Mode
		}
		list = append(list, cfg)
	}
	return list
}

// written returns what the streams of a policy write of a log, by stream name.
func written(t testing.TB, text string, log io.Reader) (map[string]string, *Streams) {
	p, mistakes := policy.Parse([]byte(text))
	require.Empty(t, mistakes)
	s := streamsOf(t, p, func(int) *Batch { return &Batch{} })
	got := map[string]string{}
	require.NoError(t, run(s, log, &collectStreams{p: p, got: got}))
	return got, s
}

// collectStreams is an Output that keeps the lines of each stream.
type collectStreams struct {
	p   *policy.Policy
	got map[string]string
}

func (c *collectStreams) Get() *Batch { return &Batch{streams: make([]*Batch, len(c.p.Streams))} }

func (c *collectStreams) Put(b *Batch) error {
	for i, of := range b.streams {
		if of == nil {
			continue
		}
		for k := range of.Parts {
			c.got[c.p.Streams[i].Name] += string(of.Parts[k].Lines)
		}
	}
	return nil
}

func (c *collectStreams) Wait(func() bool) {}

// TestStreamCases compares what each stream of a policy writes with the expected lines.
// <NAME:N> matches any pseudonym: the same one each time, and different ones for different N.
func TestStreamCases(t *testing.T) {
	paths, err := filepath.Glob("testdata/streams/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			require.NoError(t, err)
			files := map[string]string{}
			for _, f := range a.Files {
				files[f.Name] = string(f.Data)
			}
			for _, in := range []io.Reader{strings.NewReader(files["in.log"]), iotest.OneByteReader(strings.NewReader(files["in.log"]))} {
				got, _ := written(t, files["policy.toml"], in)
				behind, standsFor := map[string]string{}, map[string]string{}
				for name, want := range files {
					if stream, ok := strings.CutPrefix(name, "want/"); ok {
						requireLines(t, stream, want, got[stream], behind, standsFor)
						delete(got, stream)
					}
				}
				assert.Empty(t, got)
			}
		})
	}
}

var stands = regexp.MustCompile(`<[^>]*>`)

func requireLines(t *testing.T, name, want, got string, behind, standsFor map[string]string) {
	pattern := "^" + stands.ReplaceAllString(regexp.QuoteMeta(want), `([0-9a-f:]{2,39}|h[0-9a-f]{16})`) + "$"
	found := regexp.MustCompile(pattern).FindStringSubmatch(got)
	if found == nil {
		require.Equal(t, want, got, name)
	}
	for i, placeholder := range stands.FindAllString(want, -1) {
		pseudonym := found[i+1]
		if before, ok := behind[placeholder]; ok {
			require.Equal(t, before, pseudonym, "%s: %s", name, placeholder)
		}
		if before, ok := standsFor[pseudonym]; ok {
			require.Equal(t, before, placeholder, name)
		}
		behind[placeholder], standsFor[pseudonym] = pseudonym, placeholder
	}
}

// fourStreams are of several kinds: whole lines, fields with treatments, a format of its
// own, conditions, and figures alone.
const fourStreams = `
events = ["http"]
[[stream]]
name = "whole"
purpose = "x"
keep = "14d"
[[stream]]
name = "fields"
purpose = "x"
keep = "14d"
fields = { client = "mask=24/48", user = "words=1", time = "hour", url = "only=a,room", status = "keep", size = "round=1000", referer = "site", agent = "keep", host = "keep" }
[[stream]]
name = "errors"
purpose = "x"
keep = "14d"
where = { event = "*", url = ["/*"] }
fields = { client = "ipcrypt", user = "hash", time = "day", event = "keep", url = "path", referer = "path" }
format = '%t %{event}e %h %u %m "%U%q" "%{Referer}i" %>s'
[[stream]]
name = "figures"
purpose = "x"
keep = "none"
unless = { client = "10.0.0.0/8" }
rooms = ["jitsi"]
`

// Streams do not allocate for a line, whatever they do with it.
func TestStreamsAllocateNothing(t *testing.T) {
	p, mistakes := policy.Parse([]byte(fourStreams))
	require.Empty(t, mistakes)
	batches := make([]Batch, len(p.Streams))
	s := streamsOf(t, p, func(i int) *Batch {
		batches[i].Reset()
		return &batches[i]
	})
	log := []byte(strings.Repeat(`192.0.2.1 - maria ann [22/Nov/2026:10:00:00 +0100] "GET /x?a=b&c=d HTTP/1.1" 404 1234 "https://www.example.org/x?y=z" "A/1 (b; c)"
2001:db8::1 - - [22/Nov/2026:10:00:01 +0100] "GET /%61//b?q=192.0.2.7 HTTP/1.1" 200 1234 "-" "Mozilla/5.0"
`, 200))
	b := &Batch{streams: make([]*Batch, len(p.Streams))}
	treat := func() {
		clear(b.streams)
		s.renew()
		s.treatLines(b, log)
	}
	treat()
	require.Zero(t, testing.AllocsPerRun(20, treat))
	for i, want := range []string{"a=b&c=d", "/x?a=b ", `not-found `, ""} {
		var lines []byte
		for k := range batches[i].Parts {
			lines = append(lines, batches[i].Parts[k].Lines...)
		}
		if want == "" {
			require.Empty(t, lines)
			continue
		}
		require.Contains(t, string(lines), want)
	}
}

// The same for JSON lines, written as JSON and in another format.
func TestJSONStreamsAllocateNothing(t *testing.T) {
	p, mistakes := policy.Parse([]byte(fourStreams))
	require.Empty(t, mistakes)
	batches := make([]Batch, len(p.Streams))
	s := streamsOf(t, p, func(i int) *Batch {
		batches[i].Reset()
		return &batches[i]
	})
	log := []byte(strings.Repeat(`{"ts":1795338000.5,"request":{"remote_ip":"192.0.2.1","method":"GET","host":"h","uri":"/x?a=b&c=d","headers":{"User-Agent":["A/1 (\"b\")"]}},"user_id":"maria ann","size":1234,"status":404}
{"time":"2026-11-22T10:00:00+01:00","remote_addr":"2001:db8::1","remote_user":"","request":"GET /%61//b?q=192.0.2.7 HTTP/1.1","status":"200","http_referer":"https://www.example.org/x?y=z"}
`, 200))
	b := &Batch{streams: make([]*Batch, len(p.Streams))}
	treat := func() {
		clear(b.streams)
		s.renew()
		s.treatLines(b, log)
	}
	treat()
	treat()
	require.Zero(t, testing.AllocsPerRun(20, treat))
	require.Zero(t, s.Stats().Malformed)
	for i, want := range []string{`"user_id":"maria ann"`, `"uri":"/x?a=b"`, `not-found `, ""} {
		var lines []byte
		for k := range batches[i].Parts {
			lines = append(lines, batches[i].Parts[k].Lines...)
		}
		if want == "" {
			require.Empty(t, lines)
			continue
		}
		require.Contains(t, string(lines), want)
	}
}

// TestStreamPanics: a line that makes one stream panic is written by the others.
func TestStreamPanics(t *testing.T) {
	p, mistakes := policy.Parse([]byte(fourStreams))
	require.Empty(t, mistakes)
	s := streamsOf(t, p, func(int) *Batch { return &Batch{} })
	s.all[1].Filter.cal = nil
	s.all[1].Filter.router.epoch = 1
	line := `192.0.2.1 - - [22/Nov/2026:10:00:00 +0100] "GET /x HTTP/1.1" 404 1234 "-" "A"` + "\n"
	b := &Batch{streams: make([]*Batch, len(p.Streams))}
	s.all[0].Filter.renew()
	s.treatLines(b, []byte(line+line))
	require.Equal(t, 2, bytes.Count(b.streams[0].Parts[0].Lines, newline))
	require.Equal(t, 2, bytes.Count(b.streams[2].Parts[0].Lines, newline))
	require.Equal(t, uint64(2), s.Stats().Failed)
	require.Equal(t, uint64(2), s.all[1].Filter.Stats().Failed)
	require.Contains(t, s.Fault(), "filter")
}

// TestStreamPanicsInDoubt: a stream that lists its fields keeps nothing of a glued line, even if
// counting its pieces panics.
func TestStreamPanicsInDoubt(t *testing.T) {
	p, mistakes := policy.Parse([]byte(`
format = "combined"
[[stream]]
name = "a"
purpose = "x"
keep = "14d"
fields = { user = "keep", time = "keep", url = "keep" }
rooms = ["jitsi"]
`))
	require.Empty(t, mistakes)
	s := streamsOf(t, p, func(int) *Batch { return &Batch{} })
	f := s.all[0].Filter
	f.renew()
	treat := func(text string) string {
		b := &Batch{streams: make([]*Batch, 1)}
		s.treatLines(b, []byte(text))
		return string(b.streams[0].Parts[0].Lines)
	}
	whole := lineOf("192.0.2.1", "a", "") + "\n"
	glued := func(room string) string { return lineOf("198.51.100.1 - - 192.0.2.2", room, "") + "\n" }
	require.Contains(t, treat(whole), "room=a")
	require.NotContains(t, treat(whole+glued("b")), "room=b")
	require.EqualValues(t, 1, f.Stats().Glued)
	f.days[guardtest.Today].counts = &rooms.DistinctSet{} // not made by NewDistinctSet
	require.Empty(t, treat(glued("c")))
	require.NotEmpty(t, s.Fault())
}

// TestStreamsCount: lines that go to no stream are counted.
func TestStreamsCount(t *testing.T) {
	const text = `
format = "combined"
[[stream]]
name = "a"
purpose = "x"
keep = "14d"
where = { status = "404" }
fields = { time = "keep", status = "keep" }
`
	got, s := written(t, text, strings.NewReader("junk 192.0.2.1\n"+
		`192.0.2.1 - - [22/Nov/2026:10:00:00 +0100] "GET /x HTTP/1.1" 404 1234 "-" "A"`+"\n\n"+
		`192.0.2.1 - - [22/Nov/2026:10:00:00 +0100] "GET /x HTTP/1.1" 200 1234 "-" "A"`+"\n"))
	assert.Equal(t, map[string]string{"a": `- - - [22/Nov/2026:10:00:00 +0100] "-" 404 - "-" "-"` + "\n"}, got)
	v := s.Stats()
	assert.Equal(t, uint64(4), v.Lines)
	assert.Equal(t, uint64(1), v.Malformed)
	assert.Equal(t, uint64(1), v.Unfit)
}

// fuzzStreams keep few fields, each stream different ones.
const fuzzStreams = `
events = ["http"]
[[stream]]
name = "day"
purpose = "x"
keep = "14d"
fields = { time = "day" }
[[stream]]
name = "client"
purpose = "x"
keep = "14d"
fields = { client = "ipcrypt", status = "keep" }
[[stream]]
name = "path"
purpose = "x"
keep = "14d"
fields = { url = "path", referer = "site", size = "keep" }
[[stream]]
name = "agent"
purpose = "x"
keep = "14d"
fields = { agent = "keep", user = "keep", event = "keep" }
format = '%u %{event}e "%{User-Agent}i"'
`

// listed are the roles of the fields that each of fuzzStreams may show.
var listed = map[string][]format.Role{
	"day":    nil,
	"client": {format.RoleStatus},
	"path":   {format.RoleRequest, format.RoleURL, format.RoleMethod, format.RoleProtocol, format.RoleReferer, format.RoleSize},
	"agent":  {format.RoleAgent, format.RoleUser},
}

// FuzzFields plants a word in lines. Only streams that list a field with the word may write it,
// and streams that keep the path of a URL must not write it from the query. In a stream that
// keeps the day, all times are midnight.
func FuzzFields(f *testing.F) {
	const word = "zqxj8w"
	for i, spec := range lineSpecs {
		for k, line := range strings.Split(spec.lines, "\n") {
			f.Add(uint8(i), line, uint16(7*k), uint16(3*k+20))
		}
	}
	for _, log := range recordedLogs(f) {
		for i, line := range strings.SplitN(log, "\n", 6)[:5] {
			f.Add(uint8(i), strings.TrimSuffix(line, "\n"), uint16(11*i), uint16(70*i))
		}
	}
	midnight := regexp.MustCompile(`\[?\d\d/[A-Z][a-z]{2}/\d{4}:00:00:00 [+-]\d{4}\]?|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d 00:00:00 \d{4}|\d\d-[A-Z][a-z]{2}-\d{4} 00:00:00 [A-Za-z/_+:-]+|\d{4}[-/]\d\d[-/]\d\d[T ]00:00:00(Z|[+-]\d\d:?\d\d)?`)
	f.Fuzz(func(t *testing.T, spec uint8, line string, at, also uint16) {
		s := lineSpecs[int(spec)%len(lineSpecs)]
		if len(line) > 2000 || strings.ContainsAny(line, "\n\x00") || strings.Contains(line, word) || s.proxies {
			return
		}
		for _, n := range []uint16{at, also} {
			n := int(n) % (len(line) + 1)
			line = line[:n] + word + line[n:]
		}
		parser, err := format.New(s.format, time.UTC, nil)
		require.NoError(t, err)
		p, mistakes := policy.Parse([]byte(fuzzStreams))
		require.Empty(t, mistakes)
		for i := range p.Streams {
			s := &p.Streams[i]
			if _, err := treatment.Compile(s, parser); err != nil {
				return // refused at the start
			}
		}
		p.Format = s.format
		got := map[string]string{}
		streams := streamsOf(t, p, func(int) *Batch { return &Batch{} })
		require.NoError(t, run(streams, strings.NewReader(line+"\n"), &collectStreams{p: p, got: got}))
		require.Zero(t, streams.Stats().Failed, "%s: %s", line, streams.Fault())
		var l format.Line
		parser.Parse([]byte(strings.TrimPrefix(line, format.ByteOrderMark)), &l)
		text := strings.TrimPrefix(line, format.ByteOrderMark)
		if nodes := format.NewJSONNodes(parser); nodes != nil && !l.Inside && l.Start < len(text) && text[l.Start] == '{' {
			l.Fields = nil
			for _, n := range nodes.Of([]byte(text), l.Start) {
				if n.Bracket == 0 {
					l.Fields = append(l.Fields, format.Field{Role: n.Role, Start: n.Start, End: n.End})
				}
			}
		}
		for name, out := range got {
			out = withoutKeys(parser, out)
			allowed := false
			for _, field := range l.Fields {
				v := text[field.Start:field.End]
				if name == "path" && (field.Role == format.RoleRequest || field.Role == format.RoleURL) {
					v, _, _ = strings.Cut(v, "?")
					v += " HTTP/" // the protocol is not checked
				}
				if name == "path" && field.Role == format.RoleReferer {
					site := strings.SplitAfterN(v, "/", 4)
					v = strings.Join(site[:min(len(site), 3)], "")
				}
				for _, role := range listed[name] {
					allowed = allowed || role == field.Role && strings.Contains(v, word)
				}
			}
			require.False(t, !allowed && strings.Contains(out, word), "%s: %q\n%q", name, line, out)
			if name == "day" {
				require.NotRegexp(t, `[1-9A-Za-z]`, ownWords.ReplaceAllString(midnight.ReplaceAllString(strings.TrimPrefix(out, "["), ""), ""), line)
			}
		}
	})
}

// ownWords are the words of an error log that are not values.
var ownWords = regexp.MustCompile(`\[(pid|client|remote) |:tid |, client: `)

// withoutKeys returns the values of a written JSON line, except for the beginning of a day in
// seconds. It returns any other line unchanged.
func withoutKeys(parser format.Parser, out string) string {
	if nodes := format.NewJSONNodes(parser); nodes != nil && strings.HasPrefix(out, "{") {
		values := ""
		for _, n := range nodes.Of([]byte(out), 0) {
			v := out[n.Start:n.End]
			if sec, _, ok := format.EpochOf([]byte(v)); n.Bracket == 0 && !(ok && n.Role == format.RoleTime && time.Unix(sec, 0).Format("15:04:05") == "00:00:00") {
				values += v + " "
			}
		}
		return values
	}
	return out
}

// allKept lists all fields.
const allKept = `
format = "combined"
[[stream]]
name = "all"
purpose = "x"
keep = "14d"
` + allFields

const allFields = `fields = { client = "ipcrypt", user = "keep", time = "keep", url = "keep", status = "keep", size = "keep", referer = "keep", agent = "keep" }
`

// fourAlike returns four streams with the same fields and these conditions.
func fourAlike(where ...string) string {
	text := "format = \"combined\"\nevents = [\"http\"]\n"
	for i, w := range where {
		text += fmt.Sprintf("[[stream]]\nname = \"s%d\"\npurpose = \"x\"\nkeep = \"14d\"\n%s\n%s", i, w, allFields)
	}
	return text
}

// BenchmarkStreams compares one stream that lists all fields, and four with conditions, with a
// Filter without a policy. The four have the same fields as the one, and each line goes to one
// of them (parted) or to all four (alike); or each has different treatments (mixed).
//
//	go test ./filter -run '^$' -bench Streams/ -benchtime 1000x -count 5
func BenchmarkStreams(b *testing.B) {
	log := streamsLog()
	bench := func(b *testing.B, written func() int, treat func()) {
		treat()
		require.Equal(b, 400, written())
		b.SetBytes(int64(len(log)))
		b.ReportAllocs()
		for b.Loop() {
			treat()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(400*b.N), "ns/line")
	}
	b.Run("streams=0", func(b *testing.B) {
		f, batch := New(newConfig(b, "combined"), newCalendar()), &Batch{}
		bench(b, func() int { return bytes.Count(batch.Parts[0].Lines, newline) }, func() {
			batch.Reset()
			f.renew()
			f.treatLines(batch, log)
		})
	})
	for _, test := range []struct {
		name, policy string
		lines        int // written by all streams for each line of the log
	}{
		{"streams=1", allKept, 1},
		{"streams=4/parted", fourAlike(`where = { status = "200" }`, `where = { event = "not-found" }`, `where = { status = "300-399", url = "/a/*" }`, `where = { status = "500-599" }`), 1},
		{"streams=4/alike", fourAlike(`where = { status = "100-599" }`, `unless = { event = "denied" }`, `where = { url = "/a/*" }`, `unless = { method = "POST" }`), 4},
		{"streams=4/mixed", fourStreams, 0},
	} {
		p, mistakes := policy.Parse([]byte(test.policy))
		require.Empty(b, mistakes)
		b.Run(test.name, func(b *testing.B) {
			batches := make([]Batch, len(p.Streams))
			s := streamsOf(b, p, func(i int) *Batch {
				batches[i].Reset()
				return &batches[i]
			})
			batch := &Batch{streams: make([]*Batch, len(p.Streams))}
			bench(b, func() (n int) {
				for i := range batches {
					if len(batches[i].Parts) > 0 && (test.lines > 0 || i == 0) {
						n += bytes.Count(batches[i].Parts[0].Lines, newline)
					}
				}
				return n / max(test.lines, 1)
			}, func() {
				clear(batch.streams)
				s.renew()
				s.treatLines(batch, log)
			})
		})
	}
}

// streamsLog returns 400 lines whose texts recur.
func streamsLog() []byte {
	var text bytes.Buffer
	for i := range 400 {
		fmt.Fprintf(&text, "192.0.2.%d - - [22/Nov/2026:10:00:%02d +0000] \"GET /a/%d?q=x&room=r%d HTTP/1.1\" %d %d \"https://www.example.org/%d\" \"Mozilla/5.0 (X11; Linux x86_64; rv:%d.0)\"\n",
			i%250, i%60, i%37, i%5, 200+i%3*102, 100*i, i%7, 100+i%9)
	}
	return text.Bytes()
}

// A line that may be glued does not affect the next line, which a stream with fields cannot
// write.
func TestStreamsBehindDoubt(t *testing.T) {
	const policy = "[[stream]]\nname=\"s\"\npurpose=\"x\"\nkeep=\"14d\"\nfields={client=\"ipcrypt\",url=\"path\"}\n"
	log := `192.0.2.1 - x - ` + strings.Repeat("y", 300) + ` [22/Nov/2026:10:00:00 +0100] "GET / HTTP/1.1" 200 5 "-" "-"` + "\n" +
		strings.Repeat(`2026/11/22 10:00:02 [error] 12#34: *5 open() "/a" failed (2: No such file or directory), client: 192.0.2.9, server: _`+"\n", 5)
	_, s := written(t, policy, strings.NewReader(log))
	assert.Zero(t, s.Stats().Failed)
	assert.Empty(t, s.Fault())
}

// The rooms of lines that a stream with fields cannot write are counted as without a policy.
func TestStreamsCountWhatTheyOmit(t *testing.T) {
	const policy = "[[stream]]\nname=\"s\"\npurpose=\"x\"\nkeep=\"14d\"\nfields={time=\"keep\"}\nrooms=[\"jitsi\"]\ncount=\"full\"\n"
	line := func(addr, room string) string {
		return addr + ` - - [22/Nov/2026:10:00:00 +0100] "GET /http-bind?room=` + room + ` HTTP/1.1" 200 5 "-" "UA`
	}
	log := line("192.0.2.1", "a") + line("192.0.2.2", "b") + "\"\n" + // glued
		`{"message":"` + `192.0.2.3 - - [22/Nov/2026:10:00:00 +0100] \"GET /http-bind?room=c HTTP/1.1\" 200 5"}` + "\n"
	got, s := written(t, policy, strings.NewReader(log))
	assert.Empty(t, got["s"])
	f := s.all[0].Filter
	assert.EqualValues(t, 2, f.Stats().Omitted)
	counted, partial := 0, false
	for _, d := range f.days {
		if d.counts != nil {
			counted += len(d.counts.DayCounts().Rooms)
			partial = partial || d.counts.DayCounts().Partial
		}
	}
	assert.Equal(t, 2, counted, "of the glued line the piece that can be read, and the line in a JSON line")
	assert.True(t, partial)
}

// TestTailOfAnotherLine: if a truncated line is followed by the tail of another, from any byte
// on, the kept fields show nothing of the others. This holds for auto as well.
func TestTailOfAnotherLine(t *testing.T) {
	const (
		first  = `192.0.2.1 - anna [22/Nov/2026:10:00:00 +0100] "GET /path?a=b HTTP/1.1" 200 11 "https://ref.example/x?y" "Mozilla/5.0 (X11; Linux)"`
		second = `198.51.100.2 - maria [22/Nov/2026:10:00:01 +0100] "POST /secret?q=love HTTP/1.1" 404 22 "https://hidden.example/s?q=peter" "curl/8.0 (robot)"`
	)
	words := regexp.MustCompile(`\b(anna|maria|path|secret|love|ref|hidden|peter|X11|robot|198)\b`)
	for _, test := range []struct{ formats, behind, fields, allowed string }{
		{"auto combined", "", `agent = "keep"`, "X11 robot"},
		{"auto combined", "", `referer = "keep"`, "ref hidden peter"},
		{"auto combined", "", `url = "keep"`, "path secret love"},
		{"auto combined", "", `user = "keep"`, "anna maria"},
		{"auto combined", "", `time = "keep", status = "keep", size = "keep"`, ""},
		{"auto combined", "", "agent = \"keep\" }\nformat = '%{User-Agent}i'#", "X11 robot"},
		{"auto combinedio", " 1 2", `agent = "keep"`, "X11 robot"},
		{"auto main", ` "-"`, `agent = "keep"`, "X11 robot"},
		{"main", ` "-"`, `referer = "keep"`, "ref hidden peter"},
	} {
		var log strings.Builder
		a, b := first+test.behind, second+test.behind
		for i := range len(a) + 1 {
			for j := 0; j <= len(b); j += 3 {
				fmt.Fprintf(&log, "%s%s\n", a[:i], b[j:])
			}
		}
		for name := range strings.FieldsSeq(test.formats) {
			got, _ := written(t, fmt.Sprintf("format = %q\n[[stream]]\nname = \"s\"\npurpose = \"x\"\nkeep = \"14d\"\nfields = { %s }\n", name, test.fields), strings.NewReader(log.String()))
			require.NotEmpty(t, got["s"])
			for line := range strings.Lines(got["s"]) {
				for _, word := range words.FindAllString(line, -1) {
					require.Contains(t, strings.Fields(test.allowed), word, "%s with %s: %s", name, test.fields, line)
				}
			}
		}
	}
}
