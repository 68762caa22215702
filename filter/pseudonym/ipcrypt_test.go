package pseudonym

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"math/bits"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

type vector struct {
	Variant     string `json:"variant"`
	Key         string `json:"key"`
	IP          string `json:"ip"`
	EncryptedIP string `json:"encrypted_ip"`
}

// vectors returns the draft's test vectors of the two reversible variants.
func vectors(tb testing.TB) []vector {
	text, err := os.ReadFile("../../testdata/ipcrypt/test-vectors.json")
	require.NoError(tb, err)
	var all, ours []vector
	require.NoError(tb, json.Unmarshal(text, &all))
	seen := map[string]int{}
	for _, v := range all {
		if v.EncryptedIP != "" {
			seen[v.Variant]++
			ours = append(ours, v)
		}
	}
	require.Positive(tb, seen["ipcrypt-deterministic"])
	require.Positive(tb, seen["ipcrypt-pfx"])
	require.Len(tb, seen, 2)
	return ours
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		key, err := hex.DecodeString(v.Key)
		require.NoError(t, err)
		var p permutation
		switch v.Variant {
		case "ipcrypt-deterministic":
			p = newDeterministic(key)
		case "ipcrypt-pfx":
			p = newPrefixPreserving(key)
		}
		plain, secret := addr(t, v.IP), addr(t, v.EncryptedIP)
		require.Equal(t, secret, p.encrypt(plain), "%s of %s", v.Variant, v.IP)
		require.Equal(t, plain, p.decrypt(secret), "%s of %s", v.Variant, v.IP)
		require.Equal(t, v.EncryptedIP, string(p.encrypt(plain).AppendTo(nil)))
	}
}

func TestPfxRefusesEqualHalves(t *testing.T) {
	require.Panics(t, func() { newPrefixPreserving(make([]byte, 32)) })
}

// pfxReference is the draft's section 6.2 with numbers of any size.
func pfxReference(key []byte, a Addr) Addr {
	pad := func(prefix *big.Int) uint {
		var in, out1, out2 [16]byte
		prefix.FillBytes(in[:])
		newAES(key[:16]).Encrypt(out1[:], in[:])
		newAES(key[16:]).Encrypt(out2[:], in[:])
		return uint(out1[15]^out2[15]) & 1
	}
	plain, secret := new(big.Int).SetBytes(a[:]), new(big.Int)
	todo := 128
	if a.Is4() {
		todo = 32
		secret.Lsh(big.NewInt(0xffff), 32)
	}
	for bit := todo - 1; bit >= 0; bit-- {
		prefix := new(big.Int).Rsh(plain, uint(bit)+1)
		prefix.SetBit(prefix, 127-bit, 1)
		secret.SetBit(secret, bit, plain.Bit(bit)^pad(prefix))
	}
	var out Addr
	secret.FillBytes(out[:])
	return out
}

// common returns how many leading bits two addresses share.
func common(a, b Addr) int {
	hi := binary.BigEndian.Uint64(a[:8]) ^ binary.BigEndian.Uint64(b[:8])
	if hi != 0 {
		return bits.LeadingZeros64(hi)
	}
	return 64 + bits.LeadingZeros64(binary.BigEndian.Uint64(a[8:])^binary.BigEndian.Uint64(b[8:]))
}

// go test -fuzz FuzzRoundTrip ./filter/pseudonym
func FuzzRoundTrip(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.Key), v.IP, v.EncryptedIP)
	}
	for i, s := range oddAddrs {
		f.Add([]byte{byte(i)}, s, "192.0.2.1")
	}
	f.Add([]byte("2b7e151628aed2a\x00\x10bf7158809cf4f3c"), "2001:db8:3a5c:0:e7d1:4b9f:2c8a:f673", "7cec:702c:3503:bef:e616:96bd:be33:a9b9")
	f.Add([]byte("2b7e151628aed2a\x00\x10bf7158809cf4f3c"), "7cec:702c:3503:bef:e616:96bd:be33:a9b9", "2001:db8:3a5c:0:e7d1:4b9f:2c8a:f673")
	f.Fuzz(func(t *testing.T, seed []byte, s1, s2 string) {
		a, ok := ParseAddr([]byte(s1))
		if !ok {
			return
		}
		var key Key
		copy(key[:], seed)

		c := New(&key, Mode{kind: ipcrypt})
		text := c.AppendAddr(nil, a)
		require.Equal(t, text, c.AppendAddr(nil, a))
		if p := addr(t, string(text)); !isNamed(a, p) {
			back, ok := c.Reveal(p)
			require.True(t, ok)
			require.Equal(t, a, back)
		}

		c = New(&key, Mode{kind: pfx})
		reference := pfxReference(key.expand(labelPfx, 32), a)
		secret := addr(t, string(c.AppendAddr(nil, a)))
		if isNamed(a, secret) {
			require.True(t, reference.isAllocated())
			return
		}
		require.Equal(t, reference, secret)
		require.Equal(t, a.Is4(), secret.Is4())
		back, ok := c.Reveal(secret)
		require.True(t, ok)
		require.Equal(t, a, back)
		b, ok := ParseAddr([]byte(s2))
		if !ok || a.Is4() != b.Is4() {
			return
		}
		if other := addr(t, string(c.AppendAddr(nil, b))); !isNamed(b, other) {
			require.Equal(t, common(a, b), common(secret, other))
		}
	})
}

// isNamed reports whether an address has the pseudonym of a name, since nobody has the
// address and its own pseudonym may be somebody's.
func isNamed(a, pseudonym Addr) bool { return !a.isPlausible() && pseudonym.IsName() }

// IPv6 prefixes are kept too, at every length.
func TestPfxKeepsPrefixes(t *testing.T) {
	c := New(&Key{1}, Mode{kind: pfx})
	for _, s := range []string{"2001:db8:4a5:17:8c3e:91f:fe02:b7d4", "198.51.100.23"} {
		a := addr(t, s)
		first := 0
		if a.Is4() {
			first = 96
		}
		for n := first; n < 128; n++ {
			b := a
			b[n/8] ^= 0x80 >> (n % 8)
			require.Equal(t, n, common(c.perm.encrypt(a), c.perm.encrypt(b)))
		}
	}
}
