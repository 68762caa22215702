package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"hushpipe/cmd/hushpipe/early"
	"hushpipe/filter/audit"
	"hushpipe/filter/calendar"
	"hushpipe/filter/registry"
	"hushpipe/filter/store"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
)

// afterWrongFlags goes on where a command line is wrong and stdin is a pipe. A web
// server may have made that: httpd starts a logger that has ended again, on the same
// pipe and with the same flags (piped_log_maintenance in server/log.c), and hangs
// as soon as the 64 KiB are full. So filter runs on the settings that DIR records,
// as a whole, or reads to the end and writes nothing. Without a command, or with an
// unknown one, nobody knows what was meant, and nothing is written either. Who asks
// for --help or --check looks at the exit status.
func afterWrongFlags(cmd *cobra.Command, args []string, wrong error, src *source, log *messageLog) error {
	line := scanArgs(cmd, args)
	if cmd.HasParent() && cmd.Name() != "filter" || line.help || line.check {
		return wrong
	}
	signals := early.Signals()
	signal.Ignore(unix.SIGPIPE) // of stderr
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
	if !found.stuck { // that would wait for the thread
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

// commandLine is what can be told of a command line that is wrong.
type commandLine struct {
	help, check, stdout bool
	args                []string // which are no flags, nor the values of flags
	values              []string // which may be the values of unknown flags
	taken               []string // which flags took for their values, and which look like a DIR
	keys                string   // the value of --keys
}

// scanArgs reads a command line as package pflag does, but to its end.
func scanArgs(cmd *cobra.Command, args []string) (line commandLine) {
	given := map[string]*bool{"help": &line.help, "check": &line.check, "stdout": &line.stdout}
	named := cmd.HasParent() // its name is still to come
	for i := 0; i < len(args); i++ {
		arg := args[i]
		name, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		var flag *pflag.Flag
		switch {
		case arg == "--":
			line.args = append(line.args, args[i+1:]...)
			return line
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			if !named || arg != cmd.Name() {
				line.args = append(line.args, arg)
			}
			named = named && arg != cmd.Name()
			continue
		case strings.HasPrefix(arg, "--"):
			flag = cmd.Flags().Lookup(name)
		case strings.Trim(name, "h") == "": // -h, and -hh is the same twice
			flag = cmd.Flags().Lookup("help")
		}
		switch {
		case flag == nil && !hasValue && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-"):
			i++
			line.values = append(line.values, args[i])
		case flag == nil:
		case flag.NoOptDefVal == "":
			if !hasValue {
				if i++; i == len(args) {
					break
				}
				value = args[i]
				if looksLikeDir(flag, value) {
					line.taken = append(line.taken, value)
				}
			}
			if flag.Name == "keys" {
				line.keys = value
			}
		case given[flag.Name] != nil:
			yes, err := strconv.ParseBool(value)
			*given[flag.Name] = !hasValue || yes && err == nil
		}
	}
	return line
}

// looksLikeDir reports whether the value of a flag is a path that this flag has no
// use for. So it is where the value was forgotten, and DIR follows.
func looksLikeDir(flag *pflag.Flag, value string) bool {
	if flag.Name == "policy" && !isDir(value) && filepath.Ext(value) != "" {
		return false
	}
	path := strings.HasPrefix(value, "/") || strings.HasPrefix(value, "./") || strings.HasPrefix(value, "../")
	return path && flag.Name != "keys" && !strings.ContainsAny(value, "{%") && filepath.Ext(value) != ".prom"
}

// missingDirHint is a hint for a command line without DIR, "" where a flag has not taken it.
func missingDirHint(flags *pflag.FlagSet) (hint string) {
	flags.Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if several, ok := f.Value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		for _, value := range values {
			if looksLikeDir(f, value) {
				hint = takesValueHint(f, value)
			}
		}
		if value := f.Value.String(); f.Name == "input" && isDir(value) {
			hint = takesValueHint(f, value)
		} else if f.Name == "input" { // a path that it has a use for
			hint = fmt.Sprintf("; --input takes %s for its value; hint: give --input PATH DIR", value)
		}
	})
	return hint
}

func takesValueHint(flag *pflag.Flag, dir string) string {
	value, _ := pflag.UnquoteUsage(flag)
	return fmt.Sprintf("; --%s takes %s for its value; hint: give --%s %s %s", flag.Name, dir, flag.Name, value, dir)
}

// dir returns the DIR that is meant, which is the last argument. It is not known where
// another one is a directory, too. The value of an unknown flag is taken for it
// only where there is nothing else: so it is for a flag that has no value. So is a
// directory that a flag has no use for: the flag's value was forgotten.
func (l commandLine) dir() (string, error) {
	args := l.args
	if len(args) == 0 && len(l.values) == 1 {
		args = l.values
	}
	if len(args) == 0 && len(l.values) == 0 {
		args = slices.DeleteFunc(l.taken, func(path string) bool { return !isDir(path) })
	}
	if len(args) == 0 {
		return "", errors.New("it is not clear which argument is DIR")
	}
	last := args[len(args)-1]
	for _, arg := range args[:len(args)-1] {
		if isDir(arg) {
			return "", fmt.Errorf("DIR could be %s or %s", arg, last)
		}
	}
	return last, nil
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// recordedSettings are settings from DIR.
type recordedSettings struct {
	dir string // "": not known
	registry.Settings
	err   error // why there are none
	stuck bool  // a thread waits for the disk
}

// findSettings looks for settings, for as long as a disk that works needs.
func findSettings(line commandLine) recordedSettings {
	found := make(chan recordedSettings, 1)
	go func() {
		var r recordedSettings
		if r.dir, r.err = line.dir(); r.err == nil {
			r.Settings, r.err = registry.ReadSettings(r.dir)
		}
		if errors.Is(r.err, fs.ErrNotExist) {
			r.err = fmt.Errorf("%s records no settings yet", r.dir)
		}
		found <- r
	}()
	select {
	case r := <-found:
		return r
	case <-time.After(diskTimeout):
		return recordedSettings{stuck: true, err: errors.New("the disk with the recorded settings does not answer")}
	}
}

// recordable returns all flags that shape what is written and how, as DIR records
// them: also those that were not given, since another version may have other
// defaults. With --ignore, which can have addresses of people, traffic is left out as a
// whole: counted without it, the figures would be others.
func recordable(flags *pflag.FlagSet) (list []string) {
	ignoring := flags.Changed("ignore")
	flags.VisitAll(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		switch f.Name {
		case "help", "check", "sample", "stdout", "input":
			return
		}
		if f.Name == "traffic" || slices.Contains(trafficOnly, f.Name) {
			if ignoring || f.Value.String() == f.DefValue { // an earlier version knows none of them
				return
			}
		}
		switch f.Name {
		case "keys", "metrics", "policy", "sitemap", "country": // another web server may have another directory
			if path, err := filepath.Abs(values[0]); err == nil && values[0] != "" {
				values[0] = path
			}
		}
		if several, ok := f.Value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		for _, value := range values {
			list = append(list, "--"+f.Name+"="+value)
		}
	})
	return list
}

// flags returns the settings as a command line.
func (r *recordedSettings) flags() (*filterFlags, error) {
	o := &filterFlags{}
	flags := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	o.define(flags)
	o.liveFlags.define(flags)
	err := flags.Parse(r.Flags)
	if err == nil && (flags.NArg() > 0 || o.check || o.stdout) {
		err = errors.New("no flags of a logger")
	}
	o.dir = r.dir
	return o, err
}

// checkOwner is for settings that name a policy: root becomes the user who could have
// recorded them, or does nothing.
func (r *recordedSettings) checkOwner(o *filterFlags) error {
	if os.Geteuid() != 0 || r.Owner == 0 {
		return nil
	}
	if o.user != "" {
		if to, err := findAccount(o.user); err == nil && to != nil && to.uid == r.Owner {
			return nil
		}
	}
	return r.foreign()
}

func (r *recordedSettings) foreign() error {
	return fmt.Errorf("%s: belongs to another user (%d), which is not its --user; hint: remove it", registry.SettingsPath(r.dir), r.Owner)
}

// pipeline makes the process ready to run on the settings. Of what root does, nothing
// goes by those that another user could have recorded: it becomes that user first,
// and hands nothing over.
func (r *recordedSettings) pipeline(log *messageLog) (*filterFlags, *pipeline, error) {
	o, err := r.flags()
	if err == nil {
		err = checkCrypto()
	}
	var j *pipeline
	if err == nil {
		j, err = o.pipeline(log)
	}
	path := registry.SettingsPath(r.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: cannot be used: %w", path, err)
	}
	if os.Geteuid() == 0 && r.Owner != 0 && (j.account == nil || j.account.uid != r.Owner) {
		return nil, nil, r.foreign()
	}
	if j.account != nil {
		err = j.account.become()
	}
	j.store.Process.Fallback = true
	return o, j, err
}

// logEveryMinute says a line at once and at each tick, until stop is called.
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

// discard reads to the end, or until SIGINT, of a FIFO SIGTERM, and counts the lines.
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

// purgeHourly deletes what has outlived the retention that a DIR records, as a
// logger would that writes there: at once, hourly, at each day change, and again after a
// minute where something could not be deleted.
func purgeHourly(dir, keys string, log *messageLog) {
	var last time.Time
	for ; ; time.Sleep(calendar.UntilNextLook(now().Round(0))) {
		at := now().Round(0)
		since := at.Sub(last)
		recent := since >= 0 && since < time.Hour && civil.DayOf(at) == civil.DayOf(last) && at.Hour() == last.Hour()
		if recent || audit.CheckUsed(dir) != nil {
			continue
		}
		last = at
		if _, err := store.Purge(store.Directory{Path: dir, Keys: keys, Now: now, Say: log.report}, 0, false); err != nil {
			last = time.Time{}
			log.limited("purge", failure, err.Error())
		}
	}
}
