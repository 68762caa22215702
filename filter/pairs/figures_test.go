package pairs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFigures: what a collector knows of its fleet without asking again. A host that has left
// is named for as long as it is missed.
func TestFigures(t *testing.T) {
	m := newMeet(t, "web1", "web2")
	assert.Equal(t, Figures{Hosts: []HostStatus{}}, m.count.Figures(), "before the engine has answered")
	m.logAll(100)
	m.step()
	m.engine.Do("FLUSHALL")
	first := m.today()
	m.now = m.now.Add(time.Minute)
	m.step()
	m.same()
	f := m.count.Figures()
	assert.Equal(t, m.now, f.Collected)
	require.Len(t, f.Hosts, 2)
	for i, name := range []string{"web1", "web2"} {
		assert.Equal(t, name, f.Hosts[i].Name)
		assert.Equal(t, 1, f.Hosts[i].Resends)
		assert.Equal(t, int64(0), *f.Hosts[i].Lag)
	}
	assert.Equal(t, []string{"web1", "web2"}, f.Today.Open)
	assert.Equal(t, len(m.counted(first)), f.Today.Rooms)
	assert.Empty(t, f.Yesterday.Day)

	// The engine does not answer: the figures stay, with the time that they are from.
	m.engine.Kill()
	was := f.Collected
	m.now = m.now.Add(time.Minute)
	require.Error(t, m.count.Step())
	f = m.count.Figures()
	assert.Equal(t, was, f.Collected)
	assert.Equal(t, int64(60), *f.Hosts[1].Lag)
	m.engine.Run()
	m.step()

	for day := 1; day <= missingDays+2; day++ {
		m.now = m.now.AddDate(0, 0, 1)
		for _, s := range m.shippers {
			require.NoError(t, s.Step())
		}
		m.try(m.hosts[0].Step)
		m.try(m.count.Step)
		f = m.count.Figures()
		assert.Equal(t, (first+1).String() <= f.Today.Day && f.Today.Day <= (first+missingDays).String(), len(f.Today.Missing) == 1, "%d", day)
	}
	assert.Equal(t, []string{"web1"}, f.Yesterday.Closed, "though it had no line")
	assert.Equal(t, []string{"web1"}, f.Today.Open)
	require.Len(t, f.Hosts, 1)
	assert.Equal(t, "web1", f.Hosts[0].Name)
}
