package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hushpipe/filter/need"
	"hushpipe/format/civil"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// disk is a DIR on several file systems, so that each can fail alone: DIR itself, and
// its directories of journals, room files, keys and traffic figures.
type disk struct {
	t     *testing.T
	mount string // where the first file system is mounted for loggers
	dir   string // DIR, on it
	home  string // a second mount of it, which stays
	name  string // what DIR is called at the moment

	held []*os.File // open files whose locks the test has
}

// newDisk mounts a disk that is suitable for a fault.
func newDisk(t *testing.T, f fault) *disk {
	d := bareDisk(t, "512m")
	require.NoError(t, os.Mkdir(d.dir, 0o750))
	if f.whole {
		return d
	}
	for _, sub := range parts[1:] {
		require.NoError(t, os.Mkdir(d.path(sub), 0o750))
		mountTmpfs(t, d.path(sub), "512m")
	}
	d.attach()
	return d
}

// bareDisk mounts a single file system without a DIR on it.
func bareDisk(t *testing.T, size string) *disk {
	base := t.TempDir()
	d := &disk{t: t, mount: base + "/mount", home: base + "/home", name: "log"}
	d.dir = filepath.Join(d.mount, "log")
	require.NoError(t, os.Mkdir(d.mount, 0o755))
	require.NoError(t, os.Mkdir(d.home, 0o755))
	need.Root(t)
	mountTmpfs(t, d.home, size)
	d.attach()
	return d
}

// parts are the directories of DIR that have their own file systems.
var parts = []string{"", "journal", "rooms", "keys", "traffic"}

// path returns the path of a file of DIR that is valid even while the disk is
// unmounted.
func (d *disk) path(name string) string { return filepath.Join(d.home, d.name, name) }

func mountTmpfs(t *testing.T, path, size string) {
	t.Helper()
	require.NoError(t, mountTmp(path, "mode=755,size="+size))
	t.Cleanup(func() { unmount(path) })
	// A size of 0 would mean no limit.
	require.NoError(t, os.WriteFile(filepath.Join(path, "lost+found"), []byte("x"), 0o600))
}

// attach mounts the disk for the loggers; detach undoes it like "umount -l".
func (d *disk) attach() {
	require.NoError(d.t, bindMount(d.home, d.mount))
	d.t.Cleanup(func() { unmount(d.mount) })
}

func (d *disk) detach() { require.NoError(d.t, unmount(d.mount)) }

// remount changes an option of a part's file system.
func (d *disk) remount(sub, option string) {
	require.NoError(d.t, remount(d.partition(sub), option))
}

// partition returns the mount point of a part.
func (d *disk) partition(sub string) string {
	if sub == "" {
		return d.home
	}
	return d.path(sub)
}

// fill leaves no free block in the file system of a part. Another may have
// taken a block meanwhile; then the size asked for is too small.
func (d *disk) fill(sub string) {
	await(d.t, func() bool {
		var st unix.Statfs_t
		require.NoError(d.t, unix.Statfs(d.partition(sub), &st))
		return remount(d.partition(sub), sizeOption(st)) == nil
	}, "the disk cannot be made smaller")
}

func sizeOption(st unix.Statfs_t) string {
	return "nr_blocks=" + itoa(st.Blocks-st.Bfree)
}

// fillInodes fills up each part so that no file can be made.
func (d *disk) fillInodes() {
	for _, sub := range parts {
		await(d.t, func() bool {
			var st unix.Statfs_t
			require.NoError(d.t, unix.Statfs(d.partition(sub), &st))
			return remount(d.partition(sub), "nr_inodes="+itoa(st.Files-uint64(st.Ffree))) == nil
		}, "the disk cannot be given fewer inodes")
	}
}

// rename renames DIR.
func (d *disk) rename(to string) {
	from := d.path("")
	d.name = to
	require.NoError(d.t, os.Rename(from, d.path("")))
}

// hold takes the lock of a file or directory of DIR, like a process that hangs with it.
func (d *disk) hold(name string, flag int) {
	f, err := os.OpenFile(d.path(name), flag, 0o640)
	require.NoError(d.t, err)
	require.NoError(d.t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	d.held = append(d.held, f)
	d.t.Cleanup(func() { f.Close() })
}

func (d *disk) letGo() {
	for _, f := range d.held {
		st, err := f.Stat()
		require.NoError(d.t, err)
		if st.Mode().IsRegular() && st.Size() == 0 {
			os.Remove(f.Name()) // hold has made it, and nobody could write to it
		}
		f.Close()
	}
	d.held = nil
}

// chattr sets attributes of DIR's files, as chattr(1) does.
func (d *disk) chattr(change string, names ...string) {
	for _, name := range names {
		out, err := exec.Command("chattr", change, d.path(name)).CombinedOutput()
		require.NoError(d.t, err, "%s", out)
	}
}

// fault is something that can happen to the disk of a running logger. inject and repair
// can be called alternately any number of times; neither removes what is written.
type fault struct {
	name           string
	inject, repair func(*disk)
	// keeps: open files keep working; only opening by name fails.
	keeps bool
	// started: the fault needs a logger that has DIR open.
	started bool
	// whole: DIR must be a single file system.
	whole bool
}

// faults are those that a disk of newDisk can have.
var faults = []fault{
	{name: "full",
		inject: func(d *disk) { each(d.fill) },
		repair: func(d *disk) { each(d.enlarge) }},
	{name: "full for lines",
		inject: func(d *disk) { d.fill("") },
		repair: func(d *disk) { d.enlarge("") }},
	{name: "full for journals", keeps: true,
		inject: func(d *disk) { d.fill("journal") },
		repair: func(d *disk) { d.enlarge("journal") }},
	{name: "full for room files and traffic figures", keeps: true,
		inject: func(d *disk) { d.fill("rooms"); d.fill("traffic") },
		repair: func(d *disk) { d.enlarge("rooms"); d.enlarge("traffic") }},
	{name: "full for keys", keeps: true,
		inject: func(d *disk) { d.fill("keys") },
		repair: func(d *disk) { d.enlarge("keys") }},
	{name: "no inodes",
		inject: (*disk).fillInodes,
		repair: func(d *disk) { each(func(sub string) { d.remount(sub, "nr_inodes=10000") }) }},
	{name: "keys, room files and traffic figures read-only", keeps: true,
		inject: func(d *disk) { d.readOnly("keys", true); d.readOnly("rooms", true); d.readOnly("traffic", true) },
		repair: func(d *disk) { d.readOnly("keys", false); d.readOnly("rooms", false); d.readOnly("traffic", false) }},
	{name: "immutable", // also for root, which no mode stops
		inject: func(d *disk) { d.chattr("+i", parts...) },
		repair: func(d *disk) { d.chattr("-i", parts...) }},
	{name: "renamed", keeps: true, started: true,
		inject: func(d *disk) { d.rename("away") },
		repair: func(d *disk) { d.rename("log") }},
	{name: "a file in its place",
		inject: func(d *disk) {
			d.rename("away")
			require.NoError(d.t, os.WriteFile(d.dir, nil, 0o600))
		},
		repair: func(d *disk) {
			require.NoError(d.t, os.Remove(d.dir))
			d.rename("log")
		}},
	{name: "unmounted", keeps: true, started: true, whole: true,
		inject: (*disk).detach,
		repair: (*disk).attach},
	{name: "DIR locked",
		inject: func(d *disk) { d.hold("", os.O_RDONLY) },
		repair: (*disk).letGo},
	{name: "lines locked",
		inject: func(d *disk) {
			for _, name := range days() {
				d.hold("access-"+name+".log", os.O_RDWR|os.O_CREATE)
			}
		},
		repair: (*disk).letGo},
	{name: "room files locked", keeps: true,
		inject: func(d *disk) { d.hold("rooms", os.O_RDONLY) },
		repair: (*disk).letGo},
	{name: "keys locked",
		inject: func(d *disk) { d.hold("keys", os.O_RDONLY) },
		repair: (*disk).letGo},
}

func each(do func(sub string)) {
	for _, sub := range parts {
		do(sub)
	}
}

func (d *disk) enlarge(sub string) { d.remount(sub, "size=512m") }

func (d *disk) readOnly(sub string, on bool) {
	// A process that has a file open for writing makes it busy.
	await(d.t, func() bool {
		return remountReadOnly(d.partition(sub), on) == nil
	}, "the disk cannot be made read-only")
}

// days returns today and tomorrow, as in file names.
func days() []string {
	today := civil.DayOf(now())
	return []string{today.String(), (today + 1).String()}
}

// loopDisk mounts an ext4 file system, which can freeze and break under open files.
func loopDisk(t *testing.T) *disk {
	need.Root(t)
	base := t.TempDir()
	d := &disk{t: t, mount: base + "/mount", home: base + "/mount", name: "log"}
	d.dir = filepath.Join(d.mount, "log")
	require.NoError(t, os.Mkdir(d.mount, 0o755))
	image := base + "/image"
	f, err := os.Create(image)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(32<<20))
	require.NoError(t, f.Close())
	runTool(t, "mkfs.ext4", "-q", image)
	runTool(t, "mount", "-o", "loop,errors=remount-ro", image, d.mount)
	t.Cleanup(func() { exec.Command("umount", "-l", d.mount).Run() })
	return d
}

func runTool(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// copyOf returns the contents of a file.
func copyOf(t *testing.T, path string) string {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return ""
	}
	require.NoError(t, err)
	defer f.Close()
	text, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(text)
}
