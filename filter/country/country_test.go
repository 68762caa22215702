//go:build !386 && !arm && !mips && !mipsle

// The package that writes databases for tests has constants that do not fit in 32 bits.

package country_test

import (
	"bytes"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/country"
)

// database returns a database file with an entry for each network, made by of.
func database(t testing.TB, kind string, of func(code string) mmdbtype.DataType, networks map[string]string) []byte {
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, BuildEpoch: 1_790_000_000, RecordSize: 24, IncludeReservedNetworks: true})
	require.NoError(t, err)
	for _, network := range slices.Sorted(maps.Keys(networks)) {
		code := networks[network]
		_, ipNet, err := net.ParseCIDR(network)
		require.NoError(t, err)
		require.NoError(t, tree.Insert(ipNet, of(code)))
	}
	var b bytes.Buffer
	_, err = tree.WriteTo(&b)
	require.NoError(t, err)
	return b.Bytes()
}

func isoCode(code string) mmdbtype.DataType {
	return mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(code)}}
}

var networks = map[string]string{
	"192.0.2.0/24": "DE", "198.51.100.0/25": "AT", "198.51.100.128/25": "CH", "203.0.113.0/24": "FR", "2001:db8::/32": "NO", "10.0.0.0/8": "ZZ", "10.1.0.0/16": "x1",
}

// TestTestdata checks testdata/countries.mmdb, which tests of other packages read; UPDATE=1
// writes it. Besides documentation networks it has large ones, for real logs.
func TestTestdata(t *testing.T) {
	all := maps.Clone(networks)
	maps.Copy(all, map[string]string{"1.0.0.0/8": "AU", "46.0.0.0/8": "RU", "64.0.0.0/3": "US", "130.0.0.0/8": "NL", "200.0.0.0/6": "BR"})
	text := database(t, "Test-Country", isoCode, all)
	const path = "testdata/countries.mmdb"
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile(path, text, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(want, text))
}

// TestCountries looks up addresses in each supported kind of database.
func TestCountries(t *testing.T) {
	for kind, of := range map[string]func(string) mmdbtype.DataType{
		"GeoLite2-Country":  isoCode,
		"DBIP-Country-Lite": isoCode,
		"iptoasn":           func(code string) mmdbtype.DataType { return mmdbtype.Map{"country_code": mmdbtype.String(code)} },
		"ipinfo": func(code string) mmdbtype.DataType {
			return mmdbtype.Map{"country": mmdbtype.String(code), "country_name": mmdbtype.String("X")}
		},
	} {
		path := filepath.Join(t.TempDir(), "x.mmdb")
		require.NoError(t, os.WriteFile(path, database(t, kind, of, networks), 0o600))
		d, err := country.Open(path)
		require.NoError(t, err, kind)
		assert.Equal(t, kind, d.Name())
		for addr, want := range map[string]string{
			"192.0.2.7": "DE", "::ffff:192.0.2.7": "DE", "198.51.100.1": "AT", "198.51.100.129": "CH", "2001:db8::1": "NO",
			"192.0.3.1": "unknown", "2001:db9::1": "unknown", "10.0.0.1": "unknown", "10.1.0.1": "unknown", "::": "unknown",
		} {
			assert.Equal(t, want, d.Of(netip.MustParseAddr(addr)).String(), "%s %s", kind, addr)
		}
	}
}

// TestFlaws: with a file that is no database, or only a part of one, countries are unknown,
// and the error gives the reason. Once there is a good file, they are known, without a restart.
func TestFlaws(t *testing.T) {
	good := database(t, "X", isoCode, networks)
	damaged := bytes.Clone(good)
	for i := 100; i < 200; i++ { // in the tree
		damaged[i] ^= 0x55
	}
	const noDatabase = "it is damaged, or no database of countries; hint: give a whole file in the MaxMind DB format (.mmdb)"
	german := netip.MustParseAddr("192.0.2.7")
	for name, test := range map[string]struct {
		make func(path string) error
		want string
	}{
		"missing":   {func(string) error { return nil }, "no such file or directory"},
		"empty":     {func(path string) error { return os.WriteFile(path, nil, 0o600) }, noDatabase},
		"truncated": {func(path string) error { return os.WriteFile(path, good[:len(good)/2], 0o600) }, noDatabase},
		"beheaded":  {func(path string) error { return os.WriteFile(path, good[len(good)/2:], 0o600) }, noDatabase},
		"damaged":   {func(path string) error { return os.WriteFile(path, damaged, 0o600) }, noDatabase},
		"text":      {func(path string) error { return os.WriteFile(path, []byte("192.0.2.0/24 DE\n"), 0o600) }, noDatabase},
		"directory": {func(path string) error { return os.Mkdir(path, 0o700) }, "is not a regular file; hint: give the path of a .mmdb"},
		"networks": {func(path string) error {
			return os.WriteFile(path, database(t, "X", func(string) mmdbtype.DataType { return mmdbtype.Map{"asn": mmdbtype.Uint32(7)} }, networks), 0o600)
		}, "it has no countries; hint: give a database of countries, not of networks alone"},
	} {
		path := filepath.Join(t.TempDir(), "x.mmdb")
		require.NoError(t, test.make(path))
		d, err := country.Open(path)
		require.Error(t, err, name)
		assert.Equal(t, test.want, err.Error(), name)
		assert.Equal(t, "unknown", d.Of(german).String(), name)
		assert.Equal(t, "yes", d.Name(), name)
		_, err = d.Refresh()
		assert.ErrorContains(t, err, test.want, name)

		other := filepath.Join(filepath.Dir(path), "y")
		require.NoError(t, os.WriteFile(other, good, 0o600))
		os.RemoveAll(path)
		require.NoError(t, os.Rename(other, path))
		changed, err := d.Refresh()
		require.NoError(t, err, name)
		assert.True(t, changed, name)
		assert.Equal(t, "DE", d.Of(german).String(), name)
	}
}

// TestReplaced: a changed file is read again, whether it was overwritten, replaced or
// truncated.
func TestReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.mmdb")
	german := netip.MustParseAddr("192.0.2.7")
	write := func(path, code string) {
		require.NoError(t, os.WriteFile(path, database(t, "X", isoCode, map[string]string{"192.0.2.0/24": code}), 0o600))
	}
	write(path, "DE")
	d, err := country.Open(path)
	require.NoError(t, err)
	changed, err := d.Refresh()
	require.NoError(t, err)
	assert.False(t, changed, "nothing is read twice")

	write(path+".new", "AT")
	require.NoError(t, os.Rename(path+".new", path))
	changed, err = d.Refresh()
	require.NoError(t, err)
	assert.True(t, changed)
	assert.Equal(t, "AT", d.Of(german).String())

	write(path, "CH")
	require.NoError(t, os.Chtimes(path, time.Time{}, time.Unix(1_790_000_000, 0))) // file times may be too coarse
	_, err = d.Refresh()
	require.NoError(t, err)
	assert.Equal(t, "CH", d.Of(german).String())

	require.NoError(t, os.Truncate(path, 100))
	assert.Equal(t, "CH", d.Of(german).String(), "it is in memory")
	changed, err = d.Refresh()
	require.Error(t, err)
	assert.True(t, changed)
	assert.Equal(t, "unknown", d.Of(german).String())

	write(path, "DE")
	_, err = d.Refresh()
	require.NoError(t, err)
	assert.Equal(t, "DE", d.Of(german).String())
	require.NoError(t, os.Remove(path))
	_, err = d.Refresh()
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.Equal(t, "unknown", d.Of(german).String())
}

func TestParse(t *testing.T) {
	for _, text := range []string{"DE", "XK", "EU", "AA"} {
		c, ok := country.Parse(text)
		assert.True(t, ok)
		assert.Equal(t, text, c.String())
	}
	for _, text := range []string{"", "D", "DEU", "de", "D1", "ZZ", "Ä"} {
		c, ok := country.Parse(text)
		assert.False(t, ok, text)
		assert.Equal(t, "unknown", c.String(), text)
	}
}

// TestNoAllocations: a lookup does not allocate.
func TestNoAllocations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.mmdb")
	require.NoError(t, os.WriteFile(path, database(t, "X", isoCode, networks), 0o600))
	d, err := country.Open(path)
	require.NoError(t, err)
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.3.1")}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		for _, a := range addrs {
			d.Of(a)
		}
	}))
}

// FuzzDatabase: Open rejects a file, or lookups in it do not panic.
func FuzzDatabase(f *testing.F) {
	good := database(f, "X", isoCode, networks)
	f.Add(good, 0, byte(0))
	f.Add(good, 300, byte(0x40))
	f.Add(good[:len(good)-30], 20, byte(1))
	path := filepath.Join(f.TempDir(), "x.mmdb")
	f.Fuzz(func(t *testing.T, text []byte, at int, flip byte) {
		text = bytes.Clone(text)
		if 0 <= at && at < len(text) {
			text[at] ^= flip
		}
		require.NoError(t, os.WriteFile(path, text, 0o600))
		d, _ := country.Open(path)
		for _, addr := range []string{"192.0.2.7", "198.51.100.200", "203.0.113.9", "2001:db8::1", "::1", "255.255.255.255"} {
			if text := d.Of(netip.MustParseAddr(addr)).String(); text != country.Unknown {
				require.Len(t, text, 2)
			}
		}
	})
}

func BenchmarkOf(b *testing.B) {
	path := os.Getenv("MMDB")
	if path == "" {
		b.Skip("MMDB names no file")
	}
	d, err := country.Open(path)
	require.NoError(b, err)
	b.ReportAllocs()
	n := uint32(1)
	for b.Loop() {
		n = n*1664525 + 1013904223
		d.Of(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}))
	}
}

func BenchmarkOpen(b *testing.B) {
	path := os.Getenv("MMDB")
	if path == "" {
		b.Skip("MMDB names no file")
	}
	for b.Loop() {
		_, err := country.Open(path)
		require.NoError(b, err)
	}
}
