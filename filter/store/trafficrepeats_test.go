package store

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter"
	"hushpipe/filter/treatment"
	"hushpipe/format/policy"
)

// brief keeps neither the hour nor the client: many lines look the same.
const brief = `
[[stream]]
name = "brief"
purpose = "figures"
keep = "14d"
fields = { client = "drop", time = "day", url = "keep", status = "keep" }
`

// briefFilter is a filter of such a stream.
func (b *bed) briefFilter(cal filter.Calendar) *filter.Filter {
	p, mistakes := policy.Parse([]byte(strings.TrimPrefix(brief, "\n")))
	require.Empty(b, mistakes)
	cfg := b.hitConfig()
	var err error
	cfg.Plan, err = treatment.Compile(&p.Streams[0], cfg.Parser)
	require.NoError(b, err)
	cfg.Mode = cfg.Plan.Mode
	return filter.New(cfg, cal)
}

// killed leaves what a process counted that was killed before it committed its lines.
func killedBed(t *testing.T, lines ...string) *bed {
	b := newTrafficBed(t)
	s := b.open()
	b.feedHits(b.briefFilter(s), s, lines...)
	b.killHits(s)
	return b
}

// TestTrafficOfBriefLines: after a kill, lines that are equal in the file are distinguished
// by the raw lines.
func TestTrafficOfBriefLines(t *testing.T) {
	for name, tt := range map[string]struct {
		then []string
		want string
		said string
	}{
		"the same lines": {[]string{hitLine(today, 36000, 1, 1), hitLine(today, 36001, 2, 1)}, "total 2 2 202 2 2 people\n", "counted once"},
		"others":         {[]string{hitLine(today, 36100, 3, 1), hitLine(today, 36101, 4, 1)}, "total 4 4 404 4 4 people\n", ""},
		"the same, and more": {[]string{hitLine(today, 36000, 1, 1), hitLine(today, 36001, 2, 1), hitLine(today, 36002, 3, 1)},
			"total 3 3 303 3 3 people\n", "counted once"},
		"the beginning alone": {[]string{hitLine(today, 36000, 1, 1)}, "total 3 3 303 2 2 people\n", "may be counted twice"},
	} {
		t.Run(name, func(t *testing.T) {
			b := killedBed(t, hitLine(today, 36000, 1, 1), hitLine(today, 36001, 2, 1))
			s := b.open()
			b.feedHits(b.briefFilter(s), s, tt.then...)
			require.NoError(t, s.Close())
			assert.Contains(t, b.figures(today), tt.want)
			if said := b.heard(); tt.said != "" {
				assert.Contains(t, said, tt.said)
			} else {
				assert.Empty(t, said)
			}
		})
	}
}

// TestTrafficOfASlowDisk: the first lines wait for what a killed process counted, as for a
// key. Where that comes later still, it is reported.
func TestTrafficOfASlowDisk(t *testing.T) {
	lines := []string{hitLine(today, 36000, 1, 1), hitLine(today, 36001, 2, 1)}
	t.Run("in time", func(t *testing.T) {
		b := killedBed(t, lines...)
		s := newStore(b.cfg)
		s.keys.Patience = time.Minute
		found := make(chan bool)
		go func() { found <- s.Repeats(today) != nil }()
		s.openWithin(time.Minute, time.Minute)
		assert.True(t, <-found)
		require.NoError(t, s.Close())
		b.heard()
	})
	t.Run("too late", func(t *testing.T) {
		b := killedBed(t, lines...)
		s := newStore(b.cfg)
		s.keys.Patience = time.Nanosecond
		assert.Nil(t, s.Repeats(today))
		assert.NotContains(t, b.heard(), "twice")
		s.keys.Patience = time.Minute
		s.openWithin(time.Minute, time.Minute)
		assert.Contains(t, b.heard(), "the traffic of its last lines may be counted twice")
		assert.Nil(t, s.Repeats(today), "the first lines have gone by")
		require.NoError(t, s.Close())
		b.heard()
	})
	t.Run("nobody was killed", func(t *testing.T) {
		b := newTrafficBed(t)
		s := newStore(b.cfg)
		s.keys.Patience = time.Nanosecond
		assert.Nil(t, s.Repeats(today))
		s.keys.Patience = time.Minute
		s.openWithin(time.Minute, time.Minute)
		require.NoError(t, s.Close())
		assert.Empty(t, b.heard())
	})
}
