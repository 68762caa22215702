package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/need"
	"hushpipe/format/serverconf"
)

// checkServer runs check and returns its output, with NAME in place of each text of
// names.
func checkServer(t *testing.T, names map[string]string, args ...string) (said string, status int) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(hushpipeBinary(t), append([]string{"check"}, args...)...)
	cmd.Stdout = &out
	stderr, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	cmd.Stderr = stderr
	cmd.Run()
	messages, err := os.ReadFile(stderr.Name())
	require.NoError(t, err)
	said = out.String() + string(messages)
	debian := regexp.MustCompile(`/(apache2|one)\.conf:\d+`) // of any release
	said = debian.ReplaceAllString(said, "/$1.conf:LINE")
	for text, name := range names {
		said = strings.ReplaceAll(said, text, name)
	}
	if names != nil {
		built := regexp.MustCompile(regexp.QuoteMeta(filepath.Dir(t.TempDir())) + `/\d+/hushpipe`)
		said = built.ReplaceAllString(said, "/usr/bin/hushpipe")
	}
	return said, cmd.ProcessState.ExitCode()
}

// equalsGolden compares with a file of testdata; UPDATE=1 writes it.
func equalsGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// TestCheckApache checks Debian's own configuration, from the first look to a safe
// reload. Each step follows the advice of the one before.
func TestCheckApache(t *testing.T) {
	apache(t)
	h, dir := debianHTTPD(t, func(snippet string) string { return strings.Replace(snippet, "--user "+anotherUser(t)+" ", "", -1) })
	program := hushpipeBinary(t)
	names := map[string]string{h.Root: "/etc/apache2", dir: "/var/log/hushpipe"}
	site, err := os.ReadFile("/etc/apache2/sites-available/000-default.conf")
	require.NoError(t, err)
	write := func(name string, text []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(h.Root, name), text, 0o644))
	}
	write("sites-enabled/one.conf", site)
	h.conf("hushpipe", false)

	said, status := checkServer(t, names, "--apache")
	require.Equal(t, 1, status)
	equalsGolden(t, "check-apache-fresh.txt", said)

	h.conf("hushpipe", true)
	h.conf("other-vhosts-access-log", false)
	said, status = checkServer(t, names, "--apache")
	require.Equal(t, 1, status)
	equalsGolden(t, "check-apache-enabled.txt", said)

	// Put in place what check advises.
	said, _ = checkServer(t, nil, "--apache")
	for line := range strings.Lines(said) {
		if _, instead, found := strings.Cut(line, "replace with: ErrorLog"); found {
			site = bytes.ReplaceAll(site, []byte("ErrorLog ${APACHE_LOG_DIR}/error.log"), []byte("ErrorLog "+strings.TrimSpace(instead)))
			main, err := os.ReadFile(filepath.Join(h.Root, "apache2.conf"))
			require.NoError(t, err)
			write("apache2.conf", bytes.ReplaceAll(main, []byte("ErrorLog ${APACHE_LOG_DIR}/error.log"), []byte("ErrorLog "+strings.TrimSpace(instead))))
		}
		if _, instead, found := strings.Cut(line, "replace with: CustomLog"); found {
			site = bytes.ReplaceAll(site, []byte("CustomLog ${APACHE_LOG_DIR}/access.log combined"), []byte("CustomLog "+strings.TrimSpace(instead)))
		}
	}
	write("sites-enabled/one.conf", site)
	said, status = checkServer(t, names, "--apache")
	require.Zero(t, status, said)
	require.Equal(t, 4, strings.Count(said, "\n    good\n"), said)
	require.Contains(t, said, "\nnothing writes addresses past hushpipe\n")
	require.NoDirExists(t, dir)
	out, err := exec.Command("apache2ctl", "-t").CombinedOutput()
	require.NoError(t, err, "%s", out)

	// Mistakes in directives.
	write("sites-enabled/two.conf", []byte(`LogFormat "%{%F}t %U" plain
LogFormat "%h \"%r\" %{X-Forwarded-For}i" forwarded
<VirtualHost *:1>
CustomLog "|PROGRAM fliter DIR" combined
CustomLog "|PROGRAM filter --fromat x DIR" combined
CustomLog "|PROGRAM filter --ip mask=99 DIR" combined
CustomLog "|PROGRAM filter /etc/passwd" combined
CustomLog "|hushpipe filter DIR" combined
CustomLog "|/no/hushpipe filter DIR" combined
CustomLog "|PROGRAM filter DIR" combind
CustomLog "|PROGRAM filter --format common DIR" vhost_combined
CustomLog "|PROGRAM filter --check DIR" combined
CustomLog "|PROGRAM filter --ip keep DIR" combined
CustomLog "|$PROGRAM filter --count-v6 200 DIR" combined
CustomLog "||/usr/bin/env LANG=C PROGRAM filter --format '%h \"%r\" %{X-Forwarded-For}i' DIR" forwarded
CustomLog "|PROGRAM filter --format '%l \"%r\" %>s' DIR" "%l \"%r\" %>s"
CustomLog "|/usr/bin/rotatelogs /var/log/a.%F 86400" combined env=!quiet
CustomLog "|$/usr/bin/cat" forwarded
CustomLog /dev/null combined
CustomLog mine.log plain
CustomLog logs.log "%a %{%F %T}t"
</VirtualHost>
<IfModule mod_none.c>
CustomLog no.log combined
</IfModule>
`))
	mistakes, err := os.ReadFile(filepath.Join(h.Root, "sites-enabled/two.conf"))
	require.NoError(t, err)
	write("sites-enabled/two.conf", bytes.ReplaceAll(bytes.ReplaceAll(mistakes, []byte("PROGRAM"), []byte(program)), []byte("DIR"), []byte(dir)))
	require.NoError(t, os.Mkdir(filepath.Join(h.Root, "logs"), 0o755))
	said, status = checkServer(t, names, "--apache")
	require.Equal(t, 1, status)
	_, said, _ = strings.Cut(said, "/etc/apache2/sites-enabled/two.conf")
	equalsGolden(t, "check-apache-mistakes.txt", "/etc/apache2/sites-enabled/two.conf"+said)

	// A directive that does not work replaces no other, and is not the model for
	// advice.
	snippet, err := os.ReadFile(filepath.Join(h.Root, "conf-available/hushpipe.conf"))
	require.NoError(t, err)
	write("conf-available/hushpipe.conf", []byte(`CustomLog "|hushpipe filter `+dir+`" combined`))
	write("sites-enabled/two.conf", []byte("<VirtualHost *:1>\nCustomLog own.log combined\n</VirtualHost>\n"))
	said, status = checkServer(t, names, "--apache")
	require.Equal(t, 1, status)
	require.Contains(t, said, "hushpipe.conf:1: CustomLog \"|hushpipe filter /var/log/hushpipe\" combined\n    wrong: httpd does not search PATH for hushpipe")
	require.Contains(t, said, "two.conf:2: CustomLog own.log combined\n    writes addresses to own.log\n    replace with: CustomLog \"|/usr/bin/hushpipe filter /var/log/hushpipe\" combined\n")
	require.NotContains(t, said, "gets its lines if this <VirtualHost>")
	write("conf-available/hushpipe.conf", snippet)

	// Without mod_info, check reads the files.
	write("sites-enabled/two.conf", []byte("<VirtualHost *:1>\nCustomLogs\n<IfModule mod_none.c>\nCustomLog no.log combined\n</IfModule>\n</VirtualHost>\n"))
	said, status = checkServer(t, names, "--apache")
	require.Equal(t, 1, status)
	require.Contains(t, said, "cannot tell which sections, such as <IfModule>, are active: all are taken as active\n")
	require.Contains(t, said, "/etc/apache2/sites-enabled/two.conf:4: CustomLog no.log combined\n    writes addresses to no.log\n")
	require.Contains(t, said, "hushpipe: error: apache2ctl refuses its configuration: AH00526: Syntax error on line 2 of /etc/apache2/sites-enabled/two.conf")
}

// TestCheckNginx is TestCheckApache for nginx.
func TestCheckNginx(t *testing.T) {
	nginx := need.Program(t, "nginx", "nginx")
	root := t.TempDir()
	names := map[string]string{root: "/etc/nginx"}
	conf := filepath.Join(root, "nginx.conf")
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	check := func() (string, int) { return checkServer(t, names, "--nginx", nginx, "-c", conf) }
	write("nginx.conf", "pid "+root+"/pid;\nerror_log "+root+"/error.log warn;\nevents {}\nhttp {\n\tinclude "+root+"/sites/*;\n}\n")
	require.NoError(t, os.Mkdir(filepath.Join(root, "sites"), 0o755))
	write("sites/one", "server { listen 127.0.0.1:1; }\n")
	said, status := check()
	require.Equal(t, 1, status)
	equalsGolden(t, "check-nginx-fresh.txt", said)

	// nginx -T opens its logs, and waits for the reader of a FIFO.
	for _, name := range []string{"fifo", "unread", "zip", "zip9", "binary", "kept", "common"} {
		require.NoError(t, mkfifo(filepath.Join(root, name), 0o600))
		held, err := os.OpenFile(filepath.Join(root, name), os.O_RDWR, 0)
		require.NoError(t, err)
		defer held.Close()
	}
	logger := startLogger(t, "--input", root+"/fifo", filepath.Join(t.TempDir(), "log"))
	await(t, func() bool { return isRead(root + "/fifo") }, "hushpipe does not read the FIFO")
	for name, flags := range map[string][]string{"kept": {"--ip", "keep"}, "common": {"--format", "common"}} {
		startLogger(t, append(flags, "--input", root+"/"+name, filepath.Join(t.TempDir(), "log"))...)
		await(t, func() bool { return isRead(root + "/" + name) }, "hushpipe does not read the FIFO")
	}
	write("nginx.conf", "pid "+root+"/pid;\nerror_log /dev/null;\nevents {}\nhttp {\n\tinclude "+root+"/sites/*;\n}\n")
	write("sites/one", `log_format plain '$time_local "$request"';
log_format mine '$http_x_forwarded_for "$request"';
map $remote_addr $short { "~^(?P<n>\d+\.\d+)\." $n.0.0; }
log_format short $short;
log_format bars '$remote_addr|$request';
log_format binary '$binary_remote_addr $request';
access_log `+root+`/fifo combined;
server {
	listen 127.0.0.1:1;
	access_log `+root+`/fifo combined buffer=4k flush=1m;
	access_log `+root+`/plain.log plain;
}
`)
	said, status = check()
	require.Zero(t, status, said)
	write("sites/two", `server {
	listen 127.0.0.1:1;
	access_log `+root+`/mine.log mine buffer=32k flush=1m;
	access_log `+root+`/short.log short;
	access_log `+root+`/unread combined;
	access_log `+root+`/zip combined gzip;
	access_log `+root+`/zip9 combined buffer=4k gzip=9 flush=1m;
	access_log `+root+`/zip.log combined gzip flush=1m if=$status;
	access_log `+root+`/zip2.log combined gzip=1 buffer=4k flush=1m;
	access_log `+root+`/fifo bars;
	access_log `+root+`/bars.log bars;
	access_log `+root+`/binary binary;
	access_log `+root+`/binary.log binary;
	access_log `+root+`/kept combined;
	access_log `+root+`/common combined;
	error_log off;
	location / { access_log syslog:server=127.0.0.1; }
}
`)
	said, status = check()
	require.Equal(t, 1, status)
	equalsGolden(t, "check-nginx-mistakes.txt", said)
	require.NoError(t, logger.cmd.Process.Signal(syscall.SIGTERM))
	require.Zero(t, logger.wait())

	write("sites/three", "server {")
	said, status = check()
	require.Equal(t, 1, status)
	require.Regexp(t, `^hushpipe: error: nginx refuses its configuration: .*\[emerg\] .*sites/three:1`, said)
}

// TestCheckUsage: one server must be named.
func TestCheckUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"--apache", "--nginx"}, {"--apache=perhaps"}} {
		said, status := checkServer(t, nil, args...)
		require.Equal(t, 2, status, said)
	}
	said, status := checkServer(t, nil, "--apache", "/no/httpd")
	require.Equal(t, 1, status)
	require.Equal(t, "hushpipe: error: run /no/httpd: no such file or directory; hint: give the server's program, or leave it out\n", said)
}

// TestCheckNoServer: a command that does not print a configuration is an error.
func TestCheckNoServer(t *testing.T) {
	for _, program := range []string{"true", "echo"} {
		path, err := exec.LookPath(program)
		require.NoError(t, err)
		for flag, server := range map[string]string{"--apache": "httpd", "--nginx": "nginx"} {
			said, status := checkServer(t, nil, flag, path)
			require.Equal(t, 1, status, said)
			require.Contains(t, said, "hushpipe: error: "+path+" does not list its files; hint: give the command that starts "+server+" after "+flag+"\n")
		}
	}
}

// TestCheckStarting: systemctl start returns before hushpipe has opened its FIFO.
func TestCheckStarting(t *testing.T) {
	root := t.TempDir()
	fifo, nginx := filepath.Join(root, "fifo"), filepath.Join(root, "nginx")
	require.NoError(t, mkfifo(fifo, 0o600))
	require.NoError(t, os.WriteFile(nginx, []byte(`#!/bin/sh
if test "$1" = -T; then
	echo '# configuration file /etc/nginx/nginx.conf:'
	echo 'error_log /dev/null; http { access_log `+fifo+` combined; server { } }'
else
	"`+hushpipeBinary(t)+`" filter --input `+fifo+` `+root+`/log </dev/null >/dev/null 2>&1 &
	echo $! >`+root+`/pid
fi
`), 0o755))
	said, status := checkServer(t, nil, "--nginx", nginx)
	pid, err := os.ReadFile(filepath.Join(root, "pid"))
	require.NoError(t, err)
	number, err := strconv.Atoi(strings.TrimSpace(string(pid)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(number, syscall.SIGTERM))
	require.Contains(t, said, "good: hushpipe reads this FIFO")
	require.Zero(t, status, said)
	await(t, func() bool { return !isRead(fifo) }, "the logger reads on")
}

// TestCheckSameDir: check reports directives that write to one DIR with different
// flags.
func TestCheckSameDir(t *testing.T) {
	for _, test := range []struct{ first, second, says string }{
		{"filter /d", "filter /d", ""},
		{"filter --keep 14d /d/", "filter /d --keep 14d", ""},
		{"filter --keep 7d /d", "filter /e", ""},
		{"filter --keep 7d /d", "filter /d", "/a.conf:3 writes to the same DIR with another --keep; hint: give both lines the same flags, or a DIR each"},
		{"filter --ip pfx --rooms none /d", "filter --ip mask /d", "/a.conf:3 writes to the same DIR with another --ip, --rooms; hint: "},
	} {
		c := serverCheck{writers: map[string]writer{}}
		said := []string{}
		for i, command := range []string{test.first, test.second} {
			line, ok := hushpipeLine("|/usr/bin/hushpipe " + command)
			require.True(t, ok)
			said = append(said, c.otherFlags(serverconf.Log{Place: serverconf.Place{File: "/a.conf", Line: 3 + i}}, line.parsed()))
		}
		require.Empty(t, said[0])
		require.Equal(t, test.says == "", said[1] == "", said[1])
		require.Contains(t, said[1], test.says)
	}
}
