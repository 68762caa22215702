// Package retention deletes what has outlived its period: it knows which clock to
// believe, what each rule asks for, and what lies in DIR that a rule is about.
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

// A directory whose files are deleted records for how long they are kept: DIR/keep
// is the rule of lines and journals, KEYDIR/keep that of keys. Each holds one
// retention, as in "14d\n". Lines do not outlive the keys in DIR: of the two rules
// there the shorter one holds. It does for keys as well once no process keeps them:
// the loggers that live may have theirs elsewhere.
//
// A process shows with a lease that it keeps files by a retention: a file in the
// directory's .lock, keep-14d-RANDOM, which it holds the lock of for as long as it
// lives. The rule is the longest retention of those that live. Whoever ends with a
// longer one takes it along. A process that starts, and one that sees the rule
// differ from the leases, rewrites the file:
//
//   - A start records the longest of the leases, its own included.
//   - Later, a rule that is longer than all leases is shortened to them.
//   - A rule that is shorter was written by hand. It holds until the next start.
var errKeep = errors.New("is not a retention; hint: write one, as in 14d")

// Ruled are the directories that have a rule.
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

// Rule returns the retention that a directory records, 0 for none.
func Rule(d *dir.Dir, of Ruled) (calendar.Period, error) {
	rule, err := record(d, of)
	if of == OfKeys || d.KeysApart() {
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
	return rule, nil // what is wrong with the other is told by Rule(OfKeys)
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

// Lease is a process's share in the rule of a directory.
type Lease struct{ f *os.File }

// Release gives a lease up. The rule changes when another process looks.
func (l *Lease) Release() {
	if l != nil {
		l.f.Close()
	}
}

// TakeLease takes a lease of keep, and records the rule that follows from all
// leases. others is the longest retention of processes that live and take no
// leases, 0 for none. Where the lease cannot be taken or the rule not be recorded,
// an error says so after what could be done.
func TakeLease(d *dir.Dir, of Ruled, keep, others calendar.Period) (lease *Lease, rule calendar.Period, err error) {
	// The lease and the rule that comes of it are one step: of two processes that
	// start at the same time, the second sees the lease of the first.
	unlock, lockErr := lockRule(d, of)
	defer unlock()
	lease, err = newLease(d, of, keep)
	rule, recordErr := settle(d, of, max(keep, others), true)
	return lease, rule, errors.Join(lockErr, err, recordErr)
}

// Settle returns the rule of a directory as the leases have it now, and shortens
// the one that it records if need be. own is the retention of the process itself
// and of others that take no leases, 0 for none: then the directory's record holds,
// or calendar.DefaultPeriod. Where the rule cannot be read, no error makes a period longer than
// those that are known.
func Settle(d *dir.Dir, of Ruled, own calendar.Period) (rule calendar.Period, err error) {
	return settle(d, of, own, false)
}

// CurrentRule is Settle for who only looks: it changes nothing.
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

// ruleWithoutLeases is the rule of a directory for which no process has a lease.
func ruleWithoutLeases(d *dir.Dir, of Ruled, recorded calendar.Period) calendar.Period {
	recorded = cmp.Or(recorded, calendar.DefaultPeriod)
	if of == OfKeys && !d.KeysApart() {
		if lines, err := record(d, OfLines); err == nil && 0 < lines { // else the rule of lines says so
			return min(recorded, lines)
		}
	}
	return recorded
}

func settle(d *dir.Dir, of Ruled, own calendar.Period, start bool) (rule calendar.Period, err error) {
	live, leaseErr := longestLease(d, of)
	live = max(live, own)
	recorded, err := Rule(d, of)
	alone, _ := record(d, of) // 0: it has no rule of its own, as lines may not
	damaged := errors.Is(err, errKeep)
	switch {
	case live == 0 && err != nil:
		return 0, err
	case live == 0:
		return ruleWithoutLeases(d, of, recorded), leaseErr
	case err != nil && !damaged:
		return live, errors.Join(err, leaseErr)
	case damaged:
		d.Say(string(of), dir.RuleName, "was not a retention, %s is written over it", live)
	case recorded == live && 0 < alone && (alone == live || leaseErr != nil):
		return live, leaseErr
	case !start && 0 < recorded && recorded < live:
		return recorded, leaseErr
	case leaseErr != nil && recorded > live:
		return recorded, leaseErr // who knows who has one
	case start && 0 < recorded && recorded < live && live == calendar.MaxPeriod: // of a policy
		d.Say(string(of), dir.RuleName, "was %s, there is no bound in days now", recorded)
	case start && 0 < recorded && recorded < live:
		d.Say(string(of), dir.RuleName, "was %s, is %s now, as --keep or the policy has it", recorded, live)
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

// openLease opens a lease and takes its lock. It is open for reading only, as long as
// its process lives: a file that is open for writing would keep the disk from being
// mounted read-only. NFS locks no other.
func openLease(d *dir.Dir, of Ruled, name string, flag int) (*os.File, error) {
	f, err := d.OpenOwned(of.locks(), name, os.O_RDONLY|flag)
	if errors.Is(err, unix.EBADF) {
		f, err = d.OpenOwned(of.locks(), name, os.O_RDWR)
	}
	return f, err
}

// longestLease returns the longest retention that a living process has a lease of,
// 0 for none, and removes the leases of those that have ended. What somebody planted
// there, under a name with a long period, is no lease: that is a regular file, in a
// directory that is nobody else's.
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
			longest = max(longest, keep) // who knows
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

// HasRule reports whether DIR looks like one whose lines are hushpipe's to
// delete: it records a rule.
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
