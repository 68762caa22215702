package filter

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
	"hushpipe/format/trafficfile"
)

// hitMeter treats the log of a blog in batches of the same size as Run's, so that the cost of a
// batch is shared by as many lines.
type hitMeter struct {
	f     *Filter
	batch Batch
	log   []byte
	lines int
	taken func(*Part) // called for each part of a batch, may be nil
}

func newHitMeter(t testing.TB, counted bool) *hitMeter {
	cfg := newConfig(t, "combined")
	if counted {
		cfg.Traffic = &Traffic{Options: traffic.Defaults(), Zone: time.UTC}
	}
	log := recordedLogs(t)["apache-combined-2015.log"]
	return &hitMeter{f: New(cfg, everyDay()), log: []byte(log), lines: strings.Count(log, "\n")}
}

// treat treats the log once, and returns the CPU time.
func (m *hitMeter) treat() time.Duration {
	start := threadTime()
	for rest := m.log; len(rest) > 0; {
		n := min(len(rest), batchSize)
		n = bytes.LastIndexByte(rest[:n], '\n') + 1
		m.batch.Reset()
		m.f.renew()
		m.f.treatLines(&m.batch, rest[:n])
		for i := range m.batch.Parts {
			if m.taken != nil {
				m.taken(&m.batch.Parts[i])
			}
		}
		rest = rest[n:]
	}
	return threadTime() - start
}

// verify compares the counts of the batches with the log.
func (m *hitMeter) verify(t testing.TB) {
	days := traffic.NewDays(traffic.Defaults())
	m.taken = func(p *Part) {
		require.NotEmpty(t, p.Hits)
		require.NoError(t, days.Add(p.Day, p.Hits))
	}
	m.treat()
	m.taken = nil
	hits := uint64(0)
	for _, day := range []civil.Day{civil.NewDay(2015, 5, 17), civil.NewDay(2015, 5, 18)} {
		figures := days.Figures(day, traffic.Names{})
		require.NotEmpty(t, trafficfile.Append(nil, figures))
		for _, c := range figures.Cells {
			if c.Kind == "total" && (c.Key == "people" || c.Key == "robots") {
				hits += c.Numbers[1]
			}
		}
	}
	require.EqualValues(t, m.lines, hits)
}

// BenchmarkTraffic treats a log with and without counting its hits. cpu-ns/line is the CPU time
// of the fastest pass, which other programs on the machine disturb least.
//
//	go test ./filter -run '^$' -bench Traffic/
func BenchmarkTraffic(b *testing.B) {
	for _, counted := range []bool{false, true} {
		name := map[bool]string{false: "traffic=off", true: "traffic=on"}[counted]
		b.Run(name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			m := newHitMeter(b, counted)
			if counted {
				m.verify(b)
			}
			m.treat()
			b.SetBytes(int64(len(m.log)))
			b.ReportAllocs()
			fastest := time.Duration(math.MaxInt64)
			for b.Loop() {
				fastest = min(fastest, m.treat())
			}
			b.ReportMetric(float64(fastest.Nanoseconds())/float64(m.lines), "cpu-ns/line")
		})
	}
}

// TestTrafficAllocations: after the first batch, counting hits does not allocate, even for
// unknown user agents.
func TestTrafficAllocations(t *testing.T) {
	m := newHitMeter(t, true)
	m.verify(t)
	for range 3 {
		m.treat()
	}
	assert.Zero(t, testing.AllocsPerRun(5, func() { m.treat() }), "for %d lines", m.lines)

	opt := traffic.Defaults()
	opt.IgnoreUA = []string{"uptime", "müller"}
	cfg := newConfig(t, "combined")
	cfg.Traffic = &Traffic{Options: opt, Zone: time.UTC}
	m = &hitMeter{f: New(cfg, everyDay()), lines: 20_000}
	for i := range m.lines {
		m.log = fmt.Appendf(m.log, "192.0.2.%d - - [10/Mar/2026:08:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"Invented %d of MÜNCHEN\"\n", i%4, i)
	}
	for range 3 {
		m.treat()
	}
	assert.Zero(t, testing.AllocsPerRun(3, func() { m.treat() }), "for %d user agents", m.lines)
}
