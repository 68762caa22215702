package main

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// confinedCommands are the programs of scripts that only Linux can run.
var confinedCommands = map[string]func(){
	"probe": probe, "reader": reader, "escape": escape, "refusing": refusing, "dialer": dialer,
}

// ownGroup starts a server in its own process group, which is killed when the tests
// exit.
func ownGroup(attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	if attr == nil {
		attr = &syscall.SysProcAttr{}
	}
	attr.Setpgid, attr.Pdeathsig = true, syscall.SIGTERM
	return attr
}

// mountTmp mounts a new file system in memory. It is private: otherwise an unmount at one
// path would unmount it at every other path as well.
func mountTmp(path, options string) error {
	if err := unix.Mount("none", path, "tmpfs", 0, options); err != nil {
		return err
	}
	return unix.Mount("", path, "", unix.MS_PRIVATE, "")
}

// bindMount mounts the tree at from a second time.
func bindMount(from, path string) error {
	if err := unix.Mount(from, path, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.Mount("", path, "", unix.MS_PRIVATE|unix.MS_REC, "")
}

// unmount works while files are open, like "umount -l".
func unmount(path string) error { return unix.Unmount(path, unix.MNT_DETACH) }

// remount changes an option of a file system.
func remount(path, option string) error {
	return unix.Mount("none", path, "", unix.MS_REMOUNT, option)
}

func remountReadOnly(path string, on bool) error {
	var flag uintptr
	if on {
		flag = unix.MS_RDONLY
	}
	return unix.Mount("none", path, "", unix.MS_REMOUNT|flag, "")
}

// blockingPipe makes a pipe like httpd's; the ends of os.Pipe do not block.
func blockingPipe(t *testing.T) (in, out *os.File) {
	t.Helper()
	var fds [2]int
	require.NoError(t, unix.Pipe2(fds[:], unix.O_CLOEXEC))
	return os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe")
}

// unread returns the number of bytes in a pipe.
func unread(pipe *os.File) (int, error) { return unix.IoctlGetInt(int(pipe.Fd()), unix.TIOCINQ) }

// openTerminal returns both ends of a terminal.
func openTerminal(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { master.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { terminal.Close() })
	return master, terminal
}

// modes returns the settings of a terminal.
func modes(t *testing.T, terminal *os.File) *unix.Termios {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	require.NoError(t, err)
	return m
}
