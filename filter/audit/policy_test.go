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
