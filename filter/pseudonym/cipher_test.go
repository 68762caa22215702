package pseudonym

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func mode(tb testing.TB, s string) Mode {
	m, err := ParseMode(s)
	require.NoError(tb, err)
	return m
}

func TestAppendAddr(t *testing.T) {
	for _, test := range []struct{ mode, addr, want string }{
		{"mask", "10.19.21.115", "10.19.21.0"},
		{"mask", "2001:db8:1:2:3:4:5:6", "2001:db8:1::"},
		{"mask", "::ffff:10.19.21.115", "10.19.21.0"},
		{"mask", "::1", "::"},
		{"mask", "100::8d3e:1:2:3", "100::"},
		{"mask=20/44", "10.19.21.115", "10.19.16.0"},
		{"mask=20/44", "2001:db8:1fff:2:3:4:5:6", "2001:db8:1ff0::"},
		{"mask=0/0", "10.19.21.115", "0.0.0.0"},
		{"mask=0/0", "2001:db8:1:2:3:4:5:6", "::"},
		{"mask=1/1", "255.1.1.1", "128.0.0.0"},
		{"mask=1/1", "ffff::1", "8000::"},
		{"mask=31/127", "10.19.21.115", "10.19.21.114"},
		{"mask=31/127", "2001:db8::7", "2001:db8::6"},
		{"mask=32/128", "10.19.21.115", "10.19.21.115"},
		{"mask=32/128", "2001:db8::7", "2001:db8::7"},
		{"mask=24/96", "::fffe:10.19.21.115", "::fffe:0:0"},
		{"drop", "10.19.21.115", "-"},
		{"drop", "2001:db8::7", "-"},
		{"keep", "10.19.21.115", "10.19.21.115"},
		{"keep", "2001:DB8:0::7", "2001:db8::7"},
	} {
		c := New(testKey(), mode(t, test.mode))
		got := c.AppendAddr([]byte("client "), addr(t, test.addr))
		assert.Equal(t, "client "+test.want, string(got), "%s of %s", test.mode, test.addr)
		_, ok := c.Reveal(addr(t, test.addr))
		assert.False(t, ok)
	}
}

// plainPseudonym is ipcrypt-deterministic without anything of ours but the key.
func plainPseudonym(tb testing.TB, k *Key, a Addr) string {
	block, err := aes.NewCipher(expandReference(k, "ipcrypt-deterministic")[:16])
	require.NoError(tb, err)
	var out [16]byte
	block.Encrypt(out[:], a[:])
	return netip.AddrFrom16(out).Unmap().String()
}

// A ciphertext in ::ffff:0:0/96 is printed as IPv4, and is revealed all the same.
func TestIpcryptToIPv4(t *testing.T) {
	c := New(testKey(), Mode{kind: ipcrypt})
	a := c.perm.decrypt(addr(t, "192.0.2.1"))
	require.False(t, a.Is4())
	require.Equal(t, "192.0.2.1", string(c.AppendAddr(nil, a)))
	back, ok := c.Reveal(addr(t, "192.0.2.1"))
	require.True(t, ok)
	require.Equal(t, a, back)
}

func TestOneAddressOnePseudonym(t *testing.T) {
	c := New(testKey(), Mode{kind: ipcrypt})
	want := plainPseudonym(t, testKey(), addr(t, "192.0.2.1"))
	for _, s := range []string{"192.0.2.1", "::ffff:192.0.2.1", "::FFFF:C000:201", "0:0:0:0:0:ffff:192.0.2.1"} {
		require.Equal(t, want, string(c.AppendAddr(nil, addr(t, s))), s)
	}
}

func TestNames(t *testing.T) {
	k := testKey()
	for _, name := range []string{"", "host.example", "\x16\x03\x01", strings.Repeat("x", 63), strings.Repeat("x", 64), strings.Repeat("x", 65), strings.Repeat("long.", 4000)} {
		mac := hmac.New(sha256.New, expandReference(k, "hushpipe-name"))
		mac.Write([]byte(name))
		want := append([]byte{1, 0, 0, 0, 0, 0, 0, 0}, mac.Sum(nil)[:8]...)
		text := netip.AddrFrom16([16]byte(want)).String()
		require.True(t, strings.HasPrefix(text, "100::"))
		for _, test := range []struct{ mode, want string }{
			{"ipcrypt", text}, {"pfx", text}, {"mask", text}, {"drop", "-"}, {"keep", name},
		} {
			c := New(k, mode(t, test.mode))
			require.Equal(t, Addr(want), c.nameAddr([]byte(name)))
			require.Equal(t, "client "+test.want, string(c.AppendName([]byte("client "), []byte(name))))
			_, ok := c.Reveal(c.nameAddr([]byte(name)))
			require.False(t, ok)
		}
	}
}

func TestNamesIgnoreCase(t *testing.T) {
	c := New(testKey(), Mode{})
	name := []byte("Host-[@Z`z{.EXAMPLE")
	require.Equal(t, c.nameAddr([]byte("host-[@z`z{.example")), c.nameAddr(name))
	require.Equal(t, "Host-[@Z`z{.EXAMPLE", string(name)) // left as it was
	require.NotEqual(t, c.nameAddr([]byte("host.example")), c.nameAddr([]byte("host.example.")))
	require.NotEqual(t, c.nameAddr([]byte("Ä")), c.nameAddr([]byte("ä"))) // ASCII only
}

func TestFingerprint(t *testing.T) {
	k := testKey()
	block, err := aes.NewCipher(expandReference(k, "hushpipe-count")[:16])
	require.NoError(t, err)
	var want uint64
	seen := map[uint64]bool{}
	for _, name := range []string{"room", "tenant/room"} {
		room := sha1.Sum([]byte(name))
		for _, s := range []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "100::8d3e:1:2:3"} {
			a := addr(t, s)
			var x [16]byte
			block.Encrypt(x[:], room[:16])
			for i := range x {
				x[i] ^= a[i]
			}
			block.Encrypt(x[:], x[:])
			want = binary.BigEndian.Uint64(x[:8])
			seen[want] = true
			for _, m := range []string{"ipcrypt", "pfx", "mask=0/0", "drop", "keep"} {
				c := New(k, mode(t, m))
				require.Equal(t, want, c.Fingerprint(&room, a), "%s in mode %s", s, m)
			}
		}
	}
	require.Len(t, seen, 8)
	room := sha1.Sum([]byte("tenant/room"))
	require.NotEqual(t, want, New(&Key{}, Mode{}).Fingerprint(&room, addr(t, "100::8d3e:1:2:3")))
}

func TestCipherIsNotPrinted(t *testing.T) {
	c := New(testKey(), mode(t, "pfx"))
	c.AppendAddr(nil, addr(t, "192.0.2.1"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		require.Equal(t, "Cipher(pfx)", fmt.Sprintf(verb, c))
	}
}

func TestCipherAllocs(t *testing.T) {
	name, room := []byte("Host.Example"), sha1.Sum([]byte("room"))
	dst := make([]byte, 0, 64)
	for _, m := range []string{"ipcrypt", "pfx", "mask", "drop", "keep"} {
		c := New(testKey(), mode(t, m))
		c.AppendAddr(dst, Addr{})
		for _, s := range []string{"192.0.2.1", "2001:db8::1"} {
			a := addr(t, s)
			want := string(New(testKey(), mode(t, m)).AppendAddr(nil, a))
			require.Zero(t, testing.AllocsPerRun(100, func() { dst = c.AppendAddr(dst[:0], a) }), m)
			require.Equal(t, want, string(dst))

			var back Addr
			var ok bool
			require.Zero(t, testing.AllocsPerRun(100, func() {
				if p, parsed := ParseAddr(dst); parsed {
					back, ok = c.Reveal(p)
				}
			}), m)
			require.Equal(t, c.mode.Reversible(), ok)
			require.Equal(t, ok, back == a)

			sum := uint64(0)
			require.Zero(t, testing.AllocsPerRun(100, func() { sum = c.Fingerprint(&room, a) }), m)
			require.Equal(t, New(testKey(), Mode{}).Fingerprint(&room, a), sum)
		}
		want := string(New(testKey(), mode(t, m)).AppendName(nil, name))
		require.Zero(t, testing.AllocsPerRun(100, func() { dst = c.AppendName(dst[:0], name) }), m)
		require.Equal(t, want, string(dst))
	}
}

// go test -run - -bench Append ./filter/pseudonym
func BenchmarkAppendAddr(b *testing.B) {
	for _, m := range []string{"mask", "keep"} {
		for _, s := range []string{"198.51.100.23", "2001:db8:4a5:17:8c3e:91f:fe02:b7d4"} {
			family := 6
			if addr(b, s).Is4() {
				family = 4
			}
			b.Run(fmt.Sprintf("mode=%s/family=%d", m, family), func(b *testing.B) {
				c := New(testKey(), mode(b, m))
				a := addr(b, s)
				dst := c.AppendAddr(nil, a)
				require.Equal(b, m == "keep", string(dst) == s)
				b.SetBytes(16)
				b.ReportAllocs()
				for b.Loop() {
					dst = c.AppendAddr(dst[:0], a)
				}
			})
		}
	}
	for _, bench := range []struct{ mode, family, addr string }{
		{"ipcrypt", "4", "198.51.100.23"},
		{"pfx", "4", "198.51.100.23"},
		{"pfx", "6", "2001:db8:4a5:17:8c3e:91f:fe02:b7d4"},
	} {
		b.Run(fmt.Sprintf("mode=%s/cached=false/family=%s", bench.mode, bench.family), func(b *testing.B) {
			c := New(testKey(), mode(b, bench.mode))
			a := addr(b, bench.addr)
			back, ok := c.Reveal(addr(b, string(c.AppendAddr(nil, a))))
			require.True(b, ok)
			require.Equal(b, a, back)
			var dst []byte
			b.SetBytes(16)
			b.ReportAllocs()
			for b.Loop() {
				a[13]++ // with a[14] and a[15] for 2^24 different addresses
				if a[13] == 0 {
					if a[14]++; a[14] == 0 {
						a[15]++
					}
				}
				dst = c.AppendAddr(dst[:0], a)
			}
		})
	}
}

// go test -run - -bench Fingerprint ./filter/pseudonym
func BenchmarkFingerprint(b *testing.B) {
	c := New(testKey(), Mode{})
	room, a := sha1.Sum([]byte("room")), addr(b, "2001:db8::1")
	require.NotEqual(b, c.Fingerprint(&room, a), c.Fingerprint(&room, Addr{}))
	b.SetBytes(int64(len(room) + len(a)))
	b.ReportAllocs()
	for b.Loop() {
		c.Fingerprint(&room, a)
	}
}

// go test -run - -bench AppendName ./filter/pseudonym
func BenchmarkAppendName(b *testing.B) {
	c := New(testKey(), Mode{})
	name := []byte("dynamic-198-51-100-23.isp.example")
	dst := c.AppendName(nil, name)
	require.True(b, addr(b, string(dst)).IsName())
	b.SetBytes(int64(len(name)))
	b.ReportAllocs()
	for b.Loop() {
		dst = c.AppendName(dst[:0], name)
	}
}
