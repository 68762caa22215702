package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/audit"
	"hushpipe/filter/dir"
	"hushpipe/filter/policies"
	"hushpipe/format/policy"
)

// TestPolicy: status knows the policy that runs, when its gates are open, which decisions
// break them, and lines of days on which they were closed.
func TestPolicy(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)
	home := t.TempDir()
	d, err := dir.Open(home, dir.Options{Create: true})
	require.NoError(t, err)
	defer d.Close()
	text := []byte(`[[stream]]
name = "web"
purpose = "x"
keep = "14d"
[[stream]]
name = "cost"
purpose = "x"
keep = "14d"
gate = { longest = "5d" }
active = { from = 2026-11-20, until = 2026-11-23, reason = "secret" }
[[stream]]
name = "late"
purpose = "x"
keep = "14d"
gate = { announce = "14d", names = "user" }
active = { announced = 2026-11-07, from = 2026-11-20, until = 2026-11-23, reason = "secret", for = "secret" }
`)
	p, mistakes := policy.Parse(text)
	require.Empty(t, mistakes)
	require.NoError(t, policies.Record(d, policies.NewEntry(now.AddDate(0, 0, -5), p, p.Openings(nil)), text))
	for _, name := range []string{"web", "cost", "late"} {
		stream, err := dir.Open(filepath.Join(home, name), dir.Options{Create: true})
		require.NoError(t, err)
		require.NoError(t, stream.ReplaceFile("", dir.RuleName, []byte("14d\n")))
		for _, date := range []string{"2026-11-16", "2026-11-19", "2026-11-20"} {
			require.NoError(t, os.WriteFile(filepath.Join(home, name, "access-"+date+".log"), []byte("x\n"), 0o640))
		}
		require.NoError(t, stream.Close())
	}
	s, err := audit.ReadStatus(home, "", now)
	require.NoError(t, err)
	require.NotNil(t, s.Policy)
	assert.Equal(t, p.Digest(), s.Policy.Digest)
	assert.Equal(t, now.AddDate(0, 0, -5), s.Policy.Since)
	require.Len(t, s.Streams, 3)
	gates := map[string]*audit.Gate{}
	for _, stream := range s.Streams {
		gates[filepath.Base(stream.Dir)] = stream.Gate
	}
	assert.Equal(t, map[string]*audit.Gate{"web": nil, "cost": {From: "2026-11-20", Until: "2026-11-23", Open: true}, "late": {}}, gates)
	assert.Contains(t, s.Notes, audit.Finding{File: filepath.Join(home, "late"), What: "stays closed: the gate demands 14 days after the announcement", Do: "from is 2026-11-21 at the earliest"})
	var outside []string
	for _, f := range s.Broken {
		if strings.HasSuffix(f.What, ", when its gate was closed") {
			outside = append(outside, filepath.Base(f.File)+" "+f.What)
		}
		assert.NotContains(t, f.What+f.Do, "secret")
	}
	assert.Equal(t, []string{"cost has lines of 2026-11-19, when its gate was closed", "late has lines of 2026-11-19, when its gate was closed",
		"late has lines of 2026-11-20, when its gate was closed"}, outside,
		"of the days before the record nobody can tell")
	require.NoError(t, os.Chmod(filepath.Join(home, dir.Policies, dir.PolicyFile(p.Digest())), 0o640))
	s, err = audit.ReadStatus(home, "", now)
	require.NoError(t, err)
	assert.Contains(t, s.Broken[0].What+s.Broken[len(s.Broken)-1].What, "others have access to it (mode 0640)")
}

// TestChangesWithinADay: status reports the days on which lines of a stream have different fields.
func TestChangesWithinADay(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)
	fields := func(head, fields, more string) string {
		return head + "[[stream]]\nname = \"web\"\npurpose = \"x\"\nkeep = \"14d\"\nfields = { " + fields + " }\n" + more
	}
	before := fields("", `time = "keep", url = "path"`, "")
	for _, test := range []struct {
		name  string
		later []string // policies, from 09:00 on, an hour after each other
		want  string
	}{
		{"nothing", nil, ""},
		{"the same", []string{before + "# a comment\n"}, ""},
		{"in another order", []string{fields("", `url = "path", time = "keep"`, "")}, ""},
		{"what a line has to be", []string{fields("", `time = "keep", url = "path"`, "where = { status = 404 }\n")}, ""},
		{"a field", []string{fields("", `time = "keep"`, "")}, "09:00"},
		{"a treatment", []string{fields("", `time = "hour", url = "path"`, "")}, "09:00"},
		{"a format", []string{fields("", `time = "keep", url = "path"`, "format = '%t %U'\n")}, "09:00"},
		{"the format of the input", []string{fields("format = \"common\"\n", `time = "keep", url = "path"`, "")}, "09:00"},
		{"whole lines", []string{strings.Replace(before, `fields = { time = "keep", url = "path" }`, "", 1)}, "09:00"},
		{"and back", []string{fields("", `time = "keep"`, ""), before}, "10:00"},
		{"after an hour without the stream", []string{strings.Replace(before, "web", "www", 1), fields("", `time = "keep"`, "")}, "10:00"},
	} {
		t.Run(test.name, func(t *testing.T) {
			home := t.TempDir()
			d, err := dir.Open(home, dir.Options{Create: true})
			require.NoError(t, err)
			defer d.Close()
			record := func(began time.Time, text string) {
				p, mistakes := policy.Parse([]byte(text))
				require.Empty(t, mistakes)
				require.NoError(t, policies.Record(d, policies.NewEntry(began, p, p.Openings(nil)), []byte(text)))
			}
			record(now.AddDate(0, 0, -5), before)
			for i, text := range test.later {
				record(time.Date(2026, 11, 20, 9+i, 0, 0, 0, time.Local), text)
			}
			stream, err := dir.Open(filepath.Join(home, "web"), dir.Options{Create: true})
			require.NoError(t, err)
			require.NoError(t, stream.ReplaceFile("", dir.RuleName, []byte("14d\n")))
			require.NoError(t, stream.Close())
			for _, date := range []string{"2026-11-19", "2026-11-20", "2026-11-21"} {
				require.NoError(t, os.WriteFile(filepath.Join(home, "web", "access-"+date+".log"), []byte("x\n"), 0o640))
			}
			s, err := audit.ReadStatus(home, "", now)
			require.NoError(t, err)
			var got []string
			for _, note := range s.Notes {
				if strings.HasPrefix(note.What, "the policy changed") {
					assert.Equal(t, filepath.Join(home, "web"), note.File)
					got = append(got, note.What)
				}
			}
			if test.want == "" {
				assert.Empty(t, got)
			} else {
				assert.Equal(t, []string{"the policy changed at " + test.want + " on 2026-11-20 what is kept of a line, so that lines of that day have different fields"}, got)
			}
		})
	}
}
