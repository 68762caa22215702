package traffic

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"hushpipe/format/agent"
)

// agents classifies the user agents of hits.
type agents struct {
	lists    *agent.Lists
	ignored  [][]byte // Options.IgnoreUA
	cache    textCache[agentFact]
	byPlace  placeCache[agentFact]
	uncached agentFact // result for a text that is not cached
	none     agentFact // result for a format without user agents
	lowered  []byte
}

func newAgents(opt Options) agents {
	a := agents{lists: agent.Load(), none: agentFact{sum: xxhash.Sum64(nil)}}
	for _, part := range opt.IgnoreUA {
		a.ignored = append(a.ignored, []byte(part))
	}
	return a
}

func (a *agents) forget() {
	a.cache, a.lowered = textCache[agentFact]{}, nil
}

// of returns the facts about a hit's user agent, valid until the next call.
func (a *agents) of(h *Hit) *agentFact {
	if h.Agent.At.ID == 0 {
		return a.byText(h)
	}
	e, known := a.byPlace.find(h.Agent.At)
	if !known {
		*e = placeEntry[agentFact]{h.Agent.At.ID, *a.byText(h)}
	}
	return &e.fact
}

func (a *agents) byText(h *Hit) *agentFact {
	if h.loadTexts(); !h.Agent.Known {
		return &a.none
	}
	e, sum, known := a.cache.find(h.Agent.Text, false)
	if known {
		return &e.fact
	}
	a.uncached = agentFact{Agent: a.lists.Of(h.Agent.Text), sum: xxhash.Sum64(h.Agent.Text), ignored: a.ignores(h.Agent.Text)}
	if e == nil {
		return &a.uncached
	}
	return e.put(h.Agent.Text, sum, false, a.uncached)
}

func (a *agents) ignores(text []byte) bool {
	if len(a.ignored) == 0 {
		return false
	}
	a.lowered = a.lowered[:0]
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		a.lowered, text = utf8.AppendRune(a.lowered, unicode.ToLower(r)), text[n:]
	}
	for _, part := range a.ignored {
		if bytes.Contains(a.lowered, part) {
			return true
		}
	}
	return false
}
