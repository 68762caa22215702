package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"hushpipe/cmd/hushpipe/early"
	"hushpipe/filter/audit"
	"hushpipe/filter/calendar"
	"hushpipe/filter/registry"
	"hushpipe/filter/store"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
)

// afterWrongFlags continues after a wrong command line if stdin is a pipe, which
// probably comes from a web server. httpd restarts a logger that exits, with the same
// pipe and flags (piped_log_maintenance in server/log.c), and blocks once the pipe's 64
// KiB are full. Therefore filter runs on the settings that DIR records, all of them, or
// else reads to the end of the input and writes nothing. With no command or an unknown
// one it writes nothing either, since the intention is unknown. With --help and --check
// it returns the error: the caller looks at the exit status.
func afterWrongFlags(cmd *cobra.Command, args []string, wrong error, src *source, log *messageLog) error {
	line := scanArgs(cmd, args)
	if cmd.HasParent() && cmd.Name() != "filter" || line.help || line.check {
		return wrong
	}
	signals := early.Signals()
	signal.Ignore(unix.SIGPIPE) // from stderr
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()

	var found recordedSettings
	var stuck userError
	var byPolicy policyError
	switch {
	case errors.As(wrong, &byPolicy):
		found.dir, line.keys = byPolicy.flags.dir, byPolicy.flags.keys
		ran, why, err := afterWrongPolicy(byPolicy.flags, wrong, src, signals, minute.C, log)
		if ran {
			return err
		}
		found.err = why
	case errors.As(wrong, &stuck):
		found.err = errors.New("hushpipe does not treat lines as another user")
	case !cmd.HasParent():
		found.err = errors.New("give Apache hushpipe filter DIR")
	case line.stdout:
		found.err = errors.New("no settings are recorded for --stdout")
	default:
		if found = findSettings(line); found.err == nil {
			var o *filterFlags
			var j *pipeline
			if o, found.err = found.flags(); found.err == nil && o.policy != "" {
				if found.err = found.checkOwner(o); found.err != nil {
					break
				}
				ran, why, err := afterWrongPolicy(o, wrong, src, signals, minute.C, log)
				if ran {
					return err
				}
				found.err = why
				break
			}
			if o, j, found.err = found.pipeline(log); found.err == nil {
				missing := ""
				if !o.count && slices.Contains(args, "--traffic") {
					missing = ", and counting no traffic"
				}
				stop := logEveryMinute(minute.C, log, func() string {
					return fmt.Sprintf("%v; running on the flags that %s recorded at %s instead%s",
						wrong, registry.SettingsPath(o.dir), found.Started.Local().Format(time.DateTime), missing)
				})
				defer stop()
				return errors.Join(filterToDir(o, j, src, signals, log), errReported)
			}
		}
	}

	var lines atomic.Uint64
	stop := logEveryMinute(minute.C, log, func() string {
		return fmt.Sprintf("%v; reading %s, since it is a pipe, and writing nothing (%s so far): %v", wrong, src, prose.Plural(lines.Load(), "line"), found.err)
	})
	if !found.stuck { // confine would wait for the stuck thread
		confine(found.dir, line.keys)
	}
	if found.dir != "" {
		go purgeHourly(found.dir, line.keys, log)
	}
	err := discard(src, signals, &lines)
	stop()
	log.errorf("%s read and not written because the flags are wrong", prose.Plural(lines.Load(), "line"))
	return usageError{errors.Join(err, errReported)}
}

// logEveryMinute logs a line at once and at each tick, until stop is called.
func logEveryMinute(tick <-chan time.Time, log *messageLog, line func() string) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	log.errorf("%s", line())
	go func() {
		defer close(ended)
		for {
			select {
			case <-tick:
				log.errorf("%s", line())
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}

// discard reads to the end of the input and counts the lines. SIGINT stops it, and for
// a FIFO SIGTERM too.
func discard(src *source, signals <-chan os.Signal, lines *atomic.Uint64) error {
	ended := make(chan error, 1)
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := src.file.Read(buf)
			lines.Add(uint64(bytes.Count(buf[:n], []byte("\n"))))
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	for {
		select {
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case sig := <-signals:
			if sig == unix.SIGINT || src.fifo && sig == unix.SIGTERM {
				return errInterrupted
			}
		}
	}
}

// purgeHourly deletes what has outlived the retention that DIR records, when a running
// filter would: at once, every hour, at each change of day, and again after a minute if
// a file could not be deleted.
func purgeHourly(dir, keys string, log *messageLog) {
	var last time.Time
	for ; ; time.Sleep(calendar.UntilNextCheck(now().Round(0))) {
		at := now().Round(0)
		since := at.Sub(last)
		recent := since >= 0 && since < time.Hour && civil.DayOf(at) == civil.DayOf(last) && at.Hour() == last.Hour()
		if recent || audit.CheckUsed(dir) != nil {
			continue
		}
		last = at
		if _, err := store.Purge(store.Directory{Path: dir, Keys: keys, Now: now, Log: log.report}, 0, false); err != nil {
			last = time.Time{}
			log.limited("purge", failure, err.Error())
		}
	}
}
