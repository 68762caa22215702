package pairs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/engine"
	"hushpipe/filter/engine/enginetest"
	"hushpipe/filter/fleet"
	"hushpipe/format/roomfile"
)

// unsure is an engine whose answers are lost, once they are to be.
type unsure struct {
	*checked
	lost int
}

func (e *unsure) Add(b engine.Batch) (string, error) {
	before, err := e.checked.Add(b)
	if e.lost > 0 {
		e.lost--
		return "", errors.New("no answer")
	}
	return before, err
}

// TestLostAnswer: where a transaction was done and its answer was lost, nothing is sent again
// but what it had.
func TestLostAnswer(t *testing.T) {
	m := newMeet(t, "web1", "web2")
	m.logAll(1000)
	m.step()
	e, err := m.open()
	require.NoError(t, err)
	lossy := &unsure{checked: e}
	m.hosts[0].engine = lossy
	for range 3 {
		m.logAll(500)
		lossy.lost = 1
		require.EqualError(t, m.hosts[0].Step(), "no answer")
		m.now = m.now.Add(time.Minute) // the positions are looked at before all else
		m.step()
		m.same()
	}
	assert.Empty(t, m.said)
}

// TestRestart: a host that finds its connection cut asks at once whether the engine has all, and
// not when a minute has gone.
func TestRestart(t *testing.T) {
	m := newMeet(t, "web1")
	m.logAll(1000)
	m.step()
	m.engine.Kill()
	m.engine.Run()
	m.log(m.hosts[0], 1)
	require.Error(t, m.hosts[0].Step())
	require.NoError(t, m.hosts[0].Step())
	m.same()
}

// TestRollBack: an engine that starts with an older dump has lost what came later.
func TestRollBack(t *testing.T) {
	m := newMeet(t, "web1", "web2")
	m.logAll(1000)
	m.step()
	m.engine.Do("SAVE")
	m.logAll(1000)
	m.step()
	m.engine.Kill()
	m.engine.Run()
	m.now = m.now.Add(time.Minute)
	m.step()
	m.same()
	assert.Len(t, m.said, 2, "both send again")
}

// TestAppendOnly: an engine that wrote to its disk each second comes back after a crash of
// its machine with a part of what it had; the rest is sent again.
func TestAppendOnly(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	m := newMeet(t, "web1", "web2")
	m.engine = enginetest.Start(t, "--appendonly", "yes")
	m.addresses = []string{m.engine.Socket}
	for range 3 {
		for range 3 {
			m.logAll(500)
			m.step()
		}
		m.engine.Kill()
		files, err := filepath.Glob(filepath.Join(m.engine.Path, "appendonlydir", "*.incr.aof"))
		require.NoError(t, err)
		require.Len(t, files, 1)
		text, err := os.ReadFile(files[0])
		require.NoError(t, err)
		pairs := bytes.LastIndex(text, []byte("SADD")) // after it, only the host's record follows
		require.NoError(t, os.Truncate(files[0], random.Int64N(int64(max(pairs, 1)))))
		m.said = nil
		m.engine.Run()
		m.now = m.now.Add(time.Minute)
		m.step()
		m.same()
		assert.Contains(t, m.said, m.dir("web2")+": the engine has lost pairs of "+m.today().String()+"; they are sent again")
	}
}

// TestRefused: what would lose pairs without a word gets none.
func TestRefused(t *testing.T) {
	m := newMeet(t, "web1")
	m.engine.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	m.logAll(1000)
	const evicts = `: the engine's maxmemory-policy is "allkeys-lru", which evicts pairs; hint: set it to noeviction`
	assert.EqualError(t, m.hosts[0].Step(), m.engine.Socket+evicts)
	assert.EqualError(t, m.count.Step(), m.engine.Socket+evicts)
	assert.Equal(t, "0", m.engine.Do("DBSIZE"))

	m.engine.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	e, err := m.open()
	require.NoError(t, err)
	_, err = e.Engine.Check(time.Now().Add(2 * time.Hour))
	assert.ErrorContains(t, err, ": the engine's clock is 2h0m0s away from this host's; hint: set it")

	m.engine.Do("CONFIG", "SET", "maxmemory", "1")
	assert.ErrorContains(t, m.hosts[0].Step(), "; hint: give it more memory (maxmemory)")
	m.engine.Do("CONFIG", "SET", "maxmemory", "0")
	m.engine.Do("CONFIG", "SET", "appendonly", "yes")
	m.step()
	m.same()
	require.Len(t, m.said, 1)
	assert.Contains(t, m.said[0], "the engine writes to its disk, where data outlives the day's key: "+m.engine.Socket+": appendonly is on")
	of := m.count.codes[m.today()]
	for _, key := range []string{of.roster(), of.index(0), of.positions(0)} {
		assert.Equal(t, strconv.FormatInt(expiry(m.today(), calendar.DefaultPeriod).Unix(), 10), m.engine.Do("EXPIRETIME", key), key)
	}
	n := regexp.MustCompile(`keys=(\d+),expires=(\d+)`).FindStringSubmatch(m.engine.Do("INFO", "keyspace"))
	assert.Equal(t, n[1], n[2], "all expire")
}

// TestTwins: a host and a copy of its machine, which write as one, are named, wait longer and
// longer, and the count is exact all the same.
func TestTwins(t *testing.T) {
	m := newMeet(t, "web1")
	m.logAll(1000)
	m.step()
	require.NoError(t, exec.Command("cp", "-a", m.dir("web1"), m.dir("copy")).Run())
	twin := &host{name: "web1", path: m.dir("copy")}
	m.restart(twin)
	m.hosts = append(m.hosts, twin)
	m.begin(twin)
	for range 4 {
		m.logAll(1000)
		m.now = m.now.Add(time.Second)
		m.step()
	}
	twins := 0
	for _, line := range m.said {
		if strings.Contains(line, "another hushpipe fleet ship sends as this host, pairs wait for 1m0s; hint: is it a copy of another machine? there, remove fleet/host") {
			twins++
		}
	}
	assert.Equal(t, 2, twins, "%s", m.said)
	m.now = m.now.Add(2 * time.Minute)
	m.step()
	twin.name = "web2" // merge refuses two hosts of one name
	m.same()
}

// TestTwoOfOneName: two hosts of one name are reported.
func TestTwoOfOneName(t *testing.T) {
	m := newMeet(t, "web1", "web2")
	m.hosts[1].cfg.Host = "web1"
	m.logAll(500)
	m.step()
	m.same()
	assert.Equal(t, []string{m.dir("count") + ": two hosts are named web1; hint: rename one with hushpipe fleet ship --host"}, m.said)
}

// TestOtherSecret: a host of a fleet of the same name and another secret sends nothing.
func TestOtherSecret(t *testing.T) {
	m := newMeet(t, "web1")
	m.logAll(500)
	m.step()
	m.seed = fleet.NewSeed("meet", m.now).AppendText(nil)
	stranger := m.join("web2")
	m.hosts = m.hosts[:1]
	err := stranger.Step()
	require.ErrorContains(t, err, "was not made by this fleet, or under another key; nothing of that day is sent")
	m.same()
	assert.NotContains(t, m.roster(m.today()), "web2")
}

// TestOtherSettings: a host with other settings is reported.
func TestOtherSettings(t *testing.T) {
	m := newMeet(t, "web1", "web2")
	m.log(m.hosts[0], 500)
	m.settle = "ip=ipcrypt;rooms=jitsi;room-hash=hmac;count-v6=128;"
	m.log(m.hosts[1], 500)
	m.step()
	m.same()
	assert.Equal(t, []string{m.dir("count") + ": " + m.today().String() + ": counted under several settings: the counts mix them; hint: give all hosts the same flags, and the same room-secret where there is one"}, m.said)
}

// TestForeign: data that somebody else wrote under the fleet's names is reported, and not counted.
func TestForeign(t *testing.T) {
	m := newMeet(t, "web1")
	m.logAll(500)
	m.step()
	m.same()
	of := m.count.codes[m.today()]
	for i := range parts {
		m.engine.Do("SADD", of.index(i), "x", strings.Repeat("x", tokenSize))
	}
	m.engine.Do("HSET", of.roster(), "0123456789abcdef", "x", "fedcba9876543210", "")
	m.same()
	assert.Subset(t, m.said, []string{
		m.dir("count") + ": not read: 2 records of hosts in the engine, damaged or not made by this fleet; hint: who else can write there?",
		m.dir("count") + ": not counted: 32 rooms of " + m.today().String() + " in the engine, which this fleet did not write; hint: who else can write there?"})
	m.engine.Do("DEL", of.positions(2))
	m.engine.Do("SET", of.positions(2), "x")
	m.logAll(1000)
	assert.ErrorContains(t, m.hosts[0].Step(), "; hint: somebody else writes under the names of this fleet")
	m.engine.Do("DEL", of.positions(2))
	m.step()
	m.same()
}

// TestDays: a day is closed ten minutes after midnight; late lines are counted, a host that
// is not heard of is missing, and days past the retention go.
func TestDays(t *testing.T) {
	m := newMeet(t, "web1", "web2")
	first := m.today()
	m.logAll(500)
	m.step()
	m.same()
	silent := m.hosts[1]
	m.now = m.now.Add(12*time.Hour + time.Minute)
	for _, name := range []string{"web1", "web2", "count"} {
		require.NoError(t, m.shippers[name].Step())
	}
	now := m.now
	m.now = now.Add(-time.Hour)
	m.log(m.hosts[0], 300) // late
	m.now = now
	require.NoError(t, m.hosts[0].Step())
	require.NoError(t, m.count.Step())
	assert.Regexp(t, `\nopen web1 .*\nopen web2 `, m.roster(first))
	assert.Regexp(t, `\nopen web1 .*\nmissing web2 - 0\n$`, m.roster(m.today()))
	m.now = m.now.Add(10 * time.Minute)
	require.NoError(t, m.hosts[0].Step())
	require.NoError(t, m.count.Step())
	assert.Regexp(t, `\nclosed web1 .*\nopen web2 `, m.roster(first))
	require.NoError(t, silent.Step())
	require.NoError(t, m.count.Step())
	r, err := roomfile.ParseRoster([]byte(m.roster(first)))
	require.NoError(t, err)
	assert.True(t, r.IsWhole())
	assert.Equal(t, m.counted(first), m.file("count", first))
	assert.Empty(t, m.said)
}

// TestUnreadable: a journal that cannot be read keeps its own day open, and no other day
// waits for it.
func TestUnreadable(t *testing.T) {
	m := newMeet(t, "web1")
	first := m.today()
	m.logAll(500)
	m.step()
	m.same()
	unreadable := filepath.Join(m.dir("web1"), dir.Journal, dir.NewJournal(first))
	require.NoError(t, os.Mkdir(unreadable, 0o700))
	m.now = m.now.Add(24 * time.Hour)
	for _, name := range []string{"web1", "count"} {
		require.NoError(t, m.shippers[name].Step())
	}
	m.begin(m.hosts[0])
	m.logAll(500)
	assert.ErrorContains(t, m.hosts[0].Step(), unreadable)
	require.NoError(t, m.count.Step())
	assert.Equal(t, m.counted(m.today()), m.file("count", m.today()))
	assert.Regexp(t, `\nopen web1 `, m.roster(first))
	require.NoError(t, os.Remove(unreadable))
	m.step()
	require.NoError(t, m.count.Step())
	assert.Regexp(t, `\nclosed web1 `, m.roster(first))
}

// TestUnreadableAndWiped: what can be read is sent again to an engine that was wiped, and a
// journal that could not be read follows.
func TestUnreadableAndWiped(t *testing.T) {
	m := newMeet(t, "web1")
	h := m.hosts[0]
	m.logAll(500)
	m.step()
	all := m.inEngine()
	h.writer = nil // another journal
	m.logAll(500)
	own := h.file.Name()
	m.step()
	require.NoError(t, os.Rename(own, filepath.Join(m.path, "away")))
	require.NoError(t, os.Mkdir(own, 0o700))
	m.engine.Do("FLUSHALL")
	m.now = m.now.Add(time.Minute)
	for range 3 {
		assert.ErrorContains(t, h.Step(), own)
		assert.Equal(t, all, m.inEngine())
	}
	assert.Len(t, m.said, 1, "all is sent again once, though it goes on: %s", m.said)
	require.NoError(t, os.Remove(own))
	require.NoError(t, os.Rename(filepath.Join(m.path, "away"), own))
	m.now = m.now.Add(time.Minute)
	m.step()
	m.same()
	assert.Len(t, m.said, 2, "%s", m.said)
}

// TestBackup: a host that is restored from a backup sends what it has; what others and it had
// sent before stays.
func TestBackup(t *testing.T) {
	m := newMeet(t, "web1", "web2")
	m.logAll(500)
	m.step()
	require.NoError(t, exec.Command("cp", "-a", m.dir("web1"), m.dir("backup")).Run())
	m.logAll(500)
	m.step()
	m.same()
	require.NoError(t, os.RemoveAll(m.dir("web1")))
	require.NoError(t, os.Rename(m.dir("backup"), m.dir("web1")))
	m.restart(m.hosts[0])
	m.begin(m.hosts[0])
	m.logAll(500)
	m.step()
	m.now = m.now.Add(time.Minute)
	m.step()
	require.NoError(t, m.count.Step())
	assert.Equal(t, m.counted(m.today()), m.file("count", m.today()))
	assert.NoFileExists(t, filepath.Join(m.dir("count"), "rooms", dir.PartialMark(m.today())))
}

// FuzzForeign reads what an attacker wrote into the engine.
func FuzzForeign(f *testing.F) {
	c := newCode("meet", 20000, [32]byte{1})
	f.Add("")
	f.Add(c.token(&[20]byte{1}))
	f.Add(c.seal("a", record{Name: "web1"}.text()))
	f.Add(string(record{Name: "web1", Keys: []string{"0102030405060708"}, Oldest: "2026-11-22"}.text()))
	f.Fuzz(func(t *testing.T, text string) {
		if room, ok := c.room(text); ok {
			require.Equal(t, text, c.token(&room))
		}
		if opened, err := c.open("a", text); err == nil {
			_, err = parseRecord(opened)
			require.NoError(t, err)
		}
		if r, err := parseRecord([]byte(text)); err == nil {
			_, err = parseRecord(r.text())
			require.NoError(t, err)
			unite(&roomfile.Roster{}, []hostRecord{{id: "a", record: r}, {id: "b", record: r}}, roomfile.Roster{}, nil)
		}
	})
}
