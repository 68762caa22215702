package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFirstMinute: what somebody at a terminal types who meets hushpipe for the first
// time, and the answer that leads on.
func TestFirstMinute(t *testing.T) {
	script := tool(t, "script", "bsdutils")
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "log"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "access.log"), []byte(logLine("192.0.2.1", "/")), 0o644))
	const does = "hushpipe takes a web server's log from a pipe, replaces the addresses, and"
	for _, c := range []struct{ typed, answer string }{
		{"", does},
		{"", "error: no command given; hint: see 'hushpipe --help'"},
		{"filter", does},
		{"filter", "error: no DIR given; hint: name the directory for the daily files, or use --stdout"},
		{"log", "error: unknown command \"log\"; hint: write 'hushpipe filter log'? see 'hushpipe --help'"},
		{"/var/log/new", "error: unknown command \"/var/log/new\"; hint: write 'hushpipe filter /var/log/new'? see 'hushpipe --help'"},
		{"--check log", "error: unknown flag: --check; hint: it is a flag of 'hushpipe filter', see 'hushpipe --help'"},
		{"filter log", "note: reading log lines from this terminal to log; Ctrl-D ends the input; hint: 'hushpipe filter log <FILE' reads a log"},
		{"filter --input log", "error: no DIR given; --input takes log for its value; hint: give --input PATH log"},
		{"filter --input fifo", "error: no DIR given; --input takes fifo for its value; hint: give --input PATH DIR"},
		{"filter access.log", "error: access.log is a file, not a DIR; hint: give a DIR, and the file to stdin: 'hushpipe filter DIR <access.log'"},
		{"replay access.log", "error: no DIR given; hint: DIR comes first, as in 'hushpipe replay /var/log/hushpipe access.log'"},
		{"replay access.log log", "error: access.log is a file; hint: DIR comes first, as in 'hushpipe replay log access.log'"},
		{"report --html log", "error: no DIR or FILE given; --html takes log for its value; hint: give --html FILE log"},
		{"reveal 100::1", "error: 100::1 is no DIR; hint: DIR comes first, as in 'hushpipe reveal /var/log/hushpipe 100::1'"},
		{"help fliter", "hint: did you mean 'help filter'? see 'hushpipe --help'"},
		{"stats log", "error: unknown command \"stats\"; hint: did you mean 'status'? see 'hushpipe --help'"},
	} {
		cmd := exec.Command(script, "-qec", strings.TrimSpace(hushpipeBinary(t)+" "+c.typed), "/dev/null") // at the end of stdin comes Ctrl-D
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput()
		assert.Contains(t, strings.ReplaceAll(string(out), "\r\n", "\n"), c.answer, "hushpipe %s", c.typed)
	}
}

// TestMeant: a hint for a wrong name is the name that was meant, or there is none.
func TestMeant(t *testing.T) {
	for wrong, hint := range map[string]string{
		"filter --kep 7d":       "did you mean '--keep'? see",
		"filter --kepe 7d":      "did you mean '--keep'? see",
		"filter --key k":        "did you mean '--keys'? see",
		"filter --fromat vhost": "did you mean '--format'? see",
		"filter --trusted 10/8": "did you mean '--trusted-proxies'? see",
		"filter --room jitsi":   "did you mean '--rooms'? see",
		"filter --if keep":      "hint: see",
		"filter --zip":          "hint: see",
		"filter --rest":         "hint: see",
		"report --htm x":        "did you mean '--html'? see",
		"report --keep 7d":      "it is a flag of 'hushpipe filter', see",
		"fitler":                "did you mean 'filter'? see",
		"rep":                   "did you mean 'replay'? see",
		"rum":                   "hint: see",
		"help replai":           "did you mean 'help replay'? see",
	} {
		cmd := exec.Command(hushpipeBinary(t), strings.Fields(wrong)...)
		out, _ := cmd.CombinedOutput()
		assert.Contains(t, string(out), hint, wrong)
	}
}
