package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/need"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// earlier is the last version that locked the files of DIR themselves, recorded its
// retention with the keys alone, and deleted between two batches of lines.
const earlier = "77d7e74"

// earlierNight is newNight for the earlier version, built from the repository's
// history.
func earlierNight(n *night) *night {
	t := n.t
	src := t.TempDir()
	archive := exec.Command("sh", "-c", `git archive "$0" | tar x -C "$1"`, earlier, src)
	archive.Dir = "../.."
	out, err := archive.CombinedOutput()
	_, missing := os.Stat(filepath.Join(src, "go.mod"))
	need.That(t, err == nil && missing == nil, "the history has no %s, clone all of it: %v: %s", earlier, err, out)
	clock, err := os.ReadFile("clock_shifted.go")
	require.NoError(t, err)
	dir := filepath.Join(src, "cmd/hushpipe")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "clock_shifted.go"), clock, 0o600))
	for name, change := range map[string][2]string{
		"flags.go": {"j.store.Now = time.Now", "j.store.Now = now"},
		"main.go":  {"\nfunc main()", "\nvar now = time.Now\n\nfunc main()"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		changed := strings.Replace(string(text), change[0], change[1], 1)
		if name == "main.go" && !strings.Contains(changed, "\t\"time\"\n") {
			changed = strings.Replace(changed, "import (\n", "import (\n\t\"time\"\n", 1)
		}
		require.NotEqual(t, string(text), changed, name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(changed), 0o600))
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "pipe_test.go"))) // has a now of its own
	program, err := buildHushpipe(src, "shiftedclock")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "hushpipe")
	require.NoError(t, os.WriteFile(path, program, 0o755))
	return &night{t: t, program: path, shift: n.shift}
}

// TestBesideTheEarlierVersion: loggers of both versions share a DIR across reloads and
// a midnight. Each line is written once, counts are exact, and nothing exists two
// minutes after it expired. -soak sets the duration.
func TestBesideTheEarlierVersion(t *testing.T) {
	t.Parallel()
	lasts := max(50*time.Second, *soakFor)
	n := newNight(t, lasts/2)
	versions := []*night{n, earlierNight(n)}
	n.left(lasts / 2)
	versions[1].shift = n.shift
	dir := filepath.Join(t.TempDir(), "log")
	today := civil.DayOf(n.now())

	type written struct {
		day                  civil.Day
		room, client, logger int
	}
	var lines []written
	var live, ended []*logger
	began, reload := time.Now(), time.Now()
	for generation := 0; time.Since(began) < lasts; {
		if !time.Now().Before(reload) {
			live = append(live, versions[generation%2].logger("--keep", "2d", dir))
			if len(live) > 3 { // as httpd's old children end
				require.NoError(t, live[0].stdin.Close())
				live, ended = live[1:], append(ended, live[0])
			}
			generation++
			reload = time.Now().Add(lasts / 12)
		}
		stamp := n.now()
		// Some lines are of yesterday, until shortly before that day expires.
		if left := lasts/2 - time.Since(began); left > lasts/10 && len(lines)%4 == 0 {
			stamp = stamp.AddDate(0, 0, -1)
		}
		to := rand.N(len(live))
		line := written{civil.DayOf(stamp), len(lines) % 5, rand.N(60), len(ended) + to}
		_, err := fmt.Fprintf(live[to].stdin, "192.0.2.%d - - [%s] \"GET /http-bind?room=room%d&id=%d HTTP/1.1\" 200 5 \"-\" \"-\"\n",
			line.client, stamp.Format("02/Jan/2006:15:04:05 -0700"), line.room, len(lines))
		require.NoError(t, err)
		lines = append(lines, line)
		time.Sleep(rand.N(4 * time.Millisecond)) // lines come all through the upgrade
	}
	require.Empty(t, ofDay(t, dir, today-1), "expired since %s", lasts/2)
	for _, l := range append(ended, live...) {
		l.stdin.Close()
		assert.Zero(t, l.wait(), l.said)
		assert.NotRegexp(t, `192\.0\.2|lost|damaged`, l.said.String())
	}

	found := map[civil.Day]map[int][]int{} // the offsets of each line
	texts := map[civil.Day]string{}
	id := regexp.MustCompile(`room=room\d&id=(\d+) `)
	for day := today; day <= today+1; day++ {
		found[day], texts[day] = map[int][]int{}, copyOf(t, filepath.Join(dir, "access-"+day.String()+".log"))
		offset := 0
		for line := range strings.Lines(texts[day]) {
			m := id.FindStringSubmatch(line)
			require.NotNil(t, m, "%q", line)
			i, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			found[day][i] = append(found[day][i], offset)
			offset += len(line)
		}
	}
	reports := func() string {
		var all strings.Builder
		for i, l := range append(ended, live...) {
			fmt.Fprintf(&all, "logger %d: %s\n", i, l.said)
		}
		return all.String()
	}
	clients := map[civil.Day]map[int]map[int]bool{}
	for i, line := range lines {
		if line.day >= today {
			if n := len(found[line.day][i]); n != 1 {
				t.Fatalf("line %d, written to logger %d, is %d times in the file of %s\n%s%s", i, line.logger, n, line.day,
					whereabouts(texts[line.day], found[line.day], i), reports())
			}
		}
		if clients[line.day] == nil {
			clients[line.day] = map[int]map[int]bool{}
		}
		if clients[line.day][line.room] == nil {
			clients[line.day][line.room] = map[int]bool{}
		}
		clients[line.day][line.room][line.client] = true
	}
	for day, rooms := range clients {
		counts := copyOf(t, filepath.Join(dir, "rooms", "rooms-"+day.String()+".log"))
		entries, err := roomfile.Parse([]byte(counts))
		require.NoError(t, err)
		require.Len(t, entries, len(rooms), "rooms of %s", day)
		var want, got []int
		for room := range rooms {
			want = append(want, len(rooms[room]))
		}
		for _, e := range entries {
			got = append(got, int(e.Count))
		}
		require.ElementsMatch(t, want, got, "counts of %s", day)
	}
	t.Logf("%d lines, %d loggers, half of them of the earlier version, in %s", len(lines), len(ended)+len(live), lasts)
}

// whereabouts describes the place of a line that is missing or duplicated: the offsets of the
// lines written around it, the bytes there, and each mention of it.
func whereabouts(text string, offsets map[int][]int, line int) string {
	var all strings.Builder
	show := func(what string, at int) {
		fmt.Fprintf(&all, "%s at offset %d of %d: %q\n", what, at, len(text), text[max(0, at-200):min(len(text), at+400)])
	}
	for i := line - 5; i <= line+5; i++ {
		for _, at := range offsets[i] {
			show("line "+itoa(i), at)
		}
	}
	for at := 0; ; at++ {
		next := strings.Index(text[at:], "&id="+itoa(line)+" ")
		if next < 0 {
			return all.String()
		}
		at += next
		show("mention of line "+itoa(line), at)
	}
}
