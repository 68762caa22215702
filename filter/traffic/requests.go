package traffic

import (
	"bytes"
	"slices"

	"hushpipe/format"
)

// requests classifies requests.
type requests struct {
	rules    Rules
	assets   map[string]uint8 // by extension: index of its type
	cache    textCache[requestFact]
	byPlace  placeCache[requestFact]
	uncached requestFact // result for a text that is not cached
	split    bool        // the Target of the hit is set
	scratch  []byte      // of a target
	kept     []byte      // scratch for a path, or for the name of a group
}

func newRequests(opt Options) requests {
	r := requests{rules: defaultRules, assets: map[string]uint8{}}
	if opt.Rules != nil {
		r.rules = *opt.Rules
	}
	for _, ext := range r.rules.Assets {
		r.assets[ext] = uint8(max(slices.Index(types, ext[1:]), int(typeOther)))
	}
	return r
}

func (r *requests) forget() {
	r.cache, r.scratch, r.kept = textCache[requestFact]{}, nil, nil
}

// of returns the facts about the request of a hit, valid until the next call.
func (r *requests) of(h *Hit) *requestFact {
	r.split = false
	if h.Request.At.ID == 0 {
		return r.byText(h)
	}
	e, known := r.byPlace.find(h.Request.At)
	if !known {
		*e = placeEntry[requestFact]{h.Request.At.ID, *r.byText(h)}
	}
	return &e.fact
}

func (r *requests) byText(h *Hit) *requestFact {
	if h.loadTexts(); h.Request.Line == nil {
		r.split = true
		r.uncached = r.fact(h, path(h.Request.Target))
		return &r.uncached
	}
	key, part := h.Request.Line, false
	if end := bytes.IndexByte(key, '?'); end >= 0 && endsInProtocol(key[end:]) {
		key, part = key[:end], true
	}
	e, sum, known := r.cache.find(key, part)
	if known {
		return &e.fact
	}
	r.splitRequest(h)
	name := path(h.Request.Target)
	r.uncached = r.fact(h, name)
	if e == nil || bytes.IndexByte(key, '\\') >= 0 || part && (len(h.Request.Target) == 0 || h.Request.Target[0] != '/' || bytes.Count(key, []byte(" ")) != 1) {
		return &r.uncached // the rest of the line matters
	}
	if f := &r.uncached; f.plain {
		at := bytes.Index(key, name)
		if f.plain = at >= 0; f.plain {
			f.at, f.end = uint8(at), uint8(at+len(name))
		}
	}
	return e.put(key, sum, part, r.uncached)
}

// endsInProtocol reports whether a request line ends like most do.
func endsInProtocol(s []byte) bool {
	const protocol = " HTTP/1.1"
	n := len(s) - len(protocol)
	return n >= 0 && string(s[n:n+6]) == protocol[:6] && isDigit(s[n+6]) && s[n+7] == '.' && isDigit(s[n+8])
}

// splitRequest sets the method and target of a hit that only has its request line.
func (r *requests) splitRequest(h *Hit) {
	if r.split {
		return
	}
	r.split = true
	if h.loadTexts(); h.Request.Line == nil {
		return
	}
	h.Request.Method, _, _, _ = format.SplitRequest(h.Request.Line)
	h.Request.Target, r.scratch = format.Target(h.Request.Line, r.scratch)
}

// path returns the path of a hit as it may be kept, valid until the next call.
func (r *requests) path(h *Hit, f *requestFact) []byte {
	if f.end > 0 {
		h.loadTexts()
		return h.Request.Line[f.at:f.end]
	}
	r.splitRequest(h)
	r.kept = appendPath(r.kept[:0], h.Request.Target, !r.rules.Secrets)
	return r.kept
}

// hitClass is the class of a request, given its response.
type hitClass uint8

const (
	other hitClass = iota
	page
	asset
	feed
)

// fact returns the facts about a request for the path name.
func (r *requests) fact(h *Hit, name []byte) (f requestFact) {
	if len(name) == 0 {
		return requestFact{purpose: forNothing}
	}
	f.robotsTxt = bytes.Equal(name, robotsTxt)
	f.plain, f.query = r.isPlain(name), bytes.IndexByte(h.Request.Target, '?') >= 0
	last := name[bytes.LastIndexByte(name, '/')+1:]
	var buf [maxExt]byte
	ext := buf[:0]
	if dot := bytes.LastIndexByte(last, '.'); dot >= 0 && len(last)-dot <= maxExt {
		for _, c := range last[dot:] {
			if isUpper(c) {
				c += 'a' - 'A'
			}
			ext = append(ext, c)
		}
	}
	n, isAsset := r.assets[string(ext)]
	switch {
	case !r.rules.Others && isOther(name, last):
	case !r.rules.Feeds && isFeed(last, ext):
		f.purpose = forFeed
	case isAsset:
		f.purpose, f.file = forAsset, n
	case h.Request.Method == nil || contains(r.rules.Methods, h.Request.Method):
		f.purpose = forPage
	}
	return f
}

// isPlain reports whether a path is kept unchanged.
func (r *requests) isPlain(name []byte) bool {
	r.kept = appendPath(r.kept[:0], name, !r.rules.Secrets)
	return bytes.Equal(r.kept, name)
}

// classify returns the class of a request with that status, and the index of its type.
func (f *requestFact) classify(status int) (hitClass, uint8) {
	whole := status == 200 || status == 304
	switch {
	case f.purpose == forFeed:
		return feed, typeFeed
	case f.purpose == forAsset && (whole || status == 206):
		return asset, f.file
	case f.purpose == forPage && whole:
		return page, typePage
	}
	return other, f.file
}

// maxExt is the length of the longest extension that is considered, with its dot.
const maxExt = 12

var robotsTxt = []byte("/robots.txt")

// isOther detects files that programs request by themselves.
func isOther(name, last []byte) bool {
	return bytes.HasPrefix(name, []byte("/.well-known/")) || bytes.Equal(name, robotsTxt) ||
		bytes.HasPrefix(last, []byte("favicon")) || bytes.HasPrefix(last, []byte("apple-touch-icon")) || bytes.HasPrefix(last, []byte("browserconfig.xml"))
}

// isFeed detects feeds by their usual names.
func isFeed(last, ext []byte) bool {
	switch string(ext) {
	case ".rss", ".atom", ".rdf":
		return true
	}
	switch string(last) {
	case "feed", "rss", "atom", "feed.xml", "rss.xml", "atom.xml", "index.xml", "feeds.xml", "feed.json", "feed.php", "index.rdf":
		return true
	}
	return false
}

func contains(list []string, text []byte) bool {
	for _, s := range list {
		if s == string(text) {
			return true
		}
	}
	return false
}
