package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/counters"
	"hushpipe/filter/need"
	"hushpipe/filter/registry"
	"hushpipe/filter/traffic"
	"hushpipe/format/agent"
	"hushpipe/format/metrics"
)

// exampleFigures has a different value in each field.
var exampleFigures = figures{
	Figures: registry.Figures{
		Values: counters.Values{Lines: 1000, Malformed: 1, Late: 2, Adjusted: 3, Expired: 4, Cut: 5, Failed: 6,
			Dropped: 7, Overflow: 8, Repeated: 9, Glued: 13, WithoutClient: 14, WithoutRequest: 15, RoomUnseen: 16},
		Known: true, Rooms: 10, Pairs: 11, Visits: 17, Oldest: time.Unix(1794182400, 0), LastWrite: time.Unix(1795352799, 0)},
	version: "v1.0.0", read: 250_000, counting: true, buffered: 12, retention: 14, started: time.UnixMilli(1795350000_250),
	traffic: &traffic.Totals{agent.Person: {Hits: 18, Pages: 19, Bytes: 20}, agent.AIUser: {Hits: 21, Pages: 22, Bytes: 23}},
}

func TestMetricsText(t *testing.T) {
	text := metrics.Append(nil, metricsOf("/var/log/hushpipe", exampleFigures))
	golden := "testdata/metrics.prom"
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile(golden, text, 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(text))
	promtool(t, string(text))
}

// promtool lets Prometheus' own tool check a text.
func promtool(t *testing.T, text string) {
	t.Helper()
	t.Run("promtool", func(t *testing.T) {
		cmd := exec.Command(need.Program(t, "promtool", "prometheus"), "check", "metrics")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Empty(t, string(out))
	})
}

// readMetrics returns the values in a file by name.
func readMetrics(t *testing.T, path string) map[string]float64 {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	promtool(t, string(text))
	list, err := metrics.Parse(text)
	require.NoError(t, err)
	values := map[string]float64{}
	for name, m := range list {
		values[strings.TrimPrefix(name, "hushpipe_")] = m.Value
	}
	return values
}

// TestMetricsOfProcesses feeds two loggers on one DIR, as after a reload, and finds the
// sums in their one file.
func TestMetricsOfProcesses(t *testing.T) {
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "x.prom")
	began := float64(time.Now().Unix())
	first := startLogger(t, "--metrics", path, dir)
	await(t, func() bool { _, err := os.Stat(path); return err == nil }, "it is there at once")
	second := startLogger(t, "--metrics", path, dir)
	const lines, rooms, users = 30_000, 7, 100
	size := 0
	feed := func(l *logger, text string) {
		size += len(text)
		_, err := io.WriteString(l.stdin, text)
		require.NoError(t, err)
	}
	for i := range lines {
		l := first
		if i%3 == 0 {
			l = second
		}
		feed(l, logLine(fmt.Sprint("192.0.2.", i%users), fmt.Sprint("/http-bind?room=r", i%rooms)))
	}
	const stamp = "02/Jan/2006:15:04:05 -0700"
	now := time.Now()
	feed(first, "garbage 192.0.2.1\n")
	feed(first, strings.Repeat("x", 1<<20)+"yy\n")
	feed(second, strings.Replace(logLine("192.0.2.1", "/"), " - - ", " ", 1)) // its date is found
	for at, n := range map[time.Time]int{now.AddDate(0, 0, -1): 2, now.AddDate(0, 0, -20): 3, now.AddDate(0, 0, 2): 4} {
		for range n {
			feed(second, `192.0.2.1 - - [`+at.Format(stamp)+`] "GET / HTTP/1.1" 200 5`+"\n")
		}
	}
	require.Equal(t, 1, first.end(), "a line was cut: %s", first.said)
	require.Equal(t, 0, second.end(), "%s", second.said)

	got := readMetrics(t, path)
	for name, want := range map[string]float64{
		"lines_total": lines + 12, "malformed_lines_total": 3, "late_lines_total": 2, "expired_lines_total": 3,
		"adjusted_lines_total": 2 + 4, "cut_lines_total": 1, "failed_lines_total": 0, "dropped_lines_total": 0, "uncounted_lines_total": 0,
		"duplicated_batches_total": 0, "rooms": rooms, "pairs": rooms * users, "buffer_bytes": 0, "buffer_size_bytes": bufferSize,
		"retention_seconds": 14 * 86400, "build_info": 1,
	} {
		assert.Equal(t, want, got[name], name)
	}
	assert.EqualValues(t, size, got["read_bytes_total"])
	midnight := time.Date(now.Year(), now.Month(), now.Day()-1, 0, 0, 0, 0, time.Local)
	assert.EqualValues(t, midnight.Unix(), got["oldest_day_timestamp_seconds"])
	for _, name := range []string{"start_time_seconds", "last_write_timestamp_seconds"} {
		assert.GreaterOrEqual(t, got[name], began, name)
		assert.LessOrEqual(t, got[name], float64(time.Now().Unix()+1), name)
	}

	third := startLogger(t, "--metrics", path, dir)
	third.write("192.0.2.1", "/")
	require.Equal(t, 0, third.end())
	require.Equal(t, got["lines_total"]+1, readMetrics(t, path)["lines_total"], "a new process goes on from there")
}

// TestMetricsTurns: processes that write one file in turn decrease no counter and lose
// nothing; the newest sets the other values.
func TestMetricsTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.prom")
	start := time.Now().Add(-time.Minute)
	process := func(age time.Duration) (*metricsFile, *figures) {
		return &metricsFile{path: path, dir: "/var/log/hushpipe"}, &figures{started: start.Add(-age)}
	}
	old, oldHas := process(time.Hour)
	young, youngHas := process(time.Minute)
	ahead, aheadHas := process(-time.Hour) // its clock has been put back since
	lines := uint64(0)
	for i, step := range []struct {
		m        *metricsFile
		has      *figures
		more     uint64
		buffered int
		want     int
	}{
		{old, oldHas, 5, 1, 1},
		{young, youngHas, 0, 2, 2},
		{old, oldHas, 3, 3, 2},
		{young, youngHas, 10, 4, 4},
		{old, oldHas, 0, 5, 4},
		{ahead, aheadHas, 1, 6, 6},
		{young, youngHas, 1, 7, 7},
	} {
		step.has.Lines += step.more
		lines += step.more
		step.has.buffered = step.buffered
		if step.more > 0 {
			step.has.LastWrite = time.Unix(int64(1000+i), 0)
		}
		require.NoError(t, step.m.write(*step.has))
		got := readMetrics(t, path)
		assert.EqualValues(t, lines, got["lines_total"], i)
		assert.EqualValues(t, step.want, got["buffer_bytes"], i)
		if step.more > 0 {
			assert.EqualValues(t, 1000+i, got["last_write_timestamp_seconds"], i)
		}
	}
	require.NoError(t, os.Remove(path))
	require.NoError(t, young.write(*youngHas))
	require.EqualValues(t, youngHas.Lines, readMetrics(t, path)["lines_total"], "a counter that begins anew begins with what this process has counted")
}

// TestMetricsNotSeen: a process that still reads a large DIR, as after a reload,
// reports no rooms instead of 0.
func TestMetricsNotSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.prom")
	now := time.Now()
	write := func(started time.Time, f registry.Figures) map[string]float64 {
		m := &metricsFile{path: path, dir: "/d"}
		require.NoError(t, m.write(figures{Figures: f, counting: true, started: started}))
		return readMetrics(t, path)
	}
	got := write(now.Add(-time.Hour), registry.Figures{})
	require.Contains(t, got, "buffer_bytes")
	for _, name := range []string{"rooms", "pairs", "oldest_day_timestamp_seconds"} {
		require.NotContains(t, got, name)
	}
	before := write(now.Add(-time.Minute), registry.Figures{Known: true, Rooms: 5, Pairs: 6, Oldest: now})
	require.EqualValues(t, 5, before["rooms"])
	got = write(now, registry.Figures{})
	require.Greater(t, got["start_time_seconds"], before["start_time_seconds"])
	for _, name := range []string{"rooms", "pairs", "oldest_day_timestamp_seconds"} {
		require.Equal(t, before[name], got[name], name)
	}
	got = write(now, registry.Figures{Known: true})
	require.Zero(t, got["rooms"])
	require.NotContains(t, got, "oldest_day_timestamp_seconds", "there is none any more")
}

// TestMetricsFaults: a file that cannot be written is reported, delays nothing, and
// loses nothing.
func TestMetricsFaults(t *testing.T) {
	for _, tt := range []struct {
		name  string
		plant func(path string) error
		heal  func(path string) error
		want  string // "": it is no fault
	}{
		{"link", func(path string) error { return os.Symlink("victim", path) }, os.Remove, "is a symbolic link; hint: remove it"},
		{"somebody else's", func(path string) error { return os.WriteFile(path, []byte("node_load1 1\n"), 0o644) }, os.Remove, "is not hushpipe's; hint: remove it"},
		{"of another DIR", func(path string) error {
			return os.WriteFile(path, []byte(`hushpipe_lines_total{dir="/var/log/hushpipe-2"} 5`+"\n"), 0o644)
		}, os.Remove, "belongs to another DIR; hint: give each DIR a file of its own"},
		{"cut by a power cut", func(path string) error { return os.WriteFile(path, nil, 0o644) }, nil, ""},
		{"read-only disk", func(path string) error { return remountReadOnly(filepath.Dir(path), true) },
			func(path string) error { return remountReadOnly(filepath.Dir(path), false) }, "read-only file system"},
		{"full disk", func(path string) error {
			os.WriteFile(path+".large", make([]byte, 1<<20), 0o600) // half a MiB fits
			return nil
		}, func(path string) error { return os.Remove(path + ".large") }, "no space left on device"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			need.Root(t)
			folder := t.TempDir()
			mountTmpfs(t, folder, "512k")
			path := filepath.Join(folder, "x.prom")
			require.NoError(t, tt.plant(path))
			dir := t.TempDir()
			l := startLogger(t, "--metrics", path, dir)
			l.write("192.0.2.1", "/")
			require.Equal(t, 0, l.end(), "it is no reason to end with an error")
			require.Equal(t, 1, strings.Count(written(dir), "\n"))
			lines := 1
			if tt.want == "" {
				require.Empty(t, l.said.String())
				lines = 2
			} else {
				require.Equal(t, 1, strings.Count(l.said.String(), "\n"), "it is reported once a minute: %s", l.said)
				require.Contains(t, l.said.String(), "hushpipe: warning: --metrics: ")
				require.Contains(t, l.said.String(), path)
				require.Contains(t, l.said.String(), tt.want)
				if said, status := checkMetrics(t, path, dir); tt.name != "full disk" {
					require.Equal(t, exitUsage, status)
					require.Contains(t, said, tt.want)
				}
				require.NoError(t, tt.heal(path))
			}
			l = startLogger(t, "--metrics", path, dir)
			l.write("192.0.2.1", "/")
			require.Equal(t, 0, l.end())
			names, err := filepath.Glob(folder + "/.*")
			require.NoError(t, err)
			require.Empty(t, names, "nothing is left behind")
			require.EqualValues(t, lines, readMetrics(t, path)["lines_total"])
		})
	}
}

func checkMetrics(t *testing.T, path string, args ...string) (said string, status int) {
	cmd := exec.Command(hushpipeBinary(t), append([]string{"filter", "--check", "--metrics", path}, args...)...)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// TestMetricsCheck: --check reports what would keep the file from being written.
func TestMetricsCheck(t *testing.T) {
	need.Root(t)
	dir := openTo(t)
	folder := filepath.Join(filepath.Dir(dir), "node-exporter")
	path := filepath.Join(folder, "x.prom")
	said, status := checkMetrics(t, path, dir)
	require.Equal(t, exitUsage, status)
	require.Contains(t, said, "create the directory before hushpipe starts")
	require.NoError(t, os.Mkdir(folder, 0o755))
	said, status = checkMetrics(t, path, dir)
	require.Equal(t, exitDone, status, said)
	said, status = checkMetrics(t, path, "--user", nobody, dir)
	require.Equal(t, exitUsage, status)
	require.Contains(t, said, "let hushpipe's user write")
	require.NoError(t, os.Chmod(folder, 0o777))
	said, status = checkMetrics(t, path, "--user", nobody, dir)
	require.Equal(t, exitDone, status, said)

	// The filter as that user, and confined.
	l := startLogger(t, "--metrics", path, "--user", nobody, dir)
	l.write("192.0.2.1", "/")
	require.Equal(t, 0, l.end())
	require.Empty(t, l.said.String())
	require.EqualValues(t, 1, readMetrics(t, path)["lines_total"])
	requireOwner(t, nobody, path)
	st, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o644, st.Mode(), "node_exporter is another user")
}

// TestMetricsTick: the file is written while the filter runs.
func TestMetricsTick(t *testing.T) {
	log := newMessageLog(&lockedBuffer{})
	defer log.close()
	m := &metricsFile{path: filepath.Join(t.TempDir(), "x.prom"), dir: "/d", log: log}
	tick := make(chan time.Time)
	asked := make(chan uint64)
	stop := m.run(tick, func() figures { return figures{Figures: registry.Figures{Values: counters.Values{Lines: <-asked}}} })
	asked <- 0
	for n := range uint64(3) {
		tick <- time.Now()
		asked <- n
	}
	go func() { asked <- 9 }()
	stop()
	require.EqualValues(t, 9, readMetrics(t, m.path)["lines_total"], "the last word")
}

// TestMetricsDocumented: the section of the manual names each metric and no other.
func TestMetricsDocumented(t *testing.T) {
	filters, fleet, found := strings.Cut(manualText("metrics", "5"), "\n## Metrics of a fleet\n")
	require.True(t, found)
	for _, tt := range []struct {
		text    string
		metrics []metrics.Metric
	}{{filters, metricsOf("", exampleFigures)}, {fleet, fleetMetricsOf("", someFleet())}} {
		var want, got []string
		for _, m := range tt.metrics {
			if !slices.Contains(want, m.Name) {
				want = append(want, m.Name)
			}
		}
		for _, found := range regexp.MustCompile("(?m)^(`hushpipe_.*)\n: ").FindAllStringSubmatch(tt.text, -1) {
			for name := range strings.SplitSeq(found[1], ", ") {
				got = append(got, strings.Trim(name, "`"))
			}
		}
		require.ElementsMatch(t, want, got)
	}
}

// TestDashboard: Grafana can read the dashboard, and its metrics exist.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("packaging/grafana/hushpipe.json")
	require.NoError(t, err)
	var board struct {
		Title      string
		UID        string
		Templating struct {
			List []struct{ Name, Type, Query string }
		}
		Panels []struct {
			Title      string
			Datasource struct{ UID string }
			Targets    []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &board))
	require.NotEmpty(t, board.Title)
	require.NotEmpty(t, board.UID)
	known := map[string]bool{}
	for _, m := range metricsOf("", exampleFigures) {
		known[m.Name] = true
	}
	names := regexp.MustCompile(`hushpipe_[a-z_]+`)
	var exprs []string
	for _, v := range board.Templating.List {
		if v.Type == "query" {
			exprs = append(exprs, v.Query)
		}
	}
	require.Equal(t, "datasource", board.Templating.List[0].Type)
	require.NotEmpty(t, board.Panels)
	for _, p := range board.Panels {
		require.Equal(t, "${"+board.Templating.List[0].Name+"}", p.Datasource.UID, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			exprs = append(exprs, target.Expr)
		}
	}
	asked := map[string]bool{}
	for _, expr := range exprs {
		found := names.FindAllString(expr, -1)
		require.NotEmpty(t, found, expr)
		for _, name := range found {
			require.True(t, known[name], "%s: nobody writes %s", expr, name)
			asked[name] = true
			if strings.HasSuffix(name, "_total") {
				require.Contains(t, expr, "(", "a counter is of no use by itself")
			}
		}
	}
	for _, c := range counters.All {
		assert.True(t, c.Metric == "" || asked["hushpipe_"+c.Metric], c.Metric)
	}
	for _, c := range counters.OfHits {
		assert.True(t, asked["hushpipe_"+c.Metric], c.Metric)
	}
	for _, name := range []string{"read_bytes_total", "rooms", "pairs", "traffic_visits", "buffer_bytes", "buffer_size_bytes", "oldest_day_timestamp_seconds", "retention_seconds", "last_write_timestamp_seconds"} {
		assert.True(t, asked["hushpipe_"+name], name)
	}
	t.Run("promtool", func(t *testing.T) {
		path := need.Program(t, "promtool", "prometheus")
		rules := "groups:\n- name: x\n  rules:\n"
		for i, p := range board.Panels {
			for k, target := range p.Targets {
				expr := strings.NewReplacer("$__rate_interval", "1m", "$dir", "x", "$instance", "x").Replace(target.Expr)
				rules += fmt.Sprintf("  - record: x:p%dt%d\n    expr: %q\n", i, k, expr)
			}
		}
		file := filepath.Join(t.TempDir(), "rules.yml")
		require.NoError(t, os.WriteFile(file, []byte(rules), 0o600))
		out, err := exec.Command(path, "check", "rules", file).CombinedOutput()
		require.NoError(t, err, "%s\n%s", out, rules)
	})
}
