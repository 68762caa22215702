package main

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const countriesFile = "../../filter/country/testdata/countries.mmdb"

// locator opens the database named by its first argument and confines itself. For each
// line of stdin it prints the country of 192.0.2.7 according to the current file.
func locator() {
	log := newMessageLog(os.Stdout)
	o := &countryFlags{country: os.Args[1]}
	d, err := o.open(log)
	if err != nil {
		panic(err)
	}
	confineFilter(os.Args[2], "", o.databases.paths())
	tick := make(chan time.Time)
	stop := o.databases.keepUp(tick, log)
	defer stop()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		tick <- time.Time{}
		tick <- time.Time{} // by then the first is done with
		log.notef("%s", d.Of(netip.MustParseAddr("192.0.2.7")))
	}
	log.close()
}

// TestConfinedCountries: a confined logger reloads a replaced database. An unreadable
// one makes countries unknown and is reported. The same holds if the path is a link, or
// the file is missing at first.
func TestConfinedCountries(t *testing.T) {
	for _, name := range []string{"countries.mmdb", "link.mmdb"} {
		folder, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
		path := filepath.Join(folder, "countries.mmdb")
		text, err := os.ReadFile(countriesFile)
		require.NoError(t, err)
		replace := func(text []byte) {
			require.NoError(t, os.WriteFile(path+".new", text, 0o600))
			require.NoError(t, os.Rename(path+".new", path))
		}
		given := path
		if name == "link.mmdb" {
			given = filepath.Join(t.TempDir(), name)
			require.NoError(t, os.Symlink(path, given))
		}
		cmd := exec.Command(os.Args[0])
		cmd.Args = []string{"locator", given, log}
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		if name == "link.mmdb" {
			replace(text)
		}
		require.NoError(t, cmd.Start())
		said := bufio.NewScanner(out)
		expect := func(want string) {
			t.Helper()
			require.True(t, said.Scan(), want)
			assert.Equal(t, "hushpipe: "+want, said.Text())
		}
		ask := func() {
			_, err := io.WriteString(in, "\n")
			require.NoError(t, err)
		}
		const read = ": it is another file now, and was read"
		if name == "countries.mmdb" {
			expect(fmt.Sprintf("warning: --country %s: countries are unknown: no such file or directory; hint: correct the path, or make what is missing", given))
			ask()
			expect("note: unknown")
			replace(text)
			ask()
			expect("note: --country " + given + read)
		} else {
			ask()
		}
		expect("note: DE")
		ask()
		expect("note: DE")
		replace(text[:len(text)/2])
		ask()
		expect(fmt.Sprintf("warning: --country %s: countries are unknown: it is damaged, or no database of countries; hint: give a whole file in the MaxMind DB format (.mmdb)", given))
		expect("note: unknown")
		replace(text)
		ask()
		expect("note: --country " + given + read)
		expect("note: DE")
		require.NoError(t, in.Close())
		assert.False(t, said.Scan(), said.Text())
		require.NoError(t, cmd.Wait())
	}
}
