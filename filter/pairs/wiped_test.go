package pairs

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
)

// wipedBefore is an engine that is wiped just before a host puts its record.
type wipedBefore struct {
	*checked
	wipe func()
}

func (e *wipedBefore) Put(key, field, value, claimed string, expire time.Time) (string, error) {
	if e.wipe != nil {
		e.wipe()
		e.wipe = nil
	}
	return e.checked.Put(key, field, value, claimed, expire)
}

// inEngine is how many pairs the engine has of today.
func (m *meet) inEngine() (n uint64) {
	m.Helper()
	for _, of := range m.status().Days {
		n += of.Pairs
	}
	return n
}

// TestWiped: a host that detects the loss of one part of a day checks the others at once,
// and puts no record before all are there.
func TestWiped(t *testing.T) {
	m := newMeet(t, "web1")
	m.logAll(1000)
	m.step()
	all := m.inEngine()
	m.engine.Do("FLUSHALL")
	m.log(m.hosts[0], 1)
	require.NoError(t, m.hosts[0].Step())
	assert.GreaterOrEqual(t, m.inEngine(), all)
	m.same()
}

// TestWipedBeforeTold: an engine that was wiped after a host had sent pairs, and before it
// put its record, is detected at once, even if another host has claimed the day meanwhile.
func TestWipedBeforeTold(t *testing.T) {
	for _, other := range []bool{false, true} {
		m := newMeet(t, "web1", "web2")
		m.logAll(1000)
		m.step()
		m.same()
		e, err := m.open()
		require.NoError(t, err)
		m.hosts[0].engine = &wipedBefore{e, func() {
			m.engine.Do("FLUSHALL")
			if other {
				m.restart(m.hosts[1])
				require.NoError(t, m.hosts[1].Step())
			}
		}}
		m.log(m.hosts[0], 100)
		require.NoError(t, m.hosts[0].Step())
		if !other {
			m.restart(m.hosts[1])
			require.NoError(t, m.hosts[1].Step())
		}
		m.same()
	}
}

// TestLowerBoundOfWiped: until all hosts know that the engine was wiped, a count that grows is
// marked as a lower bound.
func TestLowerBoundOfWiped(t *testing.T) {
	m := newMeet(t, "web1", "web2")
	m.logAll(500)
	m.step()
	m.same()
	of := m.count.codes[m.today()]
	mark := filepath.Join(m.dir("count"), dir.Rooms, dir.PartialMark(m.today()))
	record := m.record("web1")
	m.engine.Do("FLUSHALL")
	m.restart(m.hosts[1])
	m.log(m.hosts[1], 500)
	require.NoError(t, m.hosts[1].Step())
	// web1 has put its record just before it finds out.
	e, err := m.open()
	require.NoError(t, err)
	_, err = e.Put(of.roster(), m.id("web1"), record, "", m.now.AddDate(0, 0, 1))
	require.NoError(t, err)
	require.NoError(t, m.count.Step())
	assert.FileExists(t, mark)
	m.now = m.now.Add(time.Minute)
	m.step()
	m.same()
	assert.NoFileExists(t, mark)
}

// id is by what the engine knows a host.
func (m *meet) id(name string) string {
	m.Helper()
	d, err := dir.Open(m.dir(name), dir.Options{})
	require.NoError(m, err)
	defer d.Close()
	of, err := readMember(d)
	require.NoError(m, err)
	return of.id
}

// record is the engine's data of a host, as it is there.
func (m *meet) record(name string) string {
	m.Helper()
	e, err := m.open()
	require.NoError(m, err)
	defer e.Close()
	fields, err := e.Fields(m.count.codes[m.today()].roster())
	require.NoError(m, err)
	require.NotEmpty(m, fields[m.id(name)])
	return fields[m.id(name)]
}
