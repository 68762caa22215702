package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/require"
)

// alertCases are what promtool feeds to the rules: a log that falls silent, one that
// never had a line, one that is quiet for less than an hour, and losses.
const alertCases = `
rule_files: [RULES]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'hushpipe_start_time_seconds{dir="/silent"}', values: '0x200'}
      - {series: 'hushpipe_last_write_timestamp_seconds{dir="/silent"}', values: '600x200'}
      - {series: 'hushpipe_start_time_seconds{dir="/mute"}', values: '0x200'}
      - {series: 'hushpipe_start_time_seconds{dir="/busy"}', values: '0x200'}
      - {series: 'hushpipe_last_write_timestamp_seconds{dir="/busy"}', values: '0+60x200'}
      - {series: 'hushpipe_dropped_lines_total{dir="/full"}', values: '0x60 5x140'}
      - {series: 'hushpipe_failed_lines_total{dir="/full"}', values: '0x200'}
      - {series: 'hushpipe_wrong_flags{dir="/wrong"}', values: '1x200'}
      - {series: 'node_textfile_mtime_seconds{file="/x/hushpipe.prom"}', values: '0x200'}
      - {series: 'node_textfile_mtime_seconds{file="/x/other.prom"}', values: '0x200'}
      - {series: 'hushpipe_retention_seconds{dir="/old"}', values: '0x3000'}
      - {series: 'hushpipe_oldest_day_timestamp_seconds{dir="/old"}', values: '0x3000'}
      - {series: 'hushpipe_fleet_collected_timestamp_seconds{dir="/stuck"}', values: '0+60x60 3600x140'}
      - {series: 'hushpipe_fleet_seen_timestamp_seconds{dir="/meet",host="web1"}', values: '0+60x60 3600x140'}
      - {series: 'hushpipe_fleet_seen_timestamp_seconds{dir="/meet",host="web2"}', values: '0+60x200'}
      - {series: 'hushpipe_fleet_hosts{dir="/meet",day="today",state="missing"}', values: '0x10 1x500'}
      - {series: 'hushpipe_fleet_hosts{dir="/meet",day="today",state="open"}', values: '1x500'}
      - {series: 'hushpipe_fleet_hosts{dir="/late",day="yesterday",state="open"}', values: '0x10 1x500'}
      - {series: 'hushpipe_fleet_hosts{dir="/west",day="yesterday",state="open"}', values: '0x10 1x100 0x400'}
    alert_rule_test:
      - {eval_time: 59m, alertname: HushpipeSilent, exp_alerts: []}
      - eval_time: 65m
        alertname: HushpipeSilent
        exp_alerts: [{exp_labels: {dir: /mute, severity: warning}, exp_annotations: {summary: "/mute: no line for 1h 5m 0s", description: "DESCRIPTION"}}]
      - eval_time: 75m
        alertname: HushpipeSilent
        exp_alerts:
          - {exp_labels: {dir: /mute, severity: warning}, exp_annotations: {summary: "/mute: no line for 1h 15m 0s", description: "DESCRIPTION"}}
          - {exp_labels: {dir: /silent, severity: warning}, exp_annotations: {summary: "/silent: no line for 1h 5m 0s", description: "DESCRIPTION"}}
    promql_expr_test:
      - {expr: 'ALERTS{alertname="HushpipeLosesLines"}', eval_time: 60m, exp_samples: []}
      - {expr: 'count by (dir) (ALERTS{alertname="HushpipeLosesLines"})', eval_time: 65m, exp_samples: [{labels: '{dir="/full"}', value: 1}]}
      - {expr: 'count by (dir) (ALERTS{alertname="HushpipeWrongFlags"})', eval_time: 65m, exp_samples: [{labels: '{dir="/wrong"}', value: 1}]}
      - {expr: 'count by (file) (ALERTS{alertname="HushpipeGone"})', eval_time: 65m, exp_samples: [{labels: '{file="/x/hushpipe.prom"}', value: 1}]}
      - {expr: 'ALERTS{alertname="HushpipeKeepsTooLong"}', eval_time: 1440m, exp_samples: []}
      - {expr: 'ALERTS{alertname=~"HushpipeFleet.*", alertstate="firing"}', eval_time: 60m, exp_samples: []}
      - {expr: 'count by (dir) (ALERTS{alertname="HushpipeFleetNotCollected"})', eval_time: 70m, exp_samples: [{labels: '{dir="/stuck"}', value: 1}]}
      - {expr: 'count by (host) (ALERTS{alertname="HushpipeFleetHostSilent"})', eval_time: 70m, exp_samples: [{labels: '{host="web1"}', value: 1}]}
      - expr: count by (dir, day) (ALERTS{alertname="HushpipeFleetDayIncomplete", alertstate="firing"})
        eval_time: 260m
        exp_samples: [{labels: '{dir="/meet", day="today"}', value: 1}, {labels: '{dir="/late", day="yesterday"}', value: 1}]
      - {expr: 'count by (dir) (ALERTS{alertname="HushpipeKeepsTooLong"})', eval_time: 1445m, exp_samples: [{labels: '{dir="/old"}', value: 1}]}
`

// TestAlerts: the rules use metrics that exist, and fire when they should.
func TestAlerts(t *testing.T) {
	rules, err := filepath.Abs("packaging/prometheus/hushpipe.rules.yml")
	require.NoError(t, err)
	text, err := os.ReadFile(rules)
	require.NoError(t, err)
	known := map[string]bool{}
	for _, m := range append(metricsOf("", exampleFigures), fleetMetricsOf("", someFleet())...) {
		known[m.Name] = true
	}
	for _, expr := range regexp.MustCompile(`(?m)^ +expr: (.*)$`).FindAllSubmatch(text, -1) {
		for _, name := range regexp.MustCompile(`hushpipe_[a-z_]+`).FindAllString(string(expr[1]), -1) {
			require.True(t, known[name], name)
		}
	}
	path := need.Program(t, "promtool", "prometheus")
	out, err := exec.Command(path, "check", "rules", rules).CombinedOutput()
	require.NoError(t, err, "%s", out)
	described := regexp.MustCompile(`(?s)HushpipeSilent.*?description: >-\n(.*?)\n +- alert`).FindSubmatch(text)
	description := regexp.MustCompile(`\s+`).ReplaceAllString(string(described[1]), " ")[1:]
	cases := regexp.MustCompile("RULES").ReplaceAllString(alertCases, rules)
	cases = regexp.MustCompile("DESCRIPTION").ReplaceAllString(cases, description)
	file := filepath.Join(t.TempDir(), "cases.yml")
	require.NoError(t, os.WriteFile(file, []byte(cases), 0o600))
	out, err = exec.Command(path, "test", "rules", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
