package filter

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counters"
	"hushpipe/filter/guard"
	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/civil"
)

// testCalendar is a Calendar with a fixed date and computable keys.
type testCalendar struct {
	first  civil.Day      // lines of earlier days expire
	key    *pseudonym.Key // nil: each day has its own
	epoch  uint64
	hasher *rooms.Hasher
}

func newCalendar() *testCalendar {
	return &testCalendar{first: guardtest.Today - 13, epoch: 1, hasher: rooms.NewHasher(nil)}
}

func (c *testCalendar) Place(date civil.Day, dated bool) (civil.Day, calendar.Placement) {
	switch {
	case !dated || date > guardtest.Today+1:
		return guardtest.Today, calendar.Adjusted
	case date < c.first:
		return date, calendar.Expired
	}
	return date, calendar.Open
}

func (c *testCalendar) Key(day civil.Day, _ calendar.Placement) *pseudonym.Key {
	if c.key != nil {
		return c.key
	}
	return guardtest.Key(day)
}

func (c *testCalendar) Epoch() uint64         { return c.epoch }
func (c *testCalendar) Hasher() *rooms.Hasher { return c.hasher }

func testCipher(t testing.TB, mode string) *guard.Cipher {
	return guard.NewCipher(guardtest.Cipher(t, mode))
}

func newConfig(t testing.TB, formatSpec string) Config {
	parser, err := format.New(formatSpec, time.UTC, nil)
	require.NoError(t, err)
	redact, err := treatment.NewRedact()
	require.NoError(t, err)
	matcher, err := rooms.NewMatcher([]string{"jitsi"}, nil)
	require.NoError(t, err)
	return Config{Parser: parser, Redact: redact, Rooms: matcher, Limits: rooms.DefaultLimits, CountV6: 128}
}

// keeping returns cfg in mode keep, which leaves malformed lines of one or two words unchanged.
func keeping(cfg Config) Config {
	cfg.Mode, _ = pseudonym.ParseMode("keep")
	return cfg
}

// collector is an Output that keeps the lines and records of each day, and the number of
// batches.
type collector struct {
	lines   map[civil.Day]string
	records map[civil.Day]string
	puts    int
}

func (c *collector) Get() *Batch { return &Batch{} }

func (c *collector) Wait(func() bool) {}

func (c *collector) Put(b *Batch) error {
	if c.lines == nil {
		c.lines, c.records = map[civil.Day]string{}, map[civil.Day]string{}
	}
	c.puts++
	for _, p := range b.Parts {
		c.lines[p.Day] += string(p.Lines)
		c.records[p.Day] += string(p.Records)
	}
	return nil
}

// treated returns the treated lines of a log with a single stream.
func treated(t testing.TB, cfg Config, cal *testCalendar, log string) (string, counters.Values) {
	f := NewStream(cfg, cal)
	var out bytes.Buffer
	require.NoError(t, f.Run(strings.NewReader(log), &stream{w: &out}))
	return out.String(), f.Stats()
}

// stream is an Output that concatenates the lines of all parts.
type stream struct {
	w     *bytes.Buffer
	batch Batch
}

func (s *stream) Get() *Batch {
	s.batch.Reset()
	return &s.batch
}

func (s *stream) Wait(func() bool) {}

func (s *stream) Put(b *Batch) error {
	for _, p := range b.Parts {
		s.w.Write(p.Lines)
	}
	return nil
}

// withoutMemory makes f a plain reference: it treats each line without the fast parsers and
// without anything cached from earlier lines.
func withoutMemory(f *Filter) {
	parser := f.parser
	if via, ok := parser.(*viaProxies); ok {
		parser = via.Parser
	}
	f.fast, f.guard = nil, guard.New(format.ClientKeysOf(parser), nil)
}
