package pairs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/engine"
)

// status is what a collector's keys open.
func (m *meet) status(hosts ...string) Status {
	m.Helper()
	s, err := ReadStatus(CollectorConfig{Path: m.dir("count"), Fleet: "meet", Hosts: hosts, Now: m.clock,
		Open: func() (Counter, error) { return m.open() }})
	require.NoError(m, err)
	return s
}

// TestStatus: the hosts with records, the days they have closed, and the problems. It
// changes nothing.
func TestStatus(t *testing.T) {
	m := newMeet(t, "web1", "web2")
	before := filesBelow(t, m.dir("count"))
	m.hosts[0].cfg.Confined = "confined by a test"
	m.logAll(100)
	m.step()
	first := m.today()
	s := m.status()
	require.Len(t, s.Hosts, 2)
	assert.Equal(t, "web1", s.Hosts[0].Name)
	assert.Equal(t, int64(0), *s.Hosts[0].Lag)
	assert.Equal(t, "confined by a test", s.Hosts[0].Confined)
	assert.Equal(t, first.String(), s.Hosts[0].Oldest)
	pairs := uint64(0)
	for _, e := range m.counted(first) {
		pairs += e.Count
	}
	assert.Equal(t, []DayStatus{{Day: first.String(), Records: 2, Closed: []string{}, Open: []string{"web1", "web2"}, Missing: []string{},
		Rooms: len(m.counted(first)), Pairs: pairs}}, s.Days)
	assert.Empty(t, s.Behind)

	// A host of the fleet's file of which nothing has come.
	s = m.status("web1", "web2", "web3")
	assert.Equal(t, []string{"web3"}, s.Days[0].Missing)
	assert.Nil(t, s.Hosts[2].Lag)
	assert.Equal(t, []Behind{{"web3", "nothing has come", "is hushpipe fleet ship running there?"}}, s.Behind)

	// Three days later one of them has closed what is over, the other is silent.
	for range 3 {
		m.now = m.now.AddDate(0, 0, 1)
		for _, s := range m.shippers {
			require.NoError(t, s.Step())
		}
	}
	m.try(m.hosts[0].Step)
	s = m.status()
	require.Len(t, s.Days, 2)
	assert.Equal(t, []string{"web1"}, s.Days[0].Closed)
	assert.Equal(t, []string{"web2"}, s.Days[0].Open)
	assert.Equal(t, (first + 3).String(), s.Days[1].Day)
	assert.Equal(t, []string{"web1"}, s.Days[1].Open)
	assert.Equal(t, []string{"web2"}, s.Days[1].Missing)
	assert.Equal(t, int64(3*24*60*60), *s.Hosts[1].Lag)
	require.Len(t, s.Behind, 2)
	assert.Contains(t, s.Behind[0].What, "nothing has come since ")
	assert.Equal(t, Behind{"web2", first.String() + " is not closed", "see what hushpipe fleet ship says there"}, s.Behind[1])

	// Without a DIR, records are counted alone.
	sealed, err := ReadStatus(CollectorConfig{Fleet: "meet", Now: m.clock, Open: func() (Counter, error) { return m.open() }})
	require.NoError(t, err)
	assert.Nil(t, sealed.Hosts)
	assert.Equal(t, []DayStatus{{Day: first.String(), Records: 2}, {Day: (first + 3).String(), Records: 1}}, sealed.Days)

	// An engine that evicts, and one that has dumps.
	m.engine.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	assert.Contains(t, m.status().Behind[0].What, "maxmemory-policy")
	m.engine.Do("CONFIG", "SET", "maxmemory-policy", "noeviction", "appendonly", "yes")
	s = m.status()
	assert.Contains(t, s.Behind[0].What, "appendonly is on, which may outlive the day's key")
	assert.Len(t, s.Persists, 1)

	for _, name := range filesBelow(t, m.dir("count")) {
		if filepath.Dir(name) != dir.Keys && filepath.Dir(name) != dir.Fleet { // Step has made those
			assert.Contains(t, before, name)
		}
	}
	assert.NoFileExists(t, filepath.Join(m.dir("count"), dir.Fleet, dir.HostName))
}

// TestStatusOfOldKeys: a host that has a key past the retention is named.
func TestStatusOfOldKeys(t *testing.T) {
	m := newMeet(t, "web1")
	m.step()
	key := filepath.Join(m.dir("web1"), dir.Keys, dir.KeyFile(m.today()-20))
	require.NoError(t, os.WriteFile(key, make([]byte, 32), 0o600))
	m.now = m.now.Add(time.Minute)
	m.step()
	require.Len(t, m.status().Behind, 1)
	assert.Equal(t, "still has the key of "+(m.today()-20).String()+", past its retention", m.status().Behind[0].What)
}

// TestStatusOfPeriods: a host that keeps keys for longer than others is named, before it has
// any that they do not have.
func TestStatusOfPeriods(t *testing.T) {
	m := newMeet(t, "web1", "web2")
	dirtest.Put(t, m.dir("web2"), dir.Keys+"/"+dir.RuleName, "30d\n")
	m.step()
	s := m.status()
	assert.Equal(t, []Behind{{"web2", "keeps keys for 30 days, and another host for 14", "give all hosts the same --keep"}}, s.Behind)
	assert.Equal(t, 30, s.Hosts[1].Keep)

	// Where all keep them for as long, they may have keys that a collector has no more.
	dirtest.Put(t, m.dir("web1"), dir.Keys+"/"+dir.RuleName, "30d\n")
	key := filepath.Join(m.dir("web1"), dir.Keys, dir.KeyFile(m.today()-20))
	require.NoError(t, os.WriteFile(key, make([]byte, 32), 0o600))
	m.now = m.now.Add(time.Minute)
	m.step()
	assert.Empty(t, m.status().Behind)
}

// TestStatusOfSeveralDays: a problem of several days is listed once.
func TestStatusOfSeveralDays(t *testing.T) {
	m := newMeet(t, "web1", "web2")
	m.hosts[1].cfg.Host = "web1"
	m.step()
	m.now = m.now.AddDate(0, 0, 1)
	for _, s := range m.shippers {
		require.NoError(t, s.Step())
	}
	m.step()
	assert.Equal(t, []Behind{{theEngine, m.dir("count") + ": two hosts are named web1; hint: rename one with hushpipe fleet ship --host", ""}}, m.status().Behind)
}

// filesBelow returns the names of all files below a directory.
func filesBelow(t *testing.T, path string) (names []string) {
	require.NoError(t, filepath.WalkDir(path, func(name string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			name, err = filepath.Rel(path, name)
			names = append(names, name)
		}
		return err
	}))
	return names
}

// silent is an engine that does not answer questions about days.
type silent struct {
	*checked
	asked *int
}

func (e silent) Fields(string) (map[string]string, error) {
	*e.asked++
	return nil, fmt.Errorf("the engine: %w", engine.ErrSilent)
}

// TestSilent: an engine that does not answer is waited for once, and not once more for each
// day.
func TestSilent(t *testing.T) {
	m := newMeet(t, "web1")
	for range 3 { // the days of which there is a key
		m.now = m.now.AddDate(0, 0, 1)
		require.NoError(t, m.shippers["count"].Step())
	}
	asked := 0
	cfg := m.count.cfg
	cfg.Open = func() (Counter, error) {
		e, err := m.open()
		return silent{e, &asked}, err
	}
	_, err := ReadStatus(cfg)
	assert.EqualError(t, err, "the engine: no answer")
	assert.Equal(t, 1, asked)
	asked = 0
	assert.EqualError(t, NewCollector(cfg).Step(), "the engine: no answer")
	assert.Equal(t, 1, asked)
}
