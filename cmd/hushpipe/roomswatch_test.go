package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hushpipe/filter/counts"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// TestDisplay: the drawing fits the terminal, with the largest rooms first.
func TestDisplay(t *testing.T) {
	now := time.Date(2026, 11, 22, 14, 5, 31, 0, time.UTC)
	day := civil.DayOf(now)
	rooms := []roomfile.Entry{{Hash: [20]byte{1}, Count: 1}, {Hash: [20]byte{2}, Count: 1234}, {Hash: [20]byte{3}, Count: 617}, {Hash: [20]byte{4}, Count: 3}}
	flaws := counts.Day{Rooms: rooms, UpperBound: true}
	for _, tt := range []struct {
		name          string
		counts        counts.Day
		day           civil.Day
		unknown       string
		utf8          bool
		width, height int
		want          string
	}{
		{"roomy", counts.Day{Rooms: rooms}, day, "", true, 59, 24, `
2026-11-22 14:05:31  /var/log/hushpipe?[2J
4 rooms: 3 conferences of 2 or more, 1,854 participants

1,234  0200000000000000000000000000000000000000  ██████████
  617  0300000000000000000000000000000000000000  █████
    3  0400000000000000000000000000000000000000  ▏
    1  0100000000000000000000000000000000000000  ▏`},
		{"no UTF-8", counts.Day{Rooms: rooms[1:]}, day, "", false, 59, 24, `
2026-11-22 14:05:31  /var/log/hushpipe?[2J
3 rooms: 3 conferences of 2 or more, 1,854 participants

1,234  0200000000000000000000000000000000000000  ##########
  617  0300000000000000000000000000000000000000  #####
    3  0400000000000000000000000000000000000000  #`},
		{"low and narrow", counts.Day{Rooms: rooms}, day, "", true, 30, 6, `
2026-11-22 14:05:31  /var/log/
4 rooms: 3 conferences of 2 or

1,234  02000000000000000000000
  617  03000000000000000000000
and 2 more rooms`},
		{"exactly", counts.Day{Rooms: rooms}, day, "", true, 47, 7, `
2026-11-22 14:05:31  /var/log/hushpipe?[2J
4 rooms: 3 conferences of 2 or more, 1,854 part

1,234  0200000000000000000000000000000000000000
  617  0300000000000000000000000000000000000000
    3  0400000000000000000000000000000000000000
    1  0100000000000000000000000000000000000000`},
		{"flawed", flaws, day, "", true, 60, 7, `
2026-11-22 14:05:31  /var/log/hushpipe?[2J
4 rooms: 3 conferences of 2 or more, 1,854 participants

1,234  0200000000000000000000000000000000000000  ███████████
  617  0300000000000000000000000000000000000000  █████▌
and 2 more rooms
2026-11-22 was counted under several keys: an address may be`},
		{"tiny", counts.Day{Rooms: rooms}, day, "", true, 10, 2, `
2026-11-22
4 rooms: 3`},
		{"no room", counts.Day{}, day, "", true, 80, 24, `
2026-11-22 14:05:31  /var/log/hushpipe?[2J
0 rooms: 0 conferences of 2 or more, 0 participants
`},
		{"in a file's name", counts.Day{Damaged: []string{"/x\033[2J\n\u009b/journal/2026-11-22.1"}}, day, "/x\033[2J does not exist", true, 80, 24, `
2026-11-22 14:05:31  /var/log/hushpipe?[2J
/x?[2J does not exist

/x?[2J??/journal/2026-11-22.1: damaged in part; its intact part is counted`},
		{"another day, of which nothing is known", counts.Day{}, day - 1, "nothing is known of this day yet", true, 80, 24, `
2026-11-21 as of 2026-11-22 14:05:31  /var/log/hushpipe?[2J
nothing is known of this day yet
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := displayLines("/var/log/hushpipe\033[2J", roomCounts{tt.counts, tt.day, now}, tt.unknown, tt.width, tt.height, tt.utf8)
			assert.Equal(t, strings.TrimPrefix(tt.want, "\n"), strings.Join(lines, "\n"))
		})
	}
}

// TestWatchTerminal watches the counts grow on a terminal: the drawing follows its
// size, and the terminal is restored at the end.
func TestWatchTerminal(t *testing.T) {
	dir := t.TempDir()
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/http-bind?room=a")
	settled := func(room string) func() bool {
		return func() bool {
			out, _ := exec.Command(hushpipeBinary(t), "rooms", dir).Output()
			return strings.Contains(string(out), room)
		}
	}
	await(t, settled("1 86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"), "the first line is counted")

	for i, end := range []string{"Ctrl-C", "SIGTERM"} {
		t.Run(end, func(t *testing.T) {
			master, terminal := openTerminal(t)
			resize := func(width, height uint16) {
				require.NoError(t, unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width}))
			}
			resize(80, 24)
			before := modes(t, terminal)
			shown := &lockedBuffer{}
			go io.Copy(shown, master)
			cmd := exec.Command(hushpipeBinary(t), "rooms", "--watch", dir)
			cmd.Env = append(os.Environ(), "TERM=xterm", "LC_ALL=C.UTF-8")
			cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			require.NoError(t, cmd.Start())
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
			last := func() string {
				_, text, _ := strings.Cut(shown.String(), enterScreen)
				return text[strings.LastIndex(text, home)+1:]
			}
			await(t, func() bool {
				return strings.Contains(last(), " of 2 or more") && strings.Contains(last(), "████████")
			}, "the first picture")
			resize(20, 24)
			await(t, func() bool { return !strings.Contains(last(), "█") && strings.Contains(last(), clearBelow) }, "the size is followed")
			l.write("192.0.2.2", "/http-bind?room="+end)
			await(t, func() bool { return strings.Contains(last(), fmt.Sprint(2+i, " rooms:")) }, "a line that came is counted")
			if end == "Ctrl-C" {
				io.WriteString(master, "\x03")
			} else {
				cmd.Process.Signal(unix.SIGTERM)
			}
			require.NoError(t, cmd.Wait())
			await(t, func() bool { return strings.HasSuffix(shown.String(), leaveScreen) }, "the terminal gets its own screen and cursor back")
			require.Equal(t, before, modes(t, terminal))
		})
	}
	require.Equal(t, 0, l.end())
}

// TestWatchBackground: the process does not draw while it is in the background.
func TestWatchBackground(t *testing.T) {
	dir := t.TempDir()
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/http-bind?room=a")
	require.Equal(t, 0, l.end())
	master, terminal := openTerminal(t)
	shown := &lockedBuffer{}
	go io.Copy(shown, master)
	cmd := exec.Command("sh", "-c", `set -m; "$0" rooms --watch "$1" & sleep 1; echo "before: $1"; fg; echo "after: $?"`, hushpipeBinary(t), dir)
	cmd.Env = append(os.Environ(), "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	await(t, func() bool { return strings.Contains(shown.String(), "1 room: ") }, "it draws in the foreground")
	before, _, _ := strings.Cut(shown.String(), enterScreen)
	require.Contains(t, before, "before: "+dir)
	io.WriteString(master, "\x1a") // Ctrl-Z; fg returns, and so does the shell
	await(t, func() bool { return strings.Contains(shown.String(), "after: ") }, "it stops")
	_, after, _ := strings.Cut(shown.String(), leaveScreen)
	require.Contains(t, after, "after: ")
}

// TestWatchNoReader: the command ends soon after its reader, whether or not it has
// something to write.
func TestWatchNoReader(t *testing.T) {
	dir := t.TempDir()
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/http-bind?room=a")
	require.Equal(t, 0, l.end())
	cmd := exec.Command(hushpipeBinary(t), "rooms", "--watch", "--json", dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	require.NoError(t, json.NewDecoder(out).Decode(&roomsJSON{}))
	require.NoError(t, out.Close())
	require.NoError(t, cmd.Wait())
}

// TestWatchJSON: one object at once, and another after each change.
func TestWatchJSON(t *testing.T) {
	dir := t.TempDir()
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/http-bind?room=a")
	await(t, func() bool { return exec.Command(hushpipeBinary(t), "rooms", dir).Run() == nil }, "the first line is counted")
	cmd := exec.Command(hushpipeBinary(t), "rooms", "--watch", "--json", dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	objects := json.NewDecoder(out)
	var got roomsJSON
	require.NoError(t, objects.Decode(&got))
	require.Equal(t, 1, got.Rooms)
	require.Zero(t, got.Participants)
	l.write("192.0.2.2", "/http-bind?room=a")
	require.NoError(t, objects.Decode(&got))
	require.Equal(t, []countJSON{{"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8", 2}}, got.Counts)
	require.EqualValues(t, 2, got.Participants)
	require.NoError(t, cmd.Process.Signal(unix.SIGINT))
	require.ErrorIs(t, objects.Decode(&got), io.EOF, "nothing has changed since")
	require.NoError(t, cmd.Wait())
	require.Equal(t, 0, l.end())
}

// TestWatchMidnight: the display changes to the next day at midnight, which starts
// empty, and a deleted DIR is reported.
func TestWatchMidnight(t *testing.T) {
	dir := t.TempDir()
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/http-bind?room=a")
	require.Equal(t, 0, l.end())
	now := time.Now()
	w := &roomsWatch{roomsFlags: &roomsFlags{dir: dir}}
	defer w.close()
	for i, step := range []struct {
		at             time.Time
		changed, known bool
		rooms          int
	}{{now, true, true, 1}, {now, false, true, 1}, {now.AddDate(0, 0, 1), false, false, 0}, {now, true, true, 1}} {
		changed, err := w.read(step.at)
		require.NoError(t, err)
		require.Equal(t, step.changed, changed, i)
		require.Equal(t, step.known, w.unknown == "", i)
		require.Len(t, w.seen.Rooms, step.rooms, i)
	}

	require.NoError(t, os.Rename(dir, dir+".away"))
	changed, err := w.read(now)
	require.NoError(t, err, "it may come again")
	require.False(t, changed)
	require.Contains(t, w.unknown, "does not exist")
	require.NoError(t, os.Rename(dir+".away", dir))
	changed, err = w.read(now)
	require.NoError(t, err)
	require.True(t, changed)
	require.Empty(t, w.unknown)
}
