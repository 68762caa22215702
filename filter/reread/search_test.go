package reread_test

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/reread"
	"hushpipe/filter/reveal"
	"hushpipe/format/civil"
)

const day = civil.Day(20000)

// search returns the lines of a day's text that have an address, and how many lines were too
// long.
func search(t *testing.T, text, address string, canonical, gzipped bool) (lines string, long int) {
	t.Helper()
	path := t.TempDir()
	name := filepath.Join(path, "access-"+day.String()+".log")
	data := []byte(text)
	if gzipped {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		w.Write(data)
		require.NoError(t, w.Close())
		data, name = zipped.Bytes(), name+".gz"
	}
	require.NoError(t, os.WriteFile(name, data, 0o640))
	r, err := reveal.Open(path, "", func(_, line string) { t.Error(line) })
	require.NoError(t, err)
	defer r.Close()
	r.Scan = reread.Pseudonyms
	days, err := r.Days()
	require.NoError(t, err)
	require.Equal(t, []civil.Day{day}, days)
	a, ok := pseudonym.ParseAddr([]byte(address))
	require.True(t, ok)
	all, err := r.Search(day, reveal.Wanted{Addrs: []pseudonym.Addr{a}, Canonical: canonical})
	require.NoError(t, err)
	require.Len(t, all, 1)
	found := all[0]
	defer found.Close()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0) // the logger keeps writing
	require.NoError(t, err)
	f.WriteString(address + " later\n")
	f.Close()
	var out strings.Builder
	n, err := found.WriteTo(&out)
	require.NoError(t, err)
	require.EqualValues(t, out.Len(), n)
	require.Equal(t, found.Lines, strings.Count(out.String(), "\n"))
	return out.String(), found.Long
}

func TestSearch(t *testing.T) {
	const six = "5c3e:6d9a:11:f2a0:9d4f:2c7e:83b1:e05d"
	for _, tt := range []struct {
		name, address, text string
		found               bool
	}{
		{"client", six, six + " - -", true},
		{"no newline behind it", six, "x " + six, true},
		{"with a port", six, "[client " + six + ":443] x", true},
		{"in a name", six, "https://ec2-" + six + ".compute.example/", true},
		{"in a name that goes on otherwise", six, "ec2-" + six + "-x", true},
		{"as the beginning of another", six, six + "a - -", false},
		{"as the beginning of another, then itself", six, six + "a - " + six, true},
		{"another", six, "5c3e:6d9a:11:f2a0:9d4f:2c7e:83b1:e05e - -", false},
		{"IPv4", "1.2.3.4", "1.2.3.4 - -", true},
		{"IPv4 in a name", "1.2.3.4", "ec2-1.2.3.4.compute.example", true},
		{"IPv4 as the end of another", "1.2.3.4", "11.2.3.4 - -", false},
		{"IPv4 as the beginning of another", "1.2.3.4", "1.2.3.45 - -", false},
		{"IPv4 as a version", "1.2.3.4", `- - "Chrome/1.2.3.4"`, false},
		{"IPv6 in short", "1::2", "x 1::2 y", true},
		{"IPv6 in short, another's beginning", "1::2", "x 1::2:3 y", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, canonical := range []bool{true, false} {
				if !canonical && strings.Contains(tt.name, "a name") && strings.Contains(tt.address, ":") {
					continue
				}
				got, long := search(t, "before\n"+tt.text, tt.address, canonical, false)
				want := ""
				if tt.found {
					want = tt.text + "\n"
				}
				require.Equal(t, want, got, "canonical: %t", canonical)
				require.Zero(t, long)
			}
		})
	}
}

// TestSearchLarge: the result does not depend on where a file is split for reading.
func TestSearchLarge(t *testing.T) {
	const border = 2 << 20
	hit := "1.2.3.4 - -\n"
	for name, tt := range map[string]struct {
		text  string
		found int
		long  int
	}{
		"ends at the border":    {strings.Repeat("x", border-len(hit)-1) + "\n" + hit + "y\n", 1, 0},
		"ends behind it":        {strings.Repeat("x", border-len(hit)) + "\n" + hit + "y\n", 1, 0},
		"begins at the border":  {strings.Repeat("x", border-1) + "\n" + hit, 1, 0},
		"among many":            {strings.Repeat(strings.Repeat("y", 99)+"\n"+hit, 50_000), 50_000, 0},
		"behind a long one":     {hit + strings.Repeat("x", 3*border) + "1.2.3.4\n" + hit, 2, 1},
		"behind two long ones":  {strings.Repeat(strings.Repeat("x", border)+"\n", 2) + hit, 1, 2},
		"a long one at the end": {hit + strings.Repeat("x", border) + " 1.2.3.4 ", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, gzipped := range []bool{false, true} {
				got, long := search(t, tt.text, "1.2.3.4", true, gzipped)
				require.Equal(t, strings.Repeat(hit, tt.found), got)
				require.Equal(t, tt.long, long)
			}
		})
	}
}

func TestSearchNothing(t *testing.T) {
	r, err := reveal.Open(t.TempDir(), "", func(_, line string) { t.Error(line) })
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Search(day, reveal.Wanted{})
	require.ErrorIs(t, err, fs.ErrNotExist)
}
