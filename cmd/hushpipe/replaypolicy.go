package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"hushpipe/filter"
	"hushpipe/filter/archive"
	"hushpipe/filter/calendar"
	"hushpipe/filter/counters"
	"hushpipe/filter/dir"
	"hushpipe/filter/registry"
	"hushpipe/filter/where"
	"hushpipe/format/civil"
)

// replayByPolicy runs replay --policy. Unlike filter, it exits if the policy has a
// mistake.
func (o *replayFlags) replayByPolicy(cmd *cobra.Command, stdin *os.File, log *messageLog) error {
	if err := checkPolicyConflicts(cmd.Flags()); err != nil {
		return err
	}
	p, text, err := o.readPolicy()
	if err := o.rejectMistakes(p, err, cmd.ErrOrStderr()); err != nil {
		return err
	}
	jobs := make([]*policyPipeline, runtime.GOMAXPROCS(0)) // one for each worker
	for i := range jobs {
		if jobs[i], err = o.policyPipeline(p, text, log); err != nil {
			return usageError{err}
		}
	}
	files, err := o.open(stdin)
	if err != nil {
		return err
	}
	j := jobs[0]
	for _, s := range j.streams {
		if s != nil && s.filter.Groups != nil {
			return usage("stream %s: replay releases no groups, since their days are over; hint: give a policy without this stream", s.name)
		}
		if s != nil {
			if err := inStream(s, files, o.paths, stdin); err != nil {
				return err
			}
		}
	}
	confined, hidden := confineReplay(o.dir, o.keys, o.paths), memoryProtection()
	for _, s := range j.streams {
		if s != nil {
			s.store.Finish, s.store.Process.Policy = true, j.policy.Digest()
			s.store.Process.Confined, s.store.Process.Memory = confined, hidden
		}
	}
	return o.replayStreams(jobs, files, log)
}

// inStream returns an error if one of the files is in the directory of a stream.
func inStream(s *streamPipeline, files []*archive.File, paths []string, stdin *os.File) error {
	for i, path := range paths {
		if path != "-" && isInDir(path, s.store.Path) || path == "-" && containsFile(s.store.Path, stdin) {
			return fmt.Errorf("%s: %w", files[i].Name(), errOwnOutput)
		}
	}
	return nil
}

// replayStreams replays the files to the streams of a policy.
func (o *replayFlags) replayStreams(jobs []*policyPipeline, files []*archive.File, log *messageLog) error {
	ctx, j := interruptible(), jobs[0]
	if err := j.check(log); err != nil {
		return err
	}
	workers := workersOf(jobs)
	if err := o.refuseExistingDaysOfStreams(ctx, j, workers, files, log); err != nil {
		return err
	}
	if err := j.record(log); err != nil {
		return err
	}
	all := j.open()
	for _, s := range all {
		if s != nil {
			s.recordKeys()
		}
	}
	queues, to := make([]*filter.Queue, len(all)), make([]filter.Destination, len(all))
	for i, s := range all {
		if s == nil {
			continue
		}
		s.queue = filter.NewQueue(s.store, bufferSize)
		s.queue.BePatient(func() bool { return ctx.Err() == nil })
		queues[i], to[i] = s.queue, filter.Destination{Calendar: calendarOf(all, s), Get: s.queue.Get, Gate: j.gates[i]}
	}
	r := filter.NewStreamsReplay(workers, to)
	for i, s := range all {
		if s != nil {
			s.stats = func() counters.Values { return r.StatsOf(i) }
			s.store.Observe(counted(s.stats, s.queue), func() string { return r.FaultOf(i) })
		}
	}
	fan := filter.NewFan(queues)
	in := archive.NewReader(files, len(workers))
	stop := log.progress("replayed", files, in, func() uint64 { return r.Stats().Lines })
	err := r.Run(ctx, in, fan)
	changed := (*archive.ChangedError)(nil)
	interrupted := errors.As(err, &changed) || errors.Is(err, context.Canceled)
	wait, seenExpired := ctx, false
	if interrupted {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(context.Background(), shortWait)
		defer cancel()
	}
	for i, s := range all {
		if s == nil {
			continue
		}
		expired := r.ExpiredOf(i)
		seenExpired = seenExpired || len(expired) > 0
		s.count = func() error {
			switch {
			case interrupted: // an incomplete count could not be completed later
				return nil
			case o.force && err == nil: // otherwise some lines were not counted
				return errors.Join(s.store.Recount(expired), s.store.KeepTraffic(r.TrafficOf(i), true))
			}
			return errors.Join(s.store.Expired(expired), s.store.KeepTraffic(r.TrafficOf(i), false))
		}
	}
	errs := closeStreams(wait, all, fan)
	stop()
	if interrupted {
		err = o.resumeError(r.Stats().Lines, dropped(all), seenExpired, changed)
	}
	return finishStreams(r.Stats(), r.Fault(), all, errors.Join(append([]error{err}, errs...)...), log)
}

// workersOf returns a worker for each pipeline.
func workersOf(jobs []*policyPipeline) []filter.StreamsWorker {
	workers := make([]filter.StreamsWorker, len(jobs))
	for i, of := range jobs {
		workers[i] = filter.StreamsWorker{Input: of.input, Match: where.New(of.policy), Streams: make([]*filter.Config, len(of.streams))}
		for k, s := range of.streams {
			if s != nil {
				workers[i].Streams[k] = &s.filter
			}
		}
	}
	return workers
}

// recordKeys records in the directory of a stream where its keys are, if they are
// elsewhere and no filter has recorded it. Commands that read the stream look there.
func (s *runningStream) recordKeys() {
	if _, err := registry.ReadSettings(s.pipeline.store.Path); s.pipeline.store.Flags == nil || !errors.Is(err, fs.ErrNotExist) {
		return
	}
	d, err := dir.Open(s.pipeline.store.Path, dir.Options{Keys: s.pipeline.store.Keys})
	if err != nil {
		return // its store reports the error
	}
	defer d.Close()
	registry.New(registry.Config{Path: s.pipeline.store.Path, Flags: s.pipeline.store.Flags, Now: now, Report: dir.NewReporter(s.pipeline.store.Log, now)}).RecordSettings(d, now())
}

// refuseExistingDaysOfStreams is refuseExistingDays for the streams of a policy.
func (o *replayFlags) refuseExistingDaysOfStreams(ctx context.Context, j *policyPipeline, workers []filter.StreamsWorker, files []*archive.File, log *messageLog) error {
	days, to, mayClash := make([]existingDays, len(j.streams)), make([]filter.Destination, len(j.streams)), false
	for i, s := range j.streams {
		if s == nil {
			continue
		}
		var err error
		if days[i], err = o.existingDays(s.pipeline); err != nil {
			return err
		}
		to[i].Calendar, mayClash = days[i].calendar, mayClash || days[i].mayClash
	}
	if !mayClash {
		return nil
	}
	return o.scanFiles(ctx, files, len(workers), log, func(in *archive.Reader) error {
		return filter.NewStreamsReplay(workers, to).Days(ctx, in, func(stream int, day civil.Day, placement calendar.Placement) error {
			return days[stream].clash(day, placement)
		})
	})
}
