package fleet

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/fleet/ratchet"
	"hushpipe/filter/keyring"
	"hushpipe/format/civil"
)

// host is one of a fleet, with a clock of its own.
type host struct {
	*testing.T
	path string
	now  time.Time
	said []string
	*Shipper
	ring *keyring.Ring // of the filter; nil while none runs
}

func newHost(t *testing.T, now time.Time) *host {
	h := &host{T: t, path: t.TempDir(), now: now}
	h.Shipper = NewShipper(ShipConfig{Path: h.path, Fleet: "meet", Now: h.clock, Log: h.say})
	return h
}

func (h *host) clock() time.Time   { return h.now }
func (h *host) say(_, line string) { h.said = append(h.said, line) }
func (h *host) give(seed ratchet.Seed) {
	dirtest.Put(h.T, h.path, dir.SeedName, string(seed.AppendText(nil)))
}
func (h *host) today() civil.Day { return civil.DayOf(h.now) }
func (h *host) open() *dir.Dir {
	d, err := dir.Open(h.path, dir.Options{Create: true})
	require.NoError(h, err)
	return d
}

func (h *host) look() {
	h.Helper()
	require.NoError(h, h.Step())
}

// filter does what a filter does with keys, in each hour.
func (h *host) filter() {
	d := h.open()
	defer d.Close()
	if h.ring == nil {
		h.ring = keyring.New(keyring.Config{Path: h.path, Now: h.clock, Changed: func() {}, Dir: h.open,
			Window: func() calendar.Window {
				return calendar.Window{First: calendar.DefaultPeriod.First(h.today()), Today: h.today()}
			},
			Report: dir.NewReporter(func(_, line string) { h.Errorf("%s", line) }, h.clock)})
		h.ring.Load(d)
	}
	require.NoError(h, h.ring.Save(d))
}

// key returns the key that the filter has for today's lines.
func (h *host) key() [32]byte {
	return [32]byte(*h.ring.Key(h.today(), calendar.Open))
}

// keys returns the keys in the directory.
func (h *host) keys() map[civil.Day][32]byte {
	d := h.open()
	defer d.Close()
	names, err := d.Names(dir.Keys)
	require.NoError(h, err)
	keys := map[civil.Day][32]byte{}
	for _, name := range names {
		if day, ok := dir.OwnDay(dir.Keys, name); ok {
			keys[day], err = keyring.ReadKey(d, day)
			require.NoError(h, err)
		}
	}
	return keys
}

// TestKeysOfAllZones: hosts from UTC-12 to UTC+14 go through eight days, and all count a day
// under one key, although services are down for most of a day, and filters restart. Days for
// which a filter had created its own key are reported.
func TestKeysOfAllZones(t *testing.T) {
	start := at(today, 9, 0)
	seed := NewSeed("meet", start)
	var hosts []*host
	for _, minutes := range []int{-12 * 60, -210, 0, 345, 14 * 60} {
		h := newHost(t, start.In(time.FixedZone("", minutes*60)))
		h.give(seed)
		if minutes == 0 { // its filter was first
			h.filter()
		}
		h.look()
		hosts = append(hosts, h)
	}
	used := map[civil.Day]map[[32]byte]bool{}
	silent := make([]int, len(hosts)) // steps
	const step = 6 * time.Hour
	for range 8 * 24 * time.Hour / step {
		for i, h := range hosts {
			if silent[i]--; silent[i] <= 0 {
				h.look()
				if rand.IntN(3) == 0 {
					silent[i] = 4
				}
			}
			if rand.IntN(8) == 0 {
				h.ring = nil
			}
			h.filter()
			if used[h.today()] == nil {
				used[h.today()] = map[[32]byte]bool{}
			}
			used[h.today()][h.key()] = true
			h.now = h.now.Add(step)
		}
	}
	assert.GreaterOrEqual(t, len(used), 9)
	for day, keys := range used {
		want := 1
		if day == today || day == today+1 {
			want = 2
		}
		assert.Len(t, keys, want, day.String())
	}
	for i, h := range hosts {
		if i != 2 {
			assert.Empty(t, h.said)
			continue
		}
		assert.Equal(t, []string{
			h.path + ": the fleet's key of 2026-11-22 came after this host had made its own: the counts of that day are an upper bound",
			h.path + ": the fleet's key of 2026-11-23 came after this host had made its own: the counts of that day are an upper bound"}, h.said)
	}
}

// TestThousandHosts: at once, all of them make the same keys.
func TestThousandHosts(t *testing.T) {
	text := NewSeed("meet", at(today, 12, 0)).AppendText(nil)
	var made sync.Map
	var hosts sync.WaitGroup
	for range 1000 {
		hosts.Go(func() {
			seed, err := ratchet.ParseSeed(text)
			if !assert.NoError(t, err) {
				return
			}
			for day := today; day < today+8; day++ {
				state, err := seed.States.At(day)
				assert.NoError(t, err)
				key, _ := made.LoadOrStore(day, state.Key())
				assert.Equal(t, key, state.Key())
			}
		})
	}
	hosts.Wait()
}

// TestServicesOfOneHost: several on one DIR, with a filter, make one key a day.
func TestServicesOfOneHost(t *testing.T) {
	first := newHost(t, at(today, 12, 0))
	first.give(NewSeed("meet", first.now))
	first.look()
	for day := today + 1; day < today+5; day++ {
		var services sync.WaitGroup
		for range 8 {
			services.Go(func() {
				s := NewShipper(ShipConfig{Path: first.path, Fleet: "meet", Now: func() time.Time { return at(day, 0, 0) }, Log: func(_, line string) { t.Error(line) }})
				assert.NoError(t, s.Step())
			})
		}
		services.Wait()
	}
	assert.Len(t, first.keys(), 7)
	assert.Equal(t, []string{"2026-11-26.state", "CACHEDIR.TAG", "name"}, first.fleet())
}

func (h *host) fleet() []string {
	d := h.open()
	defer d.Close()
	names, err := d.Names(dir.Fleet)
	require.NoError(h, err)
	return names
}

// TestMidnights: eight midnights pass while the service is down. From the third on, the
// filter uses keys of its own; after a restart, the service creates the common keys.
func TestMidnights(t *testing.T) {
	here, other := newHost(t, at(today, 12, 0)), newHost(t, at(today, 12, 0))
	seed := NewSeed("meet", here.now)
	for _, h := range []*host{here, other} {
		h.give(seed)
		h.look()
	}
	for day := today; day <= today+8; day++ {
		here.now, other.now = at(day, 0, 1), at(day, 0, 1)
		here.filter()
		other.look()
	}
	here.look()
	mine, theirs := here.keys(), other.keys()
	for day := today; day <= today+10; day++ {
		_, same := mine[day]
		assert.True(t, same)
		assert.Equal(t, day < today+3 || day > today+9, mine[day] == theirs[day], day.String())
	}
	assert.Equal(t, []string{
		here.path + ": the fleet's key of 2026-11-30 came after this host had made its own: the counts of that day are an upper bound",
		here.path + ": the fleet's key of 2026-12-01 came after this host had made its own: the counts of that day are an upper bound"}, here.said)
}

// TestJoining: a host that is invited has the keys from its day on, and cannot make those
// before; one whose state comes from a backup has them as well.
func TestJoining(t *testing.T) {
	first := newHost(t, at(today, 12, 0))
	first.give(NewSeed("meet", first.now))
	first.look()
	backup, err := os.ReadFile(filepath.Join(first.path, "fleet/2026-11-22.state"))
	require.NoError(t, err)
	_, err = Invite(first.path, "other", first.now)
	assert.EqualError(t, err, first.path+": is in another fleet than other; hint: give the DIR of a host of that fleet")

	for range 5 {
		first.now = first.now.Add(24 * time.Hour)
		first.look()
	}
	seed, err := Invite(first.path, "meet", first.now)
	require.NoError(t, err)
	assert.Equal(t, today+5, seed.States[0].Day)
	assert.NotZero(t, seed.Rooms)
	late := newHost(t, at(today+4, 23, 0)) // in another zone
	late.give(seed)
	late.look()
	assert.Equal(t, []string{late.path + ": the fleet's key of 2026-11-26 is not known to this host: the counts of that day are an upper bound"}, late.said)
	late.now = at(today+5, 0, 0)
	late.look()

	restored := newHost(t, first.now) // on another machine
	dirtest.Put(t, restored.path, "fleet/2026-11-22.state", string(backup))
	dirtest.Put(t, restored.path, "fleet/name", "meet\n")
	restored.look()
	assert.Equal(t, []string{"2026-11-27.state", "CACHEDIR.TAG", "name"}, restored.fleet())
	for day := today + 5; day <= today+7; day++ {
		assert.Equal(t, first.keys()[day], late.keys()[day], day.String())
		assert.Equal(t, first.keys()[day], restored.keys()[day], day.String())
	}
	for _, name := range []string{"room-secret"} {
		assert.Equal(t, dirtest.Read(t, first.path, name), dirtest.Read(t, late.path, name))
	}

	stranger := newHost(t, first.now)
	_, err = Invite(stranger.path, "meet", first.now)
	assert.EqualError(t, err, stranger.path+": is not in a fleet; hint: run hushpipe fleet ship there, or invite from another host")
	assert.EqualError(t, stranger.Step(), "open "+stranger.path+"/fleet-seed: is missing, and this host is not in a fleet; hint: write what hushpipe fleet invite prints into this file")
}

// TestKeysExpire: where no filter runs, keys go when their period is over all the same, and
// so does what a crash left of them.
func TestKeysExpire(t *testing.T) {
	for _, tt := range []struct {
		rule string
		days civil.Day
	}{{"", 14}, {"3d\n", 3}} {
		t.Run(tt.rule, func(t *testing.T) {
			h := newHost(t, at(today, 12, 0))
			h.give(NewSeed("meet", h.now))
			if tt.rule != "" {
				dirtest.Put(t, h.path, "keys/keep", tt.rule)
			}
			for range tt.days + 2 {
				h.look()
				h.now = h.now.Add(24 * time.Hour)
			}
			dirtest.Put(t, h.path, "keys/2026-12-11.key.bak", "a copy")
			for _, dir := range []string{"keys", "fleet"} {
				dirtest.Put(t, h.path, dir+"/.hushpipe-0123456789abcdef", "a secret of a process that was killed")
			}
			h.look()
			days := slices.Sorted(maps.Keys(h.keys()))
			assert.Equal(t, h.today()-tt.days+1, days[0])
			assert.Len(t, days, int(tt.days)+2)
			for _, dir := range []string{"keys", "fleet"} {
				left, err := filepath.Glob(filepath.Join(h.path, dir, ".hushpipe-*"))
				require.NoError(t, err)
				assert.Empty(t, left)
			}
			assert.Empty(t, h.said)
		})
	}
}

// TestRoomSecretUnstored: a seed is not overwritten before its secret is stored.
func TestRoomSecretUnstored(t *testing.T) {
	h := newHost(t, at(today, 12, 0))
	seed := NewSeed("meet", h.now)
	h.give(seed)
	dirtest.Put(t, h.path, "room-secret/in the way", "")
	h.look()
	require.Len(t, h.said, 1)
	assert.Contains(t, h.said[0], h.path+"/room-secret: ")
	require.NoError(t, os.RemoveAll(filepath.Join(h.path, "room-secret")))
	h.look()
	assert.Equal(t, string(seed.Rooms[:]), dirtest.Read(t, h.path, "room-secret"))
	assert.NoFileExists(t, filepath.Join(h.path, dir.SeedName))
}

// TestKeyOfDayBefore: nothing is reported about a stored key after the state has advanced.
func TestKeyOfDayBefore(t *testing.T) {
	h := newHost(t, at(today, 12, 0))
	h.give(NewSeed("meet", h.now))
	h.look()
	keys := h.keys()
	h.now = at(today+1, 0, 1)
	h.look()
	h.now = at(today, 23, 59) // it was ahead, or another zone's
	h.look()
	assert.Empty(t, h.said)
	assert.Subset(t, h.keys(), keys)

	require.NoError(t, os.Remove(filepath.Join(h.path, "keys/2026-11-22.key")))
	h.look()
	assert.Equal(t, []string{h.path + ": the fleet's key of 2026-11-22 is not known to this host: the counts of that day are an upper bound"}, h.said)
}

// TestKeysElsewhere: keys in a directory that no filter uses are reported.
func TestKeysElsewhere(t *testing.T) {
	h := newHost(t, at(today, 12, 0))
	keys := t.TempDir()
	settings := fmt.Sprintf("hushpipe settings 1\nstarted 2026-11-22T12:00:00Z\n--keys=%q\n", keys)
	settings += fmt.Sprintf("sha256 %x\n", sha256.Sum256([]byte(settings)))
	dirtest.Put(t, h.path, dir.SettingsName, settings)
	h.give(NewSeed("meet", h.now))
	h.look()
	assert.Equal(t, []string{h.path + ": its filter keeps the keys in " + keys + "; hint: give --keys " + keys}, h.said)
	h.said, h.cfg.Keys = nil, keys
	h.look()
	assert.Empty(t, h.said)
}

// TestBadSeed: a seed that cannot be taken in keeps no host from going on with its state,
// and is named.
func TestBadSeed(t *testing.T) {
	other := string(NewSeed("other", at(today, 12, 0)).AppendText(nil))
	for name, text := range map[string]string{"empty": "", "damaged": other[:100], "of another fleet": other} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, at(today, 12, 0))
			h.give(NewSeed("meet", h.now))
			h.look()
			dirtest.Put(t, h.path, dir.SeedName, text)
			for h.now = at(today+1, 0, 0); h.today() <= today+3; h.now = h.now.Add(24 * time.Hour) {
				h.said = nil
				h.look()
				require.Len(t, h.said, 1)
				assert.Contains(t, h.said[0], h.path+"/fleet-seed: is ")
			}
			assert.Len(t, h.keys(), 6)
			assert.Contains(t, h.fleet(), "2026-11-25.state")
		})
	}
}

// TestRekey: a lost host makes keys of none of the days that the new seed begins with.
func TestRekey(t *testing.T) {
	now := at(today, 23, 59)
	var hosts []*host
	seed := NewSeed("meet", now)
	for _, hours := range []int{-12, 0, 14} {
		h := newHost(t, now.In(time.FixedZone("", hours*60*60)))
		h.give(seed)
		h.look()
		hosts = append(hosts, h)
	}
	lost := newHost(t, hosts[2].now)
	lost.give(seed)
	lost.look()
	anew := Rekey("meet", now)
	assert.Equal(t, today+4, anew.States[0].Day, "of which no host has a key")
	for _, h := range hosts {
		h.give(anew)
	}
	for range 8 {
		for _, h := range append(hosts, lost) {
			h.look()
			h.now = h.now.Add(24 * time.Hour)
		}
	}
	known := map[[32]byte]bool{}
	for key := range maps.Values(lost.keys()) {
		known[key] = true
	}
	for day := today + 1; day < today+8; day++ { // UTC+14 begins with
		key := hosts[1].keys()[day]
		require.NotZero(t, key)
		for _, h := range hosts {
			if other, ok := h.keys()[day]; ok {
				assert.Equal(t, key, other, day.String())
			}
			assert.Empty(t, h.said)
		}
		assert.Equal(t, day < today+4, known[key], day.String())
	}
}

// TestClockInDoubt: a clock that is far ahead moves no state on, which there would be no
// way back from.
func TestClockInDoubt(t *testing.T) {
	h := newHost(t, at(today, 12, 0))
	h.give(NewSeed("meet", h.now))
	h.look()
	h.now = at(today+60, 12, 0)
	assert.EqualError(t, h.Step(), h.path+": the clock is far ahead of the last time seen, no keys are made; hint: set the clock, or wait until 2027-01-21T13:00:00Z")
	h.now = at(today, 13, 0)
	h.look()
	assert.Equal(t, []string{"2026-11-22.state", "CACHEDIR.TAG", "name"}, h.fleet())

	h.now = at(today-3, 12, 0) // it was ahead before
	h.said = nil
	h.look()
	assert.Len(t, h.said, 3)
	assert.Contains(t, h.said[0], "is not known to this host")
}

// TestRoomSecret: a host's secret stays, and a difference is reported.
func TestRoomSecret(t *testing.T) {
	for _, hmac := range []bool{false, true} {
		t.Run(fmt.Sprint(hmac), func(t *testing.T) {
			h := newHost(t, at(today, 12, 0))
			settings := "hushpipe settings 1\nstarted 2026-11-22T12:00:00Z\n--room-hash=\"hmac\"\n"
			settings += fmt.Sprintf("sha256 %x\n", sha256.Sum256([]byte(settings)))
			mine := string(make([]byte, 31)) + "1"
			dirtest.Put(t, h.path, dir.RoomSecretName, mine)
			if hmac {
				dirtest.Put(t, h.path, dir.SettingsName, settings)
			}
			h.give(NewSeed("meet", h.now))
			h.look()
			assert.Equal(t, mine, dirtest.Read(t, h.path, dir.RoomSecretName))
			if hmac {
				assert.Equal(t, []string{h.path + "/room-secret: differs from the fleet's, so rooms have other hashes here; hint: give all hosts that of one"}, h.said)
			} else {
				assert.Empty(t, h.said)
			}
		})
	}
}

func TestFile(t *testing.T) {
	f, err := parseFile(File{Name: "meet"}.AppendText(nil))
	require.NoError(t, err)
	assert.Equal(t, File{Name: "meet"}, f)
	f, err = parseFile([]byte("name meet\nengine rediss://a:6379,[::1]:6380\nuser u\npassword /p\nca /a\ncert /c\nkey /k\nhost web1\nhost web2\n"))
	require.NoError(t, err)
	assert.Equal(t, File{Name: "meet", Engine: "rediss://a:6379,[::1]:6380", Hosts: []string{"web1", "web2"}, User: "u", Password: "/p", CA: "/a", Cert: "/c", Key: "/k"}, f)
	addresses, tls, err := f.Addresses()
	require.NoError(t, err)
	assert.Equal(t, []string{"a:6379", "[::1]:6380"}, addresses)
	assert.True(t, tls)
	for text, want := range map[string]string{
		"":                           "has no name; hint: make it with hushpipe fleet new",
		"\n# a\nname a b\n":          "line 3: a fleet's name has letters, digits and . _ - only, at most 64",
		"name a\nname b\n":           "line 2: a second name; hint: remove one",
		"name a\nengine\n":           "line 2: has nothing after its first word",
		"name a\nhost a b\n":         "line 2: is not a host name; hint: use letters, digits, and . _ - : @",
		"name a\nengine a:6379\n":    "line 2: is not an engine; hint: write redis://HOST:PORT, rediss://HOST:PORT for TLS, or unix:///PATH; for a cluster several, separated by commas",
		"name a\npassword hunter2\n": "line 2: is not the path of a file; hint: write the absolute path of the file that has the password",
		"name a\nsecret 0123\n":      "line 2: an unknown word; hint: see hushpipe-fleet-new(1)",
	} {
		_, err := parseFile([]byte(text))
		assert.EqualError(t, err, want)
	}
}
