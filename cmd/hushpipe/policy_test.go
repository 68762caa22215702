package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/require"
)

// streamsPolicy has streams without common lines, one with all lines, and one whose
// directory cannot be made at first.
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

// streamFault is a fault of the directory of one stream. Each can occur any number of
// times.
type streamFault struct {
	name string
	// start is the fault at the start, later the one during work.
	start, later  func(d *disk)
	repair, again func(d *disk)
}

// streamFaults are faults of the directory itself, and of a disk for it. Open files
// keep working if a directory is immutable or gone; a disk cannot become read-only
// while a file is open for writing. Lines written meanwhile to a directory in the place
// of the missing one count as well.
var streamFaults = []streamFault{
	{"a file",
		func(d *disk) { d.putFile() }, func(d *disk) { require.NoError(d.t, os.Rename(d.dir, d.dir+".away")); d.putFile() },
		func(d *disk) { d.removeFile() }, func(d *disk) { d.removeFile(); require.NoError(d.t, os.Rename(d.dir+".away", d.dir)) }},
	{"full",
		func(d *disk) { d.mountAlone(); d.fill("") }, func(d *disk) { d.fill("") },
		func(d *disk) { d.enlarge("") }, func(d *disk) { d.enlarge("") }},
	{"read-only",
		func(d *disk) { d.mountAlone(); d.readOnly("", true) }, func(d *disk) { d.chattr("+i", "", "journal", "keys") },
		func(d *disk) { d.readOnly("", false) }, func(d *disk) { d.chattr("-i", "", "journal", "keys") }},
	{"gone",
		func(d *disk) { d.mountAlone(); d.readOnly("", true) }, (*disk).detach,
		func(d *disk) { d.readOnly("", false) }, func(*disk) {}},
}

// mountAlone mounts a disk for this stream only.
func (d *disk) mountAlone() {
	need.Root(d.t)
	require.NoError(d.t, os.Mkdir(d.home, 0o755))
	require.NoError(d.t, os.Mkdir(d.mount, 0o755))
	mountTmpfs(d.t, d.home, "64m")
	d.attach()
}

func (d *disk) putFile()    { require.NoError(d.t, os.WriteFile(d.dir, nil, 0o600)) }
func (d *disk) removeFile() { require.NoError(d.t, os.Remove(d.dir)) }

// TestStreamsUnderHTTPD: through graceful restarts with other policies and a broken
// one, and through a kill, each request is in each stream that it fits, while the
// directory of one stream is broken at the start and again later. Neither clients nor
// other streams wait for that stream, and it has all requests once its directory works.
func TestStreamsUnderHTTPD(t *testing.T) {
	for _, f := range streamFaults {
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) { streamsUnderHTTPD(t, f) })
	}
}

func streamsUnderHTTPD(t *testing.T, f streamFault) {
	root := t.TempDir()
	dir, file := filepath.Join(root, "log"), filepath.Join(root, "policy.toml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o644)) }
	write(streamsPolicy)
	require.NoError(t, os.Mkdir(dir, 0o750))
	stuck := filepath.Join(dir, "stuck")
	d := &disk{t: t, mount: stuck, dir: stuck, home: filepath.Join(root, "home")}
	f.start(d)
	h := startHTTPD(t, loadLog(hushpipeBinary(t), dir, "--policy", file))
	l := startLoad(h, 200)
	// goesOn returns when requests made from now on are in the streams.
	goesOn := func(streams ...string) {
		t.Helper()
		l.await(1)
		id := l.sent()
		l.await(100)
		for _, name := range streams {
			await(t, func() bool {
				for _, m := range idOf.FindAllString(writtenBelow(t, filepath.Join(dir, name)), -1) {
					var n int
					if _, err := fmt.Sscanf(m, "id=l%d", &n); err == nil && n >= id {
						return true
					}
				}
				return false
			}, name+" waits for another stream, or does not recover")
		}
	}
	l.hold("first")
	goesOn("all", "rest")
	write(strings.Replace(streamsPolicy, "time = \"hour\"", "time = \"day\"", 1))
	h.Graceful()
	goesOn("all", "rest")
	write("keeep = 1\n")
	h.Graceful()
	goesOn("all", "rest")
	write(streamsPolicy)
	h.Graceful()
	goesOn("all", "rest")
	require.Empty(t, writtenBelow(t, stuck))
	f.repair(d)
	goesOn("all", "rest", "stuck")

	f.later(d)
	goesOn("all", "rest")
	h.Graceful()
	goesOn("all", "rest")
	f.again(d)
	goesOn("all", "rest", "stuck")
	h.release("first")
	soFar := writtenBelow(t, filepath.Join(dir, "all"))
	await(t, func() bool { // what the newest logger holds for the stream would die with it
		there := map[string]bool{}
		for _, id := range idOf.FindAllString(writtenBelow(t, stuck)+writtenBelow(t, d.home), -1) {
			there[id] = true
		}
		for line := range strings.Lines(soFar) {
			if strings.Contains(line, " [") && !there[idOf.FindString(line)] { // see timeless below
				return false
			}
		}
		return true
	}, "lines wait for the directory that is whole again")
	killLogger(t, dir, nil)
	goesOn("all", "rest", "stuck")

	c := l.finish(t, filepath.Join(dir, "all"))
	t.Log(c)
	require.Zero(t, c.Lost)
	c.Duplicated.requireOneBatchEach(t, 1)
	c.requireNoStall(t)
	found := map[string]map[string]int{}
	for _, name := range []string{"first", "rest", "stuck"} {
		found[name] = map[string]int{}
		for _, id := range idOf.FindAllString(writtenBelow(t, filepath.Join(dir, name)), -1) {
			found[name][id]++
		}
	}
	if f.name == "gone" {
		for _, id := range idOf.FindAllString(writtenBelow(t, d.home), -1) {
			found["stuck"][id]++
		}
	}
	timeless := map[string]bool{} // httpd's own fault, see check: they have no format, and are not for streams that list fields
	for line := range strings.Lines(writtenBelow(t, filepath.Join(dir, "all"))) {
		if !strings.Contains(line, " [") {
			timeless[idOf.FindString(line)] = true
		}
	}
	twice := 0
	for n, a := range l.asked {
		id, home, other := fmt.Sprintf("id=l%d", n), "first", "rest"
		if a.status == 0 || timeless[id] {
			continue
		}
		if room := n / roomAfter; room > 2 {
			home, other = other, home
		}
		require.NotZero(t, found[home][id], "%s in %s", id, home)
		require.Zero(t, found[other][id], "%s in %s", id, other)
		require.NotZero(t, found["stuck"][id], "%s in stuck", id)
		twice += found[home][id] - 1 + found["stuck"][id] - 1
	}
	require.LessOrEqual(t, twice, 2*400, "more than a batch in each of two streams")
	for _, name := range []string{"all", "first", "rest", "stuck"} {
		text := writtenBelow(t, filepath.Join(dir, name))
		require.Empty(t, inClear.FindString(text), name)
		require.Equal(t, name == "all" || name == "first", strings.Contains(text, "from="), "the query in %s", name)
	}
	require.Regexp(t, `policy.toml:1:1: 2 mistakes; running on the policy that `, h.ErrorLog())
}

// writtenBelow returns a stream's lines of all days.
func writtenBelow(t *testing.T, dir string) string {
	paths, err := filepath.Glob(filepath.Join(dir, "access-????-??-??.log"))
	require.NoError(t, err)
	var text strings.Builder
	for _, path := range paths {
		text.WriteString(copyOf(t, path))
	}
	return text.String()
}

var (
	idOf    = regexp.MustCompile(`\bid=l[0-9]+`)
	inClear = regexp.MustCompile(`127\.0\.[23]\.|2001:db8:77:`)
)
