package main

import (
	"time"

	"hushpipe/filter/pairs"
	"hushpipe/format/civil"
	"hushpipe/format/metrics"
)

// ofHosts declares the metrics that have a value for each host of a fleet. A value that
// is not known is left out.
var ofHosts = [...]struct {
	name string
	metrics.Type
	help string
	of   func(pairs.HostStatus) (value float64, known bool)
}{
	{"hushpipe_fleet_seen_timestamp_seconds", metrics.Gauge, "When all that the host had counted was in the engine.",
		func(h pairs.HostStatus) (float64, bool) { return seconds(h.Seen), h.Lag != nil }},
	{"hushpipe_fleet_oldest_key_timestamp_seconds", metrics.Gauge, "When the day began of the oldest key that the host has.",
		func(h pairs.HostStatus) (float64, bool) {
			day, ok := civil.ParseDay(h.Oldest)
			year, month, mday := day.Date()
			return seconds(time.Date(year, time.Month(month), mday, 0, 0, 0, 0, time.Local)), ok
		}},
	{"hushpipe_fleet_resends_total", metrics.Counter, "How often the host has sent pairs of a day again that the engine had lost.",
		func(h pairs.HostStatus) (float64, bool) { return float64(h.Resends), h.Lag != nil }},
}

// fleetMetricsOf returns the metrics of a fleet whose counts are written to dir.
func fleetMetricsOf(dir string, f pairs.Figures) (list []metrics.Metric) {
	gauge := func(name string, value float64, help string, labels ...string) {
		list = append(list, metrics.Metric{Name: name, Type: metrics.Gauge, Help: help, Labels: metrics.Labels(append([]string{"dir", dir}, labels...)...), Value: value})
	}
	gauge("hushpipe_fleet_collected_timestamp_seconds", seconds(f.Collected), "When the engine answered all that it was asked, 0 for never.")
	for _, of := range []struct {
		when string
		day  pairs.DayStatus
	}{{"today", f.Today}, {"yesterday", f.Yesterday}} {
		for _, in := range []struct {
			state string
			hosts []string
		}{{"closed", of.day.Closed}, {"open", of.day.Open}, {"missing", of.day.Missing}} {
			if of.day.Day != "" {
				gauge("hushpipe_fleet_hosts", float64(len(in.hosts)), "Hosts by what they have sent of a day.", "day", of.when, "state", in.state)
			}
		}
	}
	for _, m := range ofHosts {
		for _, h := range f.Hosts {
			if value, known := m.of(h); known {
				list = append(list, metrics.Metric{Name: m.name, Type: m.Type, Help: m.help, Labels: metrics.Labels("dir", dir, "host", h.Name), Value: value})
			}
		}
	}
	if f.Today.Day != "" {
		gauge(roomsToday.name, float64(f.Today.Rooms), roomsToday.help)
		gauge(pairsToday.name, float64(f.Today.Pairs), pairsToday.help)
	}
	return list
}

// writeFleet writes the metrics of a fleet. Only one collector writes to the file.
func (m *metricsFile) writeFleet(f pairs.Figures) error {
	return m.update(func(map[string]metrics.Metric) []byte { return metrics.Append(nil, fleetMetricsOf(m.dir, f)) })
}
