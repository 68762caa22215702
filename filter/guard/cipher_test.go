package guard

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
	"hushpipe/format/machine"
)

func parsed(tb testing.TB, s string) pseudonym.Addr {
	a, ok := pseudonym.ParseAddr([]byte(s))
	require.True(tb, ok, s)
	return a
}

// TestRecentClients: a cached pseudonym equals the computed one, whatever else is cached.
func TestRecentClients(t *testing.T) {
	c := testCipher(t, "ipcrypt")
	rnd := rand.New(rand.NewPCG(1, 2))
	addrs := make([]pseudonym.Addr, 200_000)
	want, texts := make([]string, len(addrs)), make([][]byte, len(addrs))
	for i := range addrs {
		if i%3 == 0 {
			binary.BigEndian.PutUint64(addrs[i][:8], rnd.Uint64())
			binary.BigEndian.PutUint64(addrs[i][8:], rnd.Uint64())
		} else {
			addrs[i] = testAddr4(uint32(i))
		}
		want[i] = string(c.AppendAddr(nil, addrs[i]))
		texts[i] = addrs[i].AppendTo(nil)
	}
	var dst []byte
	check := func(i int) {
		var k *Client
		dst, k = c.appendText(dst[:0], texts[i])
		if k == nil || k.Addr != addrs[i] || string(dst) != want[i] || k.Notes[0] != 0 && k.Notes[0] != uint64(i) {
			require.NotNil(t, k)
			require.Equal(t, want[i], string(dst), "address %d", i)
			require.Equal(t, addrs[i], k.Addr)
			require.Equal(t, uint64(i), k.Notes[0])
		}
		k.Notes[0] = uint64(i)
	}
	check(0)
	require.Equal(t, 256, c.recent.Len(), "a day of few lines takes little memory")
	known := func() (n int) {
		for i := range maxClients {
			if c.Find(texts[i], machine.Sum(texts[i])) != nil {
				n++
			}
		}
		return n
	}
	for range 3 {
		for i := range 20_000 {
			check(i)
		}
	}
	require.Greater(t, known(), 20_000*97/100, "the latest are known, but for a few that share both of their places")
	for range 2 {
		for i := range addrs {
			check(i)
			check(rnd.IntN(100)) // and some often
		}
	}
	require.Equal(t, maxClients, c.recent.Len())
}

// TestFindByAllBytes: an equal hash is not enough to find a client.
func TestFindByAllBytes(t *testing.T) {
	c := testCipher(t, "ipcrypt")
	text := []byte("11.11.11.11")
	sum := machine.Sum(text)
	require.Nil(t, c.Find(text, sum))
	_, k := c.appendText(nil, text)
	require.NotNil(t, k)
	require.Same(t, k, c.Find(text, sum))
	for _, other := range []string{"", "11.11.11", "11.11.11.12", "11.11.11.11.11", "11.11.11.11" + strings.Repeat("\x00", 50)} {
		require.Nil(t, c.Find([]byte(other), sum), other)
		_, k := c.appendText(nil, []byte(other))
		require.True(t, k == nil || k.Addr != parsed(t, "11.11.11.11"), other)
	}
}

// TestAppendText: appendText accepts what ParseAddr accepts, in every mode, cached or not.
func TestAppendText(t *testing.T) {
	for _, m := range []string{"ipcrypt", "pfx", "mask=20/44", "drop", "keep"} {
		c := testCipher(t, m)
		for range 2 {
			for _, s := range []string{"0.0.0.0", "::", "192.0.2.1", "2001:DB8::1", "2001:db8:0:0:0:0:0:1", "::ffff:192.0.2.1",
				"0000:0000:0000:0000:0000:ffff:255.255.255.255"} {
				out, k := c.appendText([]byte("x"), []byte(s))
				require.NotNil(t, k, s)
				require.Equal(t, parsed(t, s), k.Addr, s)
				require.Equal(t, string(c.AppendAddr([]byte("x"), k.Addr)), string(out), s)
				require.Equal(t, string(out), string(c.appendFound([]byte("x"), []byte(s), k.Addr)), s)
			}
			for _, s := range []string{"", "-", "host", "192.0.2.1:80", "[::1]", "1.2.3.4.5", strings.Repeat("1", 200)} {
				out, k := c.appendText([]byte("x"), []byte(s))
				require.Nil(t, k, s)
				require.Equal(t, "x", string(out), s)
			}
		}
	}
}

func TestDayCipherIsNotPrinted(t *testing.T) {
	c := testCipher(t, "pfx")
	c.appendText(nil, []byte("192.0.2.1"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		require.Equal(t, "Cipher(pfx)", fmt.Sprintf(verb, c))
	}
}

// TestDayCipherAllocs: no address costs an allocation, not even a new one.
func TestDayCipherAllocs(t *testing.T) {
	c := testCipher(t, "ipcrypt")
	var text []byte
	dst := make([]byte, 0, 64)
	for i := range uint32(200_000) {
		text = testAddr4(i).AppendTo(text[:0])
		dst, _ = c.appendText(dst[:0], text)
	}
	i := uint32(1 << 20)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		i++
		text = testAddr4(i).AppendTo(text[:0])
		dst, _ = c.appendText(dst[:0], text)
	}))
	require.Equal(t, string(c.AppendAddr(nil, testAddr4(i))), string(dst))
}

// go test -run - -bench AppendText ./filter/guard
func BenchmarkAppendText(b *testing.B) {
	for _, m := range []string{"ipcrypt", "pfx"} {
		for _, clients := range []int{1, 1000, 20_000} {
			b.Run(fmt.Sprintf("mode=%s/clients=%d", m, clients), func(b *testing.B) {
				c := testCipher(b, m)
				addrs := zipfAddrs(clients)
				texts := make([][]byte, len(addrs))
				var dst []byte
				for i, a := range addrs {
					texts[i] = a.AppendTo(nil)
					dst, _ = c.appendText(dst[:0], texts[i])
				}
				require.Equal(b, string(c.AppendAddr(nil, addrs[len(addrs)-1])), string(dst))
				b.SetBytes(16)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					text := texts[i&(len(addrs)-1)]
					dst, _ = c.appendText(dst[:0], text)
					i++
				}
			})
		}
	}
}

// testAddr4 returns an IPv4 address.
func testAddr4(v uint32) (a pseudonym.Addr) {
	a[10], a[11] = 0xff, 0xff
	binary.BigEndian.PutUint32(a[12:], v)
	return a
}

// zipfAddrs returns the addresses of 2^16 requests by that many clients, a third of them IPv6.
func zipfAddrs(clients int) []pseudonym.Addr {
	rnd := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rnd, 1.1, 20, uint64(clients-1))
	addrs := make([]pseudonym.Addr, 1<<16)
	for i := range addrs {
		n := uint32(zipf.Uint64())
		addrs[i] = testAddr4(n * 2654435761)
		if n%3 == 0 {
			addrs[i][0], addrs[i][1] = 0x20, 0x01
		}
	}
	return addrs
}
