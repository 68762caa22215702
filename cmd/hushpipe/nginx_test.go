package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/require"
)

// newNginx returns an nginx with its own directory that does not run yet.
func newNginx(t *testing.T) *httpd {
	t.Helper()
	need.Program(t, "nginx", "nginx")
	h := newHTTPD(t)
	require.NoError(t, os.Chmod(filepath.Dir(h.Root), 0o755))
	require.NoError(t, os.Chmod(h.Root, 0o755))
	return h
}

// startNginx starts nginx with a configuration, and returns when it accepts connections.
func (h *httpd) startNginx(conf string) {
	h.t.Helper()
	path := filepath.Join(h.Root, "nginx.conf")
	conf = strings.NewReplacer("ROOT", h.Root, "PORT", h.port).Replace(conf)
	require.NoError(h.t, os.WriteFile(path, []byte(conf), 0o644))
	h.run(exec.Command("nginx", "-e", filepath.Join(h.Root, "error.log"), "-c", path, "-p", h.Root))
}

// run starts a server that stays in the foreground, and returns when it accepts
// connections.
func (h *httpd) run(cmd *exec.Cmd) {
	h.t.Helper()
	stderr := &lockedBuffer{}
	h.cmd = cmd
	cmd.Stderr = stderr
	cmd.SysProcAttr = ownGroup(cmd.SysProcAttr)
	require.NoError(h.t, cmd.Start())
	h.t.Cleanup(h.kill)
	go func() {
		defer close(h.ended)
		cmd.Wait()
	}()
	await(h.t, func() bool {
		select {
		case <-h.ended:
			h.t.Fatal("the server has ended: " + stderr.String())
		default:
		}
		conn, err := h.dial(context.Background(), "127.0.0.1")
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, "the server does not start: "+stderr.String())
}

// nginxLoad is a configuration for a load.
const nginxLoad = `daemon off;
worker_processes 2;
pid ROOT/nginx.pid;
error_log ROOT/error.log notice;
events {}
http {
	access_log FIFO combined;
	client_body_temp_path ROOT/body;
	proxy_temp_path ROOT/proxy;
	fastcgi_temp_path ROOT/fastcgi;
	uwsgi_temp_path ROOT/uwsgi;
	scgi_temp_path ROOT/scgi;
	set_real_ip_from 127.0.0.0/8;
	real_ip_header X-Forwarded-For;
	server {
		listen 127.0.0.1:PORT;
		listen [::1]:PORT ipv6only=on;
		location = /load/http-bind { return 204; }
		location = /control { access_log off; return 204; }
	}
}
`

// TestNginx runs nginx under load with a FIFO that the test holds like systemd, while
// hushpipe is killed and restarted, and nginx reopens its logs and is reloaded, which
// gives the FIFO to its workers' user. No line is lost, and nginx makes no file.
func TestNginx(t *testing.T) {
	need.Root(t)
	const rounds = 5
	program, dir, h := hushpipeBinary(t), openTo(t), newNginx(t)
	makeDIR(t, program, dir)
	p := holdFIFO(t)
	h.startNginx(strings.ReplaceAll(nginxLoad, "FIFO", p.path))
	l := startLoad(h, 300)
	l.await(20) // which wait in the FIFO
	start := func() *logger {
		had := len(written(dir))
		logger := p.startLogger(program, "--user", nobody, dir)
		await(t, func() bool { return len(written(dir)) > had }, "the lines that waited")
		return logger
	}
	logger := start()
	signal := func(sig syscall.Signal, said string) {
		n := strings.Count(h.ErrorLog(), said)
		require.NoError(t, h.cmd.Process.Signal(sig))
		await(t, func() bool { return strings.Count(h.ErrorLog(), said) > n }, "nginx: "+said)
	}
	for n := range rounds {
		l.atWork(dir)(logger.cmd.Process.Pid)
		logger.kill()
		l.await(10)
		logger = start()
		l.await(50)
		signal(syscall.SIGUSR1, "reopening logs")
		l.await(50)
		require.Equal(t, 0, p.end(logger), "round %d: %s", n, logger.said)
		logger.requireCalm()
		l.await(10)
		logger = start()
		l.await(50)
		signal(syscall.SIGHUP, "reconfiguring")
		l.await(50)
	}
	st, err := os.Lstat(p.path)
	require.NoError(t, err)
	require.Equal(t, os.ModeNamedPipe, st.Mode().Type())
	require.NotZero(t, st.Sys().(*syscall.Stat_t).Uid, "nginx gave it away")
	l.stopServer = func() {
		h.Stop()
		require.Equal(t, 0, p.end(logger), logger.said)
	}
	c := l.finish(t, dir)
	t.Log(c)
	require.Zero(t, c.Lost)
	c.Duplicated.requireOneBatchEach(t, rounds)
	c.requireNoStall(t)
	require.NotContains(t, h.ErrorLog(), "Broken pipe")
	require.Contains(t, h.ErrorLog(), `open() "`+p.path+`" failed (13: Permission denied)`, "its workers cannot open it, and go on with what they have")
	entries, err := os.ReadDir(filepath.Dir(p.path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no file beside the FIFO")

	// Before systemd makes the socket again, the FIFO must belong to root.
	out, err := prepareSocket(t, p.path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	st, err = os.Lstat(p.path)
	require.NoError(t, err)
	require.Equal(t, os.ModeNamedPipe|0o600, st.Mode())
	require.Zero(t, st.Sys().(*syscall.Stat_t).Uid)
}

// TestNginxBeforeFIFO: nginx starts without a FIFO and makes a file with raw addresses,
// to which its old worker still writes after a reload. No line is lost, and no address
// remains.
func TestNginxBeforeFIFO(t *testing.T) {
	need.Root(t)
	dir, path, h := openTo(t), fifoPath(t), newNginx(t)
	h.startNginx(strings.ReplaceAll(nginxLoad, "FIFO", path))
	l := startLoad(h, 300)
	l.await(100)
	st, err := os.Lstat(path)
	require.NoError(t, err)
	require.True(t, st.Mode().IsRegular())
	logger := startLogger(t, "--user", nobody, "--input", path, dir)
	await(t, func() bool { return strings.Contains(logger.said.String(), "hint: reload the web server now") }, "the message")
	await(t, func() bool { return strings.Contains(written(dir), "id=l0&") }, "the lines of the file")
	l.await(100)
	require.NoError(t, h.cmd.Process.Signal(syscall.SIGHUP))
	await(t, func() bool { return strings.Contains(logger.said.String(), "it was overwritten and deleted") }, "the end of the file")
	l.await(100)
	l.stopServer = func() {
		h.Stop()
		require.NoError(t, logger.cmd.Process.Signal(syscall.SIGTERM))
		require.Equal(t, 0, logger.wait(), logger.said)
	}
	c := l.finish(t, dir)
	t.Log(c)
	require.Zero(t, c.Lost)
	require.Zero(t, c.Duplicated)
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "the FIFO alone")
}

// caddyLoad logs to a path in Caddy's default format.
const caddyLoad = `{
	admin unix/ROOT/admin
	auto_https off
	storage file_system ROOT
	log default {
		output discard
	}
}
http://127.0.0.1:PORT, http://[::1]:PORT {
	log {
		output file FIFO {
			roll_disabled
		}
		format json
	}
	respond /load/http-bind 204
}
`

// TestCaddy runs Caddy under load with the FIFO, as a user who can write to it, while
// hushpipe is killed and restarted, and Caddy is reloaded.
func TestCaddy(t *testing.T) {
	need.Root(t)
	const rounds, requests = 6, 40
	caddy := need.Program(t, "caddy", "caddy")
	program, dir, h := hushpipeBinary(t), openTo(t), newHTTPD(t)
	makeDIR(t, program, dir)
	require.NoError(t, os.Chmod(filepath.Dir(h.Root), 0o755))
	const uid = 65534
	p := holdFIFO(t)
	require.NoError(t, os.Chown(p.path, 0, uid)) // SocketGroup=
	require.NoError(t, os.Chmod(p.path, 0o620))
	require.NoError(t, os.Chmod(filepath.Dir(p.path), 0o711))
	require.NoError(t, os.Chown(h.Root, uid, uid))
	path := filepath.Join(h.Root, "Caddyfile")
	conf := strings.NewReplacer("ROOT", h.Root, "PORT", h.port, "FIFO", p.path).Replace(caddyLoad)
	require.NoError(t, os.WriteFile(path, []byte(conf), 0o644))
	as := func(args ...string) *exec.Cmd {
		cmd := exec.Command(caddy, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		cmd.Env = []string{"HOME=" + h.Root}
		return cmd
	}
	h.run(as("run", "--config", path))

	id, clients := 0, map[netip.Addr]bool{}
	ask := func(n int) {
		for range n {
			src := fmt.Sprintf("127.0.4.%d", 1+id%50)
			clients[netip.MustParseAddr(src)] = true
			answer := h.raw(src, fmt.Sprintf("GET /load/http-bind?room=a&id=l%d&from=%s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n", id, src, h.port))
			require.Contains(t, answer, "HTTP/1.1 204")
			id++
		}
	}
	arrived := func() bool { return strings.Contains(written(dir), fmt.Sprintf("id=l%d&", id-1)) }
	logger := p.startLogger(program, "--user", nobody, dir)
	for n := range rounds {
		ask(requests)
		if n%2 == 0 {
			logger.kill()
		} else {
			await(t, arrived, "the last line")
			require.Equal(t, 0, p.end(logger), logger.said)
		}
		ask(requests)
		out, err := as("reload", "--force", "--config", path, "--address", "unix/"+filepath.Join(h.Root, "admin")).CombinedOutput()
		require.NoError(t, err, "%s", out)
		logger = p.startLogger(program, "--user", nobody, dir)
	}
	await(t, arrived, "the last line")
	h.Stop()
	require.Equal(t, 0, p.end(logger), logger.said)
	logger.requireCalm()
	read := newReading()
	for _, line := range lines(t, filepath.Join(dir, "access.log")) {
		require.Contains(t, line, `"logger":"http.log.access`)
		read.add(idParam.FindStringSubmatch(line)[1], line)
	}
	t.Log(id, "requests,", read.again)
	require.Len(t, read.found, id)
	read.again.requireOneBatchEach(t, rounds/2)
	assertNoAddressBelow(t, dir, clients)
	total := totals(t, dir)
	require.Zero(t, total["malformed"]+total["without_client"]+total["without_request"])
	rooms, err := os.ReadFile(glob(t, filepath.Join(dir, "rooms/rooms-*.log"))[0])
	require.NoError(t, err)
	require.Equal(t, roomLines(roomClients{"load/a": clients}), string(rooms))
	entries, err := os.ReadDir(filepath.Dir(p.path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "the FIFO alone")
}
