package main

// With --policy: the flags of the process itself, which no policy sets: --input, --user
// and --metrics.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hushpipe/filter"
	"hushpipe/filter/dir"
	"hushpipe/filter/registry"
	"hushpipe/filter/store"
)

// applyLiveFlags applies the flags of the process itself.
func (j *policyPipeline) applyLiveFlags(o *filterFlags, log *messageLog) error {
	if err := o.checkInputFlag(o.dir); err != nil {
		return err
	}
	var err error
	if o.user != "" {
		if j.account, err = findAccount(o.user); err != nil {
			return err
		}
	}
	if o.metrics == "" {
		return nil
	}
	if j.metrics, err = o.metricsFile(o.dir, log); err != nil {
		return err
	}
	for i, s := range j.streams {
		if s != nil { // a metrics file describes one directory
			name := j.policy.Streams[i].Name
			s.metrics = &metricsFile{path: strings.TrimSuffix(o.metrics, ".prom") + "-" + name + ".prom", dir: filepath.Join(j.metrics.dir, name), log: log}
		}
	}
	return nil
}

// directories returns the directories of the streams with their keys, including streams
// of earlier policies, and DIR last.
func (j *policyPipeline) directories(log *messageLog) (list []store.Directory) {
	known := map[string]bool{}
	for _, s := range j.streams {
		if s != nil {
			list, known[s.name] = append(list, s.store.Directory), true
		}
	}
	entries, _ := os.ReadDir(j.dir) // errors are reported when DIR is opened
	for _, e := range entries {
		if path := filepath.Join(j.dir, e.Name()); e.IsDir() && !known[e.Name()] && !dir.IsUndated("", e.Name()) && hasRule(path) {
			list = append(list, store.Directory{Path: path, NoFollow: true, Now: now, Log: log.report})
		}
	}
	return append(list, store.Directory{Path: j.dir, Keys: j.keys, Now: now, Log: log.report})
}

// hasRule reports whether hushpipe works on a directory.
func hasRule(path string) bool {
	_, err := os.Lstat(filepath.Join(path, dir.RuleName))
	return err == nil
}

// become gives the directories to the user of --user, and becomes that user.
func (j *policyPipeline) become(log *messageLog) error {
	if j.account == nil {
		return nil
	}
	var below []string
	for _, cfg := range j.directories(log) {
		if err := store.HandOver(cfg, j.account.uid, j.account.gid, false, below...); err != nil {
			log.error(err)
		}
		below = append(below, filepath.Base(cfg.Path))
	}
	return j.account.become()
}

// checkLive checks the flags of the process itself for --check. The process may have
// become another user when it returns.
func (j *policyPipeline) checkLive(o *filterFlags, log *messageLog) error {
	var errs []error
	if o.input != "" { // before the process changes its user
		errs = append(errs, checkInput(o.input))
	}
	if j.account != nil {
		places, below := j.directories(log), []string{}
		last := len(places) - 1
		for _, cfg := range places[:last] {
			errs = append(errs, store.HandOver(cfg, j.account.uid, j.account.gid, true))
			below = append(below, filepath.Base(cfg.Path))
		}
		errs = append(errs, j.account.check(places[last], below...))
	}
	if j.metrics != nil {
		errs = append(errs, j.metrics.check())
		for _, s := range j.streams {
			if s != nil {
				errs = append(errs, s.metrics.check())
			}
		}
	}
	return errors.Join(errs...)
}

// checkNotOutput returns an error if the source is in a directory that lines are
// written to.
func (j *policyPipeline) checkNotOutput(src *source) error {
	paths := []string{j.dir}
	for _, s := range j.streams {
		if s != nil {
			paths = append(paths, s.store.Path)
		}
	}
	for _, path := range paths {
		if containsFile(path, src.file) {
			return fmt.Errorf("%s: %w", src, errOwnOutput)
		}
	}
	return nil
}

// runMetrics writes --metrics until stop is called: those of the input to the file
// itself, and those of each stream to a file beside it.
func (j *policyPipeline) runMetrics(all []*runningStream, f *filter.Streams) (stop func()) {
	if j.metrics == nil {
		return func() {}
	}
	started, stops := time.Now(), []func(){}
	begin := func(m *metricsFile, now func() figures) {
		tick := time.NewTicker(metricsEvery)
		stopped := m.run(tick.C, now)
		stops = append(stops, func() {
			tick.Stop()
			stopped()
		})
	}
	begin(j.metrics, func() figures {
		return figures{Figures: registry.Figures{Values: f.Snapshot()}, version: version(), read: f.Read(), started: started, fallback: j.fallback, scope: scopeInput}
	})
	for _, s := range all {
		if s != nil {
			begin(s.metrics, func() figures {
				return figures{Figures: s.store.Figures(), version: version(), counting: s.pipeline.store.Counting, buffered: s.queue.Held(), retention: s.pipeline.store.Keep, started: started, fallback: j.fallback, scope: scopeStream, traffic: s.hits()}
			})
		}
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}
