package policy_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

func read(t *testing.T, pattern string) map[string][]byte {
	paths, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, paths, pattern)
	files := map[string][]byte{}
	for _, path := range paths {
		files[path], err = os.ReadFile(path)
		require.NoError(t, err)
	}
	return files
}

// parse parses a policy without mistakes.
func parse(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, errs := policy.Parse([]byte(text))
	require.Empty(t, errs, "%s\n%v", text, errs)
	return p
}

// TestExamples: the policies of five published privacy statements parse, and parse again after
// printing.
func TestExamples(t *testing.T) {
	for path, text := range read(t, "testdata/examples/*.toml") {
		p := parse(t, string(text))
		printed := p.AppendTo(nil)
		again := parse(t, string(printed))
		assert.Equal(t, string(printed), string(again.AppendTo(nil)), path)
		assert.Equal(t, p.Digest(), again.Digest(), path)
		assert.NotEmpty(t, p.Streams[0].Purpose, path)
	}
}

// TestMistakes: all mistakes of a file are reported at once. The errors follow each file.
func TestMistakes(t *testing.T) {
	for path, text := range read(t, "testdata/mistakes/*.toml") {
		p, errs := policy.Parse(text)
		if p != nil {
			errs = p.Gates(nil)
		}
		var got strings.Builder
		for _, e := range errs {
			fmt.Fprintf(&got, "%d:%d: %s\n", e.Line, e.Column, e.What)
			if e.Line > 0 {
				fmt.Fprintf(&got, "    %s\n    %s^\n", e.Text, strings.Repeat(" ", e.Column-1))
			}
			if e.Hint != "" {
				fmt.Fprintf(&got, "  hint: %s\n", e.Hint)
			}
		}
		golden := strings.TrimSuffix(path, "toml") + "txt"
		if *update {
			require.NoError(t, os.WriteFile(golden, []byte(got.String()), 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		assert.Equal(t, string(want), got.String(), path)
		assert.NotEmpty(t, errs, path)
	}
}

// word is a type with its own UnmarshalText.
type word string

func (w *word) UnmarshalText(text []byte) error {
	*w = word(strings.ToUpper(string(text)))
	return nil
}

// TestLibrary: versions 2.4.0 to 2.4.3 of the library silently do not call UnmarshalText of such
// a type.
func TestLibrary(t *testing.T) {
	var v struct{ A word }
	require.NoError(t, toml.Unmarshal([]byte(`a = "x"`), &v))
	assert.EqualValues(t, "X", v.A)
}

// TestUnreadable: input that is not text is rejected before parsing.
func TestUnreadable(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"\xef\xbb\xbfformat = \"combined\"\n", "1:1: the file begins with a byte order mark; hint: save it as UTF-8 without BOM"},
		{"\xff\xfef\x00", "1:1: the file is UTF-16; hint: save it as UTF-8"},
		{"a = 1\nb = \"\xe4\"\n", "2:6: this byte is not valid UTF-8; hint: save the file as UTF-8"},
		{"a = 1\n\x00", "2:1: the file has a NUL byte; hint: is this the policy?"},
		{strings.Repeat("#\n", 200<<10), "the file has more than 256 KiB; hint: is this the policy?"},
		{"", `1:1: "stream" is missing; hint: a policy has at least one [[stream]]`},
		{"a = " + strings.Repeat("[", 20<<10), "1:20485: this is not valid TOML: expected character ] but the document ended here"},
	} {
		_, errs := policy.Parse([]byte(test.text))
		require.Len(t, errs, 1, "%.40q", test.text)
		assert.Equal(t, test.want, errs[0].Error())
	}
}

// least returns a policy with the required keys, and more keys in its stream.
func least(more string) string {
	return "[[stream]]\nname = \"web\"\npurpose = \"faults\"\nkeep = \"14d\"\n" + more + "\n"
}

// TestDigest: any change to the streams changes the digest; people, comments and spelling do
// not.
func TestDigest(t *testing.T) {
	base := least(`gate = { longest = "30d" }` + "\n" + `active = { from = 2026-11-20, until = 2026-12-10, reason = "A", for = "B" }`)
	base = strings.Replace(base, `"30d"`, `"30d", names = "user"`, 1)
	digest := parse(t, base).Digest()
	assert.Len(t, digest, 64)
	for _, test := range []struct {
		old, new string
		same     bool
	}{
		{`reason = "A"`, `reason = "another"`, true},
		{`for = "B"`, `for = "C"`, true},
		{"[[stream]]", "# a comment\n[[stream]]", true},
		{"[[stream]]", "format = \"auto\"\n[[stream]]", true},
		{"until = 2026-12-10, from = 2026-11-20", "from = 2026-11-20, until = 2026-12-10", true},
		{`"14d"`, `'14d'`, true},
		{"2026-12-10", "2026-12-11", false},
		{`"14d"`, `"15d"`, false},
		{`"faults"`, `{ en = "faults" }`, false},
		{"[[stream]]", "[notice]\nplace = \"here\"\n[[stream]]", false},
	} {
		got := parse(t, strings.Replace(base, test.old, test.new, 1)).Digest()
		assert.Equal(t, test.same, got == digest, "%s -> %s", test.old, test.new)
	}
}

// TestSpellings: a table may be spelled in every way that TOML allows.
func TestSpellings(t *testing.T) {
	want := parse(t, least(`where = { status = ["404"], user = "*" }`)).Digest()
	for _, more := range []string{
		"where.status = 404\nwhere.user = \"*\"",
		"[stream.where]\nuser = '*'\nstatus = \"404\"",
		"where = { user = \"*\", status = 404 }",
		"\"where\" = { status = [\n  \"404\", # the only one\n], 'user' = \"\"\"*\"\"\" }",
	} {
		assert.Equal(t, want, parse(t, least(more)).Digest(), more)
		windows := strings.ReplaceAll(least(more), "\n", "\r\n")
		assert.Equal(t, want, parse(t, windows).Digest(), more)
	}
	inline := `stream = [{ name = "web", purpose = "faults", keep = "14d", where = { status = 404, user = "*" } }]`
	assert.Equal(t, want, parse(t, inline).Digest())
}

// TestGateOverAYear: a decision is valid exactly if its dates are. The oracle counts days one by
// one.
func TestGateOverAYear(t *testing.T) {
	first, _ := civil.ParseDay("2026-01-01")
	for announced := first; announced < first+365; announced += 3 {
		for _, wait := range []civil.Day{0, 13, 14, 15, 60} {
			for _, days := range []civil.Day{1, 29, 30, 31} {
				from := announced + wait
				until := from + days - 1
				p := parse(t, least(fmt.Sprintf("gate = { announce = \"14d\", longest = \"30d\" }\n"+
					"active = { announced = %v, from = %v, until = %v, reason = \"x\" }", announced, from, until)))
				waited, open := 0, 0
				written := p.Streams[0].Active.Span
				for d := announced; d < from; d++ {
					waited++
				}
				for d := from; d <= until; d++ {
					open++
					require.True(t, written.Has(d))
				}
				require.False(t, written.Has(from-1))
				require.False(t, written.Has(until+1))
				breaches := 0
				if waited < 14 {
					breaches++
				}
				if open > 30 {
					breaches++
				}
				if opening := p.Openings(nil)[0]; breaches > 0 {
					require.True(t, opening.IsEmpty())
				} else {
					require.Equal(t, policy.Opening{Span: written}, opening)
				}
				require.Len(t, p.Gates(nil), breaches, "%v, %v to %v", announced, from, until)
			}
		}
	}
}

// stage returns a stream behind a gate.
func stage(name, after, from string) string {
	gate := `longest = "30d"`
	if after != "" {
		gate += fmt.Sprintf(", after = %q", after)
	}
	s := fmt.Sprintf("[[stream]]\nname = %q\npurpose = \"x\"\nkeep = \"30d\"\ngate = { %s }\n", name, gate)
	if day, ok := civil.ParseDay(from); ok {
		s += fmt.Sprintf("active = { from = %v, until = %v, reason = \"x\" }\n", day, day+10)
	}
	return s
}

// afterAll reports what was active under policies that ran one after the other.
func afterAll(ran []*policy.Policy) policy.Earlier {
	if len(ran) == 0 {
		return nil
	}
	before, last := afterAll(ran[:len(ran)-1]), ran[len(ran)-1]
	return func(stream string, day civil.Day) bool {
		for i, open := range last.Openings(before) {
			if last.Streams[i].Name == stream && open.From < day {
				return true
			}
		}
		return before != nil && before(stream, day)
	}
}

// TestStages: a stage requires the previous one, in this policy or in one that ran.
func TestStages(t *testing.T) {
	three := func(a, b, c string) *policy.Policy {
		return parse(t, stage("a", "", a)+stage("b", "a", b)+stage("c", "b", c))
	}
	for _, test := range []struct {
		name     string
		p        *policy.Policy
		ran      []*policy.Policy
		breaches []string
	}{
		{"in order", three("2026-01-01", "2026-02-01", "2026-03-01"), nil, nil},
		{"nothing is open", three("", "", ""), nil, nil},
		{"the first alone", three("2026-01-01", "", ""), nil, nil},
		{"the second alone", three("", "2026-02-01", ""), nil, []string{`"a" has not been active before`}},
		{"one day later", three("2026-02-01", "2026-02-02", ""), nil, nil},
		{"the same day", three("2026-02-01", "2026-02-01", ""), nil, []string{`"a" has not been active before`}},
		{"a broken stage is none", three("2026-02-02", "2026-02-01", "2026-03-01"), nil,
			[]string{`"a" has not been active before`, `"b" has not been active before`}},
		{"the one before ran", three("", "2026-02-01", ""), []*policy.Policy{three("2025-11-01", "", "")}, nil},
		{"both ran", three("", "", "2026-03-01"), []*policy.Policy{three("2025-11-01", "2025-12-24", "")}, nil},
		{"each ran alone", three("", "", "2026-03-01"), []*policy.Policy{three("2025-11-01", "", ""), three("", "2026-01-24", "")}, nil},
		{"in the wrong order", three("", "", "2026-03-01"), []*policy.Policy{three("", "2026-01-24", ""), three("2025-11-01", "", "")},
			[]string{`"b" has not been active before`}},
		{"what ran was broken", three("", "", "2026-03-01"), []*policy.Policy{three("", "2026-01-24", "")},
			[]string{`"b" has not been active before`}},
	} {
		var got []string
		earlier := afterAll(test.ran)
		for _, e := range test.p.Gates(earlier) {
			got = append(got, e.What)
		}
		assert.Equal(t, test.breaches, got, test.name)
		closed := 0
		for i, open := range test.p.Openings(earlier) {
			if open.IsEmpty() && test.p.Streams[i].Active != nil {
				closed++
			}
		}
		assert.Equal(t, len(got), closed, test.name)
	}
}

// TestPairs: one line can go to two streams, unless their conditions exclude each other.
func TestPairs(t *testing.T) {
	for _, test := range []struct {
		name, a, b, want string
	}{
		{"whole lines", "", "", "time url referer agent size duration user"},
		{"the second", `fields = { time = "keep", url = "path" }`, `fields = { time = "keep", url = "keep" }`, "time"},
		{"nothing but the order", `fields = { time = "hour" }`, `fields = { client = "ipcrypt" }`, "order"},
		{"figures only", "rooms = [\"jitsi\"]", "#none", ""},
		{"status", `where = { status = "400-499" }`, `where = { status = "500-599" }`, ""},
		{"status that overlaps", `where = { status = "400-500" }`, `where = { status = "500-599" }`, "time url referer agent size duration user"},
		{"two paths", `where = { url = "/a*" }`, `where = { url = "*b" }`, "time url referer agent size duration user"},
		{"what the other leaves out", `where = { url = "/a/*" }`, `unless = { url = "/a/*" }`, ""},
		{"leaves out only a part", `where = { url = "/a/*" }`, `unless = { url = "/a/*", method = "POST" }`, "time url referer agent size duration user"},
		{"events apart", `where = { event = "denied" }`, `where = { event = ["not-found", "error"] }`, ""},
		{"events and a status", `where = { event = "denied" }`, `where = { event = "*", status = "500" }`, ""},
		{"any event", `where = { event = "denied" }`, `where = { event = "*" }`, "time url referer agent size duration user"},
		{"methods", `where = { method = "GET" }`, `where = { method = ["PUT", "POST"] }`, ""},
		{"users", `where = { user = "a" }`, `where = { user = "*" }`, "time url referer agent size duration user"},
		{"networks", `where = { client = "10.0.0.0/8" }`, `where = { client = "192.0.2.0/24" }`, ""},
		{"shared keys", `fields = { time = "hour" }`, "fields = { time = \"hour\" }\nlinked = \"web\"", "order linked"},
	} {
		text := "events = [\"http\"]\n" + least(test.a) + strings.Replace(least(test.b), `"web"`, `"b"`, 1)
		if test.b == "#none" {
			text = strings.Replace(text, `keep = "14d"`, `keep = "none"`, 1)
		}
		var got []string
		for _, pair := range parse(t, text).Pairs() {
			if got = pair.By; len(got) == 0 {
				got = []string{"order"}
			}
			if pair.Linked {
				got = append(got, "linked")
			}
		}
		assert.Equal(t, test.want, strings.Join(got, " "), test.name)
	}
}

// TestFault: an error found by another package gets a position.
func TestFault(t *testing.T) {
	p := parse(t, least(`fields = { client = "ipcrypt", other = { "%{X}i" = "hash" } }`))
	for path, place := range map[string]string{
		"stream[0].fields.client":        "5:21",
		`stream[0].fields.other."%{X}i"`: "5:52",
		"stream[0].fields.user":          "5:10",
		"stream[0].where.status[3]":      "1:3",
		"stream[0].keep":                 "4:8",
		"format":                         "",
		"":                               "",
	} {
		got := p.Fault(path, "x", "").Error()
		assert.Equal(t, strings.TrimPrefix(place+": x", ": "), got, path)
	}
}

// FuzzParse: no text panics, each mistake has a position in the text, and a printed policy
// parses to the same policy.
func FuzzParse(f *testing.F) {
	for _, glob := range []string{"testdata/examples/*.toml", "testdata/mistakes/*.toml"} {
		paths, err := filepath.Glob(glob)
		require.NoError(f, err)
		require.NotEmpty(f, paths)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(text)
		}
	}
	f.Add([]byte(least("active.from = 2026-01-01\n[stream.where]\nstatus = 404")))
	f.Add([]byte(`stream = [{ name = "a", purpose = "x", keep = "none" }]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, errs := policy.Parse(text)
		lines := strings.Split(string(text), "\n")
		for _, e := range errs {
			require.NotContains(t, e.What+e.Hint, "\n")
			if e.Line == 0 {
				continue
			}
			require.LessOrEqual(t, e.Line, len(lines))
			require.LessOrEqual(t, e.Column, utf8.RuneCountInString(lines[e.Line-1])+1)
			require.Positive(t, e.Column)
		}
		if p == nil {
			require.NotEmpty(t, errs)
			return
		}
		printed := p.AppendTo(nil)
		again, errs := policy.Parse(printed)
		require.Empty(t, errs, "%s", printed)
		require.Equal(t, string(printed), string(again.AppendTo(nil)))
		require.Equal(t, p.Digest(), again.Digest())
		p.Gates(nil)
	})
}

// TestPersonInMistakes: the line shown with a mistake reveals neither whom a decision is about
// nor why.
func TestPersonInMistakes(t *testing.T) {
	for _, active := range []string{
		`active = { from = 2026-11-20, until = 2026-12-10, reason = "Gründe \"hier\", Geheim", for = 'Jane Doe' }`,
		`active = { for = "Jane Doe", "reason" = 'Geheim', from = 2026-11-20, until = 2026-12-10 }`,
		`active = { for="Jane Doe",reason="""Geheim""", from = 2026-11-20, until = 2026-12-10, unknown = 1 }`,
		`active = { from = 2026-11-20, until = 2026-12-10, reason = Geheim, for = Jane }`,
		"active.from = 2026-11-20\nactive.until = 2026-12-10\nactive.reason = [\"Geheim\"]\nactive.for = { a = \"Jane\" }",
		`active = { from = 2026-11-20, until = 2026-12-10, reason = "Geheim", for = "Jane Doe`,
		`active = { from = 2026-11-20, until = 2026-12-10, resson = "Geheim", four = "Jane Doe" }`,
		`active = { from = 2026-11-20, until = 2026-12-10, reason = "Geheim, for = "Jane" }`,
		`active = { from = "Geheim", until = 'Jane', reason = "x", for = "y" }`,
		`active = { from = 2026-11-20, until = 2026-12-10, reason = "x" Geheim, for = "y" Jane }`,
		"active.resson = \"Geheim\"\n\"active\" . four = 'Jane'",
		"[stream.active]\nfrom = 2026-11-20\nuntil = 2026-12-10\nresson = \"Geheim\"\nfour = 'Jane'",
		"[ stream . \"active\" ]\nfrom = \"Geheim\"\nuntil = Jane",
		"active = { reason = \"\"\"x\nJane und Geheim\"\"\", for = 5 }",
		`activ = { from = 2026-11-20, until = 2026-12-10, resson = "Geheim", four = "Jane" }`,
	} {
		p, errs := policy.Parse([]byte(least("gate = { longest = \"5d\", names = \"user\" }\n" + active)))
		if p != nil {
			errs = p.Gates(nil)
		}
		require.NotEmpty(t, errs, active)
		for _, e := range errs {
			assert.NotContains(t, e.Text+e.What+e.Hint, "Geheim", active)
			assert.NotContains(t, e.Text+e.What+e.Hint, "Jane", active)
			assert.NotContains(t, e.Text+e.What+e.Hint, "hier", active)
		}
	}
	_, errs := policy.Parse([]byte(least(`gate = { longest = "5d" }` + "\n" + `active = { reason = "Jäne", from = 1, until = 2 }`)))
	require.NotEmpty(t, errs)
	assert.Equal(t, `active = { reason = "xxxx", from = 1, until = 2 }`, errs[0].Text, "the caret stays in its place")
	_, errs = policy.Parse([]byte("# active\n" + least("active = { from = 1 }\nreveal = [\"1d\"]")))
	require.NotEmpty(t, errs)
	assert.Equal(t, `reveal = ["1d"]`, errs[len(errs)-1].Text, "what follows a decision is shown")
}
