package main

// filter --policy at work: filterToDir for several streams.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/filter"
	"hushpipe/filter/calendar"
	"hushpipe/filter/counters"
	"hushpipe/filter/dir"
	"hushpipe/filter/input"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/store"
	"hushpipe/filter/traffic"
	"hushpipe/filter/where"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
)

// runningStream is a stream that is being filtered or replayed.
type runningStream struct {
	*streamPipeline
	store *store.Store
	queue *filter.Queue
	soFar func() counters.Values
	stats func() counters.Values // final
	count func() error           // writes the room files of expired days
	hits  func() *traffic.Totals // so far; nil if traffic is not counted
}

// linkedKeys is the calendar of a stream that uses the keys of another stream, for the
// days that the other stream has.
type linkedKeys struct {
	*store.Store
	keys *store.Store
}

func (l linkedKeys) Key(day civil.Day, placement calendar.Placement) *pseudonym.Key {
	if to, at := l.keys.Place(day, true); placement != calendar.Expired && at != calendar.Expired && to == day {
		return l.keys.Key(day, at)
	}
	return l.Store.Key(day, placement)
}

func (l linkedKeys) Epoch() uint64 { return l.Store.Epoch() + l.keys.Epoch() }

// open opens the directories of all streams. Streams with keys of their own come first:
// their retention then applies to the keys.
func (j *policyPipeline) open() []*runningStream {
	all := make([]*runningStream, len(j.streams))
	for _, linked := range []bool{false, true} {
		var opening sync.WaitGroup
		for i, s := range j.streams {
			if s != nil && linked == (s.keys >= 0) {
				all[i] = &runningStream{streamPipeline: s}
				opening.Go(func() { all[i].store = store.Open(s.store) })
			}
		}
		opening.Wait()
	}
	return all
}

// calendarOf returns the calendar of a stream.
func calendarOf(all []*runningStream, s *runningStream) filter.Calendar {
	if s.keys >= 0 && all[s.keys] != nil {
		return linkedKeys{s.store, all[s.keys].store}
	}
	return s.store
}

// run filters the input to the streams of a policy.
func (j *policyPipeline) run(src *source, signals <-chan os.Signal, log *messageLog) error {
	if err := j.checkNotOutput(src); err != nil {
		return err
	}
	if err := j.become(log); err != nil {
		return err
	}
	in, err := src.open()
	if err != nil {
		return fmt.Errorf("read %s: %w", src, err)
	}
	var shared []string
	if j.metrics != nil {
		shared = append(shared, j.metrics.path)
	}
	if j.raw = src.raw; j.raw {
		shared = append(shared, src.file.Name()) // which it deletes
	}
	confined, hidden := confineFilter(j.dir, j.keys, j.databases.paths(), shared...), memoryProtection()
	signal.Ignore(unix.SIGPIPE) // a closed stderr must not stop the lines
	stopping := handleSignals(signals, in, drainWait(format.IsError(j.policy.Format), src))
	recorded := make(chan error, 1)
	dir.WaitFor(diskTimeout, func() { // before the streams, which are in DIR
		err := j.record(log)
		if err != nil {
			log.limited("policy", warning, err.Error())
		}
		recorded <- err
	})
	go purgeHourly(j.dir, j.keys, log)
	for _, s := range j.streams {
		if s != nil {
			_, s.store.Replays = in.(filter.CommitReader)
			s.store.Urgent = func() bool { return input.HalfFull(src.file) }
			s.store.Process.Confined, s.store.Process.Memory, s.store.Process.Fallback = confined, hidden, j.fallback
			s.store.Process.Policy = j.policy.Digest()
		}
	}
	all := j.open()
	quit := make(chan struct{})
	defer close(quit)
	go j.followPolicies(recorded, all, quit, log)
	streams, queues := j.filters(all)
	for _, s := range all {
		if s != nil {
			minute := time.NewTicker(time.Minute)
			defer minute.Stop()
			defer watchLosses(minute.C, s.pipeline.store.Path, s.soFar, s.store.Refused, src.fault, log)()
		}
	}
	another := time.NewTicker(time.Minute)
	defer another.Stop()
	defer j.databases.keepUp(another.C, log)()
	f := filter.NewStreams(j.input, where.New(j.policy), streams)
	fan := filter.NewFan(queues)
	stopMetrics := j.runMetrics(all, f)
	interrupted, err := stopping.outcome(f.Run(in, fan))
	errs := []error{err}
	ctx, cancel := stopping.closeContext(interrupted, isTerminal(src.file))
	defer cancel()
	errs = append(errs, closeStreams(ctx, all, fan)...)
	stopMetrics()
	if err == nil && src.raw && errors.Join(errs...) == nil { // otherwise the next start reads the rest
		v := f.Stats()
		v.Dropped += dropped(all)
		errs = append(errs, deleteRaw(src.file, j.dir, v, log))
	}
	return finishStreams(f.Stats(), f.Fault(), all, errors.Join(errs...), log)
}

// filters makes the filter and the queue of each stream, none for one that writes nothing.
func (j *policyPipeline) filters(all []*runningStream) (streams []filter.Stream, queues []*filter.Queue) {
	for i, s := range all {
		if s == nil {
			streams, queues = append(streams, filter.Stream{Gate: j.gates[i]}), append(queues, nil)
			continue
		}
		if s.filter.Groups != nil {
			s.filter.Groups.Open = s.store.Groups()
		}
		if s.filter.Traffic != nil {
			lowerGOGC()
		}
		f := filter.New(s.filter, calendarOf(all, s))
		s.queue = filter.NewQueue(s.store, bufferSize)
		s.soFar, s.stats, s.hits = counted(f.Snapshot, s.queue), f.Stats, f.Traffic
		s.count = func() error {
			return errors.Join(s.store.Expired(f.Expired()), s.store.KeepTraffic(f.ExpiredTraffic(), false))
		}
		s.store.Observe(s.soFar, f.Fault)
		queues = append(queues, s.queue)
		streams = append(streams, filter.Stream{Filter: f, Get: s.queue.Get, Gate: j.gates[i]})
	}
	return streams, queues
}

// dropped returns how many lines the queues of all streams have dropped.
func dropped(all []*runningStream) (n uint64) {
	for _, s := range all {
		if s != nil {
			n += s.queue.Dropped()
		}
	}
	return n
}

// closeStreams closes all streams in parallel.
func closeStreams(ctx context.Context, all []*runningStream, fan *filter.Fan) []error {
	ended := fan.Close(ctx)
	errs := make([]error, len(all))
	for _, linked := range []bool{true, false} { // in the reverse order of open
		var closing sync.WaitGroup
		for i, s := range all {
			switch {
			case s == nil || linked != (s.keys >= 0):
			case !ended[i]:
				errs[i] = errNoAnswer(s.pipeline.store.Path)
			default:
				closing.Go(func() {
					errs[i] = closeWithin(ctx, s.pipeline.store.Path, func() error {
						s.store.Settle(ctx)
						return errors.Join(s.count(), s.store.Close())
					})
				})
			}
		}
		closing.Wait()
	}
	return errs
}

// finishStreams logs the summary of the input, and for each stream what the input's
// does not cover.
func finishStreams(input counters.Values, fault string, all []*runningStream, err error, log *messageLog) error {
	malformed := input.Malformed
	input.Malformed = 0 // each stream treats them in its own way
	lost := summary(input, fault, false, log)
	if input.Malformed = malformed; malformed > 0 {
		log.warnf("%s in an unknown format; hint: give the format in the policy", ofLines(malformed, input.Lines))
	}
	for _, s := range all {
		if s == nil {
			continue
		}
		v := counted(s.stats, s.queue)()
		lost = lost || v.Lost()
		for _, c := range counters.All {
			if of := *c.Of(&input); of > 0 && *c.Of(&v) <= of {
				continue
			}
			if text := counterText(v, c); text != "" {
				log.logf(severityOf[c.Weight], "%s: %s", s.name, text)
			}
		}
	}
	if err != nil {
		log.error(err)
		lost = true
	}
	if lost {
		return errReported
	}
	return nil
}

// ofLines formats n of a number of lines.
func ofLines(n, lines uint64) string { return prose.Commas(n) + " of " + prose.Plural(lines, "line") }
