package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"hushpipe/filter"
	"hushpipe/filter/store"
)

const (
	bufferSize    = 64 << 20 // bytes of lines that wait for a disk
	closePatience = 5 * time.Second
	drain         = time.Second // for the error log: httpd kills its logger 3 s after SIGTERM
)

func filterCommand(stdin *os.File, say *messages) *cobra.Command {
	o := &filterFlags{}
	cmd := &cobra.Command{
		Use:   "filter [flags] DIR",
		Short: "Take log lines from stdin to daily files in DIR; what Apache runs",
		Long: `Take log lines from stdin: replace the addresses, count the rooms, and write
the lines to daily files in DIR. Keys, journals and room counts lie there too.`,
		Example: `  CustomLog "|/usr/bin/hushpipe filter /var/log/hushpipe" combined
  hushpipe filter --check /var/log/hushpipe && apachectl graceful
  zcat access.log.*.gz | hushpipe filter --stdout | goaccess -`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			// Before anything else: httpd sends the first of these 15 ms after the start.
			signals := make(chan os.Signal, 4)
			signal.Notify(signals, unix.SIGTERM, unix.SIGHUP, unix.SIGINT)
			if len(args) == 1 {
				o.dir = args[0]
			}
			job, err := o.job(say)
			if err != nil {
				return err
			}
			switch {
			case o.check:
				return check(job, cmd.OutOrStdout())
			case o.stdout:
				signal.Reset() // in a pipe of a shell they mean what they always mean
				return filterToStdout(job, stdin, cmd.OutOrStdout(), say)
			}
			return filterToDir(job, stdin, signals, say)
		},
	}
	o.define(cmd.Flags())
	return cmd
}

// filterToDir is the main job.
func filterToDir(job *job, stdin *os.File, signals <-chan os.Signal, say *messages) error {
	signal.Ignore(unix.SIGPIPE) // of stderr: the lines are what counts
	in, err := filter.NewInput(stdin)
	if err != nil {
		return fmt.Errorf("read stdin: %w", err)
	}
	interrupted := obey(signals, in, job.errorLog)
	s := store.Open(job.store)
	f := filter.New(job.filter, s)
	q := filter.NewQueue(s, bufferSize)
	runErr := f.Run(in, q)
	errs := []error{runErr}
	if q.Close(closePatience) {
		errs = append(errs, s.Expired(f.Expired()), s.Close())
	} else {
		errs = append(errs, fmt.Errorf("%s: the disk does not answer; the room counts since the last minute are lost", job.store.Path))
	}
	lost := summary(f.Stats(), q.Dropped(), say)
	for _, err := range errs {
		if err != nil {
			say.sayf("%v", err)
			lost = true
		}
	}
	if interrupted() {
		say.sayf("interrupted: the input was not read to its end")
		lost = true
	}
	if lost {
		return errSaid
	}
	return nil
}

// obey makes SIGTERM and SIGHUP mean nothing: Apache sends them while its
// children still write to the pipe, and closes it when the last is gone. An
// error log has no children to wait for. SIGINT ends the reading at once.
func obey(signals <-chan os.Signal, in *filter.Input, errorLog bool) (interrupted func() bool) {
	ended := make(chan struct{})
	go func() {
		for sig := range signals {
			switch {
			case sig == unix.SIGINT:
				close(ended)
				in.Stop(0)
				return
			case errorLog && sig == unix.SIGTERM:
				in.Stop(drain)
			}
		}
	}()
	return func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	}
}

// summary says what was not as it should be, and reports whether lines were
// lost.
func summary(s filter.Stats, dropped uint64, say *messages) (lost bool) {
	if s.Malformed > 0 {
		say.sayf("%d of %d lines fit no known format; what could be an address in them was replaced; see --format", s.Malformed, s.Lines)
	}
	if s.Cut > 0 {
		say.sayf("%d lines were longer than 1 MiB; their ends are left out", s.Cut)
	}
	if s.Expired > 0 {
		say.sayf("%d of %d lines have outlived the retention; their rooms were counted, they were not written", s.Expired, s.Lines)
	}
	if s.Adjusted > 0 {
		say.sayf("%d of %d lines have no readable time or are dated after tomorrow; they were written to today's file", s.Adjusted, s.Lines)
	}
	if s.Overflow > 0 {
		say.sayf("rooms were not counted in %d lines: too many rooms or addresses in a day", s.Overflow)
	}
	if s.Failed > 0 {
		say.sayf("%d lines were left out because of an error in hushpipe; please report it", s.Failed)
	}
	if dropped > 0 {
		say.sayf("%d lines were lost: the disk did not take them in time", dropped)
	}
	return s.Cut+s.Failed+s.Overflow+dropped > 0
}

// filterToStdout writes the lines in the order of the input, whatever their
// age.
func filterToStdout(job *job, stdin *os.File, stdout io.Writer, say *messages) error {
	calendar := &store.Stream{Now: job.store.Now}
	if job.store.Path != "" {
		keys, err := store.OpenCiphers(job.store.Path, job.store.Keys, say.about)
		if err != nil {
			return err
		}
		defer keys.Close()
		calendar.Keys = keys
	}
	job.filter.Single, job.filter.Rooms = true, nil
	f := filter.New(job.filter, calendar)
	err := f.Run(stdin, &directOutput{w: stdout})
	lost := summary(f.Stats(), 0, say)
	if err == nil && lost {
		err = errSaid
	}
	return err
}

// directOutput writes each batch at once, and makes the reader wait for it.
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
			return fmt.Errorf("write to stdout: %w", bare(err))
		}
	}
	return nil
}

// bare strips the name that package os puts into an error.
func bare(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// check is filter --check: the flags were good, what about DIR?
func check(job *job, stdout io.Writer) error {
	if job.store.Path != "" {
		if err := store.Check(job.store); err != nil {
			return usageError{err}
		}
	}
	fmt.Fprintln(stdout, "hushpipe: flags and directory are good")
	return nil
}
