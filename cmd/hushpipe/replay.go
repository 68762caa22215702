package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"hushpipe/filter"
	"hushpipe/filter/archive"
	"hushpipe/filter/audit"
	"hushpipe/filter/calendar"
	"hushpipe/filter/store"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
)

// replayFlags is the command line of replay.
type replayFlags struct {
	filterFlags
	paths  []string
	append bool
	force  bool
}

func replayCommand(stdin *os.File, log *messageLog) *cobra.Command {
	o := &replayFlags{}
	cmd := &cobra.Command{
		Use:   "replay [flags] DIR FILE…",
		Short: "Write archived logs to daily files in DIR, on all processors",
		Long:  manualText("replay", "1"),
		Example: `  hushpipe replay --keep 3650d /srv/archive access.log.2.gz access.log.1
  ssh www cat /var/log/access.log | hushpipe replay /srv/archive -`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && isFile(args[0]):
				return usage("no DIR given%s", dirFirstHint(cmd, args))
			case len(args) == 1:
				return usage("no FILE given; hint: name the logs, or '-' for stdin")
			case len(args) > 1 && isFile(args[0]):
				dir := "/var/log/hushpipe"
				if !isFile(args[1]) {
					dir = args[1]
				}
				return usage("%s is a file; hint: DIR comes first, as in 'hushpipe replay %s %s'", args[0], dir, args[0])
			}
			return arguments(1, len(args))(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dir, o.paths, o.strict = args[0], args[1:], true
			if o.policy != "" {
				return o.replayByPolicy(cmd, stdin, log)
			}
			pipeline, err := o.pipeline(log)
			if err != nil {
				return err
			}
			if what := whyNoRooms(format.ContentsOf(pipeline.filter.Parser), pipeline.filter.Rooms); what != "" {
				log.warnf("%s", what)
			}
			files, err := o.open(stdin)
			if err != nil {
				return err
			}
			pipeline.store.Flags = recordable(cmd.Flags())
			pipeline.store.Process.Confined, pipeline.store.Process.Memory = confineReplay(o.dir, o.keys, o.paths), memoryProtection()
			return o.replay(pipeline, files, log)
		},
	}
	o.filterFlags.define(cmd.Flags())
	cmd.Flags().BoolVar(&o.append, "append", false, "add to days that already exist in DIR; leave the room files of expired ones alone")
	cmd.Flags().BoolVar(&o.force, "force", false, "count expired days again that already have a room file in DIR")
	return cmd
}

// open opens the files, so that an unreadable one is reported before anything else
// happens. Regular files are opened again when their turn comes.
func (o *replayFlags) open(stdin *os.File) ([]*archive.File, error) {
	var files []*archive.File
	for i, path := range o.paths {
		if path == "-" && slices.Contains(o.paths[:i], "-") {
			return nil, usage("stdin ('-') is named twice")
		}
		if path == "-" && isClosed(stdin) {
			return nil, errNoStdin
		}
		f, err := archive.Open(path, stdin)
		if err != nil {
			return nil, err
		}
		if twin := samePipe(f, files); twin != nil {
			return nil, usage("%s: is the same as %s, and can be read only once", f.Name(), twin.Name())
		}
		files = append(files, f)
		if path != "-" && isInDir(path, o.dir) || path == "-" && containsFile(o.dir, stdin) {
			return nil, fmt.Errorf("%s: %w", f.Name(), errOwnOutput)
		}
	}
	return files, nil
}

// samePipe returns the earlier file that is the same pipe as f, such as stdin and
// /dev/stdin, or nil. Two readers would split its lines.
func samePipe(f *archive.File, before []*archive.File) *archive.File {
	if f.Size() >= 0 {
		return nil
	}
	for _, other := range before {
		if os.SameFile(f.Info(), other.Info()) {
			return other
		}
	}
	return nil
}

var errOwnOutput = errors.New("is in DIR itself; hint: move it elsewhere")

// containsFile reports whether an open file is one of those in dir.
func containsFile(dir string, f *os.File) bool {
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return false
	}
	entries, _ := os.ReadDir(dir) // errors are reported when dir is written to
	for _, e := range entries {
		if at, err := e.Info(); err == nil && os.SameFile(st, at) {
			return true
		}
	}
	return false
}

// isInDir reports whether the file at path is in dir, after following links.
func isInDir(path, dir string) bool {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false // a pipe such as /dev/fd/63
	}
	above, err := os.Stat(filepath.Dir(path))
	at, err2 := os.Stat(dir)
	return err == nil && err2 == nil && os.SameFile(above, at)
}

// replay replays the files to DIR.
func (o *replayFlags) replay(pipeline *pipeline, files []*archive.File, log *messageLog) error {
	ctx := interruptible()
	if err := pipeline.check(); err != nil {
		return err
	}
	parsers := []format.Parser{pipeline.filter.Parser}
	for len(parsers) < runtime.GOMAXPROCS(0) {
		p, err := o.parser()
		if err != nil {
			return err
		}
		parsers = append(parsers, p)
	}
	if err := o.refuseExistingDays(ctx, pipeline, parsers, files, log); err != nil {
		return err
	}
	pipeline.store.Finish = true
	s := store.Open(pipeline.store)
	q := filter.NewQueue(s, bufferSize)
	q.BePatient(func() bool { return ctx.Err() == nil })
	r := filter.NewReplay(pipeline.filter, parsers, s)
	soFar := counted(r.Stats, q)
	s.Observe(soFar, r.Fault)
	in := archive.NewReader(files, len(parsers))
	stop := log.progress("replayed", files, in, func() uint64 { return r.Stats().Lines })
	err := r.Run(ctx, in, q)
	interrupted := errors.Is(err, context.Canceled)
	changed := (*archive.ChangedError)(nil)
	if errors.As(err, &changed) { // the lines after it can be replayed later
		interrupted = true
	}
	expired, wait := r.Expired(), ctx
	if interrupted {
		expired = nil // an incomplete count could not be completed later
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(context.Background(), shortWait)
		defer cancel()
	}
	errs := []error{err}
	if q.Close(wait) {
		errs = append(errs, closeWithin(wait, pipeline.store.Path, func() error {
			s.Settle(wait)
			count := s.Expired
			if o.force && err == nil { // otherwise some lines were not counted
				count = s.Recount
			}
			var figures error
			if days := r.Traffic(); days != nil && !interrupted { // otherwise some lines were not counted
				figures = s.KeepTraffic(days, o.force && err == nil)
			}
			return errors.Join(count(expired), figures, s.Close())
		}))
	} else {
		errs = append(errs, errNoAnswer(pipeline.store.Path))
	}
	stop()
	if interrupted {
		errs[0] = o.resumeError(r.Stats().Lines, q.Dropped(), len(r.Expired()) > 0, changed)
	}
	return finish(soFar(), r.Fault(), pipeline.filter.Rooms != nil && !interrupted, errors.Join(errs...), log)
}

// interruptible returns a context that the first signal cancels; the second one kills
// the process. SIGHUP stays ignored under nohup(1).
func interruptible() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM)
	if !signal.Ignored(unix.SIGHUP) {
		signal.Notify(signals, unix.SIGHUP)
	}
	go func() {
		<-signals
		cancel()
		time.Sleep(signalDebounce)
		signal.Reset()
	}()
	return ctx
}

// resumeError is the error of a replay that a signal or a changed file interrupted. The
// lines read so far are written, and none of the rest.
func (o *replayFlags) resumeError(lines, dropped uint64, expired bool, changed *archive.ChangedError) error {
	why, after := "interrupted", "interrupted after"
	if changed != nil {
		why = changed.Error()
		after = why + ": stopped after"
	}
	switch {
	case lines == 0:
		return fmt.Errorf("%s: nothing is written", why)
	case dropped > 0:
		return fmt.Errorf("%s: some lines that were read were not written; hint: delete the new files in %s and start again", why, o.dir)
	case expired:
		return fmt.Errorf("%s %s: the rooms of days past the retention are not counted; hint: delete the new files in %s and start again", after, prose.Plural(lines, "line"), o.dir)
	}
	flags := "--append"
	if o.policy != "" {
		flags += " --policy " + o.policy
	}
	return fmt.Errorf("%s %s, which are written; hint: to continue, pipe the lines from number %d into 'hushpipe replay %s %s -'", after, prose.Plural(lines, "line"), lines+1, flags, o.dir)
}

// refuseExistingDays returns an error if lines belong to days that DIR already has. If
// that is possible, it reads all lines before any is written.
func (o *replayFlags) refuseExistingDays(ctx context.Context, pipeline *pipeline, parsers []format.Parser, files []*archive.File, log *messageLog) error {
	d, err := o.existingDays(pipeline)
	if err != nil || !d.mayClash {
		return err
	}
	return o.scanFiles(ctx, files, len(parsers), log, func(in *archive.Reader) error {
		return filter.NewReplay(pipeline.filter, parsers, d.calendar).Days(ctx, in, d.clash)
	})
}

// existingDays knows the days that a directory already has.
type existingDays struct {
	calendar *store.Store
	clash    func(civil.Day, calendar.Placement) error // returns an error if lines may not go to the day
	mayClash bool                                      // clash returns an error for one of the days at least
}

// existingDays returns the days that the directory of a pipeline already has.
func (o *replayFlags) existingDays(pipeline *pipeline) (d existingDays, err error) {
	earlier, err := audit.FindEarlier(pipeline.store.Path)
	if err != nil {
		return d, err
	}
	d.clash = func(day civil.Day, placement calendar.Placement) error {
		lines, rooms := earlier.Lines(day), earlier.Counts(day)
		if pipeline.filter.Rooms == nil {
			rooms = ""
		}
		if path := earlier.Traffic(day); path != "" && pipeline.filter.Traffic != nil && !o.force && !o.append {
			return &dayExistsError{path, "count the traffic of that day again, from these files alone, with --force, or leave it alone with --append"}
		}
		switch path := cmp.Or(lines, rooms); {
		case placement == calendar.Expired && rooms != "" && !o.force && !o.append:
			return &dayExistsError{rooms, "count that day again, from these files alone, with --force, or leave it alone with --append"}
		case placement != calendar.Expired && path != "" && !o.append:
			return &dayExistsError{path, "delete it if an interrupted replay left it, use another DIR, or add to it with --append"}
		}
		return nil
	}
	d.calendar = store.Forecast(pipeline.store)
	for day := range earlier.Days() {
		d.mayClash = d.mayClash || d.clash(d.calendar.Place(day, true)) != nil
	}
	return d, nil
}

// scanFiles reads the files before anything is written.
func (o *replayFlags) scanFiles(ctx context.Context, files []*archive.File, workers int, log *messageLog, look func(*archive.Reader) error) error {
	for _, f := range files {
		if f.Size() < 0 {
			return fmt.Errorf("cannot check %s for days that already exist in %s; hint: use another DIR, or add to them with --append", f.Name(), o.dir)
		}
	}
	in := archive.NewReader(files, workers)
	defer log.progress("looking for days", files, in, nil)()
	switch err := look(in); {
	case errors.As(err, new(*dayExistsError)):
		return err
	case errors.As(err, new(*archive.ChangedError)):
		return fmt.Errorf("%w: nothing is written", err)
	case ctx.Err() != nil:
		return errors.New("interrupted: nothing is written")
	}
	for _, f := range files { // an error of look is reported by the replay
		if err := f.Rewind(); err != nil {
			return err
		}
	}
	return nil
}

// dayExistsError refuses to write to a day that exists.
type dayExistsError struct{ path, advice string }

func (e *dayExistsError) Error() string { return e.path + " already exists; hint: " + e.advice }
