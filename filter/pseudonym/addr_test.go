package pseudonym

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// addr parses addresses in tests.
func addr(tb testing.TB, s string) Addr {
	tb.Helper()
	a, ok := ParseAddr([]byte(s))
	require.True(tb, ok, s)
	return a
}

// realAddrs returns the clients of the logs in testdata, each once.
func realAddrs(tb testing.TB) []string {
	files, err := filepath.Glob("../../testdata/elastic/*.log")
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	seen := map[string]bool{}
	var addrs []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(tb, err)
		for line := range strings.Lines(string(text)) {
			client, _, _ := strings.Cut(line, " ")
			if !seen[client] {
				seen[client] = true
				addrs = append(addrs, client)
			}
		}
	}
	return addrs
}

// oddAddrs are texts on the border of what an address is.
var oddAddrs = []string{
	"", "-", ".", ":", "::", ":::", "::1", "1::", "::%eth0", "fe80::1%eth0", "%", "0.0.0.0", "255.255.255.255",
	"256.0.0.1", "01.2.3.4", "1.2.3.04", "00.0.0.0", "1.2.3", "1.2.3.4.", ".1.2.3.4", "1..2.3", "1.2.3.4.5",
	"1.2.3.4:80", "[::1]", "1.2.3.4 ", "1.2.3.4\x00", "1234.1.1.1", "1.2.3.1000", "::1.2.3.4", "::ffff:192.0.2.1",
	"::FFFF:C000:201", "0:0:0:0:0:ffff:c000:0201", "0:0:0:0:0:ffff:192.0.2.1", "::ffff:0:192.0.2.1",
	"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "1:2:3:4:5:6:7::",
	"1:2:3:4:5:6:7:8::", "::2:3:4:5:6:7:8", "::1:2:3:4:5:6:7:8", "1::2::3", "1:2:3:4:5:6:1.2.3.4",
	"1:2:3:4:5:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::1:2:3:4:5:6:1.2.3.4", "1::2.3.4.5", "1.2.3.4::", "::1.2.3.4:5",
	"::.1.2.3", "1:.2.3.4", "a.b.c.d", "12345::", "::12345", "0000::", "00000::", "abcd:EF01:2345:6789:abcd:EF01:2345:6789",
	"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", "::g", "::١",
	"2001:db8:0:0:1:0:0:1", "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "1:0:0:0:5:0:0:0", "100::8d3e:0:0:1",
}

func checkParse(t *testing.T, s string) {
	t.Helper()
	want, err := netip.ParseAddr(s)
	got, ok := ParseAddr([]byte(s))
	require.Equal(t, err == nil && want.Zone() == "", ok, "%q", s)
	if !ok {
		require.Zero(t, got, "%q", s)
		return
	}
	require.Equal(t, Addr(want.As16()), got, "%q", s)
	require.Equal(t, want.Unmap().Is4(), got.Is4(), "%q", s)
	require.Equal(t, want.Unmap().String(), string(got.AppendTo(nil)), "%q", s)
}

func TestParseAddrIsNetip(t *testing.T) {
	for _, s := range append(realAddrs(t), oddAddrs...) {
		checkParse(t, s)
	}
}

// Every text of up to five signs, as random input seldom holds two colons.
func TestParseAddrShort(t *testing.T) {
	var b []byte
	var extend func()
	extend = func() {
		checkParse(t, string(b))
		if len(b) == 5 {
			return
		}
		for _, c := range []byte("0f:.%") {
			b = append(b, c)
			extend()
			b = b[:len(b)-1]
		}
	}
	extend()
}

// go test -fuzz FuzzParseAddr ./filter/pseudonym
func FuzzParseAddr(f *testing.F) {
	for _, s := range realAddrs(f) {
		f.Add(s)
	}
	for _, v := range vectors(f) {
		f.Add(v.IP)
		f.Add(v.EncryptedIP)
	}
	for _, s := range oddAddrs {
		f.Add(s)
	}
	f.Fuzz(checkParse)
}

// go test -fuzz FuzzAppendTo ./filter/pseudonym
func FuzzAppendTo(f *testing.F) {
	for _, s := range oddAddrs {
		if a, ok := ParseAddr([]byte(s)); ok {
			f.Add(a[:])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a Addr
		copy(a[:], b)
		text := a.AppendTo([]byte("client "))
		require.Equal(t, "client "+netip.AddrFrom16(a).Unmap().String(), string(text))
		back, ok := ParseAddr(text[len("client "):])
		require.True(t, ok)
		require.Equal(t, a, back)
	})
}

// Each pattern of zero and other groups, for the place of the "::".
func TestAppendToZeroRuns(t *testing.T) {
	for pattern := range 256 {
		var a Addr
		for k := range 8 {
			if pattern>>k&1 == 1 {
				a[2*k+1] = byte(k + 1)
			}
		}
		require.Equal(t, netip.AddrFrom16(a).String(), string(a.AppendTo(nil)))
	}
}

func TestPrefix6(t *testing.T) {
	for _, test := range []struct {
		addr string
		bits int
		want string
	}{
		{"2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6"},
		{"2001:db8:1:2:3:4:5:6", 127, "2001:db8:1:2:3:4:5:6"},
		{"2001:db8:1:2:3:4:5:7", 127, "2001:db8:1:2:3:4:5:6"},
		{"2001:db8:1:2:3:4:5:6", 65, "2001:db8:1:2::"},
		{"2001:db8:1:2:ffff:4:5:6", 65, "2001:db8:1:2:8000::"},
		{"2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"},
		{"2001:db8:1:2:3:4:5:6", 56, "2001:db8:1::"},
		{"2001:db8:1:2:3:4:5:6", 1, "::"},
		{"f001:db8:1:2:3:4:5:6", 1, "8000::"},
		{"2001:db8:1:2:3:4:5:6", 0, "::"},
		{"192.0.2.1", 0, "192.0.2.1"},
		{"::ffff:192.0.2.1", 64, "192.0.2.1"},
		{"100::8d3e:1:2:3", 64, "100::8d3e:1:2:3"}, // else all host names were one client
	} {
		got := addr(t, test.addr).Prefix6(test.bits)
		assert.Equal(t, test.want, string(got.AppendTo(nil)), "%s/%d", test.addr, test.bits)
	}
}

func TestAddrAllocs(t *testing.T) {
	dst := make([]byte, 0, 64)
	for _, s := range []string{"255.255.255.255", "2001:db8:1111:2222:3333:4444:5555:6666", "::ffff:192.0.2.1", "host.example"} {
		in := []byte(s)
		want, err := netip.ParseAddr(s)
		var got Addr
		var ok bool
		n := testing.AllocsPerRun(100, func() {
			got, ok = ParseAddr(in)
			dst = got.AppendTo(dst[:0])
		})
		require.Zero(t, n, s)
		require.Equal(t, err == nil, ok)
		if ok {
			require.Equal(t, want.Unmap().String(), string(dst))
		}
	}
}

// go test -run - -bench ParseAddr ./filter/pseudonym
func BenchmarkParseAddr(b *testing.B) {
	for _, bench := range []struct{ family, in string }{
		{"4", "198.51.100.23"},
		{"6", "2001:db8:4a5:17:8c3e:91f:fe02:b7d4"},
	} {
		b.Run("family="+bench.family, func(b *testing.B) {
			in := []byte(bench.in)
			require.Equal(b, bench.in, string(addr(b, bench.in).AppendTo(nil)))
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				ParseAddr(in)
			}
		})
	}
}

// go test -run - -bench AppendTo ./filter/pseudonym
func BenchmarkAppendTo(b *testing.B) {
	for _, bench := range []struct{ family, out string }{
		{"4", "198.51.100.23"},
		{"6", "2001:db8:4a5:17:8c3e:91f:fe02:b7d4"},
	} {
		b.Run("family="+bench.family, func(b *testing.B) {
			a := addr(b, bench.out)
			dst := a.AppendTo(nil)
			require.Equal(b, bench.out, string(dst))
			b.SetBytes(int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				dst = a.AppendTo(dst[:0])
			}
		})
	}
}

func TestIsClient(t *testing.T) {
	for text, want := range map[string]bool{
		"192.0.2.1": true, "10.0.0.1": true, "127.0.0.1": true, "2000::": true, "2001:db8::1": true, "3fff:ffff::1": true,
		"fc00::1": true, "fdff::1": true, "fe80::1": true, "febf::1": true, "::1": true,
		"64:ff9b::192.0.2.1": true, "64:ff9b:1:2::c000:201": true,
		"::": false, "::2": false, "1::1": false, "100::1": false, "1fff::1": false, "4000::1": false, "8000::1": false,
		"fbff::1": false, "fe00::1": false, "fec0::1": false, "ff02::1": false, "64:ff9b::1:192.0.2.1": false, "64:ff9b:2::1": false,
	} {
		a, ok := ParseAddr([]byte(text))
		require.True(t, ok, text)
		assert.Equal(t, want, a.IsClient(), text)
	}
}
