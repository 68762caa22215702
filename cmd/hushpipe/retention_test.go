package main

import (
	"bufio"
	"crypto/sha1"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hushpipe/filter/need"
	"hushpipe/format/civil"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// deletionTime bounds how long after midnight an expired file may exist.
const deletionTime = 2 * time.Minute

// night is a shifted clock by which midnight comes soon.
type night struct {
	t       *testing.T
	program string
	shift   time.Duration
}

// newNight returns a night with this much time until midnight.
func newNight(t *testing.T, left time.Duration) *night {
	t.Helper()
	if testing.Short() {
		t.Skip("it waits for midnights")
	}
	n := &night{t: t, program: hushpipeWith(t, "shiftedclock")}
	n.left(left)
	return n
}

// left shifts the clock so that midnight comes after this time.
func (n *night) left(left time.Duration) {
	real := time.Now()
	midnight := time.Date(real.Year(), real.Month(), real.Day()+1, 0, 0, 0, 0, real.Location())
	n.shift = midnight.Sub(real) - left
}

func (n *night) now() time.Time { return time.Now().Add(n.shift) }

func (n *night) command(args ...string) *exec.Cmd {
	cmd := exec.Command(n.program, args...)
	cmd.Env = append(os.Environ(), "HUSHPIPE_CLOCK="+n.shift.String())
	return cmd
}

// logger starts a filter.
func (n *night) logger(args ...string) *logger {
	l := startCommand(n.t, n.command(append([]string{"filter"}, args...)...))
	n.t.Cleanup(func() { l.cmd.Process.Kill(); l.cmd.Wait() })
	return l
}

// line returns a line with the night's date.
func (n *night) line(target string) string {
	return fmt.Sprintf("192.0.2.1 - - [%s] \"GET %s HTTP/1.1\" 200 5 \"-\" \"-\"\n", n.now().Format("02/Jan/2006:15:04:05 -0700"), target)
}

func (n *night) write(l *logger, target string) {
	n.t.Helper()
	_, err := io.WriteString(l.stdin, n.line(target))
	require.NoError(n.t, err)
}

// awaitDay returns when the day has begun.
func (n *night) awaitDay(day civil.Day) {
	for civil.DayOf(n.now()) < day {
		time.Sleep(100 * time.Millisecond) // processes have no clock but the machine's, shifted
	}
}

// ofDay returns the files below a directory that belong to a day.
func ofDay(t *testing.T, dir string, day civil.Day) (names []string) {
	t.Helper()
	for _, pattern := range []string{"access-%s.log*", "keys/%s.key*", "journal/%s.*"} {
		found, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf(pattern, day)))
		require.NoError(t, err)
		names = append(names, found...)
	}
	return names
}

// locker locks all files and directories below a directory that it can open, prints
// their number, and waits for the end of its input. The test runs it as another user.
func locker() {
	held := 0
	filepath.WalkDir(os.Args[1], func(path string, e fs.DirEntry, err error) error {
		if fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK, 0); err == nil {
			if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
				held++
			}
		}
		return nil
	})
	fmt.Println(held)
	io.Copy(io.Discard, os.Stdin)
}

// lockAll runs locker as a member of DIR's group.
func lockAll(t *testing.T, dir string, gid uint32) (held int) {
	t.Helper()
	self, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	path := filepath.Join(filepath.Dir(openTo(t)), "locker")
	require.NoError(t, os.WriteFile(path, self, 0o755))
	cmd := exec.Command(path, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: gid}}
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { stdin.Close(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	held, err = strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	return held
}

// TestOthersHoldNothingUp: another user locks every file and directory of DIR that it
// can open. Lines are written, a logger starts, purge ends, and what expires is
// deleted.
func TestOthersHoldNothingUp(t *testing.T) {
	t.Parallel()
	need.Root(t)
	n := newNight(t, 20*time.Second)
	adm, err := user.LookupGroup("adm")
	require.NoError(t, err)
	gid, err := strconv.ParseUint(adm.Gid, 10, 32)
	require.NoError(t, err)
	dir := openTo(t)
	require.NoError(t, os.Mkdir(dir, 0o750))
	require.NoError(t, os.Chown(dir, 0, int(gid)))
	require.NoError(t, os.Chmod(dir, 0o750|fs.ModeSetgid))

	today := civil.DayOf(n.now())
	shown := func(target string) func() bool {
		return func() bool {
			return strings.Contains(copyOf(t, filepath.Join(dir, "access-"+today.String()+".log")), target)
		}
	}
	first := n.logger("--keep", "1d", dir)
	n.write(first, "/http-bind?room=a")
	await(t, shown("room=a"), "the first line")
	require.NoError(t, n.command("purge", dir).Run()) // the room file is made
	held := lockAll(t, dir, uint32(gid))
	require.Greater(t, held, 8, "DIR, its directories, lines, room files, clock and rules")

	n.write(first, "/http-bind?room=b")
	await(t, shown("room=b"), "a line of a logger that was there")
	second := n.logger("--keep", "1d", dir)
	n.write(second, "/http-bind?room=c")
	await(t, shown("room=c"), "a line of one that starts")
	began := time.Now()
	out, err := n.command("purge", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Less(t, time.Since(began), deletionTime)
	require.NotEmpty(t, ofDay(t, dir, today))

	n.awaitDay(today + 1)
	began = time.Now()
	await(t, func() bool { return len(ofDay(t, dir, today)) == 0 }, "expired files are there")
	require.Less(t, time.Since(began), deletionTime)
	require.Equal(t, 0, first.end(), first.said)
	require.Equal(t, 0, second.end(), second.said)
	rooms := copyOf(t, filepath.Join(dir, "rooms/rooms-"+today.String()+".log"))
	require.Equal(t, 3, strings.Count(rooms, "1 "), "what expired is counted: %s", rooms)
}

// TestWrongFlagsAcrossMidnight: a logger with wrong flags and without recorded settings
// writes nothing, and deletes at midnight.
func TestWrongFlagsAcrossMidnight(t *testing.T) {
	t.Parallel()
	n := newNight(t, 15*time.Second)
	dir := openTo(t)
	today := civil.DayOf(n.now())
	first := n.logger("--keep", "1d", dir)
	n.write(first, "/http-bind?room=a")
	require.Equal(t, 0, first.end(), first.said)
	require.NoError(t, os.Remove(filepath.Join(dir, "settings")))
	l := n.logger("--bogus", dir)
	await(t, func() bool { return strings.Contains(l.said.String(), "--bogus") }, "the report")
	require.Len(t, ofDay(t, dir, today), 3)
	n.awaitDay(today + 1)
	await(t, func() bool { return len(ofDay(t, dir, today)) == 0 }, "expired files are there")
	require.Equal(t, 2, l.end())
}

// TestExpiredFilesGoWhateverFails: midnight comes during a fault of the disk. What can
// be deleted is deleted then, the rest after the fault.
func TestExpiredFilesGoWhateverFails(t *testing.T) {
	t.Parallel()
	need.Root(t)
	program := newNight(t, 0).program // a program that is being written cannot be run
	for _, f := range faults {
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			d := newDisk(t, f)
			n := &night{t: t, program: program}
			n.left(20 * time.Second)
			today := civil.DayOf(n.now())
			l := n.logger("--keep", "1d", d.dir)
			n.write(l, "/http-bind?room=a")
			await(t, func() bool { return len(ofDay(t, d.path(""), today)) == 3 }, "line, key and journal are not there")
			f.inject(d)
			n.awaitDay(today + 1)
			midnight := time.Now()
			left := func() []string { return ofDay(t, d.path(""), today) }
			var stays string // no user can delete this
			switch f.name {
			case "immutable":
				stays = "."
			case "keys, room files and traffic figures read-only":
				stays = ".key"
			}
			await(t, func() bool {
				for _, name := range left() {
					if stays == "" || !strings.Contains(name, stays) {
						return false
					}
				}
				return true
			}, "expired files are there")
			assert.Less(t, time.Since(midnight), deletionTime)
			f.repair(d)
			awaitFor(t, deletionTime, func() bool { return len(left()) == 0 }, "what could not be deleted is there")
			l.stdin.Close()
			l.wait()
		})
	}
}

// TestFullDiskAcrossMidnight: a logger starts on a full disk, and its day expires
// before there is space again. Its lines are dropped, its counts are kept.
func TestFullDiskAcrossMidnight(t *testing.T) {
	t.Parallel()
	need.Root(t)
	full := faults[0]
	require.Equal(t, "full", full.name)
	d := newDisk(t, full)
	n := newNight(t, 0)
	full.inject(d)
	n.left(10 * time.Second)
	today := civil.DayOf(n.now())
	l := n.logger("--keep", "1d", d.dir)
	for i := range 50 {
		_, err := io.WriteString(l.stdin, strings.Replace(n.line("/http-bind?room=c"), "192.0.2.1", fmt.Sprintf("192.0.2.%d", i), 1))
		require.NoError(t, err)
	}
	n.awaitDay(today + 1)
	time.Sleep(2 * time.Second) // of that day, with a disk that is still full
	full.repair(d)
	require.Equal(t, 0, l.end(), "%s", l.said)
	require.Equal(t, fmt.Sprintf("50 %x\n", sha1.Sum([]byte("c"))), copyOf(t, d.path("rooms/rooms-"+today.String()+".log")), "%s", l.said)
	require.Empty(t, ofDay(t, d.path(""), today))
}

// TestKeysOnADiskThatHangs: the key directory is on another disk, whose writes hang. A
// logger starts with a key in memory, and expired lines and journals are deleted.
func TestKeysOnADiskThatHangs(t *testing.T) {
	t.Parallel()
	d := loopDisk(t)
	n := newNight(t, 25*time.Second)
	require.NoError(t, os.Mkdir(d.dir, 0o750))
	keys, dir := filepath.Join(d.dir, "keys"), filepath.Join(t.TempDir(), "log")
	today := civil.DayOf(n.now())
	first := n.logger("--keep", "1d", "--keys", keys, dir)
	n.write(first, "/http-bind?room=a")
	await(t, func() bool { return len(ofDay(t, dir, today)) == 2 && len(ofDay(t, d.dir, today)) == 1 }, "line, key and journal are not there")

	thaw := d.freeze()
	second := n.logger("--keep", "1d", "--keys", keys, dir)
	n.write(second, "/http-bind?room=b")
	await(t, func() bool { return strings.Contains(written(dir), "room=b") }, "the line of a logger that starts")
	n.awaitDay(today + 1)
	began := time.Now()
	await(t, func() bool { return len(ofDay(t, dir, today)) == 0 }, "expired lines are there")
	require.Less(t, time.Since(began), deletionTime)
	thaw()
	awaitFor(t, deletionTime, func() bool { return len(ofDay(t, d.dir, today)) == 0 }, "an expired key is there")
	require.Equal(t, 0, first.end(), first.said)
	second.end()
}
