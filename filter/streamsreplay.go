package filter

import (
	"cmp"
	"context"
	"sync"

	"hushpipe/filter/archive"
	"hushpipe/filter/calendar"
	"hushpipe/filter/counters"
	"hushpipe/filter/rooms"
	"hushpipe/filter/traffic"
	"hushpipe/filter/where"
	"hushpipe/format/civil"
	"hushpipe/format/machine"
)

// StreamsReplay is a Replay for the streams of a policy. Its output is that of one Streams for
// the same bytes, in the same order.
type StreamsReplay struct {
	workers []*Streams
	dedups  []*orderedDedup // by stream, nil for one that takes no lines

	mu    sync.Mutex // guards what follows
	stats counters.Values
	each  []counters.Values
}

// StreamsWorker configures one worker of a StreamsReplay. Workers may share only Redact,
// Rooms, Plan and Proxies of the Configs.
type StreamsWorker struct {
	Input   Config // for parsing, see NewStreams
	Match   *where.Matcher
	Streams []*Config // by stream, nil for one that takes no lines
}

// Destination is where the lines of a stream go.
type Destination struct {
	Calendar Calendar
	Get      func() *Batch // returns an empty batch; called from several goroutines
	Gate     *Gate         // see Stream
}

// NewStreamsReplay returns a StreamsReplay with these workers, which all have the same
// streams, and a Destination for each stream.
func NewStreamsReplay(workers []StreamsWorker, to []Destination) *StreamsReplay {
	r := &StreamsReplay{dedups: make([]*orderedDedup, len(to)), each: make([]counters.Values, len(to))}
	for i, cfg := range workers[0].Streams {
		if cfg != nil {
			r.dedups[i] = newOrderedDedup(cfg.Limits, chunksAWorker*len(workers))
			if cfg.Traffic != nil {
				r.dedups[i].traffic = traffic.NewDays(cfg.Traffic.Options)
			}
		}
	}
	for _, w := range workers {
		all := make([]Stream, len(to))
		for i, cfg := range w.Streams {
			if cfg != nil {
				all[i] = Stream{Filter: newFilter(*cfg, to[i].Calendar, &deferred{&r.dedups[i].farFromLimits}), Get: to[i].Get, Gate: to[i].Gate}
			}
		}
		r.workers = append(r.workers, NewStreams(w.Input, w.Match, all))
	}
	return r
}

// streamShare is a stream's counts of a chunk, or the days of its lines.
type streamShare struct {
	stats counters.Values
	days  []placed
}

// shares returns the shares of a chunk, emptied.
func (r *StreamsReplay) shares(c *chunk) []streamShare {
	if c.streams == nil {
		c.streams = make([]streamShare, len(r.dedups))
	}
	for i := range c.streams {
		c.streams[i] = streamShare{days: c.streams[i].days[:0]}
	}
	return c.streams
}

// Run is Replay.Run. out is the Fan of the streams' queues.
func (r *StreamsReplay) Run(ctx context.Context, in *archive.Reader, out Output) error {
	return replay(ctx, in, r.workers, func(s *Streams, c *chunk) {
		shares := r.shares(c)
		c.batch = out.Get()
		s.renew()
		s.reader.stats = counters.Values{}
		for i := range s.all {
			if f := s.all[i].Filter; f != nil {
				f.stats = counters.Values{}
			}
		}
		s.treatLines(c.batch, c.lines)
		c.stats = s.reader.stats
		for i := range s.all {
			if f := s.all[i].Filter; f != nil {
				shares[i].stats = f.stats
			}
		}
	}, func(c *chunk) error {
		for i, t := range r.dedups {
			if b := c.batch.streams[i]; b != nil {
				t.keepNew(b)
			}
		}
		r.mu.Lock()
		r.stats = r.stats.Plus(c.stats)
		for i, t := range r.dedups {
			if t != nil {
				r.each[i] = r.each[i].Plus(c.streams[i].stats)
				r.each[i].Overflow = t.Overflow()
			}
		}
		r.mu.Unlock()
		return out.Put(c.batch)
	})
}

// Stats returns the counts of the input so far. It may be called from any goroutine.
func (r *StreamsReplay) Stats() counters.Values {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

// StatsOf returns the counts of a stream so far. It may be called from any goroutine.
func (r *StreamsReplay) StatsOf(stream int) counters.Values {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.each[stream]
}

// Fault is Filter.Fault, of the input and all streams.
func (r *StreamsReplay) Fault() (place string) {
	for _, s := range r.workers {
		place = cmp.Or(place, s.Fault())
	}
	return place
}

// FaultOf is Filter.Fault of a stream.
func (r *StreamsReplay) FaultOf(stream int) (place string) {
	for _, s := range r.workers {
		place = cmp.Or(place, s.all[stream].Filter.Fault())
	}
	return place
}

// ExpiredOf is Replay.Expired for a stream.
func (r *StreamsReplay) ExpiredOf(stream int) map[civil.Day]rooms.DayCounts {
	return r.dedups[stream].Expired()
}

// TrafficOf is Replay.Traffic for a stream.
func (r *StreamsReplay) TrafficOf(stream int) *traffic.Days { return r.dedups[stream].traffic }

// Days is Replay.Days for all streams.
func (r *StreamsReplay) Days(ctx context.Context, in *archive.Reader, clash func(stream int, day civil.Day, placement calendar.Placement) error) error {
	return replay(ctx, in, r.workers, func(s *Streams, c *chunk) {
		s.findDays(r.shares(c), c.lines)
	}, func(c *chunk) error {
		for i := range c.streams {
			for _, p := range c.streams[i].days {
				if err := clash(i, p.day, p.placement); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// findDays is Filter.findDays for all streams: it appends to each stream's share.
func (s *Streams) findDays(shares []streamShare, lines []byte) {
	s.reader.hasNUL = machine.HasNUL(lines)
	for len(lines) > 0 {
		s.line, lines = s.reader.delims.Cut(lines)
		s.findDaysOf(shares)
	}
}

func (s *Streams) findDaysOf(shares []streamShare) {
	defer func() {
		_ = recover() // treatSome leaves the line out too
	}()
	l := &s.reader.line
	l.Day, l.HasDay = 0, false // for an empty line, which is not parsed
	s.read()
	for i := range s.all {
		f := s.all[i].Filter
		if f == nil || !s.match.Fits(i) || s.all[i].bounded && !s.isThrough(&s.all[i].opening) || !s.known && f.plan != nil && f.rooms == nil {
			continue
		}
		days := &shares[i].days
		p := placed{date: l.Day, dated: l.HasDay}
		if n := len(*days); n > 0 && (*days)[n-1].date == p.date && (*days)[n-1].dated == p.dated {
			continue
		}
		if p.day, p.placement = f.cal.Place(p.date, p.dated); s.known || p.placement != calendar.Expired {
			*days = append(*days, p)
		}
	}
}
