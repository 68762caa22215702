// Package retention deletes files that are past their period. It decides whether to
// believe the clock, what the rule of each directory is, and which files in DIR a rule
// covers.
package retention

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"strings"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"

	"golang.org/x/sys/unix"
)

// A directory whose files are deleted records for how long they are kept: DIR/keep is
// the rule of lines and journals, KEYDIR/keep that of keys. Each holds one retention,
// as in "14d\n". Lines do not outlive the keys in DIR: the shorter of the two rules
// there applies. If no process keeps keys, it applies to keys as well: the live loggers
// may have theirs elsewhere.
//
// A process takes a lease on the retention it wants: a file in the directory's .lock,
// keep-14d-RANDOM, which it keeps locked for as long as it lives. The rule is the
// longest retention of the live processes; when the one with the longest ends, the rule
// shrinks. A process rewrites the file as follows:
//
//   - At its start, it records the longest of the leases, including its own.
//   - Later, it shortens a rule that is longer than all leases.
//   - A rule that is shorter was written by hand. It applies until the next start.
var errKeep = errors.New("is not a retention; hint: write one, as in 14d")

// Ruled is one of the directories that have a rule.
type Ruled string

const (
	OfLines Ruled = ""
	OfKeys  Ruled = dir.Keys
)

func (r Ruled) locks() string {
	if r == OfKeys {
		return dir.KeyLocks
	}
	return dir.Locks
}

// Rule returns the retention that a directory records, 0 if none.
func Rule(d *dir.Dir, of Ruled) (calendar.Period, error) {
	rule, err := record(d, of)
	if of == OfKeys || d.KeysOutside() {
		return rule, err
	}
	ofKeys, errKeys := record(d, OfKeys)
	switch {
	case err != nil:
		return 0, err
	case rule == 0:
		return ofKeys, errKeys
	case 0 < ofKeys && ofKeys < rule:
		return ofKeys, nil
	}
	return rule, nil // Rule(OfKeys) reports the other error
}

func record(d *dir.Dir, of Ruled) (calendar.Period, error) {
	text, err := d.ReadFile(string(of), dir.RuleName)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	keep, err := calendar.ParsePeriod(strings.TrimSuffix(string(text), "\n"))
	if err != nil {
		return 0, d.Error("read", string(of), dir.RuleName, errKeep)
	}
	return keep, nil
}

// Lease is a process's share in the rule of a directory. It ends with the process.
type Lease struct{ f *os.File }

// Release releases a lease; nil is allowed. The rule changes at another process's next
// check.
func (l *Lease) Release() {
	if l != nil {
		l.f.Close()
	}
}

// TakeLease takes a lease of keep, and records the rule that follows from all leases.
// others is the longest retention of live processes that take no leases, 0 if there are
// none. If the lease cannot be taken, or the rule not recorded, TakeLease does what it
// can and returns the error.
func TakeLease(d *dir.Dir, of Ruled, keep, others calendar.Period) (lease *Lease, rule calendar.Period, err error) {
	// Taking the lease and recording the rule are one step: of two processes that start
	// at the same time, the second sees the lease of the first.
	unlock, lockErr := lockRule(d, of)
	defer unlock()
	lease, err = newLease(d, of, keep)
	rule, recordErr := settle(d, of, max(keep, others), true)
	return lease, rule, errors.Join(lockErr, err, recordErr)
}

// Settle returns the rule of a directory that follows from the current leases, and
// shortens the recorded one if necessary. own is the retention of the process itself
// and of others that take no leases; if it is 0, the recorded rule applies, or
// calendar.DefaultPeriod. If the rule cannot be read, Settle never returns a period
// longer than the known ones.
func Settle(d *dir.Dir, of Ruled, own calendar.Period) (rule calendar.Period, err error) {
	return settle(d, of, own, false)
}

// CurrentRule is Settle for readers: it changes nothing.
func CurrentRule(d *dir.Dir, of Ruled, others calendar.Period) (calendar.Period, error) {
	recorded, err := Rule(d, of)
	live, leaseErr := longestLease(d, of)
	switch live = max(live, others); {
	case live == 0:
		live = ruleWithoutLeases(d, of, recorded)
	case 0 < recorded && recorded < live:
		live = recorded
	}
	return live, errors.Join(err, leaseErr)
}

// ruleWithoutLeases is the rule of a directory that no process has a lease on.
func ruleWithoutLeases(d *dir.Dir, of Ruled, recorded calendar.Period) calendar.Period {
	recorded = cmp.Or(recorded, calendar.DefaultPeriod)
	if of == OfKeys && !d.KeysOutside() {
		if lines, err := record(d, OfLines); err == nil && 0 < lines { // Rule(OfLines) reports the error
			return min(recorded, lines)
		}
	}
	return recorded
}

func settle(d *dir.Dir, of Ruled, own calendar.Period, start bool) (rule calendar.Period, err error) {
	live, leaseErr := longestLease(d, of)
	live = max(live, own)
	recorded, err := Rule(d, of)
	alone, _ := record(d, of) // 0: it has no rule of its own, as may be the case for lines
	damaged := errors.Is(err, errKeep)
	switch {
	case live == 0 && err != nil:
		return 0, err
	case live == 0:
		return ruleWithoutLeases(d, of, recorded), leaseErr
	case err != nil && !damaged:
		return live, errors.Join(err, leaseErr)
	case damaged:
		d.Notifyf(string(of), dir.RuleName, "was not a retention, %s is written over it", live)
	case recorded == live && 0 < alone && (alone == live || leaseErr != nil):
		return live, leaseErr
	case !start && 0 < recorded && recorded < live:
		return recorded, leaseErr
	case leaseErr != nil && recorded > live:
		return recorded, leaseErr // an unreadable lease may be longer
	case start && 0 < recorded && recorded < live && live == calendar.MaxPeriod: // the policy has no bound in days
		d.Notifyf(string(of), dir.RuleName, "was %s, there is no bound in days now", recorded)
	case start && 0 < recorded && recorded < live:
		d.Notifyf(string(of), dir.RuleName, "was %s, is %s now, as --keep or the policy has it", recorded, live)
	}
	return live, errors.Join(leaseErr, d.ReplaceFile(string(of), dir.RuleName, []byte(live.String()+"\n")))
}

func lockRule(d *dir.Dir, of Ruled) (unlock func(), err error) {
	unlock, err = d.Acquire(of.locks(), dir.RuleLock, string(of), dir.LockPatience)
	if err != nil {
		return func() {}, err
	}
	return unlock, nil
}

func newLease(d *dir.Dir, of Ruled, keep calendar.Period) (*Lease, error) {
	for range 8 {
		name := dir.NewLease(keep)
		f, err := openLease(d, of, name, os.O_CREATE|os.O_EXCL)
		if err == nil {
			return &Lease{f}, nil
		}
		if !errors.Is(err, dir.ErrLocked) && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, d.Error("lock", of.locks(), dir.RuleLock, dir.ErrLocked)
}

// openLease opens a lease and takes its lock. It stays open for as long as the process
// lives, so it is read-only: a file open for writing would prevent remounting the disk
// read-only. NFS only locks files that are open for writing.
func openLease(d *dir.Dir, of Ruled, name string, flag int) (*os.File, error) {
	f, err := d.OpenLocked(of.locks(), name, os.O_RDONLY|flag)
	if errors.Is(err, unix.EBADF) {
		f, err = d.OpenLocked(of.locks(), name, os.O_RDWR)
	}
	return f, err
}

// longestLease returns the longest retention that a live process has a lease on, 0 if
// none, and removes the leases of ended processes. A planted file with a long period in
// its name is not a lease: leases are regular files in a directory that only their user
// can write to.
func longestLease(d *dir.Dir, of Ruled) (longest calendar.Period, err error) {
	names, err := d.Names(of.locks())
	if err != nil {
		return 0, err
	}
	if err := d.CheckLocksOwner(of.locks()); err != nil {
		d.Notify(err.Error())
		return 0, nil
	}
	var errs []error
	for _, name := range names {
		keep, ok := dir.ParseLease(name)
		if !ok {
			continue
		}
		f, err := openLease(d, of, name, 0)
		switch {
		case errors.Is(err, dir.ErrLocked):
			longest = max(longest, keep)
		case errors.Is(err, fs.ErrNotExist):
		case dir.IsPlanted(err):
			d.Notify(err.Error())
		case err != nil:
			longest = max(longest, keep) // its process may live
			errs = append(errs, err)
		default:
			if d.MayCreate() {
				d.Remove(of.locks(), name)
			}
			f.Close()
		}
	}
	return longest, errors.Join(errs...)
}

// HasRule reports whether DIR records a rule, which means that its lines are hushpipe's
// to delete.
func HasRule(d *dir.Dir) bool {
	for _, sub := range []string{"", dir.Keys} {
		f, err := d.OpenFile(sub, dir.RuleName, unix.O_RDONLY)
		if err == nil {
			f.Close()
			return true
		}
	}
	return false
}
