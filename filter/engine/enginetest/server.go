// Package enginetest starts a real engine for tests.
package enginetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Server is a redis-server of a test, on a unix socket.
type Server struct {
	t      *testing.T
	Socket string
	Path   string // of the directory in which it writes
	args   []string
	cmd    *exec.Cmd
}

// Start starts one without persistence, with further arguments as redis-server(1) has
// them.
func Start(t *testing.T, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		require.NotEqual(t, "true", os.Getenv("CI"), "CI has redis-server")
		t.Skip("redis-server is missing: apt-get install redis-server redis-tools")
	}
	path, err := os.MkdirTemp("", "engine") // t.TempDir may be too long for a socket
	require.NoError(t, err)
	s := &Server{t: t, Path: path, Socket: filepath.Join(path, "socket"), args: args}
	s.Run()
	t.Cleanup(func() {
		s.Kill()
		os.RemoveAll(path)
	})
	return s
}

// Run starts it, again after Kill, and waits until it answers.
func (s *Server) Run() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", append([]string{"--port", "0", "--unixsocket", s.Socket, "--dir", s.Path,
		"--save", "", "--daemonize", "no", "--loglevel", "warning"}, s.args...)...)
	require.NoError(s.t, s.cmd.Start())
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("unix", s.Socket); err == nil {
			conn.Close()
			return
		}
		require.Less(s.t, time.Since(began), time.Minute, "redis-server does not start")
	}
}

// Kill ends it by SIGKILL.
func (s *Server) Kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// Signal sends it a signal.
func (s *Server) Signal(sig syscall.Signal) {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(sig))
}

// Do has redis-cli(1) send a command, and returns the answer.
func (s *Server) Do(command ...string) string {
	s.t.Helper()
	out, err := exec.Command("redis-cli", append([]string{"-s", s.Socket}, command...)...).CombinedOutput()
	require.NoError(s.t, err, "%s", out)
	return strings.TrimSpace(string(out))
}

// Cluster starts a cluster of three servers, and returns them with their addresses.
func Cluster(t *testing.T) (servers []*Server, addresses []string) {
	t.Helper()
	for range 3 {
		host, port := Address(t)
		_, bus := Address(t)
		servers = append(servers, Start(t, "--bind", host, "--port", port, "--cluster-enabled", "yes", "--cluster-announce-ip", host, "--cluster-port", bus))
		addresses = append(addresses, net.JoinHostPort(host, port))
	}
	out, err := exec.Command("redis-cli", append(append([]string{"--cluster", "create"}, addresses...), "--cluster-yes")...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, s := range servers {
		s.AwaitCluster()
	}
	return servers, addresses
}

// AwaitCluster waits until the server takes part in its cluster, in which no slot is missing.
func (s *Server) AwaitCluster() {
	s.t.Helper()
	for began := time.Now(); !strings.Contains(s.Do("CLUSTER", "INFO"), "cluster_state:ok"); time.Sleep(20 * time.Millisecond) {
		require.Less(s.t, time.Since(began), 2*time.Minute, "the cluster does not form")
	}
}

// ports counts those that this process has handed out.
var ports atomic.Int32

// Address returns a host and a port of TCP that only this test has. Ports that the kernel
// hands out may be another's by the time they are used, or used again: the host is one of
// the loopback's many, by the process id, and the port is below those that the kernel gives.
func Address(t *testing.T) (host, port string) {
	t.Helper()
	pid := os.Getpid()
	host = fmt.Sprintf("127.%d.%d.%d", 128|pid>>16&127, pid>>8&255, pid&255)
	port = fmt.Sprint(10_000 + ports.Add(1))
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("only Linux has all of 127.0.0.0/8: %v", err)
	}
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return host, port
}
