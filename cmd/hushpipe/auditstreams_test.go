package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/audit"
	"hushpipe/filter/pseudonym"
)

// auditedPolicy has a stream for each kind of claim that only policies make.
const auditedPolicy = `format   = "combined"
workdays = "de-BE"

[[stream]]
name    = "web"
purpose = "x"
where   = { status = "404" }
fields  = { client = "ipcrypt", time = "keep", url = "path", status = "keep", agent = "keep" }
keep    = "14d"

[[stream]]
name    = "linked"
purpose = "x"
where   = { status = "404" }
fields  = { client = "ipcrypt", time = "hour", status = "keep", size = "round=1000" }
linked  = "web"
keep    = "14d"

[[stream]]
name    = "entries"
purpose = "x"
fields  = { client = "mask", user = "hash", time = "keep", url = "only=q", referer = "site" }
keep    = "60 entries, 14d"

[[stream]]
name    = "undated"
purpose = "x"
fields  = { client = "mask", url = "path", status = "keep" }
keep    = "14d"

[[stream]]
name     = "hours"
purpose  = "x"
fields   = { client = "only=10.0.0.0/8", user = "keep", time = "keep" }
keep     = "14d"

[[stream]]
name    = "group"
purpose = "x"
fields  = { client = "mask", time = "keep" }
group   = "client"
least   = 100
keep    = "14d"

[[stream]]
name    = "nothing"
purpose = "x"
keep    = "none"

[[stream]]
name    = "workdays"
purpose = "x"
fields  = { client = "mask", time = "keep" }
keep    = "24h of workdays"

[[stream]]
name    = "settling"
purpose = "x"
fields  = { client = "mask", time = "keep" }
settled = [%s]
keep    = "3d after settling, 30d"
`

// TestAuditFindsInStreams: each way to break a claim of a policy is reported with
// stream, file and line.
func TestAuditFindsInStreams(t *testing.T) {
	t.Parallel()
	at, now := t.TempDir(), time.Now()
	today := now.Format(time.DateOnly)
	file := filepath.Join(at, "policy.toml")
	ago := func(days int) string { return now.AddDate(0, 0, -days).Format(time.DateOnly) }
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, auditedPolicy, ago(10)), 0o600))
	var log strings.Builder
	for i := range 20 {
		fmt.Fprintf(&log, "192.0.2.%d - maria%d [%s] \"GET /a?q=s3cret%d&token=b HTTP/1.1\" 404 512 \"http://www.example.org/x\" \"Mozilla/5.0\"\n",
			i+1, i, now.Format("02/Jan/2006:15:04:05 -0700"), i)
	}
	dir, clean := filepath.Join(at, "log"), filepath.Join(at, "clean") // DIR stays at its path, which streams record
	filterLog(t, strings.ReplaceAll(log.String(), "s3cret", "word"), "--policy", file, dir)
	require.NoError(t, exec.Command("cp", "-a", dir, clean).Run())
	a, exit := auditOf(t, dir)
	require.Empty(t, brokenRows(a))
	require.Zero(t, exit)
	name := "access-" + today + ".log"
	segment := "access-" + today + ".0001.log"

	// change rewrites a line of a stream's file.
	change := func(path string, line int, old, by string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, path)
			lines := strings.SplitAfter(read(t, path), "\n")
			require.Contains(t, lines[line-1], old)
			lines[line-1] = strings.Replace(lines[line-1], old, by, 1)
			require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "")), 0o640))
		}
	}
	put := func(path, text string, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, path)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
			require.NoError(t, os.WriteFile(path, []byte(text), mode))
			require.NoError(t, os.Chmod(path, mode))
		}
	}
	// again writes the lines of hours to another file.
	again := func(path string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			put(path, read(t, filepath.Join(dir, "hours", name)), 0o640)(t, dir)
		}
	}
	// older renames a file of today to an earlier day.
	older := func(dir, file string, days int) func(*testing.T, string) {
		return func(t *testing.T, root string) {
			found, err := filepath.Glob(filepath.Join(root, dir, strings.Replace(file, "*", "*"+today+"*", 1)))
			require.NoError(t, err)
			require.NotEmpty(t, found)
			require.NoError(t, os.Rename(found[0], strings.Replace(found[0], today, ago(days), 1)))
		}
	}
	for _, test := range []struct {
		name  string
		plant func(*testing.T, string)
		row   string
		file  string
		line  int
	}{
		{"a parameter where the path alone is kept", change("web/"+name, 3, "GET /a", "GET /a?q=s3cret"), "web:fields", "web/" + name, 3},
		{"a parameter that is not listed", change("entries/"+segment, 2, "GET /a?", "GET /a?name=s3cret&"), "entries:fields", "entries/" + segment, 2},
		{"the path of a referrer", change("entries/"+segment, 3, "www.example.org/", "www.example.org/s3cret"), "entries:fields", "entries/" + segment, 3},
		{"a user in place of a hash", func(t *testing.T, dir string) {
			path := filepath.Join(dir, "entries", segment)
			lines := strings.SplitAfter(read(t, path), "\n")
			words := strings.SplitN(lines[0], " ", 4)
			words[2] = "client.example.org"
			lines[0] = strings.Join(words, " ")
			require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "")), 0o640))
		}, "entries:fields", "entries/" + segment, 1},
		{"minutes where the hour alone is kept", change("linked/"+name, 5, ":00:00 ", ":00:01 "), "linked:fields", "linked/" + name, 5},
		{"a size that is not rounded", change("linked/"+name, 6, " 1000", " 512"), "linked:fields", "linked/" + name, 6},
		{"a parameter, in a line without its time", change("undated/"+name, 3, "GET /a", "GET /a?q=s3cret"), "undated:fields", "undated/" + name, 3},
		{"a client that is not masked, in a line without its time", change("undated/"+name, 4, "192.0.2.0", "192.0.2.77"), "undated:addresses", "undated/" + name, 4},
		{"a time that was to be left out", change("undated/"+name, 5, "- - - ", now.Format("- - [02/Jan/2006:15:04:05 -0700] ")), "undated:fields", "undated/" + name, 5},
		{"a field that is not listed", change("web/"+name, 7, " 404 -", " 404 512"), "web:fields", "web/" + name, 7},
		{"a line of another format", change("entries/"+segment, 2, "[", "s3cret"), "entries:fields", "entries/" + segment, 2},
		{"a client outside of the networks", change("hours/"+name, 9, "- ", "192.0.2.77 "), "hours:addresses", "hours/" + name, 9},
		{"a client that is not masked", change("entries/"+segment, 2, "192.0.2.0", "192.0.2.77"), "entries:addresses", "entries/" + segment, 2},
		{"a line that the conditions do not choose", change("web/"+name, 9, " 404 ", " 200 "), "web:lines", "web/" + name, 9},
		{"more entries than are to be kept", func(t *testing.T, dir string) {
			path := filepath.Join(dir, "entries", segment)
			text := read(t, path)
			require.NoError(t, os.WriteFile(path, []byte(strings.Repeat(text, 61)), 0o640))
		}, "entries:period", "entries", 0},
		{"a line of yesterday in the file of today", change("web/"+name, 1, now.Format("[02/Jan/2006"), now.AddDate(0, 0, -1).Format("[02/Jan/2006")), "web:period", "web/" + name, 1},
		{"an old file", again("hours/access-2026-01-05.log"), "hours:period", "hours/access-2026-01-05.log", 0},
		{"an old file of an hour", again("hours/access-2026-01-05T10.log"), "hours:period", "hours/access-2026-01-05T10.log", 0},
		{"an hour of workdays that is over", older("workdays", "access-*.log", 9), "workdays:period", "", 0},
		{"a key of hours that are over", older("workdays/keys", "*.key", 9), "workdays:keys", "", 0},
		{"a journal of hours that are over", older("workdays/journal", "*.journal", 9), "workdays:period", "", 0},
		{"a journal of a day that has settled", older("settling/journal", "*.journal", 12), "settling:period", "", 0},
		{"held lines that had to be deleted", older("group/held", "*", 2), "group:group", "", 0},
		{"lines of a stream that writes nothing", func(t *testing.T, dir string) {
			put("nothing/keep", "14d\n", 0o640)(t, dir)
			put("nothing/keys/keep", "14d\n", 0o640)(t, dir)
			put("nothing/"+name, "x\n", 0o640)(t, dir)
		}, "nothing:nothing", "nothing/" + name, 0},
		{"a key that two streams have", func(t *testing.T, dir string) {
			put("entries/keys/"+today+".key", read(t, filepath.Join(dir, "web", "keys", today+".key")), 0o600)(t, dir)
		}, "entries:keys", "entries/keys/" + today + ".key", 0},
		{"a key of a day that was erased", func(t *testing.T, dir string) {
			key := pseudonym.Key([]byte(read(t, filepath.Join(dir, "web", "keys", today+".key"))))
			put("web/erased/"+today, fmt.Sprintf("%x\n", key.ID()), 0o600)(t, dir)
		}, "web:keys", "web/keys/" + today + ".key", 0},
		{"a key that is older than the lines", put("web/keys/2026-01-05.key", strings.Repeat("k", 32), 0o600), "web:keys linked:keys", "", 0},
		{"keys of its own where they are to be shared", func(t *testing.T, dir string) {
			put("linked/keys/keep", "14d\n", 0o640)(t, dir)
			require.NoError(t, exec.Command("cp", "-p", filepath.Join(dir, "web", "keys", "CACHEDIR.TAG"), filepath.Join(dir, "linked", "keys")).Run())
			require.NoError(t, exec.Command("cp", "-p", filepath.Join(dir, "web", "keys", today+".key"), filepath.Join(dir, "linked", "keys")).Run())
		}, "linked:keys web:joining", "", 0},
		{"keys that are shared where they are to differ", func(t *testing.T, dir string) {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "hours", "keys")))
			put("hours/settings", read(t, filepath.Join(dir, "linked", "settings")), 0o640)(t, dir)
		}, "web:joining linked:joining", "", 0},
		{"lines that backups take along", func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "web", "CACHEDIR.TAG")))
		}, "web:backups", "web", 0},
		{"lines that everybody can read", func(t *testing.T, dir string) {
			require.NoError(t, os.Chmod(filepath.Join(dir, "web", name), 0o644))
		}, "web:access", "web/" + name, 0},
		{"held lines that a group can read", func(t *testing.T, dir string) {
			held, err := filepath.Glob(filepath.Join(dir, "group", "held", "*"+today+"*"))
			require.NoError(t, err)
			require.NotEmpty(t, held)
			require.NoError(t, os.Chmod(held[0], 0o640))
		}, "group:access", "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(dir))
			require.NoError(t, exec.Command("cp", "-a", clean, dir).Run())
			test.plant(t, dir)
			a, exit := auditOf(t, dir)
			assert.Equal(t, exitFailure, exit)
			assert.ElementsMatch(t, strings.Fields(test.row), brokenRows(a))
			if test.file == "" {
				return
			}
			i := slices.IndexFunc(a.Rows, func(r audit.Row) bool { return r.Stream+":"+r.Claim == test.row })
			require.GreaterOrEqual(t, i, 0)
			require.NotEmpty(t, a.Rows[i].Faults)
			for _, f := range a.Rows[i].Faults {
				assert.Equal(t, filepath.Join(dir, test.file), f.File, f.What)
				assert.Equal(t, test.line, f.Line, f.What)
			}
		})
	}
}
