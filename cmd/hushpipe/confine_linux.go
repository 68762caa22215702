package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"

	"hushpipe/filter/dir"
	"hushpipe/filter/registry"
)

// workAccess is what may be done to files: all that hushpipe does. There is no
// executing, no device, and no moving from one directory to another in it. A
// directory is made under another name first, and to rename it is to remove it.
const workAccess = llsys.AccessFSReadFile | llsys.AccessFSReadDir | llsys.AccessFSWriteFile | llsys.AccessFSTruncate |
	llsys.AccessFSMakeReg | llsys.AccessFSMakeDir | llsys.AccessFSRemoveDir | llsys.AccessFSMakeSym | llsys.AccessFSRemoveFile

// replaceAccess is what replacing a file takes, in a directory that is not ours.
const replaceAccess = llsys.AccessFSReadFile | llsys.AccessFSReadDir | llsys.AccessFSWriteFile | llsys.AccessFSTruncate |
	llsys.AccessFSMakeReg | llsys.AccessFSRemoveFile

// lookupTimeout bounds the wait for the paths; a disk that hangs must not hold up the
// reader. restrict stops all threads, so none may be stuck in one by then.
const lookupTimeout = time.Second

// confine leaves the process no files but those that it works on, by landlock(7),
// no network, no other program and no way to gain rights, by seccomp(2), and of
// root's rights few, by capabilities(7). What stays are the existence, size and
// times of files anywhere. dir is DIR and keys the key directory, each "" for none;
// of a shared file its directory is left. The answer is for status: what is in
// force, and what is not and why.
//
// DIR may be deleted, replaced or mounted over and is used again then, so the
// right to it is one to the directory that it lies in; that to the root of all
// files would be none at all. Without a key directory the keys stay in memory,
// and no line is lost: it has the right to itself only.
func confine(dir, keys string, shared ...string) string {
	return confineFilter(dir, keys, nil, shared...)
}

// confineFilter is confine, but that files can be read as well, also those that take their
// place: with all that is in their directories.
func confineFilter(dir, keys string, files []string, shared ...string) string {
	return restrict(false, func() ([]landlock.Rule, error) {
		paths, err := reachableDirs(dir, keys)
		rules := renewedRules(files)
		return append(rules, landlock.PathAccess(workAccess, paths...), landlock.PathAccess(replaceAccess, parentDirs(shared)...)), err
	})
}

// confineTo is confine for what a process is left of the disk, but that it can reach a
// network: TCP at ports, or the unix socket at path, and name servers. Before Linux 6.7 landlock knows no ports, and before
// 7.1 no sockets: then it can reach any.
func confineTo(ports []uint16, socket string, disk diskAccess) string {
	// Go tries once what this machine has of IPv6, by calls that are refused later.
	if conn, err := net.Dial("udp6", "[::1]:9"); err == nil {
		conn.Close()
	}
	net.DefaultResolver.PreferGo = true // that of the C library loads other libraries
	return restrict(true, func() ([]landlock.Rule, error) {
		paths, err := reachableDirs(disk.dir, disk.keys)
		rules := append(readRules(disk.read), renewedRules(disk.renewed)...)
		rules = append(rules, landlock.PathAccess(workAccess, paths...), landlock.PathAccess(replaceAccess, parentDirs([]string{disk.shared})...), landlock.ConnectSendUDP(53))
		for _, port := range ports {
			rules = append(rules, landlock.ConnectTCP(port))
		}
		if socket != "" { // a server that starts anew makes another one
			rules = append(rules, landlock.PathAccess(llsys.AccessFSResolveUnix, filepath.Dir(socket)).IgnoreIfMissing())
		} else {
			rules = append(rules, readRules([]string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"})...)
		}
		return rules, err
	})
}

// confineReplay is confine, but that the regular files at paths can be read as
// well: those that are there now, not what takes their names.
func confineReplay(dir, keys string, paths []string) string {
	return restrict(false, func() ([]landlock.Rule, error) {
		within, err := reachableDirs(dir, keys)
		rules := []landlock.Rule{landlock.PathAccess(workAccess, within...)}
		for _, path := range paths {
			if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
				rules = append(rules, landlock.PathAccess(llsys.AccessFSReadFile, path).IgnoreIfMissing())
			}
		}
		return rules, err
	})
}

// parentDirs returns the directories of files, those that exist.
func parentDirs(files []string) (paths []string) {
	for _, file := range files {
		whole, err := filepath.Abs(file) // "." may be "/" as well
		if err != nil || file == "" {
			continue
		}
		if folder, err := filepath.EvalSymlinks(filepath.Dir(whole)); err == nil && folder != "/" {
			paths = append(paths, folder)
		}
	}
	return paths
}

// confineReader leaves the process the files and directories at paths, to be
// read, and of others only what replacing a shared file takes, "" for none.
func confineReader(paths []string, shared string) string {
	return restrict(false, func() ([]landlock.Rule, error) {
		return append(readRules(paths), landlock.PathAccess(replaceAccess, parentDirs([]string{shared})...)), nil
	})
}

// confineMerge is confine for the DIR out, but that the directories dirs can be read as
// well.
func confineMerge(out string, dirs []string) string {
	return restrict(false, func() ([]landlock.Rule, error) {
		paths, err := reachableDirs(out, "")
		return append(readRules(dirs), landlock.PathAccess(workAccess, paths...)), err
	})
}

// renewedRules is the right to read files, also those that take their place: with all that is
// in their directories.
func renewedRules(files []string) []landlock.Rule {
	rules := append(readRules(parentDirs(files)), readRules(files)...) // in the directory of all files that alone
	for _, file := range files {
		if target, err := filepath.EvalSymlinks(file); err == nil {
			rules = append(rules, readRules(parentDirs([]string{target}))...)
		}
	}
	return rules
}

// readRules is the right to read the files and directories at paths.
func readRules(paths []string) (rules []landlock.Rule) {
	for _, path := range paths {
		st, err := os.Stat(path)
		if err != nil {
			continue // will be reported later
		}
		var rights landlock.AccessFSSet = llsys.AccessFSReadFile
		if st.IsDir() { // elsewhere this right is an error
			rights |= llsys.AccessFSReadDir
		}
		rules = append(rules, landlock.PathAccess(rights, path))
	}
	return rules
}

// restrict is confine for the rules that find returns, with a network or without. Each
// mechanism that is not to be had leaves the others.
func restrict(network bool, find func() ([]landlock.Rule, error)) string {
	_ = time.Local.String() // reads the zone's file before that is out of reach
	rules, err := findWithin(lookupTimeout, find)
	threads := err
	if err != errStuck {
		threads = checkThreads()
	}
	var inForce, failed []string
	note := func(name string, err error) {
		if err == nil {
			inForce = append(inForce, name)
		} else {
			failed = append(failed, name+": "+err.Error())
		}
	}
	// Before landlock: psx lists the threads.
	capabilities := dropCapabilities(threads)
	name := "landlock"
	if err == nil {
		var abi uintptr
		if abi, err = restrictFiles(rules, threads); err == nil {
			name = fmt.Sprintf("landlock (ABI %d)", abi)
		}
	}
	note(name, err)
	note("seccomp", filterCalls(network))
	note("capabilities", capabilities)
	switch {
	case inForce == nil:
		return "not confined: " + strings.Join(failed, "; ")
	case failed == nil:
		return "confined by " + strings.Join(inForce, ", ")
	}
	return "confined by " + strings.Join(inForce, ", ") + "; not by " + strings.Join(failed, "; ")
}

var errStuck = errors.New("the disk did not answer")

// findWithin returns what find returns, or errStuck after a time.
func findWithin(d time.Duration, find func() ([]landlock.Rule, error)) ([]landlock.Rule, error) {
	type answer struct {
		rules []landlock.Rule
		err   error
	}
	found := make(chan answer, 1)
	go func() {
		rules, err := find()
		found <- answer{rules, err}
	}()
	select {
	case a := <-found:
		return a.rules, a.err
	case <-time.After(d):
		return nil, errStuck
	}
}

// threadSyncABI is the first ABI of landlock that lets the kernel restrict all threads. With
// those before, psx has each thread restrict itself, by a signal.
const threadSyncABI = 8

// restrictFiles restricts all threads to what the rules allow, and returns
// landlock's ABI. threads is what keeps them from being sent a signal each.
func restrictFiles(rules []landlock.Rule, threads error) (abi uintptr, err error) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch {
	case errno == unix.EOPNOTSUPP:
		return 0, errors.New("switched off in this kernel")
	case errno == unix.ENOSYS:
		return 0, errors.New("this kernel has none")
	case errno != 0: // a filter of system calls, it may be
		return 0, errno
	case abi < threadSyncABI && threads != nil:
		return 0, threads
	}
	if err := landlock.V11.BestEffort().Restrict(rules...); err != nil {
		return 0, err
	}
	// Best effort may have been none.
	if fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
		unix.Close(fd)
		return 0, errors.New("no effect")
	}
	return abi, nil
}

// checkThreads returns an error where a signal to each thread might not come to one.
// Who sends them waits for all, with the whole process, and has no end: Go's
// AllThreadsSyscall and psx look at no error of tgkill(2), and psx ends a process
// that has no /proc.
func checkThreads() error {
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return errors.New("/proc is not mounted for this process")
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	var threads, queued, limit int
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "SigQ: %d/%d", &queued, &limit)
		fmt.Sscanf(line, "Threads: %d", &threads)
	}
	if limit-queued < 4*threads { // some start meanwhile
		return errors.New("signals cannot be queued (raise ulimit -i)")
	}
	return nil
}

// keptCapabilities are the capabilities that root keeps: to work on the files of a DIR that is
// another user's, and to leave their owner, group and setgid bit as they are.
const keptCapabilities = 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_CHOWN | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID

// dropCapabilities leaves all threads no capabilities but those, if threads is nil.
// Without inheritable ones there are no ambient ones. The bounding set stays: it
// bounds what execve(2) gives, which is nothing under no_new_privs.
func dropCapabilities(threads error) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData // of numbers below 32, and from there on
	if err := unix.Capget(&header, &have[0]); err != nil {
		return err
	}
	few := [2]unix.CapUserData{{Effective: have[0].Effective & keptCapabilities, Permitted: have[0].Permitted & keptCapabilities}}
	if few == have {
		return nil
	}
	if threads != nil {
		return threads
	}
	_, _, errno := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&few[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// reachableDirs returns the directories that confine leaves. They exist.
func reachableDirs(dir, keys string) (paths []string, err error) {
	for i, path := range []string{dir, keys} {
		if path == "" {
			continue
		}
		if path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		target, err := filepath.EvalSymlinks(path)
		if err == nil {
			paths = append(paths, target)
			if i == 0 && filepath.Dir(target) != "/" {
				paths = append(paths, filepath.Dir(target))
			}
			continue
		}
		above, err := nearestExisting(path, err)
		if err != nil {
			return nil, err
		}
		paths = append(paths, above)
	}
	return append(paths, earlierKeys(dir)...), nil
}

// earlierKeys returns the key directories of DIR's earlier --keys that are there.
func earlierKeys(path string) (there []string) {
	d, err := dir.Open(path, dir.Options{})
	if path == "" || err != nil {
		return nil
	}
	defer d.Close()
	paths, trusted := registry.KeyDirs(d)
	for _, path := range paths {
		if path, err := filepath.EvalSymlinks(path); trusted && err == nil {
			there = append(there, path)
		}
	}
	return there
}

// nearestExisting returns the nearest directory above path that is there.
func nearestExisting(path string, err error) (string, error) {
	above := path
	for errors.Is(err, fs.ErrNotExist) && above != "/" {
		above = filepath.Dir(above)
		_, err = os.Stat(above)
	}
	if err == nil && above == "/" {
		err = fmt.Errorf("%s: no directory above it exists", path)
	}
	return above, err
}

// hideMemory keeps the memory out of core dumps that go to a program, which
// RLIMIT_CORE does not bound (core(5)), and from debuggers of the same user.
func hideMemory() { unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// memoryProtection tells status what the kernel says of that.
func memoryProtection() string {
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable != 0 {
		return coreFiles() + "; a debugger or a program that takes core dumps can read the memory"
	}
	return coreFiles() + ", no debugger of the same user"
}
