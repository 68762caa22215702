package policies_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/policies"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

func day(t *testing.T, date string) civil.Day {
	t.Helper()
	d, ok := civil.ParseDay(date)
	require.True(t, ok, date)
	return d
}

func open(t *testing.T) (path string, d *dir.Dir) {
	path = t.TempDir()
	d, err := dir.Open(path, dir.Options{Create: true})
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return path, d
}

// at returns noon of a date in the process's time zone.
func at(t *testing.T, date string) time.Time {
	y, m, d := day(t, date).Date()
	return time.Date(y, time.Month(m), d, 12, 0, 0, 0, time.Local)
}

// TestLast: the last line of the log names the policy that started last.
func TestLast(t *testing.T) {
	path, d := open(t)
	_, _, err := policies.Last(path)
	require.ErrorIs(t, err, fs.ErrNotExist)

	entry := func(digit string) policies.Entry {
		return policies.Entry{Began: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Digest: strings.Repeat(digit, 64),
			Streams: []policies.Stream{{Name: "web", Active: policy.Always}, {Name: "meet", Active: policy.Always}}}
	}
	for _, digit := range []string{"a", "b", "b"} {
		require.NoError(t, policies.Record(d, entry(digit), []byte("text of "+digit)))
	}
	log := filepath.Join(path, dir.PoliciesLogName)
	require.Equal(t, 2, strings.Count(read(t, log), "\n"))
	last := func() string {
		e, text, err := policies.Last(path)
		if err != nil {
			return err.Error()
		}
		assert.Equal(t, entry("b"), e)
		return string(text)
	}
	assert.Equal(t, "text of b", last())
	for name, mode := range map[string]fs.FileMode{dir.Policies: 0o700, dir.Policies + "/" + dir.PolicyFile(entry("b").Digest): 0o600} {
		info, err := os.Stat(filepath.Join(path, name))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), name)
	}

	written := read(t, log)
	for _, end := range []string{"2026-11-22T12:00:00Z ", "2026-11"} { // another process is writing it
		require.NoError(t, os.WriteFile(log, []byte(written+end), 0o640))
		assert.Equal(t, "text of b", last())
		require.NoError(t, policies.Record(d, entry("a"), []byte("text of a")))
		require.NoError(t, policies.Record(d, entry("b"), []byte("text of b")))
		assert.Equal(t, "text of b", last(), "behind a line that a full disk cut off")
	}
	require.NoError(t, os.WriteFile(log, []byte(written+"2026-11-22T12:00:00Z of another version\n"), 0o640))
	assert.Contains(t, last(), "its last line names no policy")
	require.NoError(t, os.WriteFile(log, []byte(written), 0o640))

	require.NoError(t, os.Chmod(log, 0o660))
	assert.Contains(t, last(), "others can write it")
	_, err = policies.ReadLog(d)
	assert.ErrorContains(t, err, "others can write it")
	require.NoError(t, os.Chmod(log, 0o640))
	if os.Getuid() == 0 { // DIR's owner could have written what root runs
		require.NoError(t, os.Chown(log, 12345, -1))
		assert.Contains(t, last(), "belongs to another user")
		_, err = policies.ReadLog(d)
		assert.ErrorContains(t, err, "belongs to another user")
		looked, err := policies.ReadLogOf(path)
		assert.NoError(t, err)
		assert.Len(t, looked, 2)
		require.NoError(t, policies.Record(d, entry("b"), []byte("text of b")))
	}
}

func read(t *testing.T, path string) string {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// stages returns a policy of a stream without a gate and two with gates, the second of them
// for one user.
func stages(t *testing.T, first, second string) *policy.Policy {
	t.Helper()
	text := "[[stream]]\nname = \"web\"\npurpose = \"x\"\nkeep = \"14d\"\n"
	for _, s := range []struct{ name, gate, active string }{
		{"cost", `longest = "90d"`, first}, {"person", `after = "cost", names = "user"`, second},
	} {
		text += fmt.Sprintf("[[stream]]\nname = %q\npurpose = \"x\"\nkeep = \"30d\"\ngate = { %s }\n", s.name, s.gate)
		if s.active != "" {
			text += fmt.Sprintf("active = { %s, reason = \"secret decision\" }\n", s.active)
		}
	}
	p, errs := policy.Parse([]byte(text))
	require.Empty(t, errs, text)
	return p
}

// record records a policy like a logger that starts at noon.
func record(t *testing.T, d *dir.Dir, date string, p *policy.Policy) {
	t.Helper()
	ran, err := policies.ReadLog(d)
	require.NoError(t, err)
	require.NoError(t, policies.Record(d, policies.NewEntry(at(t, date), p, p.Openings(ran.Earlier)), p.AppendTo(nil)))
}

const (
	costs  = "from = 2026-11-20, until = 2026-12-10"
	person = `from = 2026-12-11, until = 2026-12-20, for = "Jane Doe"`
)

// TestLog: the log records the days on which streams were active, and no others.
func TestLog(t *testing.T) {
	path, d := open(t)
	record(t, d, "2026-11-01", stages(t, "", person))
	record(t, d, "2026-11-19", stages(t, costs, ""))
	record(t, d, "2026-12-05", stages(t, "", person))
	record(t, d, "2026-12-06", stages(t, "", strings.Replace(person, "Jane", "John", 1)))
	log := read(t, filepath.Join(path, dir.PoliciesLogName))
	var streams []string
	for line := range strings.Lines(log) {
		streams = append(streams, strings.Fields(line)[2])
	}
	assert.Equal(t, []string{"web,cost=closed,person=closed", "web,cost=2026-11-20..2026-12-10,person=closed",
		"web,cost=closed,person=2026-12-11..2026-12-20/user"}, streams)
	assert.NotContains(t, log, "Jane")
	assert.NotContains(t, log, "secret")

	ran, err := policies.ReadLogOf(path)
	require.NoError(t, err)
	require.Len(t, ran, 3)
	for _, test := range []struct {
		stream, day string
		under       []int
	}{
		{"web", "2026-10-01", []int{2, 1, 0}}, // a late line can have any date
		{"web", "2026-11-20", []int{2, 1, 0}}, // from a time zone ahead
		{"web", "2026-11-21", []int{2, 1}},
		{"web", "2026-12-06", []int{2, 1}},
		{"web", "2026-12-07", []int{2}},
		{"cost", "2026-11-19", nil},
		{"cost", "2026-11-20", []int{1}},
		{"cost", "2026-12-05", []int{1}},
		{"cost", "2026-12-06", []int{1}},
		{"cost", "2026-12-07", nil}, // another policy closed it
		{"cost", "2026-12-10", nil},
		{"person", "2026-12-10", nil},
		{"person", "2026-12-11", []int{2}},
		{"person", "2026-12-20", []int{2}},
		{"person", "2026-12-21", nil},
		{"none", "2026-12-11", nil},
	} {
		var want []policies.Entry
		for _, i := range test.under {
			want = append(want, ran[i])
		}
		assert.Equal(t, want, ran.For(test.stream, day(t, test.day)), "%s on %s", test.stream, test.day)
	}
}

// TestEarlier: a stage counts from the first day on which it was active and its policy ran.
func TestEarlier(t *testing.T) {
	for _, test := range []struct {
		name, began, ended string
		before             string // the first date for which Earlier is true
	}{
		{"as decided", "2026-11-19", "", "2026-11-21"},
		{"begun late", "2026-11-25", "", "2026-11-26"},
		{"the last day", "2026-12-10", "", "2026-12-11"},
		{"too late", "2026-12-11", "", ""},
		{"ended before it began", "2026-11-01", "2026-11-19", ""},
		{"ended on its first day", "2026-11-01", "2026-11-20", "2026-11-21"},
	} {
		_, d := open(t)
		record(t, d, test.began, stages(t, costs, ""))
		if test.ended != "" {
			record(t, d, test.ended, stages(t, "", ""))
		}
		ran, err := policies.ReadLog(d)
		require.NoError(t, err)
		for date := day(t, "2026-11-01"); date < day(t, "2027-01-01"); date++ {
			want := test.before != "" && date >= day(t, test.before)
			require.Equal(t, want, ran.Earlier("cost", date), "%s: %v", test.name, date)
		}
		assert.False(t, ran.Earlier("person", day(t, "2099-01-01")), test.name)
	}
}

// TestFollow: later policies restrict a running policy where they allow less, and change
// nothing else.
func TestFollow(t *testing.T) {
	span := func(from, until string) policy.Span { return policy.Span{From: day(t, from), Until: day(t, until)} }
	both := func() *policy.Policy { return stages(t, costs, person) }
	edited := func(old, new string) *policy.Policy {
		text := string(both().AppendTo(nil))
		require.Contains(t, text, old)
		p, errs := policy.Parse([]byte(strings.Replace(text, old, new, 1)))
		require.Empty(t, errs)
		return p
	}
	own := policies.Allowed{Days: []int{14, 30, 30}, Open: []policy.Opening{{Span: policy.Always},
		{Span: span("2026-11-20", "2026-12-10")}, {Span: span("2026-12-11", "2026-12-20"), User: "Jane Doe"}}}
	never := policy.Opening{Span: policy.Never}
	neverJane := policy.Opening{Span: policy.Never, User: "Jane Doe"}
	for _, test := range []struct {
		name  string
		later []*policy.Policy
		want  func(a *policies.Allowed)
	}{
		{"the same", []*policy.Policy{both()}, func(*policies.Allowed) {}},
		{"both closed", []*policy.Policy{stages(t, "", "")}, func(a *policies.Allowed) { a.Open[1], a.Open[2] = never, neverJane }},
		{"opened again", []*policy.Policy{stages(t, "", ""), both()}, func(a *policies.Allowed) { a.Open[1], a.Open[2] = never, neverJane }},
		{"shorter", []*policy.Policy{stages(t, "from = 2026-11-20, until = 2026-12-01", person)}, func(a *policies.Allowed) {
			a.Open[1].Span = span("2026-11-20", "2026-12-01")
		}},
		{"longer", []*policy.Policy{stages(t, "from = 2026-11-01, until = 2026-12-20", person)}, func(*policies.Allowed) {}},
		{"another time", []*policy.Policy{stages(t, "from = 2026-11-01, until = 2026-11-19", person)}, func(a *policies.Allowed) { a.Open[1] = never }},
		{"another person", []*policy.Policy{edited("Jane", "John")}, func(a *policies.Allowed) { a.Open[2] = neverJane }},
		{"another reason", []*policy.Policy{edited("until = 2026-12-20, reason = \"secret decision\", for = \"Jane Doe\" }", "until = 2026-12-20, reason = \"x\", for = \"Jane Doe\" }")}, func(*policies.Allowed) {}},
		{"shorter periods", []*policy.Policy{edited(`"14d"`, `"8d"`), edited(`"14d"`, `"20d"`)}, func(a *policies.Allowed) { a.Days[0] = 8 }},
		{"no lines", []*policy.Policy{edited(`"14d"`, `"none"`)}, func(a *policies.Allowed) { a.Days[0], a.Open[0] = 2, never }},
		{"without a stream", []*policy.Policy{edited(`name = "web"`, `name = "www"`)}, func(a *policies.Allowed) { a.Open[0] = never }},
		{"a gate where none was", []*policy.Policy{edited(`keep = "14d"`, "keep = \"14d\"\ngate = { announce = \"14d\" }")}, func(a *policies.Allowed) { a.Open[0] = never }},
		{"groups where none were", []*policy.Policy{edited(`keep = "14d"`, "keep = \"14d\"\nfields = { client = \"mask=24/48\" }\ngroup = \"client\"\nleast = 7")}, func(a *policies.Allowed) { a.Open[0] = never }},
		{"for one user where it was for all", []*policy.Policy{edited("keep = \"14d\"\n", "keep = \"14d\"\ngate = { names = \"user\" }\n"+
			"active = { from = 2026-11-20, until = 2026-12-01, reason = \"x\", for = \"John\" }\n")}, func(a *policies.Allowed) {
			a.Open[0] = policy.Opening{Span: span("2026-11-20", "2026-12-01"), User: "John"}
		}},
	} {
		_, d := open(t)
		record(t, d, "2026-11-19", both())
		f := policies.Follow(both(), both().Openings(nil))
		got, err := f.Update(d)
		require.NoError(t, err, test.name)
		require.Equal(t, own, got, test.name)
		for _, p := range test.later {
			record(t, d, "2026-11-21", p)
			got, err = f.Update(d)
			require.NoError(t, err, test.name)
		}
		want := policies.Allowed{Open: append([]policy.Opening(nil), own.Open...), Days: append([]int(nil), own.Days...)}
		test.want(&want)
		assert.Equal(t, want, got, test.name)
	}
}

// TestFollowUnknown: a policy that cannot be read opens nothing. What it closes opens again
// once the policy can be read.
func TestFollowUnknown(t *testing.T) {
	p := stages(t, costs, person)
	start := func() (string, *dir.Dir, *policies.Follower) {
		path, d := open(t)
		record(t, d, "2026-11-19", p)
		return path, d, policies.Follow(p, p.Openings(nil))
	}
	look := func(f *policies.Follower, d *dir.Dir) (closed string, err error) {
		a, err := f.Update(d)
		for i, o := range a.Open {
			if o.IsEmpty() {
				closed += " " + p.Streams[i].Name
			}
		}
		return closed, err
	}

	path, d, f := start()
	log := filepath.Join(path, dir.PoliciesLogName)
	written := read(t, log)
	require.NoError(t, os.WriteFile(log, []byte(written+"3026-11-22T12:00:00Z of another version\n"), 0o640))
	closed, err := look(f, d)
	assert.ErrorContains(t, err, "its last line names no policy")
	assert.Equal(t, " cost person", closed)
	require.NoError(t, os.WriteFile(log, []byte(written), 0o640))
	closed, err = look(f, d)
	assert.NoError(t, err)
	assert.Empty(t, closed)
	require.NoError(t, os.Remove(log)) // as the error's hint advises
	closed, err = look(f, d)
	assert.NoError(t, err)
	assert.Empty(t, closed)

	// The text of a newer version: the days come from the log, which does not have the users.
	_, d, f = start()
	newer := policies.NewEntry(at(t, "2026-11-21"), p, p.Openings(nil))
	newer.Digest = strings.Repeat("0", 64)
	newer.Streams[1].Active.Until = day(t, "2026-11-30")
	require.NoError(t, policies.Record(d, newer, []byte("new-key = 1\n")))
	a, err := f.Update(d)
	assert.NoError(t, err)
	assert.Equal(t, policy.Span{From: day(t, "2026-11-20"), Until: day(t, "2026-11-30")}, a.Open[1].Span)
	assert.True(t, a.Open[2].IsEmpty())
	assert.Equal(t, []int{14, 30, 30}, a.Days)

	// A text that temporarily cannot be read.
	path, d, f = start()
	text := filepath.Join(path, dir.Policies, dir.PolicyFile(p.Digest()))
	require.NoError(t, os.Chmod(text, 0o620))
	closed, err = look(f, d)
	assert.ErrorContains(t, err, "others can write it")
	assert.Empty(t, closed)
	require.NoError(t, os.Remove(text))
	closed, err = look(f, d)
	assert.NoError(t, err)
	assert.Equal(t, " person", closed)
}

// TestPurgeTexts: a text is kept as long as lines that were written under it.
func TestPurgeTexts(t *testing.T) {
	path, d := open(t)
	texts := func() (n int) {
		names, err := d.Names(dir.Policies)
		require.NoError(t, err)
		return len(names)
	}
	old := stages(t, "", "")
	record(t, d, "2026-11-01", old)
	record(t, d, "2026-11-10", stages(t, costs, ""))
	text := filepath.Join(path, dir.Policies, dir.PolicyFile(old.Digest()))
	ran := func() time.Time {
		info, err := os.Stat(text)
		require.NoError(t, err)
		return info.ModTime()
	}
	require.NoError(t, os.Chtimes(text, time.Unix(0, 0), time.Unix(0, 0)))
	require.NoError(t, policies.MarkRunning(d, old.Digest())) // a logger still runs it
	require.WithinDuration(t, time.Now(), ran(), time.Hour)
	require.Equal(t, string(old.AppendTo(nil)), read(t, text))
	require.NoError(t, os.Chtimes(text, at(t, "2026-11-12"), at(t, "2026-11-12")))
	for _, test := range []struct {
		oldest, now string
		left        int
	}{
		{"2026-11-01", "2026-12-01", 2},
		{"2026-11-13", "2026-12-01", 2}, // a line from a time zone ahead
		{"2099-01-01", "2026-11-13", 2}, // no line, but a logger may still run
		{"2026-11-14", "2026-12-01", 1},
		{"2099-01-01", "2099-01-01", 1}, // the newest stays
	} {
		deleted, err := policies.PurgeTexts(d, day(t, test.oldest), at(t, test.now))
		require.NoError(t, err)
		require.Equal(t, test.left, texts(), "%v", test)
		if test.oldest == "2026-11-14" {
			assert.Equal(t, []string{"policies/" + old.Digest() + ".toml"}, deleted)
		} else {
			assert.Empty(t, deleted)
		}
	}
	require.NoError(t, policies.MarkRunning(d, old.Digest()), "its text is gone")
	assert.Equal(t, 2, strings.Count(read(t, filepath.Join(path, dir.PoliciesLogName)), "\n"), "the log is for good")
}

// TestTermsOf: a directory's rules are those of the newest policy that has it as a stream.
func TestTermsOf(t *testing.T) {
	home := t.TempDir()
	d, err := dir.Open(home, dir.Options{Create: true})
	require.NoError(t, err)
	defer d.Close()
	for _, name := range []string{"web", "left", "other"} {
		require.NoError(t, os.Mkdir(filepath.Join(home, name), 0o750))
	}
	stream := func(name string) (*policies.Terms, error) { return policies.TermsOf(filepath.Join(home, name)) }
	terms, err := stream("web")
	require.NoError(t, err)
	require.Nil(t, terms, "no policy ran here")

	record := func(purposes map[string]string) {
		text := ""
		for name, purpose := range purposes {
			text += "[[stream]]\nname = \"" + name + "\"\npurpose = \"x\"\nkeep = \"14d\"\n" + purpose
		}
		p, mistakes := policy.Parse([]byte(text))
		require.Empty(t, mistakes)
		require.NoError(t, policies.Record(d, policies.NewEntry(time.Now(), p, p.Openings(nil)), []byte(text)))
	}
	record(map[string]string{"web": "reveal = \"first\"\n", "left": "reveal = \"left\"\n"})
	record(map[string]string{"web": "reveal = \"second\"\n"})
	for name, want := range map[string]string{"web": "second", "left": "left"} {
		terms, err := stream(name)
		require.NoError(t, err)
		require.NotNil(t, terms)
		assert.Equal(t, want, terms.Stream.Reveal.In("en"))
		assert.Equal(t, home, terms.Home)
	}
	terms, err = stream("other")
	require.NoError(t, err)
	require.Nil(t, terms)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(filepath.Join(home, "web"), link))
	terms, err = policies.TermsOf(link)
	require.NoError(t, err)
	assert.Equal(t, "second", terms.Stream.Reveal.In("en"))

	// An unreadable log or policy is an error.
	log := filepath.Join(home, dir.PoliciesLogName)
	written := read(t, log)
	require.NoError(t, os.WriteFile(log, []byte(written+"2026-11-22T12:00:00Z of another version\n"), 0o640))
	_, err = stream("web")
	assert.ErrorContains(t, err, "a line of it names no policy")
	require.NoError(t, os.WriteFile(log, []byte(written+"2026-11-22T"), 0o640))
	_, err = stream("web")
	assert.NoError(t, err, "another process is about to write it")
	texts, err := os.ReadDir(filepath.Join(home, dir.Policies))
	require.NoError(t, err)
	for _, text := range texts {
		require.NoError(t, os.WriteFile(filepath.Join(home, dir.Policies, text.Name()), []byte("[[stream]]\nname = \"web\"\npurpose = \"x\"\nkeep = \"14d\"\n"), 0o600))
	}
	_, err = stream("web")
	assert.ErrorContains(t, err, "is not the policy that was recorded")
	require.NoError(t, os.RemoveAll(filepath.Join(home, dir.Policies)))
	_, err = stream("web")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}
