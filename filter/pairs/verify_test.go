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
	v, err := NewVerifier(CollectorConfig{Path: m.dir("merged"), Keys: keys, Fleet: "meet", Now: m.clock, Say: m.say,
		Open: func() (Counter, error) { return m.open() }})
	require.NoError(t, err)
	defer v.Close()
	diff, has, err := v.Compare(m.today(), m.counted(m.today()))
	require.NoError(t, err)
	assert.True(t, has)
	assert.Zero(t, diff)
	diff, has, err = v.Compare(m.today()-3, []roomfile.Entry{{Hash: [20]byte{1}, Count: 1}})
	require.NoError(t, err)
	assert.False(t, has)
	assert.Zero(t, diff)
	require.NoError(t, os.Remove(filepath.Join(keys, dir.KeyFile(m.today()))))
	_, _, err = v.Compare(m.today(), nil)
	assert.ErrorContains(t, err, "hint: give the keys of a host, or of hushpipe fleet collect, by --keys")
}
