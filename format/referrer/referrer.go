// Package referrer classifies Referer headers: a search engine, an assistant, a social network,
// or another site. It keeps the name from a list, or the host; never a path, a query or search
// words.
//
// The hosts are in sites.txt, which command renew/sites makes from a public list; its first line
// names that.
package referrer

import (
	"bytes"
	_ "embed"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"
)

// Kind is the kind of place a request came from.
type Kind uint8

// The kinds.
const (
	Direct   Kind = iota // no header, or none of a page
	Own                  // a page of the site itself
	Search               // a search engine
	AI                   // an assistant
	Social               // a social network
	Site                 // any other
	Campaign             // a link that names a campaign in its URL; no header shows it
	numKinds
)

var kindNames = [numKinds]string{"direct", "own", "search", "ai", "social", "site", "campaign"}

func (k Kind) String() string { return kindNames[k] }

// Kinds returns the names of the kinds.
func Kinds() []string { return kindNames[:] }

// Origin is the place a request came from.
type Origin struct {
	Kind Kind
	Name uint16 // for Search, AI or Social: index into Names
	Host []byte // for Site: the host in lower case, without port; for Campaign: its name
}

//go:embed sites.txt
var list string

// Source returns the first line of sites.txt: the list, with version and licence.
func Source() string {
	line, _, _ := strings.Cut(list, "\n")
	return strings.TrimPrefix(line, "# ")
}

// entry is a line of sites.txt.
type entry struct {
	path string // of the pages with this name, "" for all
	kind Kind
	name uint16
}

// Sites classifies origins. It is safe for concurrent use.
type Sites struct {
	names []string
	hosts map[string][]entry // by host, longer paths first; google.{} is for all public suffixes
	stems map[string]bool    // the labels in front of {}
}

// Load returns the list built into the program.
var Load = sync.OnceValue(func() *Sites {
	s := &Sites{hosts: map[string][]entry{}, stems: map[string]bool{}}
	known := map[string]uint16{}
	kinds := map[string]Kind{"search": Search, "social": Social, "ai": AI}
	for line := range strings.Lines(list) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		host, path, _ := strings.Cut(fields[0], "/")
		host = strings.TrimPrefix(host, "www.")
		n, ok := known[fields[2]]
		if !ok {
			n = uint16(len(s.names))
			known[fields[2]] = n
			s.names = append(s.names, fields[2])
		}
		if stem, ok := strings.CutSuffix(host, ".{}"); ok {
			s.stems[stem[strings.LastIndexByte(stem, '.')+1:]] = true
		}
		e := entry{path, kinds[fields[1]], n}
		at := 0
		for at < len(s.hosts[host]) && len(s.hosts[host][at].path) >= len(path) {
			at++
		}
		rest := s.hosts[host]
		s.hosts[host] = append(append(append([]entry(nil), rest[:at]...), e), rest[at:]...)
	}
	return s
})

// Names returns the names of the list, for Origin.Name.
func (s *Sites) Names() []string { return s.names }

// maxHost is the longest name of a host (RFC 1035, section 2.3.4).
const maxHost = 253

// Of classifies a Referer, given as in the log without its quotes. own are the hosts of the site
// itself, in lower case, without "www.". Host is valid until scratch is used again; Of returns
// scratch, perhaps grown.
func (s *Sites) Of(value []byte, own []string, scratch []byte) (o Origin, _ []byte) {
	if len(value) == 0 || len(value) == 1 && value[0] == '-' {
		return Origin{}, scratch
	}
	scheme, rest, ok := bytes.Cut(value, []byte("://"))
	if !ok || !isScheme(scheme) {
		return Origin{}, scratch
	}
	host, path := rest, []byte(nil)
	if end := bytes.IndexAny(rest, "/?#"); end >= 0 {
		host, path = rest[:end], rest[end:]
	}
	if at := bytes.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	if at := bytes.IndexByte(host, ':'); at >= 0 {
		host = host[:at]
	}
	host = bytes.TrimSuffix(host, []byte("."))
	if len(host) == 0 || len(host) > maxHost {
		return Origin{}, scratch
	}
	scratch = slices.Grow(scratch[:0], 2*maxHost+2)
	for _, c := range host {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_') {
			return Origin{}, scratch // no host
		}
		scratch = append(scratch, c)
	}
	name := bytes.TrimPrefix(scratch, []byte("www."))
	for _, site := range own {
		if string(name) == site {
			return Origin{Kind: Own}, scratch
		}
	}
	path = bytes.TrimPrefix(path, []byte("/"))
	if e, ok := s.find(name, path, scratch[len(scratch):]); ok {
		return Origin{Kind: e.kind, Name: e.name}, scratch
	}
	return Origin{Kind: Site, Host: name}, scratch
}

// isScheme reports whether b is the scheme of pages, or of programs that open them, such as
// android-app.
func isScheme(b []byte) bool {
	switch string(b) {
	case "http", "https", "android-app", "ios-app":
		return true
	}
	return false
}

// find looks up a host, then the host without its public suffix, then its parent domains.
func (s *Sites) find(host, path, spare []byte) (entry, bool) {
	if e, ok := match(s.hosts[string(host)], path); ok {
		return e, true
	}
	for at := 0; ; {
		end := bytes.IndexByte(host[at:], '.')
		if end < 0 {
			break
		}
		if end += at; s.stems[string(host[at:end])] {
			if isSuffix(host[end+1:]) {
				stem := append(append(spare, host[:end+1]...), "{}"...)
				if e, ok := match(s.hosts[string(stem)], path); ok {
					return e, true
				}
			}
		}
		at = end + 1
	}
	for {
		_, above, ok := bytes.Cut(host, []byte("."))
		if !ok {
			return entry{}, false
		}
		if e, ok := match(s.hosts[string(above)], path); ok && e.kind != Search { // m.facebook.com; not a site below a portal's
			return e, true
		}
		host = above
	}
}

// isSuffix reports whether text is a top-level domain, or a common second-level domain of a
// country below which names are registered: co.uk. Unlike publicsuffix, it does not allocate.
func isSuffix(text []byte) bool {
	first, country, two := bytes.Cut(text, []byte("."))
	if !two {
		return len(text) > 1
	}
	switch string(first) {
	case "co", "com", "org", "net", "gov", "edu", "ac", "or", "ne":
		return len(country) == 2
	}
	return false
}

// match returns the first of entries whose path is a prefix of path.
func match(entries []entry, path []byte) (entry, bool) {
	for _, e := range entries {
		if bytes.HasPrefix(path, []byte(e.path)) {
			return e, true
		}
	}
	return entry{}, false
}

// Domain returns the registered domain of a host: its public suffix and one more label. It
// returns a host that is itself a suffix, or an address, unchanged.
func Domain(host string) string {
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host
}
