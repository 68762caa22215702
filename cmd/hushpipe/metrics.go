package main

// The file of --metrics: what it contains, and how processes share it.

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counters"
	"hushpipe/filter/dir"
	"hushpipe/filter/registry"
	"hushpipe/filter/traffic"
	"hushpipe/format/agent"
	"hushpipe/format/metrics"
)

// metricsEvery is the interval at which --metrics is written: Prometheus' default
// scrape interval.
const metricsEvery = 15 * time.Second

// figures are the values from which the metrics are made.
type figures struct {
	registry.Figures
	version   string
	read      uint64 // bytes
	counting  bool   // rooms are counted
	buffered  int    // bytes in the queue
	retention calendar.Period
	started   time.Time
	fallback  bool // the process runs on recorded settings
	scope     metricsScope
	traffic   *traffic.Totals // nil if traffic is not counted
}

// metricsScope is what the figures cover.
type metricsScope int

const (
	scopeDir    metricsScope = iota
	scopeInput               // the input of a policy's streams, which has no days
	scopeStream              // one stream; the bytes read are the input's
)

// metricsOf returns the metrics: 0 for a time that has not occurred, NaN for a value
// that this process does not know yet.
func metricsOf(dir string, f figures) []metrics.Metric {
	label := metrics.Labels("dir", dir)
	var list []metrics.Metric
	counter := func(name string, value uint64, help string) {
		list = append(list, metrics.Metric{Name: name, Type: metrics.Counter, Help: help, Labels: label, Value: float64(value)})
	}
	gauge := func(name string, value float64, help string) {
		list = append(list, metrics.Metric{Name: name, Type: metrics.Gauge, Help: help, Labels: label, Value: value})
	}
	seen := func(value float64) float64 {
		if !f.Known {
			return math.NaN()
		}
		return value
	}
	gauge("hushpipe_build_info", 1, "Version of hushpipe, always 1.")
	list[0].Labels = metrics.Labels("dir", dir, "version", f.version)
	gauge(startTime, seconds(f.started), "When the newest process on DIR started.")
	gauge("hushpipe_wrong_flags", map[bool]float64{true: 1}[f.fallback], "1 while the newest process runs on recorded settings, since its flags are wrong.")
	if f.scope != scopeStream {
		counter("hushpipe_read_bytes_total", f.read, "Bytes that were read.")
	}
	for _, c := range counters.All {
		if c.Metric != "" {
			counter("hushpipe_"+c.Metric, *c.Of(&f.Values), c.Help)
		}
	}
	if f.scope == scopeInput {
		return list
	}
	if f.counting {
		gauge(roomsToday.name, seen(float64(f.Rooms)), roomsToday.help)
		gauge(pairsToday.name, seen(float64(f.Pairs)), pairsToday.help)
	}
	if f.traffic != nil {
		for _, c := range counters.OfHits {
			for class, name := range agent.Classes() {
				counter("hushpipe_"+c.Metric, c.Of(&f.traffic[class]), c.Help)
				list[len(list)-1].Class = name
			}
		}
		gauge("hushpipe_traffic_visits", seen(float64(f.Visits)), "Visits of people today.")
	}
	gauge("hushpipe_buffer_bytes", float64(f.buffered), "Bytes of lines that wait in memory for the disk.")
	gauge("hushpipe_buffer_size_bytes", bufferSize, "Bytes of lines that can wait in memory.")
	gauge("hushpipe_oldest_day_timestamp_seconds", seen(seconds(f.Oldest)), "When the oldest day that has lines began.")
	gauge("hushpipe_retention_seconds", float64(f.retention)*24*60*60, "How long lines are kept.")
	gauge(lastWrite, seconds(f.LastWrite), "When lines were written last.")
	return list
}

// roomsToday and pairsToday are metrics of a filter and of a fleet.
var (
	roomsToday = struct{ name, help string }{"hushpipe_rooms", "Rooms used today."}
	pairsToday = struct{ name, help string }{"hushpipe_pairs", "Pairs of room and address counted today."}
)

// seconds returns the seconds since 1970, or 0 for the zero Time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

const (
	startTime = "hushpipe_start_time_seconds"
	lastWrite = "hushpipe_last_write_timestamp_seconds"
)

// newMetricsFile returns the metrics file at path for DIR.
func newMetricsFile(path, dir string, log *messageLog) (*metricsFile, error) {
	if filepath.Ext(path) != ".prom" {
		return nil, usage("--metrics %q is not valid; hint: give a name that ends in .prom: node_exporter reads no other", path)
	}
	m := &metricsFile{path: path, log: log}
	var err error
	m.dir, err = filepath.Abs(dir)
	return m, err
}

// metricsFile is the file of --metrics. All processes on a DIR share it; there are
// several after each reload of Apache. Each process adds what it has counted since its
// last write, so counters never decrease. The newest process sets all other values.
type metricsFile struct {
	path    string
	dir     string // absolute
	log     *messageLog
	written map[string]float64 // this process's part of the file, by counter
}

// run writes the file at once, at each tick, and when stop is called. stop does not
// wait for a disk that hangs. With a nil metricsFile, run does nothing.
func (m *metricsFile) run(tick <-chan time.Time, now func() figures) (stop func()) {
	if m == nil {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for more := true; ; {
			if err := m.write(now()); err != nil {
				m.log.limited("metrics", warning, "--metrics: "+err.Error())
			}
			if !more {
				return
			}
			select {
			case <-tick:
			case <-quit:
				more = false
			}
		}
	}()
	return func() {
		close(quit)
		select {
		case <-ended:
		case <-time.After(2 * diskTimeout):
			m.log.warnf("--metrics: %s: was not written in time; the last metrics are missing", m.path)
		}
	}
}

// write updates the file.
func (m *metricsFile) write(f figures) error {
	now := metricsOf(m.dir, f)
	err := m.update(func(old map[string]metrics.Metric) []byte {
		return metrics.Append(nil, m.merge(old, now, f.started))
	})
	if err != nil {
		return err
	}
	m.written = map[string]float64{}
	for _, metric := range now {
		m.written[metric.Key()] = metric.Value
	}
	return nil
}

// update replaces the file by the result of change.
func (m *metricsFile) update(change func(old map[string]metrics.Metric) []byte) error {
	var err error
	for began := time.Now(); ; time.Sleep(diskTimeout / 50) {
		err = dir.Update(m.path, func(text []byte) ([]byte, error) {
			old, err := m.parse(text)
			if err != nil {
				return nil, err
			}
			return change(old), nil
		})
		if !errors.Is(err, dir.ErrLocked) || time.Since(began) > diskTimeout {
			break
		}
	}
	return withMetricsHint(err)
}

// parse parses the file, and returns an error if it belongs to another DIR.
func (m *metricsFile) parse(text []byte) (map[string]metrics.Metric, error) {
	old, err := metrics.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; hint: remove it, or give another name", m.path, err)
	}
	for _, metric := range old {
		if own := metrics.Labels("dir", m.dir); metric.Labels != own && !strings.HasPrefix(metric.Labels, own+",") {
			return nil, fmt.Errorf("%s: belongs to another DIR; hint: give each DIR a file of its own", m.path)
		}
	}
	return old, nil
}

// withMetricsHint adds what to do about an error.
func withMetricsHint(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%w; hint: create the directory before hushpipe starts", err)
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w; hint: let hushpipe's user write the directory, which must exist when hushpipe starts", err)
	}
	return err
}

// merge returns the new contents of the file.
func (m *metricsFile) merge(old map[string]metrics.Metric, now []metrics.Metric, started time.Time) []metrics.Metric {
	start := old[startTime].Value
	newer := start > seconds(started) && start <= seconds(time.Now())
	var list []metrics.Metric
	for _, metric := range now {
		before, known := old[metric.Key()]
		others := newer || math.IsNaN(metric.Value)
		switch {
		case metric.Type == metrics.Counter && known:
			metric.Value += before.Value - m.written[metric.Key()]
		case metric.Type == metrics.Counter: // the file is new, or was deleted
		case metric.Name == lastWrite:
			metric.Value = max(metric.Value, before.Value)
		case others && !known:
			continue
		case others:
			metric.Value, metric.Labels = before.Value, before.Labels
		}
		if metric.Value != 0 || !strings.HasSuffix(metric.Name, "_timestamp_seconds") {
			list = append(list, metric)
		}
	}
	return list
}

// check returns an error if the file cannot be written.
func (m *metricsFile) check() error {
	err := dir.CheckUpdate(m.path, func(text []byte) error {
		_, err := m.parse(text)
		return err
	})
	if err != nil {
		return fmt.Errorf("--metrics: %w", withMetricsHint(err))
	}
	folder := filepath.Dir(m.path)
	if err := unix.Access(folder, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("--metrics: %s: %w; hint: let hushpipe's user write it", folder, err)
	}
	return nil
}
