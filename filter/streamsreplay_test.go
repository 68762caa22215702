package filter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/archive"
	"hushpipe/filter/calendar"
	"hushpipe/filter/rooms"
	"hushpipe/filter/where"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// replayedStreams have whole lines with rooms, fields, figures alone, and one stream that
// writes nothing.
const replayedStreams = `
[[stream]]
name = "whole"
purpose = "x"
keep = "14d"
rooms = ["jitsi"]
[[stream]]
name = "fields"
purpose = "x"
keep = "14d"
where = { query = ["room=room1", "room=room2"] }
fields = { client = "ipcrypt", time = "hour", url = "path", status = "keep" }
[[stream]]
name = "figures"
purpose = "x"
keep = "none"
unless = { query = "room=room1" }
rooms = ["jitsi"]
[[stream]]
name = "nothing"
purpose = "x"
keep = "none"
`

// byStream is what each stream writes, by day.
type byStream []*collector

func (c byStream) Get() *Batch { return &Batch{streams: make([]*Batch, len(c))} }

func (c byStream) Put(b *Batch) error {
	for i, of := range b.streams {
		if of != nil {
			c[i].Put(of)
		}
	}
	return nil
}

func (c byStream) Wait(func() bool) {}

func newByStream(p *policy.Policy) (c byStream) {
	for range p.Streams {
		c = append(c, &collector{})
	}
	return c
}

// configsOf returns the Configs that streamsOf makes Filters from; nil for a stream that takes
// no lines.
func configsOf(t testing.TB, p *policy.Policy, limits rooms.Limits) (input Config, streams []*Config) {
	all := streamsConfigs(t, p)
	for i := range all {
		if all[i].Limits = limits; p.Streams[i].Keep.None() && !p.Streams[i].Figures.Any() {
			streams = append(streams, nil)
			continue
		}
		streams = append(streams, &all[i])
	}
	return newConfig(t, p.Format), streams
}

// TestStreamsReplayIsStreams: for any number of workers, and however the log is split into files,
// each stream writes and counts the same as with Streams.
func TestStreamsReplayIsStreams(t *testing.T) {
	p, mistakes := policy.Parse([]byte(replayedStreams))
	require.Empty(t, mistakes)
	log := manyDaysLog(12_000)
	third := len(log) / 3
	cuts := []string{log[:third], log[third : 2*third], "", log[2*third : 2*third+5], log[2*third+5 : len(log)-1]}
	for _, limits := range []rooms.Limits{{Rooms: 30, Pairs: 3000}, rooms.DefaultLimits} {
		input, cfgs := configsOf(t, p, limits)
		streams := make([]Stream, len(cfgs))
		for i, cfg := range cfgs {
			if cfg != nil {
				streams[i] = Stream{Filter: New(*cfg, newCalendar()), Get: func() *Batch { return &Batch{} }}
			}
		}
		one, want := NewStreams(input, where.New(p), streams), newByStream(p)
		require.NoError(t, run(one, strings.NewReader(log[:len(log)-1]), want))
		require.Len(t, want[0].lines, 3)
		require.NotEmpty(t, want[1].lines)
		require.Empty(t, strings.Join(linesOf(want[2]), ""))
		for _, workers := range []int{1, 2, 7} {
			t.Run(fmt.Sprintf("rooms=%d/workers=%d", limits.Rooms, workers), func(t *testing.T) {
				var of []StreamsWorker
				for range workers {
					input, cfgs := configsOf(t, p, limits)
					of = append(of, StreamsWorker{input, where.New(p), cfgs})
				}
				to := make([]Destination, len(cfgs))
				for i := range to {
					to[i] = Destination{Calendar: newCalendar(), Get: func() *Batch { return &Batch{} }}
				}
				r, got := NewStreamsReplay(of, to), newByStream(p)
				require.NoError(t, r.Run(t.Context(), archive.NewReader(openFiles(t, cuts...), 2), got))
				assert.Equal(t, one.Stats(), r.Stats())
				assert.Empty(t, r.Fault())
				for i := range cfgs {
					name := p.Streams[i].Name
					assert.True(t, fmt.Sprint(want[i].lines) == fmt.Sprint(got[i].lines), "the lines of %s differ", name)
					for day, records := range want[i].records {
						assert.Equal(t, pairs(records), pairs(got[i].records[day]), "%s, %s", name, day)
					}
					if cfgs[i] != nil {
						assert.Equal(t, streams[i].Filter.Stats(), r.StatsOf(i), name)
						assert.Equal(t, fmt.Sprint(streams[i].Filter.Expired()), fmt.Sprint(r.ExpiredOf(i)), name)
						assert.Empty(t, r.FaultOf(i))
					}
				}
			})
		}
	}
}

func linesOf(c *collector) (list []string) {
	for _, lines := range c.lines {
		list = append(list, lines)
	}
	return list
}

// TestStreamsReplayDays: Days finds the days that the lines of each stream go to.
func TestStreamsReplayDays(t *testing.T) {
	p, mistakes := policy.Parse([]byte(replayedStreams))
	require.Empty(t, mistakes)
	input, cfgs := configsOf(t, p, rooms.DefaultLimits)
	to := make([]Destination, len(cfgs))
	for i := range to {
		to[i].Calendar = newCalendar()
	}
	line := func(date, room string) string {
		return `192.0.2.1 - - [` + date + `:10:00:00 +0000] "GET /http-bind?room=` + room + ` HTTP/1.1" 200 5` + "\n"
	}
	log := line("22/Nov/2026", "room1") + line("17/May/2015", "room1") + line("21/Nov/2026", "room7") + "half [18/May/2015:10:00:00 +0000]\n\n"
	found := map[string][]string{}
	r := NewStreamsReplay([]StreamsWorker{{input, where.New(p), cfgs}}, to)
	require.NoError(t, r.Days(t.Context(), archive.NewReader(openFiles(t, log), 1), func(stream int, day civil.Day, placement calendar.Placement) error {
		name := p.Streams[stream].Name
		found[name] = append(found[name], fmt.Sprint(day, " ", placement == calendar.Expired))
		return nil
	}))
	assert.Equal(t, map[string][]string{
		"whole":   {"2026-11-22 false", "2015-05-17 true", "2026-11-21 false", "2026-11-22 false"},
		"fields":  {"2026-11-22 false", "2015-05-17 true"},
		"figures": {"2026-11-21 false"},
	}, found)
}
