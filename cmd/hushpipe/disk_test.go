package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFaults: whatever befalls the disk, at the start, under way, or when a new
// day begins, the pipe is read on, and once it is over all is written: each
// line once, whole, counted.
func TestFaults(t *testing.T) {
	needRoot(t)
	program := hushpipeBinary(t)
	for _, f := range faults {
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			d := newDisk(t, f)
			if !f.started {
				f.inject(d)
			}
			s := startPipe(t, exec.Command(program, "filter", d.dir), true)
			const long = 400 * time.Millisecond // the pipe is full after 130 ms
			s.passes(long)
			if !f.started {
				f.repair(d)
			}
			s.written(d)
			before := s.kept(d)

			f.inject(d)
			s.passes(long)
			f.repair(d)
			s.written(d)
			before.stand(d)

			f.inject(d)
			s.ahead.Store(1)
			s.passes(long)
			before.stand(d)
			f.repair(d)
			s.written(d)
			before.stand(d)

			require.Equal(t, 0, s.end(), "%s", s.said)
			t.Logf("%d lines, longest write %s, this machine late by %s; said:\n%s", s.lines(), s.longest, s.rivals, s.said)
			s.checkAll(d.path(""))
			assert.Less(t, strings.Count(s.said.String(), "\n"), 10, "%s", s.said)
		})
	}
}

// written waits until what has been sent so far is on the disk.
func (s *pipeLoad) written(d *disk) {
	s.t.Helper()
	last := s.lines() - 1
	day := s.sent[last].String()
	await(s.t, func() bool {
		return strings.Contains(copyOf(s.t, d.path("access-"+day+".log")), "&id="+itoa(last)+"&")
	}, "line "+itoa(last)+" is not written; "+s.said.String())
}

// keptFiles is what the log files of a DIR hold at some time.
type keptFiles struct {
	t    *testing.T
	text map[string]string
}

func (s *pipeLoad) kept(d *disk) keptFiles {
	k := keptFiles{s.t, map[string]string{}}
	for _, day := range days() {
		text := copyOf(s.t, d.path("access-"+day+".log"))
		k.text[day] = text[:strings.LastIndexByte(text, '\n')+1]
	}
	return k
}

// stand checks that it still stands there.
func (k keptFiles) stand(d *disk) {
	k.t.Helper()
	for day, text := range k.text {
		require.True(k.t, strings.HasPrefix(copyOf(k.t, d.path("access-"+day+".log")), text),
			"what was written on %s was touched", day)
	}
}
