package engine

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/engine/enginetest"
)

// TestSlots: the slots of keys, as the specification of clusters has them.
func TestSlots(t *testing.T) {
	assert.Equal(t, 0x31c3, slotOf("123456789"))
	assert.Equal(t, slotOf("user1000"), slotOf("{user1000}.following"))
	assert.Equal(t, slotOf("bar"), slotOf("foo{bar}{zap}"))
	assert.Equal(t, slotOf("foo{}{bar}"), slotOf("foo{}{bar}"))
	assert.NotEqual(t, slotOf("bar"), slotOf("foo{}{bar}"))
}

// TestServersThatAreGone: a server that a cluster no longer names is not asked any more.
func TestServersThatAreGone(t *testing.T) {
	_, addresses := enginetest.Cluster(t)
	e, err := Open(Config{Addresses: addresses[:1]})
	require.NoError(t, err)
	defer e.Close()
	e.nodes["192.0.2.1:6379"] = true
	e.stale = true
	_, err = e.holder("a")
	require.NoError(t, err)
	assert.ElementsMatch(t, addresses, slices.Collect(maps.Keys(e.nodes)))
}

// TestSlotsUnknown: without permission to ask a cluster for its slots, the error says so.
func TestSlotsUnknown(t *testing.T) {
	servers, addresses := enginetest.Cluster(t)
	e, err := Open(Config{Addresses: addresses})
	require.NoError(t, err)
	defer e.Close()
	held, err := e.holder("a")
	require.NoError(t, err)
	i := (slices.Index(addresses, held) + 1) % len(servers)
	servers[i].Do("ACL", "SETUSER", "default", "-cluster|slots")
	other, err := Open(Config{Addresses: addresses[i : i+1]})
	require.NoError(t, err)
	defer other.Close()
	const unknown = "the engine: another server of its cluster has the hash slot, and it does not tell which have which; hint: see the rights in hushpipe-fleet(1)"
	_, err = other.Put("a", "b", "c", "", time.Now().Add(time.Hour))
	assert.EqualError(t, err, unknown)
	_, err = other.Fields("a")
	assert.EqualError(t, err, unknown)
}

// TestMovingSlot: while a slot moves from one server of a cluster to another, nothing is added
// at either, and afterwards at the new one.
func TestMovingSlot(t *testing.T) {
	servers, addresses := enginetest.Cluster(t)
	e, err := Open(Config{Addresses: addresses})
	require.NoError(t, err)
	defer e.Close()
	held, err := e.holder("a")
	require.NoError(t, err)
	i := slices.Index(addresses, held)
	from, to := servers[i], servers[(i+1)%len(servers)]
	slot, fromID, toID := strconv.Itoa(slotOf("a")), from.Do("CLUSTER", "MYID"), to.Do("CLUSTER", "MYID")
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	later := time.Now().Add(time.Hour)
	moving := "the engine: the cluster is moving a hash slot, which is to be waited for; hint: if it does not end, see redis-cli --cluster check"
	_, err = e.Put("a", "b", "c", "", later)
	assert.EqualError(t, err, moving)
	_, err = e.Fields("a")
	assert.EqualError(t, err, moving)
	for _, s := range servers {
		assert.Equal(t, "0", s.Do("DBSIZE"))
	}
	to.Do("CLUSTER", "SETSLOT", slot, "NODE", toID)
	from.Do("CLUSTER", "SETSLOT", slot, "NODE", toID)
	// Any of them may be asked for the slots. It hears of the move by gossip, which only
	// shows in its answers.
	third := servers[(i+2)%len(servers)]
	for began := time.Now(); !strings.Contains(third.Do("GET", "a"), addresses[(i+1)%len(servers)]); time.Sleep(20 * time.Millisecond) {
		require.Less(t, time.Since(began), 2*time.Minute, "the third server does not hear of the move")
	}
	_, err = e.Put("a", "b", "c", "", later)
	require.NoError(t, err)
	assert.Equal(t, "1", to.Do("DBSIZE"))
	fields, err := e.Fields("a")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"b": "c"}, fields)
}

// TestSecretInError: a server that does not know a command repeats what came with it.
func TestSecretInError(t *testing.T) {
	server := enginetest.Start(t, "--rename-command", "AUTH", "", "--rename-command", "SADD", "")
	_, err := Open(Config{Addresses: []string{server.Socket}, User: "meet", Password: "PASSWORD"})
	assert.EqualError(t, err, "the engine: ERR unknown command 'AUTH'")
	e, err := Open(Config{Addresses: []string{server.Socket}})
	require.NoError(t, err)
	defer e.Close()
	_, err = e.Add(Batch{Positions: "{a}p", Host: "h", Position: "1", Index: "{a}i", Tokens: []string{"t"},
		Sets: []Set{{"{a}s", []string{"1234567890"}}}, Expire: time.Now().Add(time.Hour)})
	assert.EqualError(t, err, "the engine: ERR unknown command 'SADD'")
}

// TestRenew: a password that was renewed is that of the next connection, and one that cannot be
// read stays.
func TestRenew(t *testing.T) {
	server := enginetest.Start(t, "--user", "meet", "on", ">first", "~*", "+@all")
	password, wrong := "first", error(nil)
	e, err := Open(Config{Addresses: []string{server.Socket}, Renew: func() (Config, error) { return Config{User: "meet", Password: password}, wrong }})
	require.NoError(t, err)
	defer e.Close()
	again := func() error { // over another connection
		server.Do("CLIENT", "KILL", "USER", "meet")
		_, err := e.Members("a")
		require.Error(t, err)
		_, err = e.Members("a")
		return err
	}
	wrong = errors.New("open password: no such file")
	require.NoError(t, again())
	server.Do("ACL", "SETUSER", "meet", "<first", ">second")
	err = again()
	assert.ErrorContains(t, err, "the engine: WRONGPASS ")
	assert.ErrorContains(t, err, "; hint: see the rights in hushpipe-fleet(1) (open password: no such file)")
	password, wrong = "second", nil
	_, err = e.Members("a")
	require.NoError(t, err)
}

// slow is an error as of what takes too long while connecting.
type slow string

func (s slow) Error() string { return string(s) }
func (slow) Timeout() bool   { return true }
func (slow) Temporary() bool { return true }

// TestSilentWhileConnecting: the error names the operation that got no answer.
func TestSilentWhileConnecting(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"dial tcp 127.0.0.1:6379: i/o timeout", "the engine: dial tcp 127.0.0.1:6379: no answer"},
		{"TLS handshake timeout", "the engine: TLS handshake: no answer"},
	} {
		err := explain(slow(tt.text))
		assert.EqualError(t, err, tt.want)
		assert.ErrorIs(t, err, ErrSilent)
	}
}

// TestTLS: hosts are known by their certificates, and a server without one of the authority
// is not spoken to.
func TestTLS(t *testing.T) {
	host, port := enginetest.Address(t)
	certFile, keyFile := enginetest.Certificate(t, host)
	enginetest.Start(t, enginetest.TLS(host, port, certFile, keyFile)...)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	for _, tt := range []struct {
		name string
		tls  *tls.Config
		ok   bool
	}{
		{"both", &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}, true},
		{"no certificate of the host", &tls.Config{RootCAs: roots}, false},
		{"another authority", &tls.Config{RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{pair}}, false},
		{"none", nil, false},
	} {
		e, err := Open(Config{Addresses: []string{net.JoinHostPort(host, port)}, TLS: tt.tls})
		if err == nil {
			_, err = e.Put("a", "b", "c", "", time.Now().Add(time.Hour))
		}
		if tt.ok {
			assert.NoError(t, err, tt.name)
		} else {
			assert.Error(t, err, tt.name)
		}
	}
}
