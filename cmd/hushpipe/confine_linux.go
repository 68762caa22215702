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

// workAccess is the access that hushpipe needs to its own directories. It does not
// include executing files, device files, or moving files to another directory. Making a
// directory needs the right to remove one, since it is made under another name and
// renamed.
const workAccess = llsys.AccessFSReadFile | llsys.AccessFSReadDir | llsys.AccessFSWriteFile | llsys.AccessFSTruncate |
	llsys.AccessFSMakeReg | llsys.AccessFSMakeDir | llsys.AccessFSRemoveDir | llsys.AccessFSMakeSym | llsys.AccessFSRemoveFile

// replaceAccess is the access needed to replace a file in a directory that is not
// hushpipe's.
const replaceAccess = llsys.AccessFSReadFile | llsys.AccessFSReadDir | llsys.AccessFSWriteFile | llsys.AccessFSTruncate |
	llsys.AccessFSMakeReg | llsys.AccessFSRemoveFile

// lookupTimeout bounds the search for the paths, since a disk that hangs must not delay
// the reader. restrict stops all threads, so none may be stuck in a system call by
// then.
const lookupTimeout = time.Second

// confine limits the process to the files that it works on, by landlock(7), takes away
// the network, other programs and all ways to gain rights, by seccomp(2), and drops
// most of root's capabilities(7). The process can still see the existence, size and
// times of any file.
//
// dir is DIR and keys the key directory; each may be "". Of a shared file, the process
// keeps access to its directory. The result is for status: which mechanisms are in
// force, and why others are not.
//
// DIR may be deleted, replaced or mounted over, and is used again afterwards. Access to
// it is therefore access to its parent directory, unless that is the root directory.
// The key directory gets access to itself only: if it is replaced, the keys stay in
// memory, and no line is lost.
func confine(dir, keys string, shared ...string) string {
	return confineFilter(dir, keys, nil, shared...)
}

// confineFilter is confine, and also allows reading files and their replacements, which
// means everything in their directories.
func confineFilter(dir, keys string, files []string, shared ...string) string {
	return restrict(false, func() ([]landlock.Rule, error) {
		paths, err := reachableDirs(dir, keys)
		rules := renewedRules(files)
		return append(rules, landlock.PathAccess(workAccess, paths...), landlock.PathAccess(replaceAccess, parentDirs(shared)...)), err
	})
}

// confineTo is confine for the accesses in disk, and also allows connections to TCP
// ports or to the unix socket, and to name servers. Landlock restricts ports since
// Linux 6.7 and sockets since 7.1; older kernels allow all.
func confineTo(ports []uint16, socket string, disk diskAccess) string {
	// Package net probes IPv6 once, by system calls that are denied later.
	if conn, err := net.Dial("udp6", "[::1]:9"); err == nil {
		conn.Close()
	}
	net.DefaultResolver.PreferGo = true // the C library's resolver loads other libraries
	return restrict(true, func() ([]landlock.Rule, error) {
		paths, err := reachableDirs(disk.dir, disk.keys)
		rules := append(readRules(disk.read), renewedRules(disk.renewed)...)
		rules = append(rules, landlock.PathAccess(workAccess, paths...), landlock.PathAccess(replaceAccess, parentDirs([]string{disk.shared})...), landlock.ConnectSendUDP(53))
		for _, port := range ports {
			rules = append(rules, landlock.ConnectTCP(port))
		}
		if socket != "" { // a restarted server makes a new socket
			rules = append(rules, landlock.PathAccess(llsys.AccessFSResolveUnix, filepath.Dir(socket)).IgnoreIfMissing())
		} else {
			rules = append(rules, readRules([]string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"})...)
		}
		return rules, err
	})
}

// confineReplay is confine, and also allows reading the regular files at paths: those
// that exist now, not others that get these names later.
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

// parentDirs returns the directories of files, those that exist and are not the root
// directory.
func parentDirs(files []string) (paths []string) {
	for _, file := range files {
		whole, err := filepath.Abs(file) // "." may be "/"
		if err != nil || file == "" {
			continue
		}
		if folder, err := filepath.EvalSymlinks(filepath.Dir(whole)); err == nil && folder != "/" {
			paths = append(paths, folder)
		}
	}
	return paths
}

// confineReader allows reading the files and directories at paths, and replacing the
// shared file unless it is "".
func confineReader(paths []string, shared string) string {
	return restrict(false, func() ([]landlock.Rule, error) {
		return append(readRules(paths), landlock.PathAccess(replaceAccess, parentDirs([]string{shared})...)), nil
	})
}

// confineMerge is confine for the DIR out, and also allows reading the directories
// dirs.
func confineMerge(out string, dirs []string) string {
	return restrict(false, func() ([]landlock.Rule, error) {
		paths, err := reachableDirs(out, "")
		return append(readRules(dirs), landlock.PathAccess(workAccess, paths...)), err
	})
}

// renewedRules allows reading files and their replacements, which means everything in
// their directories.
func renewedRules(files []string) []landlock.Rule {
	rules := append(readRules(parentDirs(files)), readRules(files)...) // for files in the root directory, only the latter
	for _, file := range files {
		if target, err := filepath.EvalSymlinks(file); err == nil {
			rules = append(rules, readRules(parentDirs([]string{target}))...)
		}
	}
	return rules
}

// readRules allows reading the files and directories at paths.
func readRules(paths []string) (rules []landlock.Rule) {
	for _, path := range paths {
		st, err := os.Stat(path)
		if err != nil {
			continue // will be reported later
		}
		var rights landlock.AccessFSSet = llsys.AccessFSReadFile
		if st.IsDir() { // an error for other files
			rights |= llsys.AccessFSReadDir
		}
		rules = append(rules, landlock.PathAccess(rights, path))
	}
	return rules
}

// restrict applies all mechanisms, with the rules that find returns. If one of them is
// not available, the others still apply.
func restrict(network bool, find func() ([]landlock.Rule, error)) string {
	_ = time.Local.String() // loads the zone's file while it can be read
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
	// Before landlock: psx lists the threads in /proc.
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

// findWithin returns the result of find, or errStuck after d.
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

// threadSyncABI is the first landlock ABI in which the kernel restricts all threads.
// With earlier ones, psx sends each thread a signal to restrict itself.
const threadSyncABI = 8

// restrictFiles restricts all threads to the rules, and returns landlock's ABI. If
// threads is not nil, no signals can be sent to all threads, which older ABIs need.
func restrictFiles(rules []landlock.Rule, threads error) (abi uintptr, err error) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch {
	case errno == unix.EOPNOTSUPP:
		return 0, errors.New("switched off in this kernel")
	case errno == unix.ENOSYS:
		return 0, errors.New("this kernel has none")
	case errno != 0: // perhaps a seccomp filter
		return 0, errno
	case abi < threadSyncABI && threads != nil:
		return 0, threads
	}
	if err := landlock.V11.BestEffort().Restrict(rules...); err != nil {
		return 0, err
	}
	// BestEffort may have restricted nothing.
	if fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
		unix.Close(fd)
		return 0, errors.New("no effect")
	}
	return abi, nil
}

// checkThreads returns an error if a signal might not reach every thread. Whoever sends
// such signals stops the process until all threads have answered, possibly for ever:
// Go's AllThreadsSyscall and psx ignore errors of tgkill(2), and psx aborts the process
// if /proc is missing.
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
	if limit-queued < 4*threads { // leaves room for threads that start meanwhile
		return errors.New("signals cannot be queued (raise ulimit -i)")
	}
	return nil
}

// keptCapabilities are the capabilities that root keeps: those to work on a DIR that
// belongs to another user, and to preserve the owner, group and setgid bit of its
// files.
const keptCapabilities = 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_CHOWN | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID

// dropCapabilities drops all other capabilities in all threads, or returns the error
// threads. With no inheritable capabilities there are no ambient ones. The bounding set
// stays: it limits what execve(2) grants, which is nothing under no_new_privs.
func dropCapabilities(threads error) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData // capabilities below 32, and from 32 on
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

// reachableDirs returns the existing directories that confine gives access to.
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

// earlierKeys returns the existing key directories of earlier processes on DIR.
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

// nearestExisting returns the nearest directory above path that exists.
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

// hideMemory keeps the memory out of core dumps that the kernel pipes to a program,
// which RLIMIT_CORE does not limit (core(5)), and protects it from debuggers of the
// same user.
func hideMemory() { unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// memoryProtection reports to status whether core dumps and debuggers are really kept
// out.
func memoryProtection() string {
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable != 0 {
		return coreFiles() + "; a debugger or a program that takes core dumps can read the memory"
	}
	return coreFiles() + ", no debugger of the same user"
}
