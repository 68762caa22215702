package main

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"hushpipe/filter/pairs"
	"hushpipe/format/metrics"
)

// someFleet has a host that has reported, and one that has not.
func someFleet() pairs.Figures {
	lag := int64(4)
	return pairs.Figures{Collected: time.Unix(1795352799, 0),
		Hosts: []pairs.HostStatus{{Name: "web1", Seen: time.Unix(1795352795, 0), Lag: &lag, Oldest: "2026-11-09", Resends: 2}, {Name: "web2"}},
		Today: pairs.DayStatus{Day: "2026-11-22", Open: []string{"web1"}, Missing: []string{"web2"}, Rooms: 80, Pairs: 1043},
	}
}

// TestFleetMetricsText: the metrics of a fleet.
func TestFleetMetricsText(t *testing.T) {
	text := string(metrics.Append(nil, fleetMetricsOf("/srv/meet", someFleet())))
	began := time.Date(2026, 11, 9, 0, 0, 0, 0, time.Local).Unix()
	assert.Equal(t, `# HELP hushpipe_fleet_collected_timestamp_seconds When the engine answered all that it was asked, 0 for never.
# TYPE hushpipe_fleet_collected_timestamp_seconds gauge
hushpipe_fleet_collected_timestamp_seconds{dir="/srv/meet"} 1795352799
# HELP hushpipe_fleet_hosts Hosts by what they have sent of a day.
# TYPE hushpipe_fleet_hosts gauge
hushpipe_fleet_hosts{dir="/srv/meet",day="today",state="closed"} 0
hushpipe_fleet_hosts{dir="/srv/meet",day="today",state="open"} 1
hushpipe_fleet_hosts{dir="/srv/meet",day="today",state="missing"} 1
# HELP hushpipe_fleet_seen_timestamp_seconds When all that the host had counted was in the engine.
# TYPE hushpipe_fleet_seen_timestamp_seconds gauge
hushpipe_fleet_seen_timestamp_seconds{dir="/srv/meet",host="web1"} 1795352795
# HELP hushpipe_fleet_oldest_key_timestamp_seconds When the day began of the oldest key that the host has.
# TYPE hushpipe_fleet_oldest_key_timestamp_seconds gauge
hushpipe_fleet_oldest_key_timestamp_seconds{dir="/srv/meet",host="web1"} `+strconv.FormatInt(began, 10)+`
# HELP hushpipe_fleet_resends_total How often the host has sent pairs of a day again that the engine had lost.
# TYPE hushpipe_fleet_resends_total counter
hushpipe_fleet_resends_total{dir="/srv/meet",host="web1"} 2
# HELP hushpipe_rooms Rooms used today.
# TYPE hushpipe_rooms gauge
hushpipe_rooms{dir="/srv/meet"} 80
# HELP hushpipe_pairs Pairs of room and address counted today.
# TYPE hushpipe_pairs gauge
hushpipe_pairs{dir="/srv/meet"} 1043
`, text)
	promtool(t, text)
	text = string(metrics.Append(nil, fleetMetricsOf("/srv/meet", pairs.Figures{})))
	assert.Contains(t, text, "} 0\n", "an engine that never answered alerts, too")
	promtool(t, text)
}
