package reveal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/reveal"
	"hushpipe/format/civil"
)

const (
	day = civil.Day(20000)
	six = "5c3e:6d9a:11:f2a0:9d4f:2c7e:83b1:e05d"
)

// person is the address of six.
func person(t *testing.T) pseudonym.Addr {
	a, ok := pseudonym.ParseAddr([]byte(six))
	require.True(t, ok)
	return a
}

// dayFile is a DIR with the lines of a day.
type dayFile struct {
	t    *testing.T
	name string
	r    *reveal.Reader
}

func newDayFile(t *testing.T, text string) *dayFile {
	path := t.TempDir()
	f := &dayFile{t: t, name: filepath.Join(path, "access-"+day.String()+".log")}
	require.NoError(t, os.WriteFile(f.name, []byte(text), 0o640))
	var err error
	f.r, err = reveal.Open(path, "", func(_, line string) { t.Error(line) })
	require.NoError(t, err)
	t.Cleanup(func() { f.r.Close() })
	f.r.Scan = func(text []byte, found func(pseudonym.Addr)) { // as filter.Pseudonyms does, for the only one there is
		if bytes.Contains(text, []byte(six)) {
			found(person(t))
		}
	}
	return f
}

func (f *dayFile) search() *reveal.Found {
	found, err := f.r.Search(day, reveal.Wanted{Addrs: []pseudonym.Addr{person(f.t)}, Canonical: true})
	require.NoError(f.t, err)
	require.Len(f.t, found, 1)
	f.t.Cleanup(func() { found[0].Close() })
	return found[0]
}

func (f *dayFile) text() string {
	text, err := os.ReadFile(f.name)
	require.NoError(f.t, err)
	return string(text)
}

// mirrored is what the tests make of a line: all of it changes, the address as well.
func mirrored(line []byte) bool {
	for i := range line {
		line[i] ^= 1
	}
	return true
}

func mirror(line string) string {
	b := []byte(line)
	mirrored(b)
	return string(b)
}

// TestFalsify: the lines of the person change, in the same file, and nothing else does.
func TestFalsify(t *testing.T) {
	for name, lines := range map[string][]string{
		"one":         {six + " a"},
		"first, last": {six + " a", "other", six + " c"},
		"none":        {"other"},
		"many":        strings.Split(strings.Repeat("other\n"+six+" "+strings.Repeat("y", 300)+"\n", 5_000), "\n"),
		"over pages":  {strings.Repeat("x", 4000), strings.Repeat("y", 5000) + " " + six + " " + strings.Repeat("z", 9000), "other"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newDayFile(t, strings.Join(lines, "\n")+"\n")
			before, err := os.Stat(f.name)
			require.NoError(t, err)
			found := f.search()
			log, err := os.OpenFile(f.name, os.O_WRONLY|os.O_APPEND, 0) // a logger goes on
			require.NoError(t, err)
			_, err = log.WriteString(six + " later\n")
			require.NoError(t, err)
			done, part, err := found.Falsify(mirrored)
			require.NoError(t, err)
			assert.Zero(t, part)
			_, err = log.WriteString("after\n")
			require.NoError(t, err)
			var want strings.Builder
			n := 0
			for _, line := range lines {
				if strings.Contains(line, six) {
					line = mirror(line)
					n++
				}
				want.WriteString(line + "\n")
			}
			assert.Equal(t, n, done)
			assert.Equal(t, want.String()+six+" later\nafter\n", f.text())
			after, err := os.Stat(f.name)
			require.NoError(t, err)
			assert.True(t, os.SameFile(before, after))
			assert.Equal(t, 1, f.search().Lines, "what came later")
		})
	}
}

// killed writes as many times as are left, and is killed then.
type killed struct {
	data []byte
	left int
}

var errKilled = errors.New("killed")

func (k *killed) WriteAt(p []byte, at int64) (int, error) {
	if k.left == 0 {
		return 0, errKilled
	}
	k.left--
	if (at%4096)+int64(len(p)) > 4096 {
		return 0, errors.New("a write that can be cut")
	}
	return copy(k.data[at:], p), nil
}

// TestFalsifyKilled: whenever the process is killed, a line within one page is the old or
// the new one, and one over several pages is still found, until everything but the address
// is new.
func TestFalsifyKilled(t *testing.T) {
	for _, tt := range []struct{ at, before, behind int }{
		{0, 0, 100}, {4000, 0, 20}, {4000, 0, 57}, {4000, 0, 58}, {4000, 0, 200}, {4000, 80, 5}, {4000, 80, 200}, {4090, 0, 200}, {4095, 1, 9000}, {100, 9000, 9000}, {0, 4090, 3000},
	} {
		for kill := 0; ; kill++ {
			name := fmt.Sprintf("%+v after %d", tt, kill)
			line := strings.Repeat("x", tt.before) + " " + six + " " + strings.Repeat("y", tt.behind)
			pad := ""
			if tt.at > 0 {
				pad = strings.Repeat("p", tt.at-1) + "\n"
			}
			f := newDayFile(t, pad+line+"\n")
			found := f.search()
			require.Equal(t, 1, found.Lines, name)
			k := &killed{[]byte(pad + line + "\n"), kill}
			err := found.Overwrite(k, []byte(line), []byte(mirror(line)), int64(len(pad)))
			require.True(t, err == nil || errors.Is(err, errKilled), "%s: %v", name, err)
			got := string(k.data[len(pad) : len(k.data)-1])
			assert.Equal(t, pad, string(k.data[:len(pad)]), name)
			if err == nil {
				require.Equal(t, mirror(line), got, name)
				break
			}
			if strings.Contains(got, six) {
				continue // it is found again
			}
			addr := strings.Index(line, six)
			cut := addr/4096 != (addr+len(six)-1)/4096 || (len(pad)+addr)/4096 != (len(pad)+addr+len(six)-1)/4096
			require.True(t, cut, "%s: the address is gone before the rest", name)
		}
	}
}

// TestFalsifyRefuses: a file other than the searched one stays as it is.
func TestFalsifyRefuses(t *testing.T) {
	f := newDayFile(t, six+" a\n")
	found := f.search()
	require.NoError(t, os.Rename(f.name, f.name+".1"))
	require.NoError(t, os.WriteFile(f.name, []byte(six+" a\n"), 0o640))
	_, _, err := found.Falsify(mirrored)
	assert.ErrorContains(t, err, "another program has replaced it")
	assert.Equal(t, six+" a\n", f.text())

	f = newDayFile(t, six+" a\n"+six+" b\n")
	done, _, err := f.search().Falsify(func(line []byte) bool {
		if bytes.HasSuffix(line, []byte("b")) {
			require.NoError(t, os.WriteFile(f.name, []byte("another program was at it\n"+six+" b\n"), 0o640))
		}
		return mirrored(line)
	})
	assert.Equal(t, 1, done)
	assert.ErrorContains(t, err, "another program changes it")
	assert.Equal(t, "another program was at it\n"+six+" b\n", f.text())
}

// TestFalsifyKeepsTimes: a file dated far ahead expires by its modification time.
func TestFalsifyKeepsTimes(t *testing.T) {
	for ahead, kept := range map[civil.Day]bool{day - 100: true, day - 2: true, day - 1: false, day: false, day + 5: false} {
		f := newDayFile(t, six+" a\n")
		year, month, mday := ahead.Date()
		was := time.Date(year, time.Month(month), mday, 12, 0, 0, 0, time.Local)
		require.NoError(t, os.Chtimes(f.name, was, was))
		_, _, err := f.search().Falsify(mirrored)
		require.NoError(t, err)
		st, err := os.Stat(f.name)
		require.NoError(t, err)
		assert.Equal(t, kept, st.ModTime().Equal(was), "%s", ahead)
	}
}

// TestFalsifyUnderTheLock: while another process has the lock of the lines, nothing is
// written, for a second at most.
func TestFalsifyUnderTheLock(t *testing.T) {
	f := newDayFile(t, six+" a\n")
	found := f.search()
	require.NoError(t, os.Mkdir(filepath.Join(filepath.Dir(f.name), ".lock"), 0o700))
	lock, err := os.OpenFile(filepath.Join(filepath.Dir(f.name), ".lock", "lines"), os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	ended := make(chan error, 1)
	go func() {
		_, _, err := found.Falsify(mirrored)
		ended <- err
	}()
	select {
	case <-ended:
		t.Error("it did not wait")
	case <-time.After(300 * time.Millisecond):
	}
	assert.Equal(t, six+" a\n", f.text())
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_UN))
	require.NoError(t, <-ended)
	assert.Equal(t, mirror(six+" a")+"\n", f.text())
}
