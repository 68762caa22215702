package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hushpipe/filter/need"
	"hushpipe/format/prose"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestFaults: whatever happens to the disk, at the start, during work or at the change
// of day, the pipe is read on. After the fault everything is written: each line once,
// complete, and counted.
func TestFaults(t *testing.T) {
	need.Root(t)
	program := hushpipeBinary(t)
	for _, f := range faults {
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			readOn(t, func(t *testing.T) (longest, allowed time.Duration) {
				d := newDisk(t, f)
				if !f.started {
					f.inject(d)
				}
				s := startPipe(t, exec.Command(program, "filter", "--traffic", d.dir), true)
				const long = 400 * time.Millisecond // the pipe is full after 130 ms
				s.passes(long)
				if !f.started {
					f.repair(d)
				}
				s.written(d)
				before := s.kept(d)

				f.inject(d)
				s.passes(long)
				f.repair(d)
				s.written(d)
				before.stand(d)

				f.inject(d)
				s.ahead.Store(1)
				s.passes(long)
				before.stand(d)
				f.repair(d)
				s.written(d)
				before.stand(d)

				require.Equal(t, 0, s.end(), "%s", s.said)
				t.Logf("%d lines, longest write %s, a byte through a cat %s; said:\n%s", s.lines(), s.longest, s.control, s.said)
				s.checkAll(d.path(""))
				assert.LessOrEqual(t, strings.Count(s.said.String(), "\n"), 3, "one fault is reported once, and what waits for it:\n%s", s.said)
				assert.NotContains(t, s.said.String(), "damaged")
				return s.waits()
			})
		})
	}
}

// written waits until everything sent so far is on disk.
func (s *pipeLoad) written(d *disk) {
	s.t.Helper()
	last := s.lines() - 1
	day := s.dayOf(last).String()
	await(s.t, func() bool {
		return strings.Contains(copyOf(s.t, d.path("access-"+day+".log")), "&id="+itoa(last)+"&")
	}, "line "+itoa(last)+" is not written; "+s.said.String())
}

// keptFiles are the contents of the log files of a DIR at some time.
type keptFiles struct {
	t    *testing.T
	text map[string]string
}

func (s *pipeLoad) kept(d *disk) keptFiles {
	k := keptFiles{s.t, map[string]string{}}
	for _, day := range days() {
		text := copyOf(s.t, d.path("access-"+day+".log"))
		k.text[day] = text[:strings.LastIndexByte(text, '\n')+1]
	}
	return k
}

// stand checks that the contents are still there.
func (k keptFiles) stand(d *disk) {
	k.t.Helper()
	for day, text := range k.text {
		require.True(k.t, strings.HasPrefix(copyOf(k.t, d.path("access-"+day+".log")), text),
			"what was written on %s was touched", day)
	}
}

// TestDiskFillsUp: a disk of 1 MiB for everything fills up with lines, is enlarged, and
// fills up again; and DIR is made on a full disk.
func TestDiskFillsUp(t *testing.T) {
	for _, start := range []string{"empty", "full"} {
		t.Run("at the start="+start, func(t *testing.T) {
			readOn(t, func(t *testing.T) (longest, allowed time.Duration) {
				d := bareDisk(t, "1m")
				if start == "full" {
					d.fill("")
				}
				s := startPipe(t, filterCmd(t, d.dir), true)
				full := func() bool { return strings.Contains(s.said.String(), "no space left") }
				await(t, full, "the disk is not full")
				s.passes(300 * time.Millisecond)
				before := s.kept(d)
				d.remount("", "size=8m")
				await(t, func() bool { return strings.Contains(s.said.String(), "writing lines again") }, "the lines are not written")
				before.stand(d)
				await(t, func() bool {
					var st unix.Statfs_t
					require.NoError(t, unix.Statfs(d.home, &st))
					return st.Bfree == 0
				}, "the disk is not full again")
				before = s.kept(d)
				s.passes(300 * time.Millisecond)
				before.stand(d)
				d.enlarge("")
				require.Equal(t, 0, s.end(), "%s", s.said)
				before.stand(d)
				s.checkAll(d.path(""))
				require.FileExists(t, d.path("keys/"+days()[0]+".key"))
				return s.waits()
			})
		})
	}
}

// TestBufferOverflows: lines that no longer fit in memory while the disk is full are
// counted and reported, and nothing else is lost.
func TestBufferOverflows(t *testing.T) {
	readOn(t, func(t *testing.T) (longest, allowed time.Duration) {
		d := bareDisk(t, "1m")
		s := startPipe(t, filterCmd(t, d.dir), false)
		await(t, func() bool { return s.lines() > (bufferSize+8<<20)/len(filler) }, "the buffer is not full")
		d.remount("", "size=200m")
		await(t, func() bool { return strings.Contains(s.said.String(), "writing lines again") }, "the lines are not written")
		s.passes(50 * time.Millisecond)
		require.Equal(t, 1, s.end())

		lost := 0
		for id, n := range s.onDisk(d.dir) {
			require.LessOrEqual(t, n, 1, "line %d", id)
			lost += 1 - n
		}
		require.NotZero(t, lost)
		require.Greater(t, (s.lines()-lost)*len(filler), bufferSize/2, "bytes that were kept")
		require.Contains(t, s.said.String(), fmt.Sprintf("hushpipe: error: %s of %s lines lost: DIR could not be written, or not in time\n", prose.Commas(lost), prose.Commas(s.lines())))
		s.checkCounts(d.dir) // also of lines that were lost: their rooms were used
		s.checkClean(d.dir)
		return s.waits()
	})
}

// freeze makes every write to the disk hang, as a snapshot or a network file system
// does, until thaw is called.
func (d *disk) freeze() (thaw func()) {
	const FIFREEZE, FITHAW = 0xc0045877, 0xc0045878 // linux/fs.h
	at, err := os.Open(d.mount)
	require.NoError(d.t, err)
	// A killed test must not leave the disk frozen: nobody else would thaw it.
	watchdog := exec.Command("sh", "-c", `sleep 60; fsfreeze -u "$0"`, d.mount)
	watchdog.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(d.t, watchdog.Start())
	thaw = sync.OnceFunc(func() {
		unix.IoctlSetInt(int(at.Fd()), FITHAW, 0)
		at.Close()
		syscall.Kill(-watchdog.Process.Pid, syscall.SIGKILL)
		watchdog.Wait()
	})
	d.t.Cleanup(thaw)
	require.NoError(d.t, unix.IoctlSetInt(int(at.Fd()), FIFREEZE, 0))
	return thaw
}

// TestFrozenDisk: a disk on which every write hangs does not stop the reading.
func TestFrozenDisk(t *testing.T) {
	readOn(t, func(t *testing.T) (longest, allowed time.Duration) {
		d := loopDisk(t)
		s := startPipe(t, filterCmd(t, d.dir), true)
		s.passes(200 * time.Millisecond)
		s.written(d)
		before := s.kept(d)
		thaw := d.freeze()
		s.passes(time.Second)
		thaw()
		s.written(d)
		before.stand(d)
		require.Equal(t, 0, s.end(), "%s", s.said)
		s.checkAll(d.dir)
		return s.waits()
	})
}

// TestDiskTurnsReadOnly: ext4 becomes read-only under open files when it finds an
// error, and only another mount ends that. The waiting lines go to the new file system.
func TestDiskTurnsReadOnly(t *testing.T) {
	readOn(t, func(t *testing.T) (longest, allowed time.Duration) {
		d := loopDisk(t)
		s := startPipe(t, filterCmd(t, d.dir), true)
		s.passes(200 * time.Millisecond)
		s.written(d)
		var st unix.Stat_t
		require.NoError(t, unix.Stat(d.mount, &st))
		device := "loop" + strconv.Itoa(int(unix.Minor(uint64(st.Dev))))
		old, err := os.Open(d.dir)
		require.NoError(t, err)
		defer old.Close()
		require.NoError(t, os.WriteFile("/sys/fs/ext4/"+device+"/trigger_fs_error", []byte("1"), 0))
		s.passes(500 * time.Millisecond)
		require.Contains(t, s.said.String(), "read-only file system; lines wait in memory")

		// In one step: otherwise DIR would be made below the mount point. And on DIR
		// itself: a confined logger has no access to what is mounted above the parent
		// directory of DIR.
		mountTmpfs(t, d.dir, "64m")
		s.written(d)
		require.Equal(t, 0, s.end(), "%s", s.said)

		first, second := s.onDisk(fmt.Sprintf("/proc/self/fd/%d", old.Fd())), s.onDisk(d.dir)
		for id := range first {
			require.Equal(t, 1, first[id]+second[id], "line %d", id)
		}
		s.checkCounts(d.dir)
		s.checkClean(fmt.Sprintf("/proc/self/fd/%d/", old.Fd()))
		s.checkClean(d.dir)
		return s.waits()
	})
}

// TestDeviceInPlaceOfFile: a log, key or room file that is /dev/full is refused like
// everything that is not a regular file. stderr may be /dev/full.
func TestDeviceInPlaceOfFile(t *testing.T) {
	for _, name := range []string{"access-" + days()[0] + ".log", "keys/" + days()[0] + ".key", "rooms/rooms-" + days()[0] + ".log",
		"keys", "journal", "rooms", "clock", "access.log"} {
		t.Run(strings.ReplaceAll(name, "/", " "), func(t *testing.T) {
			readOn(t, func(t *testing.T) (longest, allowed time.Duration) {
				d := bareDisk(t, "64m")
				require.NoError(t, os.MkdirAll(filepath.Dir(d.path(name)), 0o750))
				const deviceFull = 1<<8 | 7 // null(4) has a sibling, full(4)
				require.NoError(t, unix.Mknod(d.path(name), unix.S_IFCHR|0o666, deviceFull))
				cmd := filterCmd(t, d.dir)
				full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
				require.NoError(t, err)
				defer full.Close()
				cmd.Stderr = full
				s := startPipe(t, cmd, true)
				s.passes(300 * time.Millisecond)
				require.NoError(t, os.Remove(d.path(name)))
				s.written(d)
				require.Equal(t, 0, s.end())
				s.checkAll(d.path(""))
				return s.waits()
			})
		})
	}
}

// TestForbiddenDirectory: a chmod takes DIR or its directories from a logger that is
// not root, and another one returns them.
func TestForbiddenDirectory(t *testing.T) {
	for _, name := range append(parts, "access-"+days()[0]+".log") {
		t.Run("name="+name, func(t *testing.T) {
			readOn(t, func(t *testing.T) (longest, allowed time.Duration) {
				d := bareDisk(t, "64m")
				const nobody = 65534
				for _, sub := range parts {
					require.NoError(t, os.Mkdir(d.path(sub), 0o750))
					require.NoError(t, os.Chown(d.path(sub), nobody, nobody))
				}
				for dir := d.dir; dir != os.TempDir(); dir = filepath.Dir(dir) {
					require.NoError(t, os.Chmod(dir, 0o755))
				}
				cmd := filterCmd(t, "--traffic", d.dir)
				for dir := filepath.Dir(cmd.Path); dir != os.TempDir(); dir = filepath.Dir(dir) {
					require.NoError(t, os.Chmod(dir, 0o755))
				}
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
				s := startPipe(t, cmd, true)
				s.passes(200 * time.Millisecond)
				s.written(d)
				before := s.kept(d)
				for ahead := range int64(2) {
					st, err := os.Stat(d.path(name))
					require.NoError(t, err)
					require.NoError(t, os.Chmod(d.path(name), 0))
					s.ahead.Store(ahead)
					s.passes(300 * time.Millisecond)
					before.stand(d)
					require.NoError(t, os.Chmod(d.path(name), st.Mode().Perm()))
					s.written(d)
				}
				require.Equal(t, 0, s.end(), "%s", s.said)
				before.stand(d)
				s.checkAll(d.path(""))
				return s.waits()
			})
		})
	}
}

// TestFaultsBehindHTTPD: clients of a real httpd do not notice that the log's disk is
// full, hangs or is gone, and each answered request is in the log.
func TestFaultsBehindHTTPD(t *testing.T) {
	readOn(t, func(t *testing.T) (longest, allowed time.Duration) {
		d := newDisk(t, fault{})
		// Lines of just under 4096 bytes would fill a pipe of 1 MiB during the fault.
		long := strings.Repeat("x", 3600)
		log := loadLog(hushpipeBinary(t), d.dir)
		require.Contains(t, log, "%{User-Agent}i")
		h := startHTTPD(t, strings.ReplaceAll(log, "%{User-Agent}i", long))
		l := startLoad(h, 500)
		l.await(100)
		for _, f := range faults {
			switch f.name {
			case "full", "lines locked", "DIR locked", "renamed":
			default:
				continue
			}
			first := l.sent()
			f.inject(d)
			l.await(2 << 20 / len(long))
			f.repair(d)
			l.await(50)
			t.Logf("%s: longest wait %s", f.name, l.longestSince(first))
		}
		c := l.finish(t, d.dir)
		t.Log(c)
		require.Zero(t, c.Lost)
		require.Zero(t, c.Duplicated)
		return c.Longest, max(maxWait, 3*c.Control)
	})
}

// TestEndIsBounded: no lock keeps a process from exiting. Locks that others can take do
// not matter. While another hushpipe hangs with the lock of the room files, they are
// left to the next process, and lines are written without the lock.
func TestEndIsBounded(t *testing.T) {
	for _, tt := range []struct {
		name  string
		hangs bool // something could not be done
		hold  []string
	}{
		{"room files locked", false, []string{"rooms"}},
		{"lines locked", false, []string{"access-" + days()[0] + ".log", "."}},
		{"keys locked", false, []string{"keys"}},
		{"another hushpipe hangs with the lines", false, []string{".lock/lines", ".lock/link"}},
		{"another hushpipe hangs with the room files", true, []string{".lock/rooms"}},
		{"another hushpipe hangs with the rules", false, []string{".lock/keep", "keys/.lock/keep", ".lock/status"}},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			readOn(t, func(t *testing.T) (longest, allowed time.Duration) {
				d := newDisk(t, fault{})
				s := startPipe(t, filterCmd(t, d.dir), true)
				s.passes(100 * time.Millisecond)
				s.written(d)
				for _, name := range tt.hold {
					flag := os.O_RDWR | os.O_CREATE
					if st, err := os.Stat(d.path(name)); err == nil && st.IsDir() {
						flag = os.O_RDONLY
					}
					d.hold(name, flag)
				}
				s.passes(100 * time.Millisecond)
				s.stop()
				require.NoError(t, s.cmd.Process.Signal(syscall.SIGINT))
				began := time.Now()
				s.cmd.Wait()
				require.Less(t, time.Since(began), shortWait+3*diskTimeout)
				said := s.said.String()
				require.Equal(t, tt.hangs, strings.Contains(said, "by another process") || strings.Contains(said, "another process has the lock"), said)
				d.letGo()

				next := exec.Command(s.cmd.Path, "filter", d.dir)
				require.NoError(t, next.Run())
				s.checkAll(d.dir)
				return s.waits()
			})
		})
	}
}
