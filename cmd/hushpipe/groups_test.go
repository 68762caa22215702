package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
)

// groupsPolicy has a stream that releases lines of three people.
const groupsPolicy = `format = '%h %l %u %t "%r" %>s %b'

[[stream]]
name    = "g"
purpose = "x"
fields  = { client = "mask=24/48", user = "words=2", time = "keep", url = "keep" }
group   = ["client", "user"]
least   = 3
keep    = "14d"
`

// onlooker reads DIR again and again, like a member of its group.
type onlooker struct {
	dir    string
	closed atomic.Pointer[regexp.Regexp] // what must not be visible
	looks  int
	end    chan struct{}
	done   sync.WaitGroup
	faults []string
}

func startOnlooker(t *testing.T, dir, closed string) *onlooker {
	o := &onlooker{dir: dir, end: make(chan struct{})}
	o.mayNotSee(closed)
	o.done.Go(func() {
		for {
			select {
			case <-o.end:
				return
			case <-time.After(2 * time.Millisecond):
				o.look()
			}
		}
	})
	t.Cleanup(func() { o.stop(t) })
	return o
}

func (o *onlooker) mayNotSee(closed string) { o.closed.Store(regexp.MustCompile(closed)) }

func (o *onlooker) look() {
	o.looks++
	filepath.WalkDir(o.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		info, err := e.Info()
		if err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return nil // a file that is gone
		}
		held := strings.Contains(path, "/"+dir.Held)
		switch open := info.Mode().Perm()&0o077 != 0; {
		case held && open:
			o.faults = append(o.faults, fmt.Sprintf("%s has mode %v", path, info.Mode()))
		case info.IsDir() && !open:
			return fs.SkipDir
		case !info.IsDir() && open:
			closed := o.closed.Load() // what was to be hidden before the file was read
			if text, _ := os.ReadFile(path); closed.Match(text) {
				o.faults = append(o.faults, fmt.Sprintf("%s has %s", path, closed.Find(text)))
			}
		}
		return nil
	})
}

func (o *onlooker) stop(t *testing.T) {
	select {
	case <-o.end:
		return
	default:
	}
	close(o.end)
	o.done.Wait()
	assert.Empty(t, o.faults)
	t.Logf("%d looks", o.looks)
}

// TestGroupsKilledUnderHTTPD: behind httpd, the logger of a stream with groups is
// killed again and again, also while it releases lines. A member of DIR's group never
// sees anything of a group with too few people, and everything sent after the last kill
// is released. audit finds no fault meanwhile.
func TestGroupsKilledUnderHTTPD(t *testing.T) {
	t.Parallel()
	notAtMidnight()
	const kills = 4
	root, program := t.TempDir(), hushpipeBinary(t)
	file, logs := filepath.Join(root, "policy.toml"), filepath.Join(root, "log")
	require.NoError(t, os.WriteFile(file, []byte(groupsPolicy), 0o644))
	require.NoError(t, exec.Command(program, "filter", "--policy", file, logs).Run()) // see makeDIR
	h := startHTTPD(t, remoteIP, `LogFormat "%h %l %u %t \"%r\" %>s %b" proxy`,
		fmt.Sprintf(`CustomLog "|%s filter --policy %s %s" proxy`, program, file, logs))
	onlooker := startOnlooker(t, logs, `GET /private/\?`)

	// Person n of each unit has an address of its own. A unit whose name begins with c
	// has two people.
	visit := func(unit string, person int, n any) {
		req, err := http.NewRequest("GET", fmt.Sprintf("%s/private/?%s-%v.", h.URL, unit, n), nil)
		require.NoError(t, err)
		net := map[byte]int{'o': 1, 'c': 2}[unit[0]]
		req.Header.Set("X-Forwarded-For", fmt.Sprintf("192.0.%d.%d", net, person))
		req.SetBasicAuth(fmt.Sprintf("U %s %d", unit, person), "x")
		res, err := http.DefaultClient.Do(req)
		if assert.NoError(t, err) {
			res.Body.Close()
		}
	}
	sent := map[string]bool{}
	of := func(unit string, people, visits int, what string) {
		for n := range visits {
			visit(unit, 1+n%people, fmt.Sprintf("%s%d", what, n))
			sent[fmt.Sprintf("%s-%s%d", unit, what, n)] = unit[0] == 'o'
		}
	}
	for k := range kills {
		of(fmt.Sprintf("o%d", k), 2, 30, "first")
		of(fmt.Sprintf("c%d", k), 2, 10, "first")
	}
	killLogger(t, logs, nil)
	stopped, stream := 0, filepath.Join(logs, "g")
	d, err := dir.Open(stream, dir.Options{Create: true})
	require.NoError(t, err)
	defer d.Close()
	lock := d.NewLock(dir.Locks, dir.LinesLock)
	defer lock.Close()
	audited := func() {
		t.Helper()
		out, err := exec.Command(program, "audit", logs).CombinedOutput()
		assert.NoError(t, err, "%s", out)
	}
	for k := range kills {
		audited() // while lines are held, and perhaps released
		onlooker.mayNotSee(fmt.Sprintf(`GET /private/\?(c|o[%d-9])`, k+1))
		of(fmt.Sprintf("c%d", k), 2, 10, "more")
		moving := func() bool {
			names, _ := filepath.Glob(filepath.Join(stream, dir.Held, "*"+dir.MovingSuffix))
			return len(names) > 0
		}
		awaitFor(t, 3*time.Minute, func() bool { return !moving() }, "the rest of what was being released")
		killLogger(t, logs, func(int) {
			await(t, lock.Take, "the lock of lines") // for which who releases some waits a second at most
			defer lock.Release()
			visit(fmt.Sprintf("o%d", k), 3, "third")
			for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
				if moving() {
					stopped++
					break
				}
				time.Sleep(time.Millisecond) // between two looks
			}
			if k%2 == 1 { // between the release and the removal, as may be
				lock.Release()
				time.Sleep(rand.N(time.Millisecond)) // the moment is what is tested
			}
		})
	}
	for k := range kills {
		of(fmt.Sprintf("o%d", k), 3, 6, "last")
	}
	missing := func(what string) (n int) {
		text := written(stream)
		for id, out := range sent {
			if out && strings.Contains(id, what) && !strings.Contains(text, "/private/?"+id+". ") {
				n++
			}
		}
		return n
	}
	awaitFor(t, 3*time.Minute, func() bool { return missing("last") == 0 }, "what was sent last") // or httpd ends a logger that has no handlers yet
	h.Stop()
	onlooker.stop(t)
	assert.NotContains(t, written(stream), "/private/?c")
	lost := missing("first")
	t.Logf("%d of %d kills while lines were released, %d lines lost", stopped, kills, lost)
	assert.LessOrEqual(t, lost, len(sent)/5, "a disk that took longer than the lines wait in the pipe")
	audited()
}
