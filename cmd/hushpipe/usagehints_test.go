package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFirstMinute: what people type at a terminal when they first meet hushpipe, and
// the answer that helps them on.
func TestFirstMinute(t *testing.T) {
	t.Parallel()
	script := need.Program(t, "script", "bsdutils")
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
		{"replay access.log new", "error: access.log is a file; hint: DIR comes first, as in 'hushpipe replay new access.log'"},
		{"filter access.log </dev/null", "not a directory; hint: give a directory"},
		{"statement policy.toml", "error: policy.toml does not exist; hint: give a policy, or the DIR that hushpipe filter writes to"},
		{"check --nginx /usr/sbin/ngnix", "error: run /usr/sbin/ngnix: no such file or directory; hint: give the server's program, or leave it out"},
		{"replay log nosuch.log", "error: open nosuch.log: no such file or directory; hint: correct the path, or make what is missing"},
		{"filter --check --policy nope.toml log", "error: --policy nope.toml: no such file or directory; hint: correct the path, or make what is missing"},
		{"filter --keys /proc log </dev/null", "/proc/.lock: its directory was removed, or holds no files"},
		{"find nosuch --address ::1", "error: nosuch does not exist; hint: give the DIR that hushpipe filter writes to"},
		{"report --lang fr log", "error: --lang: language \"fr\" is not known; hint: choose en, de or no"},
		{"rooms log", "error: log: there is no data for "},
		{"check apache", "error: give either --apache or --nginx; hint: write 'hushpipe check --apache', or see"},
		{"replay access.log log", "error: access.log is a file; hint: DIR comes first, as in 'hushpipe replay log access.log'"},
		{"report --html log", "error: no DIR or FILE given; --html takes log for its value; hint: give --html FILE log"},
		{"reveal 100::1", "error: ADDRESS is not a DIR; hint: DIR comes first, as in 'hushpipe reveal /var/log/hushpipe ADDRESS'"},
		{"completion tcsh", "error: give the name of one shell; hint: choose bash, fish, powershell, zsh"},
		{"help fliter", "hint: did you mean 'help filter'? see 'hushpipe --help'"},
		{"stats log", "error: unknown command \"stats\"; hint: did you mean 'status'? see 'hushpipe --help'"},
	} {
		cmd := exec.Command(script, "-qec", strings.TrimSpace(hushpipeBinary(t)+" "+c.typed), "/dev/null") // at the end of stdin comes Ctrl-D
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput()
		assert.Contains(t, strings.ReplaceAll(string(out), "\r\n", "\n"), c.answer, "hushpipe %s", c.typed)
	}
}

// TestNoEcho: an address given in place of another word is not printed, since stderr
// may be kept.
func TestNoEcho(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	filtered := exec.Command(hushpipeBinary(t), "filter", filepath.Join(dir, "d"))
	filtered.Stdin = strings.NewReader(logLine("192.0.2.77", "/"))
	require.NoError(t, filtered.Run())
	for typed, says := range map[string]string{
		"find d 192.0.2.1":                       "no --address or --user given, and the argument after DIR is a stream; hint: give the address with --address",
		"find d mary":                            "give the address with --address, or the user with --user",
		"find d --address 192.0.2.9 192.0.2.1":   "d has no streams, and argument 2 names one; hint: leave it out, or give an address with --address and a user with --user",
		"find d --address 192.0.2.300":           "--address is not an IP address",
		"find d --day 192.0.2.1 --address ::1":   "is not valid; hint: give a date",
		"find d -192.0.2.1":                      "unknown shorthand flag: '1' in -ADDRESS",
		"find 2001:db8::1 --address 2001:db8::2": "ADDRESS does not exist; hint: give the DIR",
		"reveal 192.0.2.1":                       "ADDRESS is not a DIR",
		"reveal d 2001:db8::1":                   "argument 1: d: not found in any day's file",
		"rooms d 192.0.2.1":                      "too many arguments",
		"status 192.0.2.1":                       "ADDRESS does not exist",
		"replay d 192.0.2.1":                     "open ADDRESS: no such file or directory",
		"192.0.2.1":                              "unknown command \"ADDRESS\"",
		"help [2001:db8::1]:80":                  "no help on \"ADDRESS\"",
		"filter --192.0.2.1 d":                   "unknown flag: --ADDRESS",
		"filter --keep=192.0.2.1 d":              "ADDRESS",
	} {
		cmd := exec.Command(hushpipeBinary(t), strings.Fields(typed)...)
		cmd.Dir = dir
		cmd.Stdin = strings.NewReader("")
		out, err := cmd.CombinedOutput()
		assert.Error(t, err, typed)
		assert.Contains(t, string(out), says, typed)
		assert.NotRegexp(t, `192\.0\.2|2001:db8|mary|::1`, strings.ReplaceAll(string(out), "192.0.2.1 or 2001:db8::1, or -", ""), typed)
	}
}

// TestLacksPermission: the error for a DIR that cannot be read names a user who can
// read it.
func TestLacksPermission(t *testing.T) {
	need.Root(t)
	base := filepath.Dir(openTo(t))
	const owner, nobody = 54321, 65534
	dir := filepath.Join(base, "d")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "keys"), 0o700))
	program := filepath.Join(base, "hushpipe")
	text, err := os.ReadFile(hushpipeBinary(t))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, text, 0o755))
	require.NoError(t, os.Chown(dir, owner, owner))
	for _, typed := range []string{"status", "rooms", "filter --check", "purge", "find --address ::1", "reveal", "erase --address ::1 --reason 7", "audit", "statement",
		"report", "report --pages " + base, "traffic"} {
		words := append(strings.Fields(typed), dir)
		cmd := exec.Command(program, words...)
		cmd.Stdin = strings.NewReader("")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := cmd.CombinedOutput()
		assert.Error(t, err, typed)
		assert.Contains(t, string(out), "permission denied; hint: run it as root, or as user 54321, who owns "+dir+"\n", typed)
		assert.Equal(t, 1, strings.Count(string(out), "\n"), "%s: one answer, not one that leads elsewhere: %s", typed, out)
	}
}

// TestMeant: the hint for a wrong name is the intended name, or there is no hint.
func TestMeant(t *testing.T) {
	t.Parallel()
	for wrong, hint := range map[string]string{
		"filter --kep 7d":       "did you mean '--keep'? see",
		"filter --kepe 7d":      "did you mean '--keep'? see",
		"filter --key k":        "did you mean '--keys'? see",
		"filter --fromat vhost": "did you mean '--format'? see",
		"filter --trusted 10/8": "did you mean '--trusted-proxies'? see",
		"filter --room jitsi":   "did you mean '--rooms'? see",
		"filter --if keep":      "hint: see",
		"filter --zip":          "hint: see",
		"filter -keep 7d":       "write '--keep', see",
		"filter -keep=7d":       "write '--keep', see",
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
