package main

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

// account is the user that a process started by root becomes.
type account struct {
	name     string
	uid, gid int
	groups   []int
}

// findAccount looks up --user. It is nil where the process is that user
// already.
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
		return nil, usage("--user %q: that is root; hint: name the user to become instead of it", name)
	case os.Getuid() == a.uid && os.Geteuid() == a.uid:
		return nil, nil
	case os.Geteuid() != 0:
		return nil, usage("--user %q: only root can become another user; hint: leave it out", name)
	}
	return a, nil
}

// userError is that of a process that could not become another user, or not for
// good. It may be another user than it was, and must not treat a line.
type userError struct{ error }

func (e userError) Unwrap() error { return e.error }

// become gives up root for good, in all threads.
func (a *account) become() error {
	// With this the modes of new files are right as they are made: who is not in
	// the group of a file loses its setgid bit by chmod(2).
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
	hideMemory() // the kernel undoes it when the user changes, prctl(2)
	// A capability kept by securebits, say, would be a way back.
	if os.Getuid() != a.uid || os.Geteuid() != a.uid || os.Getgid() != a.gid || os.Getegid() != a.gid ||
		syscall.Setuid(0) == nil || a.gid != 0 && syscall.Setgid(0) == nil {
		return usageError{userError{fmt.Errorf("--user %q: root could be regained; hint: start hushpipe with no capabilities or securebits kept", a.name)}}
	}
	return nil
}

// check is --check for --user: it tells what handing over would fail at,
// and whether the user could reach the directories. The process is that user
// then.
func (a *account) check(at store.Directory, below ...string) error {
	errs := []error{store.HandOver(at, a.uid, a.gid, true, below...)}
	if err := a.become(); err != nil {
		return err
	}
	if slices.Contains(webUsers, a.name) {
		at.Say("user", fmt.Sprintf("--user %s: web servers run scripts as that user, which can read keys and delete lines then; hint: choose a user that nothing else runs as", a.name))
	}
	for _, path := range []string{at.Path, at.Keys} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); errors.Is(err, os.ErrPermission) {
			errs = append(errs, fmt.Errorf("%s: cannot be reached by %s; hint: let it search (chmod o+x) the directories above", path, a.name))
		}
	}
	return errors.Join(errs...)
}

// webUsers are the users that web servers run other people's code as, CGI and PHP
// scripts for example.
var webUsers = []string{"www-data", "apache", "httpd", "http", "nginx", "nobody", "www", "wwwrun", "daemon"}

// webUserRisk returns why keys are not safe where DIR belongs to such a user, "" where
// it does not, or where nobody knows.
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

const webUserHint = "give it to a user that nothing else runs as, with --user"
