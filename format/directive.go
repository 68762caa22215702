package format

import "strings"

// directive is one %… of a LogFormat string.
type directive struct {
	name        string // its letter, or ^ and two letters
	arg         string // between the braces
	original    bool   // <
	final       bool   // >
	conditional bool   // a list of status codes: the value is '-' for any other status
}

// add appends the elements of d, found at c.src[at]. A directive of an unknown module is text.
func (c *compiler) add(d directive, at int) error {
	e := element{op: opAny, kind: Text, dash: d.conditional}
	switch d.name {
	case "a", "h":
		e.kind = Client
		trust := trustPeer
		if d.arg != "c" {
			trust = trustClient
		}
		f := c.value(e)
		c.client(f, trust)
		c.peer(f, d)
		return nil
	case "A":
		e.op, e.kind, e.dash, e.own = opAddress, Plain, true, true
	case "v":
		e.kind, e.own = Plain, true
	case "t":
		return c.time(d, at)
	case "s":
		e.op, e.kind = opNumber, Plain
		if f := c.value(e); c.p.status < 0 || d.final {
			c.p.status = f
		}
		return nil
	case "r":
		e.kind = Request
		if f := c.value(e); !c.full {
			c.p.target, c.full = f, true
		}
		return nil
	case "U":
		e.kind = URL
		if f := c.value(e); c.p.target < 0 {
			c.p.target = f
		}
		return nil
	case "q":
		e.kind = URL
		c.p.query = c.value(e)
		return nil
	case "b", "B", "D", "I", "O", "S", "k", "^FB", "^FU":
		e.op, e.kind = opNumber, Plain
	case "p", "P", "T":
		// Any other argument is logged verbatim (mod_log_config.c, "bogus format").
		switch strings.ToLower(d.arg) {
		case "", "canonical", "local", "remote", "pid", "tid", "s", "ms", "us":
			e.op, e.kind = opNumber, Plain
		}
	case "X":
		e.op, e.kind, e.dash = opConnState, Plain, true
	case "l":
		// If the line has one more word at the front than the format says, this is the client's
		// name.
		e.op, e.kind = opToken, Client
	case "m", "H", "L":
		e.op = opToken
	case "u":
		e.user = true
		if f := c.value(e); c.p.user < 0 {
			c.p.user = f
		}
		return nil
	case "i", "o", "n", "e", "x", "c", "^ti", "^to":
		e.kind = namedKind(d.arg)
		if strings.HasPrefix(d.arg, "SSL_PROTOCOL") || strings.HasPrefix(d.arg, "SSL_CIPHER") {
			e.op = opToken // of a fixed list
		}
		asked := c.clientArg != "" && strings.EqualFold(d.arg, c.clientArg)
		if asked && !isClient(e.kind) {
			e.kind = Client
		}
		switch f := c.value(e); {
		case asked:
			c.client(f, trustConfigured)
			c.forwarded(f, trustConfigured)
		case isClient(e.kind):
			c.client(f, trustHeader)
			if e.kind == Client {
				c.forwarded(f, trustHeader)
			} else {
				c.forwarded(f, trustList)
			}
		}
		return nil
	}
	c.value(e)
	return nil
}

// How far a field is trusted to be the client that is counted. %a and %h are what mod_remoteip
// found out; their {c} forms may be a proxy; a header can be forged.
const (
	trustHeader = 1 + iota
	trustPeer
	trustClient
	trustList       // forwarded
	trustConfigured // the administrator named it
)

func (c *compiler) client(field, trust int) {
	if trust > c.trust {
		c.p.client, c.trust = field, trust
	}
}

// peer records a candidate for the peer of the connection. The best one is what mod_remoteip did
// not replace, and an address rather than a host name.
func (c *compiler) peer(field int, d directive) {
	rank := 1
	if d.arg == "c" {
		rank += 2
	}
	if d.name == "a" {
		rank++
	}
	if rank > c.peerRank {
		c.atPeer, c.peerRank = field, rank
	}
}

// forwarded records a candidate for the clients that a proxy names.
func (c *compiler) forwarded(field, trust int) {
	if trust > c.listTrust {
		c.atList, c.listTrust = field, trust
	}
}

// behindProxies makes the parser report both the peer and whom a proxy asked for.
func (c *compiler) behindProxies() error {
	switch {
	case c.peerRank == 0:
		return &ProxiesError{"the format has no peer (%h, %a or %{c}a)"}
	case c.listTrust == 0:
		return &ProxiesError{"the format has no list of clients (such as %{X-Forwarded-For}i)"}
	case c.atPeer == c.atList:
		return &ProxiesError{"there is nothing between the peer and the list of clients in the format"}
	}
	c.p.client, c.p.list, c.p.isPeer = c.atPeer, c.atList, true
	c.p.fast = fastLayout{} // ParseFast reports one client only
	return nil
}

// namedKind returns the kind of a header, also under its CGI name (HTTP_USER_AGENT), or of a
// variable of mod_ssl or the environment.
func namedKind(name string) Kind {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	switch strings.TrimPrefix(name, "http-") {
	case "x-forwarded-for", "x-original-forwarded-for":
		return ClientList
	case "forwarded":
		return Forwarded
	case "x-real-ip", "cf-connecting-ip", "true-client-ip", "remote-addr", "remote-host",
		"x-client-ip", "client-ip", "clientip", "fastly-client-ip", "x-cluster-client-ip", "fly-client-ip":
		return Client
	case "referer", "request-uri", "query-string", "location", "content-location", "destination",
		"x-original-uri", "x-original-url", "x-rewrite-url", "x-forwarded-uri", "redirect-url", "redirect-query-string":
		return URL
	case "the-request":
		return Request
	case "user-agent":
		return UserAgent
	}
	// X-Azure-ClientIP, X-Envoy-External-Address and the like
	name = strings.ReplaceAll(name, "-", "")
	for _, end := range [...]string{"clientip", "clientaddr", "realip", "remoteaddr", "remoteip", "connectingip", "connectingipv6", "externaladdress", "userip", "xclient"} {
		if strings.HasSuffix(name, end) {
			return Client
		}
	}
	if strings.HasSuffix(name, "forwardedfor") || name == "xforwarded" {
		return ClientList
	}
	return Text
}
