package filter

import (
	"context"
	"errors"
	"io"
	"sync"

	"hushpipe/filter/archive"
	"hushpipe/filter/calendar"
	"hushpipe/filter/counters"
	"hushpipe/filter/rooms"
	"hushpipe/filter/traffic"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/machine"
)

// Replay treats the lines of archives on several processors. Its output is that of one Filter
// for the same bytes, in the same order.
//
// One goroutine cuts the input into chunks of whole lines, and each worker treats chunks with
// a Filter of its own. Run merges the results in the order of the input, and finds there
// which pairs of room and address are new.
type Replay struct {
	workers []*Filter
	dedup   *orderedDedup

	mu    sync.Mutex // guards stats
	stats counters.Values
}

// chunksAWorker is how many chunks may be in progress for each worker.
const chunksAWorker = 2

// NewReplay returns a Replay with one worker for each of the parsers, which replace cfg's.
func NewReplay(cfg Config, parsers []format.Parser, cal Calendar) *Replay {
	r := &Replay{dedup: newOrderedDedup(cfg.Limits, chunksAWorker*len(parsers))}
	if cfg.Traffic != nil {
		r.dedup.traffic = traffic.NewDays(cfg.Traffic.Options)
	}
	for _, p := range parsers {
		cfg.Parser = p
		r.workers = append(r.workers, newFilter(cfg, cal, &deferred{&r.dedup.farFromLimits}))
	}
	return r
}

// Stats returns the counts of the lines that were put so far. It may be called from any
// goroutine.
func (r *Replay) Stats() counters.Values {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

// Fault returns the place of an error in hushpipe, see Filter.Fault; "" for none. It may be
// called from any goroutine.
func (r *Replay) Fault() string {
	for _, f := range r.workers {
		if fault := f.Fault(); fault != "" {
			return fault
		}
	}
	return ""
}

// Expired returns the room counts of the expired days with a line that could be parsed.
func (r *Replay) Expired() map[civil.Day]rooms.DayCounts { return r.dedup.Expired() }

// Traffic returns the traffic figures, nil if none are counted.
func (r *Replay) Traffic() *traffic.Days { return r.dedup.traffic }

// Run treats the lines of in until its end, and passes them to out. It concatenates files: if
// a file does not end with a newline, its last line continues in the next file, unless the
// file could not be read to its end. Run returns the errors of files at the end. It stops at
// an *archive.ChangedError, an error of out, or the end of ctx; the lines that were put until
// then are a prefix of the input.
func (r *Replay) Run(ctx context.Context, in *archive.Reader, out Output) error {
	return replay(ctx, in, r.workers, func(f *Filter, c *chunk) {
		c.batch = out.Get()
		f.renew()
		f.stats = counters.Values{}
		f.treatLines(c.batch, c.lines)
		c.stats = f.stats
	}, func(c *chunk) error {
		r.dedup.keepNew(c.batch)
		r.mu.Lock()
		r.stats = r.stats.Plus(c.stats)
		r.stats.Overflow = r.dedup.Overflow()
		r.mu.Unlock()
		return out.Put(c.batch)
	})
}

// Days finds the days to which Run would assign the lines of in. It calls clash at least once
// for each day, and returns its first error.
func (r *Replay) Days(ctx context.Context, in *archive.Reader, clash func(civil.Day, calendar.Placement) error) error {
	return replay(ctx, in, r.workers, func(f *Filter, c *chunk) {
		c.days = f.findDays(c.days[:0], c.lines)
	}, func(c *chunk) error {
		for _, p := range c.days {
			if err := clash(p.day, p.placement); err != nil {
				return err
			}
		}
		return nil
	})
}

// chunk is a number of whole lines, and the result of one worker for them.
type chunk struct {
	block *archive.Block
	lines []byte // whole lines of block
	done  chan struct{}

	batch   *Batch
	stats   counters.Values
	days    []placed
	streams []streamShare // of a StreamsReplay
}

// replay calls work for each chunk, from the goroutine of some worker, and then collect, in
// the order of the input and from the caller's goroutine.
func replay[W any](ctx context.Context, in *archive.Reader, workers []W, work func(W, *chunk), collect func(*chunk) error) error {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(ctx, in.Close)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	under := chunksAWorker * len(workers)
	todo, ordered, free := make(chan *chunk, under), make(chan *chunk, under), make(chan *chunk, under)
	for range under {
		free <- &chunk{done: make(chan struct{}, 1)}
	}
	var faults error // errors of the input
	running.Go(func() {
		defer close(ordered)
		defer close(todo)
		faults = cutAll(ctx, in, free, func(c *chunk) {
			todo <- c
			ordered <- c
		})
	})
	for _, f := range workers {
		running.Go(func() {
			for c := range todo {
				if ctx.Err() == nil {
					work(f, c)
				}
				c.done <- struct{}{}
			}
		})
	}
	for c := range ordered {
		<-c.done
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := collect(c); err != nil {
			return err
		}
		in.Free(c.block)
		free <- c
	}
	return faults
}

// cutAll cuts the input into chunks. It returns the errors of files.
func cutAll(ctx context.Context, in *archive.Reader, free <-chan *chunk, send func(*chunk)) error {
	var faults []error
	var cut cutter
	var rest []byte // incomplete last line of the block, for the next one
	for {
		b, err := in.Next()
		ended := err != nil
		if ended {
			b = &archive.Block{}
		} else if errors.As(b.Err, new(*archive.ChangedError)) {
			return errors.Join(append(faults, b.Err)...)
		}
		b.Prepend(rest)
		if b.Err != nil {
			faults = append(faults, b.Err)
		}
		lines, next := cut.cut(b.Bytes(), ended || b.Err != nil)
		rest = append(rest[:0], next...)
		if len(lines) == 0 {
			in.Free(b)
		} else {
			select {
			case c := <-free:
				c.block, c.lines = b, lines
				send(c)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err == io.EOF {
			return errors.Join(faults...)
		} else if err != nil {
			return err
		}
	}
}

// placed is where lines of one date go.
type placed struct {
	date      civil.Day
	dated     bool
	day       civil.Day
	placement calendar.Placement
}

// findDays appends the days that the lines go to, or whose rooms they count for. It rarely
// appends a day more than once.
func (f *Filter) findDays(dst []placed, lines []byte) []placed {
	f.hasNUL = machine.HasNUL(lines)
	var last placed
	for len(lines) > 0 {
		var line []byte
		line, lines = f.delims.Cut(lines)
		p, ok := f.findDay(line, last)
		if ok && (len(dst) == 0 || dst[len(dst)-1] != p) {
			dst = append(dst, p)
		}
		last = p
	}
	return dst
}

// findDay returns where a line goes; last is the result for the line before. ok is false for
// a line that is neither written nor counted.
func (f *Filter) findDay(line []byte, last placed) (p placed, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false // treatSome leaves the line out too
		}
	}()
	l := &f.line
	known := f.parseFast(line, l)
	if !known {
		known, _ = f.parse(line, l)
	}
	if p = last; p.day == 0 || p.date != l.Day || p.dated != l.HasDay {
		p = placed{date: l.Day, dated: l.HasDay}
		p.day, p.placement = f.cal.Place(p.date, p.dated)
	}
	return p, known || p.placement != calendar.Expired
}
