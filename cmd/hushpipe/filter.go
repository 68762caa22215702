package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"hushpipe/cmd/hushpipe/early"
	"hushpipe/filter"
	"hushpipe/filter/archive"
	"hushpipe/filter/audit"
	"hushpipe/filter/calendar"
	"hushpipe/filter/counters"
	"hushpipe/filter/input"
	"hushpipe/filter/reveal"
	"hushpipe/filter/store"
	"hushpipe/format"
)

const (
	bufferSize = 64 << 20    // bytes of lines that can wait in memory for the disk
	drainTime  = time.Second // for reading on after SIGTERM: httpd kills the logger of its error log after 3 s

	// signalDebounce is how long a second signal counts as the same one: timeout(1)
	// signals both the process and its group.
	signalDebounce = 200 * time.Millisecond

	// diskTimeout is more than a working disk needs.
	diskTimeout = time.Second

	// longWait and shortWait bound how long a process whose input has ended waits for a
	// disk that is full or does not answer. Each reload of Apache ends an input, and
	// lines that a full disk does not take by then are lost. shortWait applies if
	// somebody waits for the process to exit.
	longWait, shortWait = 10 * time.Minute, 5 * time.Second

	// stopWait bounds the wait for the disk after SIGTERM with --input. systemd waits
	// for 90 s, see packaging/systemd/hushpipe@.service.
	stopWait = time.Minute
)

func filterCommand(stdin, stdout *os.File, log *messageLog) *cobra.Command {
	o := &filterFlags{}
	cmd := &cobra.Command{
		Use:   "filter [flags] DIR",
		Short: "Pseudonymise log lines from stdin, and write daily files to DIR",
		Long:  manualText("filter", "1"),
		Example: `  CustomLog "|/usr/bin/hushpipe filter /var/log/hushpipe" combined
  hushpipe filter --check /var/log/hushpipe && apachectl graceful
  tail -3 log | hushpipe filter --check --sample --format '%h %t "%r" %>s'
  zcat access.log.*.gz | hushpipe filter --stdout |
    goaccess --log-format=COMBINED -o page.html -`,
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.strict, o.checks = o.check, o.check
			if o.check || o.stdout { // nothing is written to DIR
				early.Release()
			}
			if len(args) == 1 {
				o.dir = args[0]
			}
			if hint := missingDirHint(cmd.Flags()); hint != "" && o.dir == "" && !o.stdout && !o.sample {
				return usage("no DIR given%s", hint)
			}
			if o.policy != "" {
				return o.filterByPolicy(cmd, stdin, log)
			}
			return o.filterByFlags(cmd, stdin, stdout, log)
		},
	}
	o.define(cmd.Flags())
	o.liveFlags.define(cmd.Flags())
	return cmd
}

// filterByFlags runs filter without --policy.
func (o *filterFlags) filterByFlags(cmd *cobra.Command, stdin, stdout *os.File, log *messageLog) error {
	pipeline, err := o.pipeline(log)
	if err != nil {
		return err
	}
	if what := whyNoRooms(format.ContentsOf(pipeline.filter.Parser), pipeline.filter.Rooms); what != "" && !o.stdout {
		log.warnf("%s", what)
	}
	if o.check {
		if err := check(o, pipeline, cmd.OutOrStdout(), log); err != nil || !o.sample {
			return err
		}
		if isClosed(stdin) {
			return errNoStdin
		}
		return sample(pipeline, stdin, cmd.OutOrStdout(), isTerminal(stdout))
	}
	src, err := o.openSource(stdin, cmd.Flags(), log)
	if err != nil {
		return err
	}
	if pipeline.account != nil {
		// Wait for a disk that hangs: a thread that is stuck in a system call
		// could not change its user, and setuid would wait for it.
		if err := store.HandOver(pipeline.store.Directory, pipeline.account.uid, pipeline.account.gid, false); err != nil {
			log.error(err)
		}
		if err := pipeline.account.become(); err != nil {
			return err
		}
	}
	if o.stdout {
		confine(o.dir, o.keys, o.metrics)
		return filterToStdout(pipeline, stdin, cmd.OutOrStdout(), log)
	}
	if !src.raw { // the reader of a raw file runs as another user, and not for long
		pipeline.store.Flags = recordable(cmd.Flags())
	}
	return filterToDir(o, pipeline, src, early.Signals(), log)
}

// openSource opens the input of filter: stdin, or the FIFO of --input.
func (o *filterFlags) openSource(stdin *os.File, flags *pflag.FlagSet, log *messageLog) (*source, error) {
	src := &source{file: stdin}
	if o.input != "" {
		var err error
		if src, err = openInput(o.input, log); err != nil {
			return nil, err
		}
	}
	if isClosed(src.file) {
		return nil, errNoStdin
	}
	if st, err := src.file.Stat(); err == nil && st.Mode().IsRegular() && !src.raw {
		if _, err := archive.Open("-", src.file); err != nil { // a compressed file is not text
			return nil, err
		}
	}
	if src.fifo {
		if err := startRawReaders(o.input, o.dir, flags, log.w); err != nil {
			log.error(err)
		}
	}
	return src, nil
}

// filterToDir runs filter on DIR until the end of the input.
func filterToDir(o *filterFlags, pipeline *pipeline, src *source, signals <-chan os.Signal, log *messageLog) error {
	if hasWidth(src.file) {
		if isFile(o.dir) {
			return usage("%s is a file, not a DIR; hint: give a DIR, and the file to stdin: 'hushpipe filter DIR <%s'", o.dir, o.dir)
		}
		log.notef("reading log lines from this terminal to %s; hint: 'hushpipe filter %s <FILE' reads a log; Ctrl-D ends the input", o.dir, o.dir)
	}
	if containsFile(o.dir, src.file) {
		return fmt.Errorf("%s: %w", src, errOwnOutput)
	}
	in, err := src.open()
	if err != nil {
		return fmt.Errorf("read %s: %w", src, err)
	}
	shared := []string{o.metrics}
	if src.raw {
		shared = append(shared, src.file.Name()) // which it deletes
	}
	pipeline.store.Process.Confined, pipeline.store.Process.Memory = confineFilter(o.dir, o.keys, o.databases.paths(), shared...), memoryProtection()
	signal.Ignore(unix.SIGPIPE) // a closed stderr must not stop the lines
	stopping := handleSignals(signals, in, drainWait(pipeline.errorLog, src))
	_, pipeline.store.Replays = in.(filter.CommitReader)
	pipeline.store.Bounds = &calendar.Bounds{}
	pipeline.store.Urgent = func() bool { return input.HalfFull(src.file) }
	s := store.Open(pipeline.store)
	f := filter.New(pipeline.filter, s)
	q := filter.NewQueue(s, bufferSize)
	soFar := counted(f.Snapshot, q)
	s.Observe(soFar, f.Fault)
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	stop := watchLosses(minute.C, pipeline.store.Path, soFar, s.Refused, src.fault, log)
	another := time.NewTicker(time.Minute)
	defer another.Stop()
	defer o.databases.keepUp(another.C, log)()
	quarter := time.NewTicker(metricsEvery)
	defer quarter.Stop()
	started := time.Now()
	stopMetrics := pipeline.metrics.run(quarter.C, func() figures {
		return figures{s.Figures(), pipeline.store.Process.Version, f.Read(), pipeline.store.Counting, q.Held(), pipeline.store.Keep, started, pipeline.store.Process.Fallback, scopeDir, f.Traffic()}
	})
	interrupted, err := stopping.outcome(f.Run(in, q))
	errs := []error{err}
	ctx, cancel := stopping.closeContext(interrupted, isTerminal(src.file))
	defer cancel()
	waits := warnIfSlow(ctx, pipeline.store.Path, q, s, log)
	defer waits.Stop()
	if q.Close(ctx) {
		errs = append(errs, closeWithin(ctx, pipeline.store.Path, func() error {
			s.Settle(ctx)
			return errors.Join(s.Expired(f.Expired()), s.KeepTraffic(f.ExpiredTraffic(), false), s.Close())
		}))
	} else {
		errs = append(errs, errNoAnswer(pipeline.store.Path))
	}
	stop()
	stopMetrics()
	if err == nil && src.raw && errors.Join(errs...) == nil { // otherwise the next start reads the rest
		errs = append(errs, deleteRaw(src.file, o.dir, counted(f.Stats, q)(), log))
	}
	return finish(counted(f.Stats, q)(), f.Fault(), pipeline.filter.Rooms != nil, errors.Join(errs...), log)
}

var errInterrupted = errors.New("interrupted: the input was not read to its end")

var errNoStdin = errors.New("stdin is closed; hint: pipe the log into hushpipe")

func errNoAnswer(dir string) error {
	return fmt.Errorf("%s: the disk does not answer; the room counts since the last minute are lost", dir)
}

// warnIfSlow logs, after diskTimeout, why the process is still waiting for the disk.
func warnIfSlow(ctx context.Context, dir string, q *filter.Queue, s *store.Store, log *messageLog) *time.Timer {
	until, _ := ctx.Deadline()
	patience := time.Until(until).Round(time.Second)
	return time.AfterFunc(diskTimeout, func() {
		if q.Held() > 0 && ctx.Err() == nil {
			log.warnf("%s: lines are not written yet, waiting up to %s: %s%s; hint: Ctrl-C (SIGINT) stops waiting, and the lines are lost",
				dir, inMinutes(patience), cmp.Or(s.Refused(), "the disk does not answer"), notRoot(s.Refused()))
		}
	})
}

// notRoot is the hint for users who lack permission, "" for root.
func notRoot(why string) string {
	if os.Geteuid() == 0 || !strings.HasSuffix(why, unix.EACCES.Error()) {
		return ""
	}
	return "; hint: run it as root, or give a DIR that you can write"
}

// inMinutes formats a duration in minutes, or in seconds below one minute.
func inMinutes(d time.Duration) string {
	if d >= time.Minute {
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}

// finish logs the summary and the error. It returns errReported if anything was lost.
func finish(v counters.Values, fault string, counting bool, err error, log *messageLog) error {
	lost := summary(v, fault, counting, log)
	if err != nil {
		log.error(err)
		lost = true
	}
	if lost {
		return errReported
	}
	return nil
}

// closeWithin closes the store, which may wait for a lock that another process holds.
// It gives up diskTimeout after ctx has ended.
func closeWithin(ctx context.Context, dir string, closeStore func() error) error {
	closed := make(chan error, 1)
	go func() { closed <- closeStore() }()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-closed:
		return err
	case <-time.After(diskTimeout):
		return fmt.Errorf("%s: the disk does not answer, or another process has the lock of the room files; the next start brings them up to date", dir)
	}
}

// stopState is what signals have asked for so far.
type stopState struct {
	interrupt context.Context // canceled by SIGINT
	drained   atomic.Bool     // after SIGTERM
	drainWait time.Duration   // bounds the wait for the disk after SIGTERM
}

// outcome interprets the error of Run: whether a signal interrupted it, and the error
// to report.
func (r *stopState) outcome(err error) (interrupted bool, report error) {
	switch {
	case !errors.Is(err, input.ErrStopped):
		return false, err
	case r.drained.Load(): // the next process reads the rest
		return false, nil
	}
	return true, errInterrupted
}

// drainWait returns how long to wait for the disk if SIGTERM ends the input, 0 if
// SIGTERM does not end it.
func drainWait(errorLog bool, src *source) time.Duration {
	switch {
	case src.fifo || src.raw:
		return stopWait
	case errorLog:
		return shortWait
	}
	return 0
}

// handleSignals ignores SIGHUP, and SIGTERM unless drainWait is positive: Apache sends
// them while its children still write to the pipe, and closes the pipe when the last
// child has exited. An error log has no children to wait for, and a FIFO has no end:
// there, SIGTERM ends the input once everything in the pipe has been read. SIGINT ends
// the input at once; a second SIGINT kills the process.
func handleSignals(signals <-chan os.Signal, in input.Reader, drainWait time.Duration) *stopState {
	interrupt, cancel := context.WithCancel(context.Background())
	stopping := &stopState{interrupt: interrupt, drainWait: drainWait}
	go func() {
		for sig := range signals {
			switch {
			case sig == unix.SIGINT:
				time.AfterFunc(signalDebounce, func() { signal.Reset(unix.SIGINT) })
				in.Stop(0)
				cancel()
			case drainWait > 0 && sig == unix.SIGTERM:
				stopping.drained.Store(true)
				in.Stop(drainTime)
			}
		}
	}()
	return stopping
}

// closeContext bounds the wait for the disk after the end of the input. SIGINT ends it
// early.
func (r *stopState) closeContext(interrupted, terminal bool) (context.Context, context.CancelFunc) {
	switch {
	case interrupted:
		return context.WithTimeout(context.Background(), shortWait)
	case r.drained.Load():
		return context.WithTimeout(r.interrupt, r.drainWait)
	case terminal:
		return context.WithTimeout(r.interrupt, shortWait)
	}
	return context.WithTimeout(r.interrupt, longWait)
}

// filterToStdout writes lines of any age, in the order of the input.
func filterToStdout(pipeline *pipeline, stdin *os.File, stdout io.Writer, log *messageLog) error {
	calendar := &store.Stream{Now: pipeline.store.Now, Log: log.report}
	if pipeline.store.Path != "" {
		keys, err := reveal.Open(pipeline.store.Path, pipeline.store.Keys, log.report)
		if err != nil {
			return err
		}
		defer keys.Close()
		calendar.Keys = keys
	}
	pipeline.filter.Rooms = nil
	f := filter.NewStream(pipeline.filter, calendar)
	err := f.Run(stdin, &directOutput{w: stdout})
	lost := summary(f.Stats(), f.Fault(), false, log)
	if err == nil && lost {
		err = errReported
	}
	return err
}

// directOutput writes each batch at once; the reader waits for it.
type directOutput struct {
	w     io.Writer
	batch filter.Batch
}

func (d *directOutput) Get() *filter.Batch {
	d.batch.Reset()
	return &d.batch
}

func (d *directOutput) Put(b *filter.Batch) error {
	for i := range b.Parts {
		if _, err := d.w.Write(b.Parts[i].Lines); err != nil {
			return err
		}
	}
	return nil
}

func (d *directOutput) Wait(func() bool) {}

// check is filter --check after the flags have been parsed: it checks DIR, --input,
// --user and --metrics.
func check(o *filterFlags, pipeline *pipeline, stdout io.Writer, log *messageLog) error {
	var err error
	switch {
	case o.dir == "": // with --sample or --stdout
	case !o.stdout:
		for _, dir := range []string{o.dir, o.keys} {
			if what := webUserRisk(dir); dir != "" && what != "" {
				log.warnf("%s: %s; hint: %s", dir, what, webUserHint)
			}
		}
		if o.input != "" { // before the process changes its user
			err = checkInput(o.input)
		}
		err = errors.Join(err, pipeline.check())
		if pipeline.account != nil {
			err = errors.Join(err, pipeline.account.check(pipeline.store.Directory))
		}
		if pipeline.metrics != nil {
			err = errors.Join(err, pipeline.metrics.check())
		}
	case pipeline.store.Path != "":
		var keys *reveal.Reader
		if keys, err = reveal.Open(pipeline.store.Path, pipeline.store.Keys, log.report); err == nil {
			err = keys.Close()
		}
	}
	if err != nil {
		return usageError{err}
	}
	fmt.Fprintln(stdout, "hushpipe: configuration OK")
	return nil
}

// counted returns a function that adds the lines dropped by the Queue to the counters
// of a Filter or a Replay.
func counted(stats func() counters.Values, q *filter.Queue) func() counters.Values {
	return func() counters.Values {
		v := stats()
		v.Named, v.Dropped = v.Malformed, q.Dropped()
		return v
	}
}

// check returns an error if filter could not work on DIR.
func (j *pipeline) check() error {
	c := &j.store
	return audit.Check(audit.Config{Path: c.Path, Keys: c.Keys, Secret: c.Secret, Now: c.Now, Log: c.Log})
}
