package filter

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ledger is a CommitReader that counts committed bytes.
type ledger struct {
	read, committed int
	commits         []int
	err             error
}

func (l *ledger) Ready() bool              { return true }
func (l *ledger) Patient() bool            { return false }
func (l *ledger) Read([]byte) (int, error) { panic("not asked for") }

func (l *ledger) Alarm(func()) (func(time.Duration), func()) { return nil, func() {} }

func (l *ledger) Commit(n int) error {
	l.commits = append(l.commits, n)
	if l.committed += n; l.committed > l.read {
		return errors.New("more than was read")
	}
	return l.err
}

// waiting is an Output whose Wait runs a function in place of a writer.
type waiting struct {
	collector
	meanwhile func()
}

func (w *waiting) Wait(func() bool) { w.meanwhile() }

// TestCommitTracker: each batch is committed as soon as it is written. The reader commits the
// others when it can wait no longer; they are not committed again when they are written later.
func TestCommitTracker(t *testing.T) {
	l, out := &ledger{}, &waiting{}
	u := &commitTracker{in: l, out: out}
	batch := func(n int) *Batch { return &Batch{input: n} }

	l.read, u.read = 100, 100
	a, b, c := batch(40), batch(30), batch(20)
	u.put([]*Batch{a, b, c}, 10) // and ten bytes of an incomplete line
	u.written(a)
	assert.Equal(t, []int{40}, l.commits)
	out.meanwhile = func() { u.written(b) }
	require.NoError(t, u.commit())
	assert.Equal(t, []int{40, 30, 20}, l.commits, "the disk hangs, and the reader cannot wait")
	assert.True(t, u.isEmpty())
	u.written(c)
	assert.Equal(t, []int{40, 30, 20}, l.commits, "late")

	l.read, u.read = 110, u.read+10
	d := batch(21) // with the newline that the last line lacked
	u.put([]*Batch{d}, 0)
	u.written(d)
	assert.Equal(t, []int{40, 30, 20, 20}, l.commits)
	assert.True(t, u.isEmpty())

	l.read, u.read = 210, u.read+100
	f, g := batch(30), batch(50)
	u.put([]*Batch{f, g}, 0) // after twenty bytes of a line that was too long
	u.written(f)
	u.written(g)
	assert.Equal(t, []int{40, 30, 20, 20, 50, 50}, l.commits, "each ends with a line")
	require.NoError(t, u.commit())

	l.read, u.read = 300, u.read+90
	y, h, i := batch(10), batch(40), batch(40)
	u.put([]*Batch{y}, 80)
	u.put([]*Batch{h, i}, 0)
	u.dropped(h)
	u.written(y)
	assert.Equal(t, 220, l.committed, "it was put before")
	u.written(i)
	assert.Equal(t, 220, l.committed, "it is not the first in the pipe")
	require.NoError(t, u.settle())
	assert.Equal(t, 300, l.committed)
	waits := out.meanwhile
	out.meanwhile = func() { t.Error("nothing to wait for") }
	require.NoError(t, u.settle())
	out.meanwhile = waits

	l.read, u.read = 1000, u.read+700
	u.put(nil, 100) // the end of a line that was too long
	assert.False(t, u.isEmpty())
	out.meanwhile = func() {}
	require.NoError(t, u.commit())
	assert.Equal(t, 900, l.committed)

	l.read, u.read = 1300, u.read+300
	u.put(nil, 150)
	j, k := batch(40), batch(110)
	u.put([]*Batch{j}, 110)
	u.put([]*Batch{k}, 0)
	u.written(j)
	assert.Equal(t, 1000-100+250+40, l.committed, "with what was left out before it")
	u.written(k)
	assert.Equal(t, 1300, l.committed)
	assert.True(t, u.isEmpty())

	e := batch(100)
	l.err = errors.New("gone")
	u.put([]*Batch{e}, 0)
	u.written(e)
	assert.False(t, u.isEmpty())
	assert.Equal(t, l.err, u.commit(), "the reader tells of the writer's error")
	require.NoError(t, u.commit(), "once")

	require.NoError(t, (&commitTracker{}).commit())
}
