package pseudonym

import (
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestProofOdds: of random addresses, such as one in clear becomes when it is turned back,
// about one of a hundred passes for a pseudonym of somebody.
func TestProofOdds(t *testing.T) {
	const n = 200_000
	plausible := 0
	var a Addr
	for range n {
		rand.Read(a[:])
		if a.isPlausible() {
			plausible++
		}
	}
	assert.InDelta(t, 0.011, float64(plausible)/n, 0.002)
}

// TestProof: pseudonyms under the key stay, in each mode, and everything else gets a mark.
func TestProof(t *testing.T) {
	key, other := Key{1}, Key{2}
	for _, mode := range []string{"ipcrypt", "pfx", "mask=24/48"} {
		m, err := ParseMode(mode)
		require.NoError(t, err)
		p, c := NewProof(&key, []Mode{m}), New(&key, m)
		for _, text := range []string{"192.0.2.1", "2001:db8::1", "2a00:1450:4001:81b::200e", "fe80::1", "::1", "c::d"} {
			a, ok := ParseAddr([]byte(text))
			require.True(t, ok)
			made := string(c.AppendAddr(nil, a))
			b, _ := ParseAddr([]byte(made))
			assert.Equal(t, made, string(p.AppendAddr(nil, b)), "%s of %s", mode, text)
			if b.Is4() {
				continue // whose end is told
			}
			assert.Equal(t, "a"+made+":443", "a"+string(p.AppendName(nil, []byte(made+":443"))), "%s of %s with a port", mode, text)
		}
		name := string(c.AppendName(nil, []byte("h.example.org")))
		assert.Equal(t, name, string(p.AppendAddr(nil, c.nameAddr([]byte("h.example.org")))))
		assert.Equal(t, MarkName, string(p.AppendName(nil, []byte("h.example.org"))))
		hash := c.AppendHash(nil, "user", []byte("joe"))
		assert.Equal(t, string(hash), string(p.AppendHash(nil, "user", hash)))
		assert.Equal(t, MarkHash, string(p.AppendHash(nil, "user", []byte("joe"))))
	}
	marked := func(p *Cipher, text string) string {
		a, ok := ParseAddr([]byte(text))
		require.True(t, ok)
		return string(p.AppendAddr(nil, a))
	}
	all := NewProof(&key, []Mode{{}})
	assert.Equal(t, Mark4, marked(all, "192.0.2.1"))
	assert.Equal(t, Mark6, marked(all, "::1"))
	clear := 0
	for i := range 1000 {
		a := Addr{0x20, 0x01, 0x0d, 0xb8, 14: byte(i >> 8), 15: byte(i)}
		if string(all.AppendAddr(nil, a)) == Mark6 {
			clear++
		}
		// A pseudonym under an unknown key is recognized by its form.
		foreign, _ := ParseAddr(New(&other, Mode{}).AppendAddr(nil, a))
		none := NewProof(nil, []Mode{{}})
		assert.Equal(t, foreign.AppendTo(nil), none.AppendAddr(nil, foreign))
	}
	assert.Greater(t, clear, 950)
	mask := NewProof(&key, []Mode{{kind: mask, bits4: 24, bits6: 48}})
	assert.Equal(t, "192.0.2.0", marked(mask, "192.0.2.0"))
	assert.Equal(t, Mark4, marked(mask, "192.0.2.1"))
	assert.Equal(t, Mark6, marked(mask, "2001:db8::1"))
	drop := NewProof(&key, []Mode{{kind: drop}})
	assert.Equal(t, Mark4, marked(drop, "192.0.2.0"))
	assert.Equal(t, Mark6, marked(drop, "2001:db8::"))
	assert.Equal(t, NoClient, marked(drop, NoClient))
}

// TestPseudonymsAreNone: whatever address a client makes up, its pseudonym passes for one.
func TestPseudonymsAreNone(t *testing.T) {
	for _, name := range []string{"ipcrypt", "pfx"} {
		m, err := ParseMode(name)
		require.NoError(t, err)
		key := Key{7}
		c, proof := New(&key, m), NewProof(&key, []Mode{m})
		for range 20000 {
			var a Addr
			rand.Read(a[:])
			is := string(c.AppendAddr(nil, a))
			p, ok := ParseAddr([]byte(is))
			require.True(t, ok)
			require.Equal(t, is, string(proof.AppendAddr(nil, p)), "%x", a)
		}
	}
}
