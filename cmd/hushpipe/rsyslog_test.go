package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rsyslogOf sets up Debian's rsyslog with the packaged configuration for a DIR. It
// returns a function that starts it, and the file that it writes.
func rsyslogOf(t *testing.T, dir string) (start func() *exec.Cmd, target string) {
	program := need.Program(t, "rsyslogd", "rsyslog")
	base := t.TempDir()
	target = base + "/target.log"
	text, err := os.ReadFile("packaging/rsyslog/hushpipe.conf")
	require.NoError(t, err)
	conf := regexp.MustCompile(`action\(type="omfwd".*\)`).ReplaceAllString(string(text),
		`action(type="omfile" file="`+target+`" template="RSYSLOG_FileFormat")`)
	require.Contains(t, conf, target)
	conf = strings.ReplaceAll(conf, "/var/log/hushpipe/", dir+"/")
	conf = `global(workDirectory="` + base + "\")\n" + conf
	require.NoError(t, os.WriteFile(base+"/rsyslog.conf", []byte(conf), 0o644))
	out, err := exec.Command(program, "-N1", "-f", base+"/rsyslog.conf").CombinedOutput()
	require.NoError(t, err, "%s", out)

	return func() *exec.Cmd {
		os.Remove(base + "/pid")
		cmd := exec.Command(program, "-n", "-f", base+"/rsyslog.conf", "-i", base+"/pid")
		cmd.Stderr = os.Stderr
		require.NoError(t, cmd.Start())
		return cmd
	}, target
}

// TestRsyslog: Debian's rsyslog with the packaged configuration forwards every line,
// over midnight with late lines, and over restarts and kills.
func TestRsyslog(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	start, target := rsyslogOf(t, dir)
	l := startLogger(t, dir)
	before, after := twoDays()
	sent := 0
	send := func(n int, when func() time.Time) {
		for range n {
			sent++
			_, err := fmt.Fprintf(l.stdin, "192.0.2.1 - - [%s] \"GET /?n=%d. HTTP/1.1\" 200 5 \"-\" \"%s\"\n",
				when().Format("02/Jan/2006:15:04:05 -0700"), sent, strings.Repeat("x", 20_000*(1-min(1, sent%500))))
			require.NoError(t, err)
		}
	}
	id := regexp.MustCompile(`\?n=(\d+)\. HTTP/1.1" 200 5 "-" "x*"\n`)
	got := func() (different, all int) {
		text, _ := os.ReadFile(target)
		ids := map[string]bool{}
		for _, found := range id.FindAllStringSubmatch(string(text), -1) {
			ids[found[1]] = true
			all++
		}
		return len(ids), all
	}
	arrived := func(n int) {
		await(t, func() bool { different, _ := got(); return different >= n }, fmt.Sprintf("%d lines", n))
	}

	send(1000, before)
	await(t, func() bool { return strings.Contains(written(dir), "?n=1000.") }, "no lines")
	rsyslog := start()
	defer func() { rsyslog.Process.Kill() }()
	arrived(1000)
	day := before
	for round := range 8 {
		if round == 3 {
			day = after
		}
		send(1000, day)
		if round >= 3 {
			send(50, before) // late ones
		}
		if round%2 == 0 { // in the middle of them
			sig := syscall.SIGKILL
			if round%4 == 2 {
				sig = syscall.SIGTERM
			}
			different, _ := got()
			arrived(min(different+100, sent))
			require.NoError(t, rsyslog.Process.Signal(sig))
			rsyslog.Wait()
			send(500, day)
			rsyslog = start()
		}
	}
	require.Equal(t, 0, l.end())
	arrived(sent)
	different, all := got()
	assert.Equal(t, sent, different)
	t.Logf("%d lines, %d lost, %d twice", sent, sent-different, all-different)
	require.NoError(t, rsyslog.Process.Signal(syscall.SIGTERM))
	rsyslog.Wait()
}
