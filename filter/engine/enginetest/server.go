// Package enginetest starts a real engine for tests.
package enginetest

import (
	"bufio"
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

	"hushpipe/filter/need"

	"github.com/stretchr/testify/require"
)

// Server is a redis-server for a test, on a unix socket.
type Server struct {
	t      *testing.T
	Socket string
	Path   string // the directory that it writes to
	args   []string
	bus    []string // host, port and bus port in its cluster
	cmd    *exec.Cmd
}

// Start starts a server without persistence; args are further arguments of redis-server(1).
func Start(t *testing.T, args ...string) *Server {
	t.Helper()
	need.Program(t, "redis-server", "redis-server redis-tools")
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

// Run starts the server, for the first time or after Kill, and waits until it answers.
func (s *Server) Run() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", append([]string{"--port", "0", "--unixsocket", s.Socket, "--dir", s.Path,
		"--save", "", "--daemonize", "no", "--loglevel", "warning"}, s.args...)...)
	require.NoError(s.t, s.cmd.Start())
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if s.answers() {
			return
		}
		require.Less(s.t, time.Since(began), time.Minute, "redis-server does not start")
	}
}

// answers reports whether the server answers, and has loaded its data from the disk.
func (s *Server) answers() bool {
	conn, err := net.Dial("unix", s.Socket)
	if err != nil {
		return false
	}
	defer conn.Close()
	fmt.Fprint(conn, "PING\r\n")
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && !strings.HasPrefix(answer, "-LOADING")
}

// Kill ends the server with SIGKILL.
func (s *Server) Kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// Signal sends a signal to the server.
func (s *Server) Signal(sig syscall.Signal) {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(sig))
}

// Do sends a command with redis-cli(1), and returns the answer.
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
		s, address := startNode(t)
		servers, addresses = append(servers, s), append(addresses, address)
	}
	out, err := exec.Command("redis-cli", append(append([]string{"--cluster", "create"}, addresses...), "--cluster-yes")...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, s := range servers {
		s.AwaitCluster()
	}
	return servers, addresses
}

// startNode starts a server that can take part in a cluster.
func startNode(t *testing.T) (s *Server, address string) {
	t.Helper()
	host, port := Address(t)
	_, bus := Address(t)
	s = Start(t, "--bind", host, "--port", port, "--cluster-enabled", "yes", "--cluster-announce-ip", host, "--cluster-port", bus,
		"--repl-diskless-sync-delay", "0")
	s.bus = []string{host, port, bus}
	return s, net.JoinHostPort(host, port)
}

// Replica starts a replica of a server of a cluster, and waits until it has that server's
// data and the others know it.
func (s *Server) Replica(others ...*Server) *Server {
	s.t.Helper()
	id := s.Do("CLUSTER", "MYID")
	r, _ := startNode(s.t)
	for _, of := range append(others, s) { // news may reach some servers late
		r.Do(append([]string{"CLUSTER", "MEET"}, of.bus...)...)
	}
	r.AwaitCluster()
	r.Do("CLUSTER", "REPLICATE", id)
	r.await("the replica is not fed", func() bool {
		return strings.Contains(r.Do("INFO", "replication"), "master_link_status:up") && r.Do("DBSIZE") == s.Do("DBSIZE")
	})
	r.awaitKnown("slave", others)
	return r
}

// TakeOver makes a replica replace a server that is gone, without waiting until the others
// miss that one, and waits until they know.
func (s *Server) TakeOver(others ...*Server) {
	s.t.Helper()
	s.Do("CLUSTER", "FAILOVER", "TAKEOVER")
	s.AwaitCluster()
	s.awaitKnown("master", others)
}

// awaitKnown waits until others know a server in its role.
func (s *Server) awaitKnown(as string, others []*Server) {
	s.t.Helper()
	id := s.Do("CLUSTER", "MYID")
	for _, other := range others {
		s.await("a server is not known as a "+as, func() bool {
			for line := range strings.Lines(other.Do("CLUSTER", "NODES")) {
				if strings.HasPrefix(line, id) {
					return strings.Contains(line, " "+as+" ")
				}
			}
			return false
		})
		other.AwaitCluster()
	}
}

// AwaitCluster waits until the server is in its cluster, and no slot is missing.
func (s *Server) AwaitCluster() {
	s.t.Helper()
	s.await("the cluster does not form", func() bool { return strings.Contains(s.Do("CLUSTER", "INFO"), "cluster_state:ok") })
}

func (s *Server) await(what string, done func() bool) {
	s.t.Helper()
	for began := time.Now(); !done(); time.Sleep(20 * time.Millisecond) {
		require.Less(s.t, time.Since(began), 2*time.Minute, what)
	}
}

// ports counts the ports that this process has used.
var ports atomic.Int32

// Address returns a TCP host and port that only this test has. Ports assigned by the kernel
// may be somebody else's when they are used, or used again: so the host is one of the many
// loopback addresses, chosen by the process id, and the port is below those that the kernel
// assigns.
func Address(t *testing.T) (host, port string) {
	t.Helper()
	pid := os.Getpid()
	host = fmt.Sprintf("127.%d.%d.%d", 128|pid>>16&127, pid>>8&255, pid&255)
	port = fmt.Sprint(10_000 + ports.Add(1))
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	need.That(t, err == nil, "only Linux has all of 127.0.0.0/8: %v", err)
	require.NoError(t, l.Close())
	return host, port
}
