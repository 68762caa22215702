package store

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/reread"
	"hushpipe/filter/reveal"
	"hushpipe/format/civil"
)

// ciphers opens the keys of a DIR that has these files of lines.
func (b *bed) ciphers(files map[civil.Day]string) *reveal.Reader {
	require.NoError(b, os.MkdirAll(b.dir, 0o750))
	for day, text := range files {
		require.NoError(b, os.WriteFile(b.path(logFile(day)), []byte(text), 0o640))
	}
	c, err := reveal.Open(b.dir, "", b.cfg.Log)
	require.NoError(b, err)
	c.Scan = reread.Pseudonyms
	b.Cleanup(func() { c.Close() })
	return c
}

func address(text string) pseudonym.Addr {
	a, _ := pseudonym.ParseAddr([]byte(text))
	return a
}

func TestFindDay(t *testing.T) {
	for _, tt := range []struct {
		name, text, file string
		found            bool
	}{
		{"at the beginning", "1.2.3.4", "1.2.3.4 - -\n", true},
		{"in a line", "1.2.3.4", "x [client 1.2.3.4] y\n", true},
		{"at the end", "1.2.3.4", "x 1.2.3.4", true},
		{"all there is", "1.2.3.4", "1.2.3.4", true},
		{"all there is, and a newline", "1.2.3.4", "1.2.3.4\n", true},
		{"quoted", "2001:db8::1", `{"ip":"2001:db8::1"}`, true},
		{"after another that holds it", "1.2.3.4", "11.2.3.4 1.2.3.45 1.2.3.4 x\n", true},
		{"twice", "1.2.3.4", "1.2.3.4\n1.2.3.4\n", true},
		{"not there", "1.2.3.4", "x\n", false},
		{"in an empty file", "1.2.3.4", "", false},
		{"as the end of another", "1.2.3.4", "x 11.2.3.4 y\n", false},
		{"as the beginning of another", "1.2.3.4", "x 1.2.3.45 y\n", false},
		{"as a part of an IPv6 address", "2001:db8::1", "2001:db8::1:2\n", false},
		{"before a port", "1:2:3:4:5:6:7:8", "[client 1:2:3:4:5:6:7:8:443]\n", true},
		{"behind a port", "1.2.3.4", "x 1.2.3.4:443: y\n", true},
		{"as the version of a product", "1.2.3.4", `x "Chrome/1.2.3.4"`, false},
		{"as a part in hexadecimal", "2001:db8::1", "2001:db8::1A\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			c := b.ciphers(map[civil.Day]string{today: tt.file, today - 1: "other\n"})
			day, err := c.FindDay(address(tt.text))
			if tt.found {
				require.NoError(t, err)
				assert.Equal(t, today, day)
			} else {
				require.ErrorContains(t, err, b.dir+": not found in any day's file; hint: give the DIR that the line is from")
				assert.NotContains(t, err.Error(), tt.text)
			}
		})
	}
	t.Run("several days", func(t *testing.T) {
		b := newBed(t)
		c := b.ciphers(map[civil.Day]string{today: "1.2.3.4\n", today - 1: "1.2.3.4\n"})
		_, err := c.FindDay(address("1.2.3.4"))
		require.ErrorContains(t, err, b.dir+": found in the files of several days; hint: give the day with --day")
	})
	t.Run("other files", func(t *testing.T) {
		b := newBed(t)
		c := b.ciphers(nil)
		for _, name := range []string{"access.log", "access-2026-11-22.log.1", "access-2026-13-22.log", "reveal.log"} {
			require.NoError(t, os.WriteFile(b.path(name), []byte("1.2.3.4\n"), 0o640))
		}
		_, err := c.FindDay(address("1.2.3.4"))
		assert.Error(t, err)
	})
	t.Run("a link", func(t *testing.T) {
		b := newBed(t)
		c := b.ciphers(nil)
		require.NoError(t, os.Symlink("/dev/zero", b.path(logFile(today))))
		_, err := c.FindDay(address("1.2.3.4"))
		assert.ErrorContains(t, err, "symbolic link")
	})
}

// At each place around the border of what is read at once.
func TestFindAcrossReads(t *testing.T) {
	const border = 1 << 20
	b := newBed(t)
	for at := border - 20; at <= border+2; at++ {
		for _, around := range []struct {
			before, after string
			found         bool
		}{{" ", " ", true}, {"9", " ", false}, {" ", "9", false}, {" ", "", true}, {"9", "", false},
			{" ", ":65535]", true}, {"/", ":", true}, {" x/", " ", false}, {"%20", "%20", true}} {
			file := bytes.Repeat([]byte("x"), at-len(around.before))
			file = append(append(append(file, around.before...), "1.2.3.4"...), around.after...)
			c := b.ciphers(map[civil.Day]string{today: string(file)})
			held := map[pseudonym.Addr]bool{address("1.2.3.4"): false}
			require.NoError(t, c.Find(today, held))
			assert.Equal(t, map[pseudonym.Addr]bool{address("1.2.3.4"): around.found}, held, "at %d in %q and %q", at, around.before, around.after)
		}
	}
}

// In whatever order pseudonyms are asked for, and while the file grows, those
// are found that are there.
func TestFindOrder(t *testing.T) {
	b := newBed(t)
	var text bytes.Buffer
	line := func(i int) { fmt.Fprintf(&text, "2001:db8::%x %s\n", i, strings.Repeat("x", 1000)) }
	for i := range 5000 {
		line(i)
	}
	c := b.ciphers(map[civil.Day]string{today: text.String()})
	for _, i := range []int{1, 1, 4999, 0, 2500, 2499, 2501, 5000, 1, 5001, 6000} {
		if i == 5000 {
			line(5000)
			line(5001)
			require.NoError(t, os.WriteFile(b.path(logFile(today)), text.Bytes(), 0o640))
		}
		a, other := address(fmt.Sprintf("2001:db8::%x", i)), address(fmt.Sprintf("2001:db8::%x", i/2))
		held := map[pseudonym.Addr]bool{a: false, other: false}
		require.NoError(t, c.Find(today, held))
		assert.Equal(t, i < 6000, held[a], i)
		assert.True(t, held[other], i)
	}
	held := map[pseudonym.Addr]bool{address("2001:db8::1"): false}
	require.NoError(t, c.Find(today-1, held))
	assert.Equal(t, map[pseudonym.Addr]bool{address("2001:db8::1"): false}, held, "no file")
}

func TestMode(t *testing.T) {
	b := newBed(t)
	s := b.open()
	key := s.Key(today, calendar.Open)
	c := b.ciphers(nil)
	check := func(day civil.Day, mode string, sure bool) {
		t.Helper()
		got, gotSure, err := c.Mode(day, key)
		require.NoError(t, err)
		assert.Equal(t, mode, got)
		assert.Equal(t, sure, gotSure)
	}
	check(today, "", true)
	s.Count(today, key.ID(), record("a", 1))
	check(today, "ipcrypt", true)
	check(today-1, "", true)
	b.cfg.Counting, b.cfg.Settings = false, "ip=ipcrypt;"+counts.NoRooms
	b.process(users(today, "a", 1, 1))
	check(today, "ipcrypt", true)

	s.Count(today, [8]byte{1}, record("a", 1))
	check(today, "ipcrypt", false)

	b.cfg.Settings = "ip=pfx;rooms=jitsi;"
	b.process(users(today, "a", 1, 1))
	_, _, err := c.Mode(today, key)
	assert.ErrorContains(t, err, b.dir+": the pseudonyms of 2026-11-22 were made in several modes; hint: give the mode with --ip")
}

func TestCiphersKey(t *testing.T) {
	b := newBed(t)
	b.process(users(today, "a", 1, 1))
	c := b.ciphers(nil)
	key, err := c.Key(today)
	require.NoError(t, err)
	assert.Equal(t, b.key(today), string(key[:]))
	_, err = c.Key(today - 1)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.NoFileExists(t, b.path(dir.Keys, (today-1).String()+".key"), "it reads only")
	_, err = reveal.Open(b.dir+"x", "", b.cfg.Log)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// TestCountsReader: what is read in pieces is what is read at once, whatever
// becomes of the journals between the pieces.
func TestCountsReader(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	r := counts.NewReader(b.dir, today)
	defer r.Close()
	same := func(what string) {
		t.Helper()
		got, err := r.Read()
		require.NoError(t, err, what)
		require.Equal(t, b.counts(today).Day, got, what)
	}
	_, err := r.Read()
	require.ErrorIs(t, err, fs.ErrNotExist, "nothing is known of the day")

	b.feed(f, s, users(today, "a", 1, 3))
	same("lines came")
	b.feed(f, s, users(today, "a", 3, 9)+users(today, "b", 1, 1))
	same("more of them")
	b.process(users(today, "a", 20, 25))
	same("another process ended")
	require.NoError(t, s.Close())
	b.pass(b.open(), time.Hour)
	same("journals were folded")
	require.NoError(t, os.WriteFile(b.path("rooms", "rooms-"+today.String()+".log"), []byte("x\n"), 0o640))
	same("the room file is damaged")
	require.NoError(t, os.Rename(b.dir, b.dir+".old"))
	b.process(users(today, "c", 1, 2))
	same("another DIR took its place")
	require.Equal(t, "2 c\n", b.counts(today).String())
}
