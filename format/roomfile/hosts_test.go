package roomfile

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const hosts = `roster 1
keys 00000000000000a1 6dc9e92ffdad17b8
overflow 3
closed web1 2026-11-22T23:10:03Z 1043
open web2 2026-11-22T21:59:48Z 998
missing web3 - 0
`

func TestRoster(t *testing.T) {
	r, err := ParseRoster([]byte(hosts))
	require.NoError(t, err)
	assert.Equal(t, hosts, string(r.Append(nil)))
	assert.Equal(t, []KeyID{{7: 0xa1}, {0x6d, 0xc9, 0xe9, 0x2f, 0xfd, 0xad, 0x17, 0xb8}}, r.Keys)
	assert.Equal(t, uint64(3), r.Overflow)
	h, ok := r.Find("web2")
	assert.Equal(t, Host{Open, "web2", time.Date(2026, 11, 22, 21, 59, 48, 0, time.UTC), 998}, h)
	assert.True(t, ok)
	_, ok = r.Find("web4")
	assert.False(t, ok)
	assert.Equal(t, []string{"web3"}, r.Missing())
	assert.False(t, r.IsWhole())
	assert.True(t, Roster{Hosts: r.Hosts[:1]}.IsWhole())
	assert.True(t, Roster{}.IsWhole())
}

func TestRosterFaults(t *testing.T) {
	const header = "roster 1\nkeys\noverflow 0\n"
	for _, text := range []string{
		"", "\n", "x\n", "roster 2\nkeys\noverflow 0\n", "roster 1\noverflow 0\n", "roster 1\nkeys\n", "roster 1\nkeys\noverflow 0", "roster 1\nkeys 1\noverflow 0\n",
		"roster 1\nkeys 00000000000000A1\noverflow 0\n", "roster 1\nkeys 00000000000000a1 00000000000000a1\noverflow 0\n", "roster 1\nkeys \noverflow 0\n",
		"roster 1\nkeys\noverflow 01\n", "roster 1\nkeys\noverflow -1\n", "roster 1\nkeys\noverflow 1 1\n", header + "closed web1 - 0",
		header + "closed web1 - 0 0\n", header + "closed web1 -\n", header + "gone web1 - 0\n", header + "closed web1 yesterday 0\n",
		header + "closed web1 - -1\n", header + "closed web1 - 01\n", header + "closed w/b - 0\n", header + "closed  - 0\n", header + "\n",
		header + "closed b - 0\nclosed a - 0\n", header + "closed a - 0\nclosed a - 0\n", header + "closed a - 0\nkeys\n",
	} {
		_, err := ParseRoster([]byte(text))
		assert.EqualError(t, err, errRoster.Error(), "%q", text)
	}
}

func TestCheckHost(t *testing.T) {
	for _, name := range []string{"web1", "web1.example.org", "2001:db8::1", "www-data@web_1"} {
		assert.NoError(t, CheckHost(name), name)
	}
	for _, name := range []string{"", "a b", "a\n", "ä", "\x1b[31m", "a/b"} {
		assert.Error(t, CheckHost(name), "%q", name)
	}
}

// FuzzParseRoster: a roster that was parsed survives a round trip.
func FuzzParseRoster(f *testing.F) {
	f.Add([]byte(hosts))
	f.Add([]byte("roster 1\nkeys\noverflow 0\nclosed web1 2026-11-22T23:10:03+14:00 0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRoster(b)
		if err != nil {
			require.Empty(t, r)
			return
		}
		text := r.Append(nil)
		again, err := ParseRoster(text)
		require.NoError(t, err)
		require.Equal(t, string(text), string(again.Append(nil)))
	})
}
