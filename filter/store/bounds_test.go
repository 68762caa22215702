package store

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
)

// lineCount is how many lines there are in how many files.
func (b *bed) lineCount() (lines, files int) {
	for _, name := range b.names("") {
		if l, behind, ok := dir.ParseLog(name); ok && behind == "" {
			files++
			lines += strings.Count(b.read(l.Name()), "\n")
		}
	}
	return lines, files
}

// TestBoundOfANewerPolicy: a logger that lives on heeds the smaller number of the policy
// that started last, and goes on with segments where that has none.
func TestBoundOfANewerPolicy(t *testing.T) {
	b := newBed(t)
	b.cfg.Bounds = &calendar.Bounds{Entries: 200}
	old := b.open()
	f := b.newFilter(old)
	b.feed(f, old, users(today, "a", 1, 300))
	lines, files := b.lineCount()
	assert.Equal(t, 200, lines)
	assert.Equal(t, 20, files)

	b.cfg.Bounds = &calendar.Bounds{Entries: 100}
	newer := b.open()
	b.pass(newer, time.Minute)
	b.pass(old, time.Minute)
	lines, _ = b.lineCount()
	assert.Equal(t, 100, lines, "what is there as well")
	b.feed(f, old, users(today, "a", 301, 303))
	lines, _ = b.lineCount()
	assert.Equal(t, 93, lines, "a segment of ten lines goes before a line would be one too many")
	require.NoError(t, newer.Close())

	b.cfg.Bounds = &calendar.Bounds{}
	days := b.open()
	b.pass(days, time.Minute)
	b.pass(old, time.Minute)
	b.feed(b.newFilter(days), days, users(today, "a", 400, 649))
	assert.Contains(t, b.names(""), logFile(today))
	lines, _ = b.lineCount()
	assert.Equal(t, 343, lines, "days have no bound in entries")
	require.NoError(t, days.Close())
	require.NoError(t, old.Close())
	assert.Empty(t, b.status().Broken)
	b.heard()
}

// TestBoundIsFoundBroken: status counts.
func TestBoundIsFoundBroken(t *testing.T) {
	b := newBed(t)
	b.cfg.Bounds = &calendar.Bounds{Entries: 20, PeriodImplied: true}
	s := b.open()
	b.feed(b.newFilter(s), s, users(today, "a", 1, 300))
	require.NoError(t, s.Close())
	require.Empty(t, b.status().Broken)
	assert.Equal(t, "20 entries", b.status().Bounds)
	dirtest.Put(t, b.dir, logFile(today-1), "one more\n")
	require.NoError(t, os.Chmod(b.path(logFile(today-1)), 0o640))
	broken := b.status().Broken
	require.Len(t, broken, 1)
	assert.Equal(t, "has more than 20 lines", broken[0].What)
	_, err := Purge(b.cfg.Directory, b.cfg.Keep, false)
	require.NoError(t, err)
	assert.Empty(t, b.status().Broken)
	b.heard()
}
