package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/audit"
	"hushpipe/filter/counters"
	"hushpipe/filter/registry"
)

var statusTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// busyDir is the status of a DIR in which much has happened.
func busyDir() audit.Status {
	const dir = "/var/log/hushpipe"
	s := audit.Status{Dir: dir, Time: statusTime, Keep: "14d", Oldest: "2026-11-20",
		Days: []audit.DayFiles{
			{Day: "2026-11-20", LogBytes: 1 << 30, Key: true, Journals: 1, JournalBytes: 700_000},
			{Day: "2026-11-21", LogBytes: 987_654_321, Key: true, Journals: 2, JournalBytes: 1 << 20},
			{Day: "2026-11-22", LogBytes: 1000, Key: true, Journals: 12, JournalBytes: 1023},
			{Day: "2026-11-23", Key: true}},
		Processes: []registry.Process{
			{PID: 4194304, Version: "v1.2.3", IP: "mask=20/44", Keep: "36500d", Confined: "not confined: this kernel has no landlock",
				Started: statusTime.Add(-50 * time.Hour), Written: statusTime.Add(-7 * time.Minute)},
			{PID: 123, Version: "v1.2.4", IP: "ipcrypt", Keep: "14d", Confined: "confined by landlock (ABI 6), seccomp, capabilities", Memory: "no core files, no debugger of the same user",
				Started: statusTime.Add(-time.Hour), Written: statusTime.Add(-12 * time.Second)}},
		LastError: registry.Fault{Time: statusTime.Add(-time.Hour), Text: "write " + dir + "/access-2026-11-22.log: no space left on device; lines wait in memory"},
		Broken: []audit.Finding{
			{File: dir + "/access-2026-01-01.log.gz", What: "is older than 14d", Do: "hushpipe purge " + dir},
			{File: dir, What: "everybody can write there", Do: "chmod o-w " + dir}},
		Notes: []audit.Finding{{File: dir + "/a\x1b[31m\u202e.log", What: "is not hushpipe's, so hushpipe will not delete it", Do: "check whether it contains lines or a key"},
			{File: dir + "/journal/2026-11-22.44a0b26d902d63c2.journal.damaged", What: "was set aside because part of it could not be read", Do: "its intact part is counted; it is deleted with its day"}},
	}
	for day := 12; day <= 22; day++ {
		c := counters.Values{Lines: 10_000_000 * uint64(day-12), Malformed: 1000, Late: 12_345, Ended: 1}
		s.Counts = append(s.Counts, audit.DayCounters{Day: time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), Values: c})
	}
	s.Total = counters.Values{Lines: 550_000_000, Malformed: 11_000, Late: 135_795, Dropped: 300, Repeated: 2, Ended: 11, Killed: 2}
	return s
}

// policyStatus is the status of a policy with this many processes, some of which run
// other policies.
func policyStatus(processes int, others ...registry.Process) *audit.Policy {
	return &audit.Policy{Digest: strings.Repeat("9f", 32), Since: statusTime.Add(-50 * time.Hour), Processes: processes, Others: others}
}

// TestStatusText compares the text with golden files; UPDATE=1 rewrites them.
func TestStatusText(t *testing.T) {
	for name, s := range map[string]audit.Status{
		"busy":  busyDir(),
		"empty": {Dir: "log", Time: statusTime, Keep: "14d"},
		"streams": {Dir: "log", Time: statusTime, Keep: "14d", Streams: make([]audit.Status, 3),
			Policy: policyStatus(4, registry.Process{PID: 123}, registry.Process{PID: 4194304})},
		"gate": {Dir: "log/cost", Time: statusTime, Keep: "30d", Gate: &audit.Gate{From: "2026-11-20", Until: "2026-11-22", Open: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(appendStatus(nil, s))
			golden := filepath.Join("testdata", "status-"+name+".txt")
			if os.Getenv("UPDATE") != "" {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
			for line := range strings.Lines(got) {
				assert.LessOrEqual(t, utf8.RuneCountInString(line), screen+1, line)
			}
		})
	}
}

// TestPolicyInWords: one line names the policy, since when it runs, and whether all
// processes run it.
func TestPolicyInWords(t *testing.T) {
	const policy = "policy sha256:9f9f9f9f since 2026-11-20 10:00, "
	for want, p := range map[string]*audit.Policy{
		"and no process runs":          policyStatus(0),
		"in the one process that runs": policyStatus(1),
		"in all 2 processes":           policyStatus(2),
		"in 0 of 1 process":            policyStatus(1, registry.Process{}),
		"in 1 of 2 processes":          policyStatus(2, registry.Process{}),
	} {
		assert.Equal(t, policy+want, policyInWords(p))
	}
	for want, g := range map[string]audit.Gate{
		"its gate is closed":                             {},
		"its gate opens on 2026-11-23, until 2026-12-10": {From: "2026-11-23", Until: "2026-12-10"},
		"its gate is open until 2026-11-22":              {From: "2026-11-20", Until: "2026-11-22", Open: true},
		"its gate was open until 2026-11-21":             {From: "2026-11-20", Until: "2026-11-21"},
	} {
		assert.Equal(t, want, gateOf(&g, "2026-11-22"))
	}
}

func TestHumanNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1<<20 - 1: "1.0 MiB", 987_654_321: "941.9 MiB", 1 << 60: "1.0 EiB"} {
		assert.Equal(t, want, size(n))
	}
	for d, want := range map[time.Duration]string{-time.Hour: "0 s ago", 59 * time.Second: "59 s ago", time.Minute: "1 min ago", 50 * time.Hour: "50 h ago"} {
		assert.Equal(t, want, timeAgo(d))
	}
}

// statusOf runs hushpipe status --json on dir, and returns its result and exit status.
func statusOf(t *testing.T, dir string) (s audit.Status, exit int) {
	t.Helper()
	cmd := exec.Command(hushpipeBinary(t), "status", "--json", dir)
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	require.NoError(t, json.Unmarshal(out, &s), "%s", out)
	return s, cmd.ProcessState.ExitCode()
}

// TestStatusOfProcesses: status distinguishes live processes from those that ended and
// those that were killed.
func TestStatusOfProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	var loggers []*logger
	for range 3 {
		l := startLogger(t, dir)
		l.write("192.0.2.1", "/")
		loggers = append(loggers, l)
	}
	await(t, func() bool {
		s, exit := statusOf(t, dir)
		return exit == 0 && len(s.Processes) == 3 && s.Total.Lines == 3
	}, "the records of the processes, which are written soon after their first lines")
	loggers[1].write("192.0.2.1", "/")
	await(t, func() bool { return strings.Count(written(dir), "\n") == 4 }, "the lines")
	s, _ := statusOf(t, dir)
	for _, p := range s.Processes {
		assert.Equal(t, "ipcrypt", p.IP)
		assert.Equal(t, "14d", p.Keep)
		assert.True(t, slices.ContainsFunc(loggers, func(l *logger) bool { return l.cmd.Process.Pid == p.PID }))
	}
	require.Equal(t, 0, loggers[0].end())
	loggers[1].cmd.Process.Kill()
	loggers[1].wait()
	s, exit := statusOf(t, dir)
	assert.Equal(t, 0, exit)
	require.Len(t, s.Processes, 1)
	assert.Equal(t, loggers[2].cmd.Process.Pid, s.Processes[0].PID)
	assert.EqualValues(t, 1, s.Total.Ended)
	assert.EqualValues(t, 1, s.Total.Killed)

	require.Equal(t, 0, loggers[2].end())
	s, _ = statusOf(t, dir)
	assert.Empty(t, s.Processes)
	assert.EqualValues(t, 3, s.Total.Lines, "those of the killed one since its last record are not known")
	assert.EqualValues(t, 2, s.Total.Ended)
	assert.EqualValues(t, 1, s.Total.Killed)
	files, err := os.ReadDir(filepath.Join(dir, "status"))
	require.NoError(t, err)
	assert.Len(t, files, 1)
}

// TestStatusOfKills kills loggers one after the other on one pipe while lines are
// written to it: status counts each kill, and each batch that is in a file twice.
func TestStatusOfKills(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only on Linux does the pipe keep what is not written")
	}
	const kills = 10
	dir := filepath.Join(t.TempDir(), "log")
	makeDIR(t, hushpipeBinary(t), dir)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	start := func() *logger {
		l := &logger{t: t, said: &lockedBuffer{}}
		l.cmd = exec.Command(hushpipeBinary(t), "filter", dir)
		l.cmd.Stdin, l.cmd.Stderr = r, l.said
		require.NoError(t, l.cmd.Start())
		t.Cleanup(func() { l.cmd.Process.Kill(); l.cmd.Wait() })
		return l
	}
	stop, ended := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { w.Close(); ended <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			fmt.Fprintf(w, "192.0.2.1 - - [%s] \"GET /id-%d HTTP/1.1\" 200 5\n", time.Now().Format("02/Jan/2006:15:04:05 -0700"), n)
		}
	}()
	for range kills {
		l := start()
		size := len(written(dir))
		await(t, func() bool { return len(written(dir)) > size }, "lines")
		l.cmd.Process.Kill()
		l.wait()
	}
	l := start()
	close(stop)
	n := <-ended
	r.Close()
	require.Equal(t, 0, l.wait())

	times := map[string]int{}
	for line := range strings.Lines(written(dir)) {
		times[strings.Fields(line)[6]]++
	}
	require.Equal(t, n, len(times), "no line is lost")
	twice := 0 // runs of duplicated lines
	for i := range n {
		if times[fmt.Sprintf("/id-%d", i)] > 1 && (i == 0 || times[fmt.Sprintf("/id-%d", i-1)] == 1) {
			twice++
		}
	}
	s, exit := statusOf(t, dir)
	assert.Equal(t, 0, exit)
	assert.EqualValues(t, kills, s.Total.Killed)
	assert.EqualValues(t, 2, s.Total.Ended)
	t.Logf("%d lines, %d batches twice, %d counted", n, twice, s.Total.Repeated)
	assert.GreaterOrEqual(t, int(s.Total.Repeated), twice)
	assert.LessOrEqual(t, int(s.Total.Repeated), kills)
}
