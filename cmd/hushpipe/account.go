package main

// --user: the user that a process started by root becomes.

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"hushpipe/filter/store"
)

// account is the user of --user.
type account struct {
	name     string
	uid, gid int
	groups   []int
}

// findAccount looks up a user. It returns nil if the process already runs as that user.
func findAccount(name string) (*account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, usage("--user %q: no such user; hint: make one with adduser --system --group %s", name, name)
	}
	a := &account{name: name}
	ids, err := u.GroupIds()
	if err == nil {
		a.uid, err = strconv.Atoi(u.Uid)
	}
	if err == nil {
		a.gid, err = strconv.Atoi(u.Gid)
	}
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil {
			a.groups = append(a.groups, n)
		}
	}
	switch {
	case err != nil:
		return nil, usage("--user %q: its groups cannot be looked up: %w", name, err)
	case a.uid == 0:
		return nil, usage("--user %q: that is root; hint: name an unprivileged user", name)
	case os.Getuid() == a.uid && os.Geteuid() == a.uid:
		return nil, nil
	case os.Geteuid() != 0:
		return nil, usage("--user %q: only root can become another user; hint: leave it out", name)
	}
	return a, nil
}

// userError means that the process could not become another user, or could become root
// again. Its user is uncertain, so it must not process lines.
type userError struct{ error }

func (e userError) Unwrap() error { return e.error }

// become gives up root for good, in all threads.
func (a *account) become() error {
	// With this umask, new files have their final mode from the start. chmod(2) would
	// clear the setgid bit for a process that is not in the file's group.
	unix.Umask(0o027)
	err := checkThreads()
	if err == nil {
		err = syscall.Setgroups(a.groups)
	}
	if err == nil {
		err = syscall.Setgid(a.gid)
	}
	if err == nil {
		err = syscall.Setuid(a.uid)
	}
	if err != nil {
		return usageError{userError{fmt.Errorf("--user %q: cannot become that user: %w", a.name, err)}}
	}
	hideMemory() // the kernel resets it on a change of user, prctl(2)
	// securebits, for example, could keep a capability that leads back to root.
	if os.Getuid() != a.uid || os.Geteuid() != a.uid || os.Getgid() != a.gid || os.Getegid() != a.gid ||
		syscall.Setuid(0) == nil || a.gid != 0 && syscall.Setgid(0) == nil {
		return usageError{userError{fmt.Errorf("--user %q: root could be regained; hint: start hushpipe with no capabilities or securebits kept", a.name)}}
	}
	return nil
}

// check is --check for --user. It returns why handing over the directories would fail,
// or which of them the user cannot reach. The process has become that user when it
// returns.
func (a *account) check(at store.Directory, below ...string) error {
	errs := []error{store.HandOver(at, a.uid, a.gid, true, below...)}
	if err := a.become(); err != nil {
		return err
	}
	if slices.Contains(webUsers, a.name) {
		at.Log("user", fmt.Sprintf("--user %s: web servers run scripts as that user, which can read keys and delete lines then; hint: choose a user for hushpipe alone", a.name))
	}
	for _, path := range []string{at.Path, at.Keys} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); errors.Is(err, os.ErrPermission) {
			errs = append(errs, fmt.Errorf("%s: cannot be reached by %s; hint: chmod o+x the directories above it", path, a.name))
		}
	}
	return errors.Join(errs...)
}

// webUsers are the users as which web servers run other people's code, such as CGI and
// PHP scripts.
var webUsers = []string{"www-data", "apache", "httpd", "http", "nginx", "nobody", "www", "wwwrun", "daemon"}

// webUserRisk returns why keys are not safe if DIR belongs to one of webUsers, or "".
func webUserRisk(dir string) string {
	info, err := os.Stat(dir)
	if err != nil {
		return ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	owner, err := user.LookupId(strconv.FormatUint(uint64(st.Uid), 10))
	if err != nil || !slices.Contains(webUsers, owner.Username) {
		return ""
	}
	return fmt.Sprintf("belongs to %s, as whom web servers run scripts: these can read keys and delete lines", owner.Username)
}

const webUserHint = "give it to a user for hushpipe alone, with --user"
