package main

// The flags that a DIR records: hushpipe runs on them when its own flags are wrong, and
// audit and statement read them.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"hushpipe/filter/registry"
)

// recordedSettings are the settings that DIR records.
type recordedSettings struct {
	dir string // "" if unknown
	registry.Settings
	err   error // why there are no settings
	stuck bool  // a thread still waits for the disk
}

// findSettings reads the settings. It gives up after diskTimeout.
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

// recordable returns the flags to record in DIR: all that determine what is written and
// how, including those not given, since another version may have other defaults. With
// --ignore, whose values can contain people's addresses, it leaves out --traffic and
// all that belongs to it: without --ignore, the figures would differ.
func recordable(flags *pflag.FlagSet) (list []string) {
	ignoring := flags.Changed("ignore")
	flags.VisitAll(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		switch f.Name {
		case "help", "check", "sample", "stdout", "input":
			return
		}
		if f.Name == "traffic" || slices.Contains(trafficOnly, f.Name) {
			if ignoring || f.Value.String() == f.DefValue { // an earlier version does not know them
				return
			}
		}
		switch f.Name {
		case "keys", "metrics", "policy", "sitemap", "country": // the next process may start in another directory
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

// flags parses the recorded flags.
func (r *recordedSettings) flags() (*filterFlags, error) {
	o := &filterFlags{}
	flags := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	o.define(flags)
	o.liveFlags.define(flags)
	err := flags.Parse(r.Flags)
	if err == nil && (flags.NArg() > 0 || o.check || o.stdout) {
		err = errors.New("the flags are not those of a logger")
	}
	o.dir = r.dir
	return o, err
}

// checkOwner returns an error if root would run on settings that name a policy and that
// another user than --user could have recorded.
func (r *recordedSettings) checkOwner(o *filterFlags) error {
	if os.Geteuid() != 0 || r.Owner == 0 {
		return nil
	}
	if o.user != "" {
		if to, err := findAccount(o.user); err == nil && to != nil && to.uid == r.Owner {
			return nil
		}
	}
	return r.ownerError()
}

func (r *recordedSettings) ownerError() error {
	return fmt.Errorf("%s: belongs to another user (%d), which is not its --user; hint: remove it", registry.SettingsPath(r.dir), r.Owner)
}

// pipeline prepares the process to run on the settings. root does nothing on the word
// of settings that another user could have recorded: the process first becomes that
// user, and does not change the owner of anything.
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
		return nil, nil, r.ownerError()
	}
	if j.account != nil {
		err = j.account.become()
	}
	j.store.Process.Fallback = true
	return o, j, err
}
