package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Directives for startHTTPD. The first three are the LogFormats that Debian's
// apache2.conf defines under these names.
const (
	combined      = `LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined`
	vhostCombined = `LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" vhost_combined`
	common        = `LogFormat "%h %l %u %t \"%r\" %>s %O" common`

	jsonFormat = `LogFormat "{\"time\":\"%{%Y-%m-%dT%H:%M:%S%z}t\",\"remote_ip\":\"%a\",\"host\":\"%v\",` +
		`\"request\":\"%r\",\"status\":\"%>s\",\"bytes\":\"%B\",\"referer\":\"%{Referer}i\",\"user_agent\":\"%{User-Agent}i\"}" json`

	// remoteIP lets a request's X-Forwarded-For header set its client address,
	// in %h and %a and in the error log.
	remoteIP = `LoadModule remoteip_module /usr/lib/apache2/modules/mod_remoteip.so
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.0/8 ::1`
)

// waitLimit bounds every wait for another process. Only a failing test reaches it, even
// on a busy machine.
const waitLimit = 2 * time.Minute

// httpd is a running Apache httpd (mpm_event) with a ServerRoot of its own, on
// one free port of 127.0.0.1 and ::1. It serves
//
//	/, /app.js, …       files of ROOT/htdocs
//	/private/           basic authentication that admits any user, also ""
//	/denied/            403
//	[/TENANT]/http-bind, xmpp-websocket, conference-request/v1, _unlock
//	                    a CGI script that takes any body and answers with
//	                    ?status=CODE (200); with ?hold=NAME it sends a byte now
//	                    and then until release(NAME)
//
// The test's end kills it with everything that it started.
type httpd struct {
	Root string // ServerRoot; relative paths in directives start here
	URL  string // http://localhost:PORT, for clients made by client

	t     *testing.T
	port  string
	cmd   *exec.Cmd
	ended chan struct{} // closed when httpd and all of its descendants are gone
}

// startHTTPD starts httpd with the given directives after its own and returns
// when it accepts connections. Its own ErrorLog is ROOT/error.log; there is no
// CustomLog unless the directives have one.
func startHTTPD(t *testing.T, directives ...string) *httpd {
	t.Helper()
	h := newHTTPD(t)
	h.populate(directives)
	h.start("-f", filepath.Join(h.Root, "httpd.conf"))
	return h
}

// newHTTPD returns a server that has no configuration yet and does not run.
func newHTTPD(t *testing.T) *httpd {
	t.Helper()
	h := &httpd{t: t, Root: t.TempDir(), port: freePort(t), ended: make(chan struct{})}
	h.URL = "http://localhost:" + h.port
	return h
}

// start starts httpd with additional arguments, and returns when it accepts
// connections.
func (h *httpd) start(args ...string) {
	t := h.t
	t.Helper()
	bin := apache(t)
	stderr, err := os.Create(filepath.Join(h.Root, "stderr.log"))
	require.NoError(t, err)
	defer stderr.Close()
	// Every descendant of httpd inherits the write end, since APR closes only what it
	// opened itself. At end of file all of them have exited.
	alive, inherited, err := os.Pipe()
	require.NoError(t, err)

	h.cmd = exec.Command(bin, append([]string{"-D", "FOREGROUND"}, args...)...)
	h.cmd.Stdout, h.cmd.Stderr = stderr, stderr
	h.cmd.ExtraFiles = []*os.File{inherited}
	h.cmd.SysProcAttr = ownGroup(nil)
	err = h.cmd.Start()
	inherited.Close()
	require.NoError(t, err)
	t.Cleanup(h.kill)
	go func() {
		defer close(h.ended)
		io.Copy(io.Discard, alive)
		alive.Close()
		h.cmd.Wait()
	}()
	h.awaitStarts(1)
}

// apache returns the path of the server, or ends the test.
func apache(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"apache2", "/usr/sbin/apache2"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if testing.Short() && os.Getenv("CI") != "true" {
		t.Skip("apache2 is missing, and -short does without it")
	}
	t.Fatal("apache2 is missing: apt-get install apache2")
	return ""
}

// freePort returns a port that is free on 127.0.0.1 and on ::1.
func freePort(t *testing.T) string {
	t.Helper()
	for range 20 {
		v4, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		_, port, err := net.SplitHostPort(v4.Addr().String())
		require.NoError(t, err)
		v6, err := net.Listen("tcp", "[::1]:"+port)
		v4.Close()
		if err == nil {
			v6.Close()
			return port
		}
	}
	t.Fatal("no port is free on both 127.0.0.1 and ::1")
	return ""
}

// populate writes what the server serves, and its configuration.
func (h *httpd) populate(directives []string) {
	user := ""
	if os.Getuid() == 0 {
		user = "User www-data\nGroup www-data"
		// Other users cannot enter the parent of a TempDir.
		require.NoError(h.t, os.Chmod(filepath.Dir(h.Root), 0o755))
		require.NoError(h.t, os.Chmod(h.Root, 0o755))
	}
	for _, dir := range []string{"htdocs/private", "htdocs/denied", "cgi", "hold"} {
		require.NoError(h.t, os.MkdirAll(filepath.Join(h.Root, dir), 0o755))
	}
	conf := strings.NewReplacer("ROOT", h.Root, "PORT", h.port, "USER", user).Replace(httpdConf)
	for name, content := range map[string]string{
		"httpd.conf":                conf + strings.Join(directives, "\n") + "\n",
		"cgi/room":                  strings.ReplaceAll(roomCGI, "ROOT", h.Root),
		"htdocs/index.html":         "<title>hushpipe</title>\n",
		"htdocs/app.js":             strings.Repeat("// conference\n", 400),
		"htdocs/private/index.html": "<title>private</title>\n",
	} {
		require.NoError(h.t, os.WriteFile(filepath.Join(h.Root, name), []byte(content), 0o755))
	}
}

const httpdConf = `
ServerRoot "ROOT"
ServerName localhost
PidFile httpd.pid
DefaultRuntimeDir .
ErrorLog error.log
Listen 127.0.0.1:PORT
Listen [::1]:PORT
LoadModule mpm_event_module    /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module   /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authn_anon_module   /usr/lib/apache2/modules/mod_authn_anon.so
LoadModule authz_core_module   /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module   /usr/lib/apache2/modules/mod_authz_user.so
LoadModule auth_basic_module   /usr/lib/apache2/modules/mod_auth_basic.so
LoadModule alias_module        /usr/lib/apache2/modules/mod_alias.so
LoadModule cgid_module         /usr/lib/apache2/modules/mod_cgid.so
LoadModule dir_module          /usr/lib/apache2/modules/mod_dir.so
USER
StartServers 2
ServerLimit 16
ThreadsPerChild 8
MaxRequestWorkers 128
DirectoryIndex index.html
DocumentRoot "ROOT/htdocs"
ScriptAliasMatch "^(/[^/]+)?/(http-bind|xmpp-websocket|conference-request/v1|_unlock)$" "ROOT/cgi/room"
<Directory "ROOT">
	AllowOverride None
	Require all granted
</Directory>
<Location "/denied/">
	Require all denied
</Location>
<Location "/private/">
	AuthType Basic
	AuthName private
	AuthBasicProvider anon
	Anonymous *
	Anonymous_NoUserID on
	Anonymous_MustGiveEmail off
	Require valid-user
</Location>
`

const roomCGI = `#!/bin/sh
cat >/dev/null
set -f
status=200 hold=
IFS='&'
for pair in $QUERY_STRING; do
	case $pair in
	status=*) status=${pair#*=} ;;
	hold=*) hold=${pair#*=} ;;
	esac
done
printf 'Status: %s\nContent-Type: text/xml\n\n<body/>' "$status"
if [ "$hold" ]; then
	until [ -e "ROOT/hold/$hold" ]; do
		printf .
		sleep 0.1
	done
fi
`

// Graceful restarts the server as "apachectl graceful" does, and returns when
// the new configuration is in force and the new piped loggers run. Old children
// and loggers go on until their last request has ended.
func (h *httpd) Graceful() {
	h.t.Helper()
	starts := h.starts()
	require.NoError(h.t, h.cmd.Process.Signal(syscall.SIGUSR1))
	h.awaitStarts(starts + 1)
}

// Stop stops the server as "apachectl stop" does, which cuts requests that still
// run, and returns when all piped loggers have ended too.
func (h *httpd) Stop() {
	h.t.Helper()
	require.NoError(h.t, h.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-h.ended:
	case <-time.After(waitLimit):
		h.t.Fatalf("httpd or a piped logger still runs %s after the stop\n%s", waitLimit, h.ErrorLog())
	}
}

// ErrorLog returns the contents of the error log, which also has the stderr of httpd's
// piped loggers.
func (h *httpd) ErrorLog() string {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.Root, "error.log"))
	if err != nil && !os.IsNotExist(err) {
		h.t.Fatal(err)
	}
	return string(b)
}

// release ends the requests with ?hold=NAME.
func (h *httpd) release(name string) {
	h.t.Helper()
	require.NoError(h.t, os.WriteFile(filepath.Join(h.Root, "hold", name), nil, 0o644))
}

// dial connects from src, which is ::1 or any address in 127.0.0.0/8, all of which
// Linux accepts as local.
func (h *httpd) dial(ctx context.Context, src string) (net.Conn, error) {
	ip := net.ParseIP(src)
	server := "127.0.0.1"
	if ip.To4() == nil {
		server = "::1"
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(server, h.port))
}

// client returns a client that connects from src, as dial does, and keeps its
// connections alive.
func (h *httpd) client(src string) *http.Client {
	tr := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return h.dial(ctx, src) },
	}
	h.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: waitLimit}
}

// raw sends a request verbatim from src and returns the whole answer, "" if httpd
// closes the connection without one.
func (h *httpd) raw(src, request string) string {
	h.t.Helper()
	conn, err := h.dial(context.Background(), src)
	require.NoError(h.t, err)
	defer conn.Close()
	require.NoError(h.t, conn.SetDeadline(time.Now().Add(waitLimit)))
	_, err = io.WriteString(conn, request)
	require.NoError(h.t, err)
	require.NoError(h.t, conn.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(h.t, err)
	return string(answer)
}

// starts returns how often the server has loaded a configuration.
func (h *httpd) starts() int {
	return strings.Count(h.ErrorLog(), "resuming normal operations")
}

func (h *httpd) awaitStarts(n int) {
	h.t.Helper()
	gone := false
	started := func() bool {
		select {
		case <-h.ended:
			gone = true
		default:
		}
		return gone || h.starts() >= n
	}
	await(h.t, started, "httpd does not start")
	if gone {
		stderr, _ := os.ReadFile(filepath.Join(h.Root, "stderr.log"))
		h.t.Fatalf("httpd ended\n%s%s", stderr, h.ErrorLog())
	}
}

func (h *httpd) kill() {
	select {
	case <-h.ended:
	default:
		syscall.Kill(-h.cmd.Process.Pid, syscall.SIGKILL)
		<-h.ended
	}
}

// await waits until done returns true, and fails the test after patience.
func await(t *testing.T, done func() bool, message string) {
	t.Helper()
	awaitFor(t, waitLimit, done, message)
}

// awaitFor is await for what takes longer on a busy machine.
func awaitFor(t *testing.T, patience time.Duration, done func() bool, message string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s within %s", message, patience)
		}
	}
}

// requireSoon tries something up to five times until it takes no longer than most. A
// delay by design occurs each time; that of a busy machine does not.
func requireSoon(t *testing.T, most time.Duration, try func() time.Duration) {
	t.Helper()
	took := try()
	for tries := 1; took >= most && tries < 5; tries++ {
		took = try()
	}
	require.Less(t, took, most)
}

// hushpipeBinary returns the path of the program, built once for all tests.
func hushpipeBinary(t *testing.T) string {
	t.Helper()
	return hushpipeWith(t, "")
}

// hushpipeWith is hushpipeBinary built with a tag.
func hushpipeWith(t *testing.T, tag string) string {
	t.Helper()
	build, _ := builds.LoadOrStore(tag, sync.OnceValues(func() ([]byte, error) { return buildHushpipe(".", tag) }))
	program, err := build.(func() ([]byte, error))()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "hushpipe")
	// A process that another test forks meanwhile would hold the file open for writing,
	// and the program could not be executed (go.dev/issue/22315).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	require.NoError(t, os.WriteFile(path, program, 0o755))
	return path
}

var builds sync.Map // by tag

// buildHushpipe builds the program from the source tree of src.
func buildHushpipe(src, tag string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "hushpipe")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "hushpipe")
	build := exec.Command("go", "build", "-tags", tag, "-o", path, "hushpipe/cmd/hushpipe")
	build.Dir = src
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build hushpipe: %w\n%s", err, out)
	}
	return os.ReadFile(path)
}
