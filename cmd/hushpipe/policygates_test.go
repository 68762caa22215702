package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gatesPolicy has a stream that always writes, one whose gate is open, and one that is
// open for one user.
func gatesPolicy(keep, cost, person string) string {
	return fmt.Sprintf(`format = "combined"

[[stream]]
name = "web"
purpose = "x"
keep = %q

[[stream]]
name = "cost"
purpose = "x"
keep = "30d"
gate = { announce = "14d" }
%s
[[stream]]
name = "person"
purpose = "x"
keep = "30d"
gate = { names = "user" }
%s
`, keep, cost, person)
}

// TestGateClosesInOldLogger: within a minute, a logger that survived a reload writes
// only what the newest policy allows, even if that names another user, and keeps
// nothing for longer. It opens no gate again.
func TestGateClosesInOldLogger(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir, file := filepath.Join(root, "log"), filepath.Join(root, "policy.toml")
	today := time.Now()
	date := func(days int) string { return today.AddDate(0, 0, days).Format(time.DateOnly) }
	active := func(until int, more string) string {
		return fmt.Sprintf("active = { announced = %s, from = %s, until = %s, reason = \"secret decision\"%s }\n", date(-20), date(-3), date(until), more)
	}
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o644)) }
	n := 0
	line := func(l *logger, user string) string {
		n++
		_, err := fmt.Fprintf(l.stdin, "192.0.2.1 - %s [%s] \"GET /id-%d- HTTP/1.1\" 200 5 \"-\" \"-\"\n", user, time.Now().Format("02/Jan/2006:15:04:05 -0700"), n)
		require.NoError(t, err)
		return fmt.Sprintf("/id-%d-", n)
	}
	has := func(stream, id string) bool { return strings.Contains(written(filepath.Join(dir, stream)), id) }
	requireWhere := func(cost, person bool, l *logger, user, what string) {
		t.Helper()
		id := line(l, user)
		await(t, func() bool { return has("web", id) && (!cost || has("cost", id)) && (!person || has("person", id)) }, what)
		require.Equal(t, [2]bool{cost, person}, [2]bool{has("cost", id), has("person", id)}, what)
	}

	write(gatesPolicy("14d", active(10, ""), active(10, `, for = "jane"`)))
	old := startLogger(t, "--policy", file, dir)
	requireWhere(true, true, old, "jane", "both gates are open")
	requireWhere(true, false, old, "john", "for jane alone")

	write(gatesPolicy("8d", "", active(10, `, for = "john"`)))
	young := startLogger(t, "--policy", file, dir)
	requireWhere(false, true, young, "john", "the new policy")
	requireWhere(false, false, young, "jane", "the new policy")
	s, _ := statusOf(t, dir)
	require.Equal(t, 2, s.Policy.Processes)
	require.Len(t, s.Policy.Others, 1)
	assert.Equal(t, old.cmd.Process.Pid, s.Policy.Others[0].PID)

	began := time.Now()
	for closed := false; !closed; {
		require.Less(t, time.Since(began), time.Minute+waitLimit, "the old logger goes on")
		id := line(old, "jane")
		await(t, func() bool { return has("web", id) }, "a line in the stream without a gate")
		time.Sleep(time.Second) // for the other streams: only time can show that they get no line
		closed = !has("cost", id) && !has("person", id)
	}
	t.Logf("closed after %v", time.Since(began).Round(time.Second))
	requireWhere(false, false, old, "john", "nothing opens in an old logger")
	for rule := ""; rule != "8d\n"; { // each minute as well, by another goroutine
		require.Less(t, time.Since(began), 2*time.Minute+waitLimit, "the shorter period")
		text, err := os.ReadFile(filepath.Join(dir, "web", "keep"))
		require.NoError(t, err)
		rule = string(text)
		time.Sleep(100 * time.Millisecond) // the file is all that shows it
	}

	require.Equal(t, 0, young.end())
	require.Equal(t, 0, old.end())
	assert.Empty(t, young.said.String())
	log, err := os.ReadFile(filepath.Join(dir, "policies.log"))
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(log), "\n"))
	for _, said := range []string{string(log), old.said.String(), young.said.String()} {
		assert.NotContains(t, said, "secret")
		assert.NotContains(t, said, "jane")
	}
}
