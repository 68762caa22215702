package retention_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hushpipe/filter/loggertest"
	. "hushpipe/filter/retention"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Each step is what a process does: it takes a lease, ends, or looks. want is the
// rule that it finds then, and that the directory records.
func TestRule(t *testing.T) {
	type step struct {
		take, end calendar.Period // a process with that period starts, or ends
		hand      string          // what somebody writes into the file
		others    calendar.Period // of processes of an earlier version
		want      calendar.Period
		said      string
	}
	tests := map[string][]step{
		"a longer one holds while its process lives, a shorter one from then on": {
			{take: 30, want: 30}, {take: 8, want: 30}, {end: 30, want: 8}, {end: 8, want: 8},
		},
		"also where nobody lived in between": {
			{take: 30, want: 30}, {end: 30, want: 30}, {take: 8, want: 8},
		},
		"the last rule holds while nobody lives": {
			{take: 30, want: 30}, {end: 30, want: 30}, {want: 30},
		},
		"a longer one by mistake is undone by the next": {
			{take: 14, want: 14}, {take: 365, want: 365, said: "was 14d, is 365d now"}, {end: 365, want: 14},
		},
		"a policy without a bound in days": {
			{take: 14, want: 14}, {take: calendar.MaxPeriod, want: calendar.MaxPeriod, said: "was 14d, there is no bound in days now"},
		},
		"shortened by hand, until the next start says otherwise": {
			{take: 14, want: 14}, {hand: "7d\n", want: 7}, {want: 7}, {end: 14, want: 7}, {want: 7},
			{take: 14, want: 14, said: "was 7d, is 14d now, as --keep or the policy has it"},
		},
		"lengthened by hand: nobody keeps anything that long": {
			{take: 14, want: 14}, {hand: "365d\n", want: 14},
		},
		"by hand while nobody lives": {
			{take: 14, want: 14}, {end: 14, want: 14}, {hand: "7d\n", want: 7},
		},
		"what is not a retention is replaced": {
			{take: 14, want: 14}, {hand: "forever\n", want: 14, said: "was not a retention, 14d is written over it"},
		},
		"processes of an earlier version take no lease": {
			{take: 8, others: 30, want: 30}, {others: 30, want: 30}, {want: 8},
		},
	}
	for name, steps := range tests {
		for _, of := range []Ruled{OfLines, OfKeys} {
			t.Run(strings.ReplaceAll(name, " ", "-")+"/of="+filepath.Join("DIR", string(of)), func(t *testing.T) {
				d, said := loggertest.New(t)
				leases := map[calendar.Period]*Lease{}
				for i, s := range steps {
					*said = nil
					var rule calendar.Period
					var err error
					switch {
					case s.take > 0:
						leases[s.take], rule, err = TakeLease(d.Dir, of, s.take, s.others)
					case s.end > 0:
						leases[s.end].Release()
						delete(leases, s.end)
					case s.hand != "":
						d.Put(t, filepath.Join(string(of), dir.RuleName), s.hand)
					}
					if s.take == 0 {
						looked, lookErr := CurrentRule(d.Dir, of, s.others)
						rule, err = Settle(d.Dir, of, s.others)
						if s.hand != "forever\n" {
							assert.NoError(t, lookErr)
						}
						assert.Equal(t, rule, looked, "step %d: who only looks sees the same", i)
					}
					require.NoError(t, err, "step %d", i)
					assert.Equal(t, s.want, rule, "step %d", i)
					recorded, err := Rule(d.Dir, of)
					require.NoError(t, err)
					assert.Equal(t, s.want, recorded, "step %d", i)
					assert.Equal(t, s.said != "", len(*said) > 0, "step %d: %v", i, *said)
					if s.said != "" {
						assert.Contains(t, strings.Join(*said, "\n"), s.said)
					}
				}
				for _, l := range leases {
					l.Release()
				}
				_, err := Settle(d.Dir, of, 0)
				require.NoError(t, err)
				names, err := d.Names(of.Locks())
				require.NoError(t, err)
				assert.False(t, slices.ContainsFunc(names, func(name string) bool { _, is := dir.ParseLease(name); return is }), "no lease is left")
			})
		}
	}
}

// Keys in DIR that no process keeps any more, since --keys leads elsewhere or a rule
// was shortened by hand, do not outlive the lines.
func TestRuleOfKeysThatNobodyKeeps(t *testing.T) {
	for _, tt := range []struct{ lines, keys, want calendar.Period }{
		{8, 30, 8}, {30, 8, 8}, {8, 0, 8}, {30, 0, calendar.DefaultPeriod}, {0, 30, 30},
	} {
		d, _ := loggertest.New(t)
		for path, keep := range map[string]calendar.Period{"keep": tt.lines, "keys/keep": tt.keys} {
			if keep > 0 {
				d.Put(t, path, keep.String()+"\n")
			}
		}
		looked, err := CurrentRule(d.Dir, OfKeys, 0)
		require.NoError(t, err)
		rule, err := Settle(d.Dir, OfKeys, 0)
		require.NoError(t, err)
		assert.Equal(t, tt.want, rule, "%v", tt)
		assert.Equal(t, rule, looked, "who only looks sees the same")
	}
}

// A shortened period is written to both files, whichever of them is checked first.
func TestShorterInBothFiles(t *testing.T) {
	for _, order := range [][]Ruled{{OfKeys, OfLines}, {OfLines, OfKeys}} {
		d, _ := loggertest.New(t)
		d.Put(t, "keep", "14d\n")
		d.Put(t, "keys/keep", "14d\n")
		for _, of := range order {
			rule, err := Settle(d.Dir, of, 8)
			require.NoError(t, err)
			assert.Equal(t, calendar.Period(8), rule)
		}
		assert.Equal(t, "8d\n", d.Read(t, "keep"), "%q first", order[0])
		assert.Equal(t, "8d\n", d.Read(t, "keys/keep"), "%q first", order[0])
	}
}

func TestNoRule(t *testing.T) {
	d, _ := loggertest.New(t)
	for _, of := range []Ruled{OfLines, OfKeys} {
		rule, err := Settle(d.Dir, of, 0)
		require.NoError(t, err)
		assert.Equal(t, calendar.DefaultPeriod, rule)
		recorded, err := Rule(d.Dir, of)
		require.NoError(t, err)
		assert.Zero(t, recorded, "nothing is recorded that nobody asked for")
	}
	path := d.Put(t, "keys/keep", "forever\n")
	_, err := Settle(d.Dir, OfKeys, 0)
	assert.EqualError(t, err, "read "+path+": is not a retention; hint: write one, as in 14d")
}

// An earlier version recorded one retention, beside the keys.
func TestRuleOfAnEarlierVersion(t *testing.T) {
	d, _ := loggertest.New(t)
	d.Put(t, "keys/keep", "30d\n")
	rule, err := Settle(d.Dir, OfLines, 0)
	require.NoError(t, err)
	assert.Equal(t, calendar.Period(30), rule)
	rule, err = Settle(d.Dir, OfLines, 14)
	require.NoError(t, err)
	assert.Equal(t, calendar.Period(14), rule)
	assert.Equal(t, "14d\n", d.Read(t, "keep"))

	elsewhere, _ := loggertest.OpenTest(t, filepath.Join(t.TempDir(), "log"), dir.Options{Keys: filepath.Join(d.Path, dir.Keys)})
	rule, err = Settle(elsewhere.Dir, OfLines, 0)
	require.NoError(t, err)
	assert.Equal(t, calendar.DefaultPeriod, rule, "the keys of another DIR tell nothing of these lines")
}

// Of processes that start at the same time, each sees the leases of those before
// it, and the last one the longest.
func TestLeaseRace(t *testing.T) {
	d, _ := loggertest.New(t)
	held, _, err := TakeLease(d.Dir, OfKeys, 60, 0)
	require.NoError(t, err)
	for _, said := range dirtest.Children(t, "keep", d.Path, "3d", "90d", "14d", "1d", "30d") {
		assert.Contains(t, []string{"60d", "90d"}, said)
	}
	rule, err := Settle(d.Dir, OfKeys, 60)
	require.NoError(t, err)
	assert.Equal(t, calendar.Period(60), rule)
	held.Release()
}

// A process that is killed gives its lease up.
func TestLeasesOfOthersAreNotHeld(t *testing.T) {
	d, _ := loggertest.New(t)
	dirtest.Children(t, "keep", d.Path, "90d")
	rule, err := Settle(d.Dir, OfKeys, 14)
	require.NoError(t, err)
	assert.Equal(t, calendar.Period(14), rule)
}

// A file in the directory of locks with a long period in its name has no effect: it is only
// a lease if a process has created and locked it, and the directory belongs to nobody else.
func TestPlantedLeases(t *testing.T) {
	for name, plant := range map[string]func(path string) error{
		"link":      func(path string) error { return os.Symlink("/dev/null", path) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"pipe":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"of another user": func(path string) error {
			f, err := os.Create(path)
			if err == nil {
				t.Cleanup(func() { f.Close() })
				err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
			}
			return errors.Join(err, os.Chown(filepath.Dir(path), 65534, -1))
		},
	} {
		for _, of := range []Ruled{OfLines, OfKeys} {
			t.Run(strings.ReplaceAll(name, " ", "-")+"/of="+filepath.Join("DIR", string(of)), func(t *testing.T) {
				if strings.HasPrefix(name, "of") {
					need.Root(t) // to give the directory away
				}
				d, said := loggertest.New(t)
				lease, _, err := TakeLease(d.Dir, of, 14, 0)
				require.NoError(t, err)
				path := filepath.Join(d.Path, of.Locks(), "keep-999d-0123456789abcdef")
				require.NoError(t, plant(path))
				looked, err := CurrentRule(d.Dir, of, 0)
				require.NoError(t, err)
				assert.Equal(t, calendar.Period(14), looked)
				rule, err := Settle(d.Dir, of, 14)
				require.NoError(t, err)
				assert.Equal(t, calendar.Period(14), rule)
				lease.Release()
				later, rule, _ := TakeLease(d.Dir, of, 8, 0)
				assert.Equal(t, calendar.Period(8), rule)
				later.Release()
				assert.Contains(t, strings.Join(*said, "\n"), "hint: remove it")
			})
		}
	}
}

// Nobody but the owner of DIR can open a lock, and so hold it.
func TestLocksArePrivate(t *testing.T) {
	d, _ := loggertest.New(t)
	d.UseAll(t)
	unlock, err := d.LockRooms(0)
	require.NoError(t, err)
	unlock()
	for _, sub := range []string{dir.Locks, dir.KeyLocks} {
		st, err := os.Stat(filepath.Join(d.Path, sub))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o700), st.Mode().Perm(), sub)
		names, err := d.Names(sub)
		require.NoError(t, err)
		require.NotEmpty(t, names)
		for _, name := range names {
			st, err := os.Stat(filepath.Join(d.Path, sub, name))
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), st.Mode().Perm(), name)
		}
	}
}
