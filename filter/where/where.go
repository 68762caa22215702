// Package where evaluates the conditions of a policy: which streams a line goes to, and
// which event it is.
package where

import (
	"bytes"
	"net/netip"
	"slices"

	"hushpipe/filter/pseudonym"
	"hushpipe/format/policy"
)

// Facts are the parts of a line that conditions test. Missing parts are zero, and match no
// value.
type Facts struct {
	Status int
	Method []byte
	Target []byte // of the request: /path?query, scheme://host/path, host:port or *
	Host   []byte // perhaps with a port
	User   []byte // "-" and "" mean nobody
	Client pseudonym.Addr
	HasIP  bool // Client is an address

	// Unknown is set if the line could not be parsed, so that it may contain anything that
	// unless excludes.
	Unknown bool
}

// Matcher evaluates the conditions of a policy. It does not allocate, and its time for a
// line is bounded by the length of the line times that of the conditions. It must not be used
// concurrently.
type Matcher struct {
	events  []event
	names   []string // names of events, in the order of their first condition
	streams []stream
	named   bool // some stream uses events
	looks   bool // some stream has conditions, or uses events

	hosts, clients, requests bool // some condition tests these

	lastLine
}

// lastLine is the state of the current line.
type lastLine struct {
	facts  *Facts
	path   []byte // decoded
	query  []byte // raw
	fits   []bool // by index in names
	first  int    // index of the line's event, -1: none
	looked bool   // path and query are set

	decodedPath, decodedName, decodedValue []byte
}

type event struct {
	name   int
	where  *condition
	unless *condition // nil: excludes nothing
}

type stream struct {
	where, unless *condition
	gate          bool
}

// New compiles the conditions of a policy.
func New(p *policy.Policy) *Matcher {
	m := &Matcher{lastLine: lastLine{first: -1}}
	for _, e := range p.Events() {
		i := slices.Index(m.names, e.Name)
		if i < 0 {
			i = len(m.names)
			m.names = append(m.names, e.Name)
		}
		m.events = append(m.events, event{i, m.compile(&e.Condition), m.compile(&e.Unless)})
	}
	m.fits = make([]bool, len(m.names))
	for i := range p.Streams {
		s := &p.Streams[i]
		m.streams = append(m.streams, stream{m.compile(&s.Where), m.compile(&s.Unless), s.Gate != nil})
		m.named = m.named || len(s.Where.Events)+len(s.Unless.Events) > 0 || s.Treatment("event").Kind != policy.Drop
		m.looks = m.looks || m.named || !s.Where.IsZero() || !s.Unless.IsZero()
	}
	return m
}

// Looks reports whether anything depends on facts other than Unknown.
func (m *Matcher) Looks() bool { return m.looks }

// LooksAtHost reports whether anything depends on Host.
func (m *Matcher) LooksAtHost() bool { return m.hosts }

// LooksAtClient reports whether anything depends on Client.
func (m *Matcher) LooksAtClient() bool { return m.clients }

// LooksAtRequest reports whether anything depends on Method or Target.
func (m *Matcher) LooksAtRequest() bool { return m.requests }

// HasGate reports whether a stream has a gate, by its index in the policy.
func (m *Matcher) HasGate(stream int) bool { return m.streams[stream].gate }

// Look sets the facts of a line, which must not change until the next call.
func (m *Matcher) Look(f *Facts) {
	m.facts, m.looked, m.first = f, false, -1
	if !m.named {
		return
	}
	clear(m.fits)
	for i := range m.events {
		e := &m.events[i]
		if !m.fits[e.name] && m.holds(e.where) && (e.unless == nil || !m.holds(e.unless)) {
			m.fits[e.name] = true
			if m.first < 0 {
				m.first = e.name
			}
		}
	}
}

// Event returns the name of the first event that matches the line, "" if none does or no
// stream uses events.
func (m *Matcher) Event() string {
	if m.first < 0 {
		return ""
	}
	return m.names[m.first]
}

// Fits reports whether the line goes to a stream, by its index in the policy. A line with
// unknown contents goes to no stream that excludes lines. Fits ignores gates.
func (m *Matcher) Fits(stream int) bool {
	s := &m.streams[stream]
	return (s.where == nil || m.holds(s.where)) && (s.unless == nil || !m.facts.Unknown && !m.holds(s.unless))
}

// Chooses reports whether a stream only takes certain lines, by its index in the policy.
func (m *Matcher) Chooses(stream int) bool {
	s := m.streams[stream]
	return s.where != nil || s.unless != nil
}

// condition is a compiled policy.Condition. Keys without a value match every line.
type condition struct {
	byStatus bool
	status   [16]uint64 // a bit for each code
	methods  []string
	events   []int // by name
	anyEvent bool
	users    []string
	anyUser  bool
	hosts    []string
	networks []network
	urls     []glob
	queries  []policy.Query
}

// network is the range of addresses from from to to, inclusive. An IPv6 network contains no
// IPv4 address, although their IPv6 form (::ffff:0:0/96) is in ::/0.
type network struct {
	from, to pseudonym.Addr
	is4      bool
}

// compile returns nil for a condition that matches every line.
func (m *Matcher) compile(c *policy.Condition) *condition {
	if c.IsZero() {
		return nil
	}
	m.hosts = m.hosts || len(c.Hosts) > 0
	m.clients = m.clients || len(c.Clients) > 0
	m.requests = m.requests || len(c.Methods)+len(c.URLs)+len(c.Queries) > 0
	out := &condition{methods: c.Methods, hosts: c.Hosts, queries: c.Queries, users: c.Users}
	out.anyUser = slices.Contains(c.Users, "*")
	for _, r := range c.Status {
		out.byStatus = true
		for code := max(r.From, 0); code <= r.To && code < len(out.status)*64; code++ {
			out.status[code/64] |= 1 << (code % 64)
		}
	}
	for _, name := range c.Events {
		if i := slices.Index(m.names, name); i >= 0 {
			out.events = append(out.events, i)
		}
	}
	out.anyEvent = slices.Contains(c.Events, "*")
	for _, net := range c.Clients {
		n := network{from: net.Masked().Addr().As16(), is4: net.Addr().Is4()}
		n.to = n.from
		for bit := 128 - net.Addr().BitLen() + net.Bits(); bit < 128; bit++ {
			n.to[bit/8] |= 0x80 >> (bit % 8)
		}
		out.networks = append(out.networks, n)
	}
	for _, url := range c.URLs {
		out.urls = append(out.urls, newGlob(url))
	}
	return out
}

// holds reports whether the line matches all keys. Cheap tests come first.
func (m *Matcher) holds(c *condition) bool {
	f := m.facts
	if s := f.Status; c.byStatus && (s < 0 || s >= len(c.status)*64 || c.status[s/64]&(1<<(s%64)) == 0) {
		return false
	}
	if len(c.methods) > 0 && !isOne(c.methods, f.Method) {
		return false
	}
	switch {
	case c.anyEvent:
		if m.first < 0 {
			return false
		}
	case len(c.events) > 0:
		if !m.isEvent(c.events) {
			return false
		}
	}
	if len(c.users) > 0 && (isNobody(f.User) || !c.anyUser && !isOne(c.users, f.User)) {
		return false
	}
	if len(c.networks) > 0 && (!f.HasIP || !isWithin(c.networks, f.Client)) {
		return false
	}
	if len(c.hosts) > 0 && !isHost(c.hosts, f.Host) {
		return false
	}
	if len(c.urls)+len(c.queries) == 0 {
		return true
	}
	m.split()
	return (len(c.urls) == 0 || m.path != nil && matches(c.urls, m.path)) &&
		(len(c.queries) == 0 || m.asks(c.queries))
}

func (m *Matcher) isEvent(events []int) bool {
	for _, e := range events {
		if m.fits[e] {
			return true
		}
	}
	return false
}

func isOne(values []string, b []byte) bool {
	for _, v := range values {
		if string(b) == v {
			return true
		}
	}
	return false
}

// isNobody reports whether a line names no user. httpd logs an empty name as two quotation
// marks (log_remote_user in modules/loggers/mod_log_config.c).
func isNobody(user []byte) bool {
	return len(user) == 0 || string(user) == "-" || string(user) == `""`
}

func isWithin(networks []network, a pseudonym.Addr) bool {
	is4 := netip.AddrFrom16(a).Is4In6()
	for i := range networks {
		if networks[i].is4 == is4 && bytes.Compare(networks[i].from[:], a[:]) <= 0 && bytes.Compare(a[:], networks[i].to[:]) <= 0 {
			return true
		}
	}
	return false
}

// isHost compares host names without a port, ignoring case.
func isHost(hosts []string, b []byte) bool {
	b = withoutPort(b)
	for _, h := range hosts {
		if len(h) == len(b) && equalFold(h, b) {
			return true
		}
	}
	return false
}

// withoutPort removes the part after the last colon, but not within an IPv6 address.
func withoutPort(b []byte) []byte {
	if i := bytes.LastIndexByte(b, ':'); i >= 0 && (bytes.IndexByte(b, ':') == i || b[0] == '[' && b[i-1] == ']') {
		b = b[:i]
	}
	if len(b) > 1 && b[0] == '[' && b[len(b)-1] == ']' {
		b = b[1 : len(b)-1]
	}
	return b
}

// equalFold compares b with a lower-case name, ignoring the case of ASCII letters, as DNS
// does.
func equalFold(lower string, b []byte) bool {
	for i := range b {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
