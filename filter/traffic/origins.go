package traffic

import (
	"bytes"

	"hushpipe/filter/pseudonym"
	"hushpipe/format/referrer"
)

// origins tells where a hit came from.
type origins struct {
	sites        *referrer.Sites
	own          []string // Options.Own
	cache        textCache[originFact]
	uncached     originFact // of a text that is not known
	uncachedHost []byte     // of one
	scratch      []byte     // of sites
}

func newOrigins(opt Options) origins { return origins{sites: referrer.Load(), own: opt.Own} }

func (s *origins) forget() {
	s.cache, s.uncachedHost, s.scratch = textCache[originFact]{}, nil, nil
}

// of returns what is known of a referrer, valid until the next call.
func (s *origins) of(text []byte) *originFact {
	key, part := text, false
	if end := bytes.IndexByte(text, '?'); end >= 0 {
		key, part = text[:end], true // no list has what stands behind it
	}
	e, sum, known := s.cache.find(key, part)
	if known {
		return &e.fact
	}
	var o referrer.Origin
	o, s.scratch = s.sites.Of(text, s.own, s.scratch)
	if _, isAddr := pseudonym.ParseAddr(o.Host); isAddr || looksSecret(o.Host) {
		o.Host = nil // it goes to other
	}
	s.uncached, s.uncachedHost = originFact{kind: o.Kind, name: o.Name}, o.Host
	at := bytes.Index(key, o.Host)
	if e == nil || at < 0 { // it is written in capitals
		return &s.uncached
	}
	s.uncached.at, s.uncached.end = uint8(at), uint8(at+len(o.Host))
	return e.put(key, sum, part, s.uncached)
}

// host returns the host of a referrer of which o is known.
func (s *origins) host(o *originFact, text []byte) []byte {
	if o == &s.uncached {
		return s.uncachedHost
	}
	return text[o.at:o.end]
}
