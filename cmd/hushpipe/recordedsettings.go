package main

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
