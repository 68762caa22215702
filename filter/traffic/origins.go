package traffic

import (
	"bytes"

	"hushpipe/filter/pseudonym"
	"hushpipe/format/referrer"
)

// origins classifies the referrers of hits.
type origins struct {
	sites        *referrer.Sites
	own          []string // Options.Own
	cache        textCache[originFact]
	uncached     originFact // result for a text that is not cached
	uncachedHost []byte     // host of uncached
	scratch      []byte     // for sites
}

func newOrigins(opt Options) origins { return origins{sites: referrer.Load(), own: opt.Own} }

func (s *origins) forget() {
	s.cache, s.uncachedHost, s.scratch = textCache[originFact]{}, nil, nil
}

// of returns the facts about a referrer, valid until the next call.
func (s *origins) of(text []byte) *originFact {
	key, part := text, false
	if end := bytes.IndexByte(text, '?'); end >= 0 {
		key, part = text[:end], true // the query does not matter
	}
	e, sum, known := s.cache.find(key, part)
	if known {
		return &e.fact
	}
	var o referrer.Origin
	o, s.scratch = s.sites.Of(text, s.own, s.scratch)
	if _, isAddr := pseudonym.ParseAddr(o.Host); isAddr || looksSecret(o.Host) {
		o.Host = nil // count it under other
	}
	s.uncached, s.uncachedHost = originFact{kind: o.Kind, name: o.Name}, o.Host
	at := bytes.Index(key, o.Host)
	if e == nil || at < 0 { // not found: the text has capitals
		return &s.uncached
	}
	s.uncached.at, s.uncached.end = uint8(at), uint8(at+len(o.Host))
	return e.put(key, sum, part, s.uncached)
}

// host returns the host of a referrer with the facts o.
func (s *origins) host(o *originFact, text []byte) []byte {
	if o == &s.uncached {
		return s.uncachedHost
	}
	return text[o.at:o.end]
}
