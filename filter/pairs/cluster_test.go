package pairs

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"hushpipe/filter/engine/enginetest"
)

// TestCluster: a server of a cluster that was killed comes back without what it had; the
// hosts send that again. Those that know one address find the others.
func TestCluster(t *testing.T) {
	servers, addresses := enginetest.Cluster(t)
	m := newMeet(t, "web1", "web2")
	m.addresses = addresses
	for range 2 {
		m.logAll(1000)
		m.step()
		m.same()
	}
	assert.Empty(t, m.said)
	killed := servers[0]
	for _, s := range servers[1:] { // which parts it has depends on the day
		if s.Do("DBSIZE") != "0" {
			killed = s
		}
	}
	killed.Kill()
	killed.Run()
	for _, s := range servers {
		s.AwaitCluster()
	}
	m.now = m.now.Add(time.Minute)
	m.step()
	m.same()
	assert.NotEmpty(t, m.said)
}

// TestFailover: a replica that was cut off takes the place of a server that was killed. What
// had been acknowledged since is lost, and sent again.
func TestFailover(t *testing.T) {
	servers, addresses := enginetest.Cluster(t)
	m := newMeet(t, "web1", "web2")
	m.addresses = addresses
	m.logAll(1000)
	m.step()
	m.same()
	i := slices.IndexFunc(servers, func(s *enginetest.Server) bool { return s.Do("DBSIZE") != "0" })
	killed := servers[i]
	others := slices.Delete(servers, i, i+1)
	replica := killed.Replica(others...)

	replica.Signal(syscall.SIGSTOP)
	killed.Do("CLIENT", "KILL", "TYPE", "replica")
	m.logAll(1000)
	m.step()
	m.same()
	assert.Empty(t, m.said)
	killed.Kill()
	replica.Signal(syscall.SIGCONT)
	replica.TakeOver(others...)

	m.now = m.now.Add(time.Minute)
	m.step()
	m.same()
	assert.NotEmpty(t, m.said, "what the replica did not have is sent again")
}
