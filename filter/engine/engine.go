// Package engine is a client for the engine of a fleet: a Valkey or Redis server, or a
// cluster of them. It knows which operations a fleet needs, not what names and values mean.
//
// Answers are not trusted: anybody who can write to the engine may have chosen them.
package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Config is the address of an engine, and the credentials.
type Config struct {
	Addresses      []string // HOST:PORT, for a cluster of some servers; or the path of a unix socket
	User, Password string
	TLS            *tls.Config // nil: none
	// Renew, unless nil, is called before each connection and returns the current
	// credentials, since certificates and passwords change. After an error the previous ones
	// are used.
	Renew func() (Config, error)
}

// Engine is a connected engine, with a connection to each server, renewed after an error.
// One goroutine uses it.
type Engine struct {
	cfg   Config
	conns map[string]redis.Conn // by address
	nodes map[string]bool       // addresses of all known servers
	spans []span                // of a cluster; nil: a single server
	stale bool                  // spans may be out of date
}

// span is the range of hash slots of a server in a cluster.
type span struct {
	first, last int
	address     string
}

// patience bounds the wait for a connection, and for each answer.
const patience = 10 * time.Second

// Open connects to an engine.
func Open(cfg Config) (*Engine, error) {
	e := &Engine{cfg: cfg, conns: map[string]redis.Conn{}, nodes: map[string]bool{}}
	e.setNodes(nil)
	if err := e.locate(); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Close closes the connections.
func (e *Engine) Close() {
	for address := range e.conns {
		e.drop(address)
	}
}

func (e *Engine) drop(address string) {
	if conn := e.conns[address]; conn != nil {
		conn.Close()
		delete(e.conns, address)
	}
}

// conn returns a connection to a server, connecting if necessary.
func (e *Engine) conn(address string) (redis.Conn, error) {
	if conn := e.conns[address]; conn != nil {
		return conn, nil
	}
	var stays error
	if e.cfg.Renew != nil {
		by, err := e.cfg.Renew()
		if err == nil {
			e.cfg.User, e.cfg.Password, e.cfg.TLS = by.User, by.Password, by.TLS
		}
		stays = err
	}
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	conn, err := redis.Dial(network, address, redis.DialUsername(e.cfg.User), redis.DialPassword(e.cfg.Password),
		redis.DialUseTLS(e.cfg.TLS != nil), redis.DialTLSConfig(e.cfg.TLS),
		redis.DialConnectTimeout(patience), redis.DialReadTimeout(patience), redis.DialWriteTimeout(patience))
	if err != nil && stays != nil {
		return nil, fmt.Errorf("%w (%w)", explain(err), stays)
	}
	if err != nil {
		return nil, explain(err)
	}
	e.conns[address] = conn
	return conn, nil
}

// command is a command: its name and arguments.
type command []any

// ask sends commands to a server and returns the answers, some of which may be a
// redis.Error. After an error it is unknown which of them were executed.
func (e *Engine) ask(address string, commands []command) ([]any, error) {
	conn, err := e.conn(address)
	if err != nil {
		e.stale = true
		return nil, err
	}
	for _, c := range commands {
		conn.Send(c[0].(string), c[1:]...) // Flush returns the error, too
	}
	err = conn.Flush()
	answers := make([]any, 0, len(commands))
	for err == nil && len(answers) < len(commands) {
		var answer any
		answer, err = conn.Receive()
		var refused redis.Error
		if errors.As(err, &refused) {
			answer, err = refused, nil
		}
		answers = append(answers, answer)
	}
	if err != nil {
		e.drop(address)
		e.stale = true
		return nil, explain(err)
	}
	return answers, nil
}

// locate finds out which server has which slots.
func (e *Engine) locate() (err error) {
	for address := range e.nodes {
		var answers []any
		if answers, err = e.ask(address, []command{{"CLUSTER", "SLOTS"}}); err != nil {
			continue
		}
		if refused, isErr := answers[0].(redis.Error); isErr { // no cluster, or no permission to ask
			if len(e.cfg.Addresses) > 1 {
				err = explain(refused)
				continue
			}
			e.spans, e.stale = nil, false
			return nil
		}
		spans, nodes := parseSlots(answers[0], address)
		if len(spans) == 0 {
			err = errors.New("the engine: the cluster has no slots")
			continue
		}
		e.setNodes(nodes)
		e.spans, e.stale = spans, false
		return nil
	}
	return err
}

// setNodes replaces the known servers and drops those that are gone, each of which would
// time out.
func (e *Engine) setNodes(nodes []string) {
	clear(e.nodes)
	for _, node := range slices.Concat(e.cfg.Addresses, nodes) {
		e.nodes[node] = true
	}
	for address := range e.conns {
		if !e.nodes[address] {
			e.drop(address)
		}
	}
}

// parseSlots parses the answer to CLUSTER SLOTS of the server at the address asked.
func parseSlots(answer any, asked string) (spans []span, nodes []string) {
	list, _ := redis.Values(answer, nil)
	for _, of := range list {
		fields, _ := redis.Values(of, nil)
		if len(fields) < 3 {
			continue
		}
		first, _ := redis.Int(fields[0], nil)
		last, _ := redis.Int(fields[1], nil)
		for i, node := range fields[2:] {
			at, _ := redis.Values(node, nil)
			if len(at) < 2 {
				continue
			}
			host, _ := redis.String(at[0], nil)
			port, err := redis.Int(at[1], nil)
			if err != nil {
				continue
			}
			if host == "" { // the server does not know its own address
				host, _, _ = net.SplitHostPort(asked)
			}
			address := net.JoinHostPort(host, fmt.Sprint(port))
			nodes = append(nodes, address)
			if i == 0 {
				spans = append(spans, span{first, last, address})
			}
		}
	}
	return spans, nodes
}

// holder returns the address of the server that has a key.
func (e *Engine) holder(key string) (string, error) {
	if e.stale {
		if err := e.locate(); err != nil {
			return "", err
		}
	}
	if e.spans == nil {
		return e.cfg.Addresses[0], nil
	}
	slot := slotOf(key)
	for _, s := range e.spans {
		if s.first <= slot && slot <= s.last {
			return s.address, nil
		}
	}
	e.stale = true
	return "", errors.New("the engine: the cluster has no server for some slots")
}

// isMoved reports whether an answer means that another server has the key, so that nothing
// was executed.
func isMoved(answer any) bool {
	err, ok := answer.(redis.Error)
	return ok && strings.HasPrefix(string(err), "MOVED ")
}

// transact executes commands on keys of one slot, all or none, and returns the answers.
func (e *Engine) transact(key string, commands []command) ([]any, error) {
	commands = slices.Concat([]command{{"MULTI"}}, commands, []command{{"EXEC"}})
	for again := false; ; again = true {
		address, err := e.holder(key)
		if err != nil {
			return nil, err
		}
		answers, err := e.ask(address, commands)
		if err != nil {
			return nil, err
		}
		if !again && slices.ContainsFunc(answers, isMoved) {
			e.stale = true
			continue
		}
		for _, answer := range answers { // a refused command's error is more precise than EXEC's
			if refused, ok := answer.(redis.Error); ok {
				return nil, explain(refused)
			}
		}
		done, err := redis.Values(answers[len(answers)-1], nil)
		if err != nil || len(done) != len(commands)-2 {
			return nil, errors.New("the engine: the reply to EXEC is not the one expected")
		}
		for _, answer := range done {
			if refused, ok := answer.(redis.Error); ok {
				return nil, explain(refused)
			}
		}
		return done, nil
	}
}

// ErrSilent is returned for an engine that did not answer in time: the next call would time
// out as well.
var ErrSilent = errors.New("no answer")

// explain formats an error as one line, with a hint if one is known.
func explain(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	text, _, _ = strings.Cut(text, ", with args") // the server repeats arguments, such as a password or fingerprints
	text = strings.TrimPrefix(text, "EXECABORT Transaction discarded because of: ")
	hint := ""
	var slow net.Error
	switch {
	case strings.HasPrefix(text, "ASK "), strings.HasPrefix(text, "TRYAGAIN"):
		// The keys of a slot are on two servers for the moment: following as for MOVED would
		// create a second set with the same name.
		text = "the cluster is moving a hash slot, which is to be waited for"
		hint = "; hint: if it does not end, see redis-cli --cluster check"
	case strings.HasPrefix(text, "MOVED "):
		text = "another server of its cluster has the hash slot, and it does not tell which have which"
		hint = "; hint: see the rights in hushpipe-fleet(1)"
	case strings.HasPrefix(text, "OOM"):
		hint = "; hint: give it more memory (maxmemory)"
	case strings.HasPrefix(text, "NOPERM"), strings.HasPrefix(text, "WRONGPASS"), strings.HasPrefix(text, "NOAUTH"):
		hint = "; hint: see the rights in hushpipe-fleet(1)"
	case strings.HasPrefix(text, "WRONGTYPE"):
		hint = "; hint: somebody else writes under the names of this fleet"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the engine: %w", ErrSilent)
	case errors.As(err, &slow) && slow.Timeout(): // while connecting
		doing := strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(text, "timeout"), "i/o "), ": ")
		return fmt.Errorf("the engine: %s: %w", doing, ErrSilent)
	}
	return fmt.Errorf("the engine: %s%s", text, hint)
}

// slotOf returns the hash slot of a key: CRC-16/XMODEM of the text between its first braces,
// https://valkey.io/topics/cluster-spec/.
func slotOf(key string) int {
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			key = tag
		}
	}
	var crc uint16
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			crc = crc<<1 ^ 0x1021*(crc>>15)
		}
	}
	return int(crc % 16384)
}
