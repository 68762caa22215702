package filter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/where"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// gated is a policy with three streams: one with a gate that is open for three days, one with
// such a gate for one user, and one without a gate.
const gated = `format = "combined"
[[stream]]
name = "lines"
purpose = "x"
keep = "14d"
rooms = ["jitsi"]
gate = { longest = "3d" }
active = { from = 2026-11-20, until = 2026-11-22, reason = "x" }

[[stream]]
name = "person"
purpose = "x"
keep = "14d"
rooms = ["jitsi"]
gate = { names = "user" }
active = { from = 2026-11-20, until = 2026-11-22, reason = "x", for = "jane" }

[[stream]]
name = "all"
purpose = "x"
keep = "14d"
`

func gatedPolicy(t testing.TB) *policy.Policy {
	p, mistakes := policy.Parse([]byte(gated))
	require.Empty(t, mistakes)
	return p
}

// TestGateCloses: a gate that is set while lines come applies from the next batch on, also to
// late lines. A stream that needs a gate is closed without one.
func TestGateCloses(t *testing.T) {
	p := gatedPolicy(t)
	s := streamsOf(t, p, func(int) *Batch { return &Batch{} })
	line := func(date, user string) string {
		return fmt.Sprintf("192.0.2.1 - %s [%s:10:00:00 +0100] \"GET /a HTTP/1.1\" 200 5 \"-\" \"-\"\n", user, date)
	}
	log := []byte(line("22/Nov/2026", "jane") + line("21/Nov/2026", "john") + line("19/Nov/2026", "jane"))
	treat := func() (n [3]int) {
		b := &Batch{streams: make([]*Batch, len(p.Streams))}
		s.renew()
		s.treatLines(b, log)
		for i, of := range b.streams {
			if of != nil {
				n[i] = of.lines()
			}
		}
		return n
	}
	assert.Equal(t, [3]int{2, 1, 3}, treat())
	day := civil.NewDay(2026, 11, 21)
	s.all[0].Gate.Set(policy.Opening{Span: policy.Span{From: day - 1, Until: day}})
	assert.Equal(t, [3]int{1, 1, 3}, treat())
	s.all[0].Gate.Set(policy.Opening{Span: policy.Always, User: "john"})
	assert.Equal(t, [3]int{1, 1, 3}, treat())
	for i := range s.all {
		s.all[i].Gate.Set(policy.Opening{Span: policy.Never})
	}
	assert.Equal(t, [3]int{}, treat())
	assert.EqualValues(t, 3, s.Stats().Unfit, "lines that go nowhere are counted")
	for i := range s.all {
		s.all[i].Gate = nil
	}
	assert.Equal(t, [3]int{0, 0, 3}, treat())
}

// TestGateOfJSON: a gate also finds the user and the status in JSON lines.
func TestGateOfJSON(t *testing.T) {
	p, mistakes := policy.Parse([]byte(strings.Replace(strings.Replace(gated, `"combined"`, `"json"`, 1), `"jane"`, `"jäne \"x\""`, 1)))
	require.Empty(t, mistakes)
	line := func(user, status string) string {
		return `{"time":"2026-11-22T07:23:55+0000","remote_ip":"192.0.2.1","remote_user":"` + user + `","request":"GET /a HTTP/1.1","status":` + status + "}\n"
	}
	for log, want := range map[string]int{
		line(`jäne \"x\"`, "200"):      1,
		line(`j\u00e4ne \"x\"`, "200"): 1,
		line(`jäne \"x\"`, "401"):      0,
		line(`jane`, "200"):            0,
		strings.Replace(line(`jäne \"x\"`, "0"), `,"status":0`, "", 1): 0,
	} {
		s := streamsOf(t, p, func(int) *Batch { return &Batch{} })
		b := &Batch{streams: make([]*Batch, len(p.Streams))}
		s.renew()
		s.treatLines(b, []byte(log))
		got := 0
		if b.streams[1] != nil {
			got = b.streams[1].lines()
		}
		assert.Equal(t, want, got, log)
	}
}

// TestGlueThroughGates: a piece of a glued line that is of another day or user is neither
// written nor counted.
func TestGlueThroughGates(t *testing.T) {
	p := gatedPolicy(t)
	for i := range p.Streams {
		p.Streams[i].Figures.Rooms = []string{"jitsi"}
	}
	line := func(client, date, user string) string {
		return fmt.Sprintf("%s - %s [%s:10:00:00 +0000] \"GET /http-bind?room=a HTTP/1.1\" 200 5 \"-\" \"%s\"", client, user, date, strings.Repeat("x", 300))
	}
	const inside, outside = "22/Nov/2026", "19/Nov/2026"
	for _, test := range []struct {
		name, log string
		lines     [3]int // written by each stream
		pairs     [3]int // of a room and a client
	}{
		{"none", line("192.0.2.1", inside, "jane"), [3]int{1, 1, 1}, [3]int{1, 1, 1}},
		{"both inside", line("192.0.2.1", inside, "jane") + line("192.0.2.2", inside, "john"), [3]int{0, 0, 1}, [3]int{0, 0, 2}},
		{"the second outside", line("192.0.2.1", inside, "jane") + line("192.0.2.2", outside, "john"), [3]int{0, 0, 1}, [3]int{0, 0, 2}},
		{"the first outside", line("192.0.2.1", outside, "jane") + line("192.0.2.2", inside, "john"), [3]int{0, 0, 1}, [3]int{0, 0, 2}},
		// It fits the format, but its user is odd.
		{"within a user", "192.0.2.1 - jane - - [" + inside + ":10:00:00 +0000] \"GET /http-bind?room=a HTTP/1.1\" 200 5 \"-\" \"-\"", [3]int{1, 0, 1}, [3]int{1, 0, 1}},
		{"behind a client", "192.0.2.9 - - [" + line("192.0.2.1", inside, "jane"), [3]int{0, 0, 1}, [3]int{1, 0, 1}},
	} {
		s := streamsOf(t, p, func(int) *Batch { return &Batch{} })
		b := &Batch{streams: make([]*Batch, len(p.Streams))}
		s.renew()
		s.treatLines(b, []byte(test.log+"\n"))
		var lines, pairs [3]int
		for i, of := range b.streams {
			if of == nil {
				continue
			}
			lines[i] = of.lines()
			_, pairs[i] = s.all[i].Filter.pairs()
			for _, part := range of.Parts {
				if i < 2 && (part.Day < civil.NewDay(2026, 11, 20) || part.Day > civil.NewDay(2026, 11, 22)) {
					assert.Empty(t, part.Records, "%s: %v", test.name, part.Day)
				}
			}
		}
		assert.Equal(t, test.lines, lines, test.name)
		assert.Equal(t, test.pairs, pairs, test.name)
	}
}

// pairs counts the pairs of all days.
func (f *Filter) pairs() (rooms, pairs int) {
	for _, d := range f.days {
		if d.counts != nil {
			r, p := d.counts.Size()
			rooms, pairs = rooms+r, pairs+p
		}
	}
	return rooms, pairs
}

// TestGatesCostNothing: gates do not allocate.
func TestGatesCostNothing(t *testing.T) {
	p := gatedPolicy(t)
	batches := make([]Batch, len(p.Streams))
	s := streamsOf(t, p, func(i int) *Batch {
		batches[i].Reset()
		return &batches[i]
	})
	log := []byte(strings.Repeat(`192.0.2.1 - jane [22/Nov/2026:10:00:00 +0100] "GET /a HTTP/1.1" 200 5 "-" "-"
192.0.2.1 - j\x61ne [20/Nov/2026:10:00:00 +0100] "GET /b HTTP/1.1" 200 5 "-" "-"
192.0.2.1 - john [19/Nov/2026:10:00:00 +0100] "GET /c HTTP/1.1" 200 5 "-" "-"
`, 100))
	b := &Batch{streams: make([]*Batch, len(p.Streams))}
	treat := func() {
		clear(b.streams)
		s.renew()
		s.treatLines(b, log)
	}
	treat()
	require.Zero(t, testing.AllocsPerRun(20, treat))
	for i, want := range []int{200, 200, 300} {
		assert.Equal(t, want, batches[i].lines(), p.Streams[i].Name)
	}
}

// TestHasGate: where.Matcher reports which streams of a policy need a gate.
func TestHasGate(t *testing.T) {
	m := where.New(gatedPolicy(t))
	assert.True(t, m.HasGate(0))
	assert.False(t, m.HasGate(2))
}
