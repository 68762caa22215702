package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// streamsPolicy has streams that share no line, one that has all, and one whose directory
// cannot be made at first.
const streamsPolicy = `format = "combined"

[[stream]]
name = "all"
purpose = "x"
keep = "14d"
rooms = ["jitsi"]

[[stream]]
name = "first"
purpose = "x"
keep = "14d"
where = { query = ["room=Room0", "room=Room1", "room=Room2"] }
fields = { time = "hour", url = "keep", status = "keep" }

[[stream]]
name = "rest"
purpose = "x"
keep = "8d"
unless = { query = ["room=Room0", "room=Room1", "room=Room2"] }
fields = { client = "ipcrypt", url = "only=id,room", agent = "keep" }
format = '%h "%U%q" "%{User-Agent}i"'

[[stream]]
name = "stuck"
purpose = "x"
keep = "8d"
fields = { url = "only=id" }
`

// TestStreamsUnderHTTPD: through graceful restarts with other policies, with a broken
// one, and with a kill, each request stands in each stream that it fits, while the
// directory of one is a file. That stream has all of them once it is a directory.
func TestStreamsUnderHTTPD(t *testing.T) {
	root := t.TempDir()
	dir, file := filepath.Join(root, "log"), filepath.Join(root, "policy.toml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o644)) }
	write(streamsPolicy)
	require.NoError(t, os.Mkdir(dir, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "stuck"), nil, 0o600))
	h := startHTTPD(t, loadLog(hushpipeBinary(t), dir, "--policy", file))
	l := startLoad(h, 200)
	l.hold("first")
	l.await(100)
	write(strings.Replace(streamsPolicy, "time = \"hour\"", "time = \"day\"", 1))
	h.Graceful()
	l.await(200)
	write("keeep = 1\n")
	h.Graceful()
	l.await(200)
	write(streamsPolicy)
	h.Graceful()
	l.await(100)
	require.Empty(t, written(filepath.Join(dir, "stuck")))
	require.NoError(t, os.Remove(filepath.Join(dir, "stuck")))
	await(t, func() bool { return written(filepath.Join(dir, "stuck")) != "" }, "the stuck stream does not recover")
	h.release("first")
	time.Sleep(2 * time.Second) // what other loggers still hold is written once a second
	killLogger(t, dir, nil)
	l.await(100)

	c := l.finish(t, filepath.Join(dir, "all"))
	t.Log(c)
	require.Zero(t, c.Lost)
	c.Duplicated.requireOneBatchEach(t, 1)
	c.requireNoStall(t)
	found := map[string]map[string]int{}
	for _, name := range []string{"first", "rest", "stuck"} {
		found[name] = map[string]int{}
		for _, path := range glob(t, filepath.Join(dir, name, "access-*.log")) {
			for _, line := range lines(t, path) {
				id := idOf.FindString(line)
				require.NotEmpty(t, id, line)
				found[name][id]++
			}
		}
	}
	twice := 0
	for n, a := range l.asked {
		if a.status == 0 {
			continue
		}
		id, home, other := fmt.Sprintf("id=l%d", n), "first", "rest"
		if room := n / roomAfter; room > 2 {
			home, other = other, home
		}
		require.NotZero(t, found[home][id], "%s in %s", id, home)
		require.Zero(t, found[other][id], "%s in %s", id, other)
		require.NotZero(t, found["stuck"][id], "%s in stuck", id)
		twice += found[home][id] - 1
	}
	require.LessOrEqual(t, twice, 400, "more than a batch")
	for _, name := range []string{"all", "first", "rest", "stuck"} {
		for _, path := range glob(t, filepath.Join(dir, name, "access-*.log")) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Empty(t, inClear.FindString(string(text)), name)
			require.Equal(t, name == "all" || name == "first", strings.Contains(string(text), "from="), "the query in %s", name)
		}
	}
	require.Regexp(t, `policy.toml:1:1: 2 mistakes; running on the policy that `, h.ErrorLog())
}

var (
	idOf    = regexp.MustCompile(`\bid=l[0-9]+`)
	inClear = regexp.MustCompile(`127\.0\.[23]\.|2001:db8:77:`)
)
