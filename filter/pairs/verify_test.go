package pairs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/format/roomfile"
)

// TestVerifyWithoutKey: of a day without a key, journals from before the fleet had an engine
// are no error, and what the engine has is one.
func TestVerifyWithoutKey(t *testing.T) {
	m := newMeet(t, "web1")
	m.logAll(100)
	m.step()
	m.same()
	keys := filepath.Join(m.dir("count"), dir.Keys)
	v := m.verifier()
	diff, err := v.Compare(m.today(), m.counted(m.today()))
	require.NoError(t, err)
	assert.Equal(t, Difference{Has: true}, diff)
	diff, err = v.Compare(m.today()-3, []roomfile.Entry{{Hash: [20]byte{1}, Count: 1}})
	require.NoError(t, err)
	assert.Zero(t, diff)
	require.NoError(t, os.Remove(filepath.Join(keys, dir.KeyFile(m.today()))))
	_, err = v.Compare(m.today(), nil)
	assert.ErrorContains(t, err, "hint: give the keys of a host, or of hushpipe fleet collect, by --keys")
}

func (m *meet) verifier() *Verifier {
	m.Helper()
	v, err := NewVerifier(CollectorConfig{Path: m.dir("merged"), Keys: filepath.Join(m.dir("count"), dir.Keys), Fleet: "meet", Now: m.clock, Log: m.say,
		Open: func() (Counter, error) { return m.open() }})
	require.NoError(m, err)
	m.Cleanup(v.Close)
	return v
}

// TestVerifyNewcomer: of a host that joined with older journals it is known from which day on
// it sends.
func TestVerifyNewcomer(t *testing.T) {
	m := newMeet(t, "web1", "web2")
	m.logAll(100)
	first := m.today()
	require.NoError(t, m.hosts[0].Step())
	m.now = m.now.AddDate(0, 0, 1)
	for _, s := range m.shippers {
		require.NoError(t, s.Step())
	}
	for _, h := range m.hosts {
		m.begin(h)
	}
	m.logAll(100)
	m.step()
	m.try(m.count.Step)
	require.NoError(t, os.MkdirAll(m.dir("merged"), 0o750))
	diff, err := m.verifier().Compare(first, m.counted(first))
	require.NoError(t, err)
	assert.NotZero(t, diff.Fewer)
	assert.Equal(t, []Late{{"web2", first + 1}}, diff.Later)
	diff, err = m.verifier().Compare(first+1, m.counted(first+1))
	require.NoError(t, err)
	assert.Equal(t, Difference{Has: true}, diff)

	// As another member, a host that had sent is no newcomer.
	require.NoError(t, os.Remove(filepath.Join(m.dir("web1"), dir.Fleet, dir.HostName)))
	m.restart(m.hosts[0])
	m.step()
	diff, err = m.verifier().Compare(first, m.counted(first))
	require.NoError(t, err)
	assert.Equal(t, []Late{{"web2", first + 1}}, diff.Later)
}
