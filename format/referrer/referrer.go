// Package referrer tells from a Referer header where a request came from: a search
// engine, an assistant, a social network, or another site. What is kept of it is the
// name that a list has for it, or the host; never a path, a query or what somebody
// searched for.
//
// The hosts are in sites.txt, which command renew/sites makes from a list that is kept by
// others; its first line says which.
package referrer

import (
	"bytes"
	_ "embed"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"
)

// Kind is what a request came from.
type Kind uint8

// The kinds.
const (
	Direct   Kind = iota // no header, or none of a page
	Own                  // a page of the site itself
	Search               // a search engine
	AI                   // an assistant
	Social               // a social network
	Site                 // any other
	Campaign             // a link that names one in its URL; no header tells it
	numKinds
)

var kindNames = [numKinds]string{"direct", "own", "search", "ai", "social", "site", "campaign"}

func (k Kind) String() string { return kindNames[k] }

// Kinds returns the names of the kinds.
func Kinds() []string { return kindNames[:] }

// Origin is where a request came from.
type Origin struct {
	Kind Kind
	Name uint16 // of Names, of a Search, AI or Social
	Host []byte // of a Site, in lower case, without port; of a Campaign its name
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
	path string // below which pages are of this name, "" for all
	kind Kind
	name uint16
}

// Sites tells origins. It is safe for use by several goroutines.
type Sites struct {
	names []string
	hosts map[string][]entry // by host; google.{} stands for all public suffixes; longer paths first
	stems map[string]bool    // the labels before {}
}

// Load returns the list that is in the program.
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

// Names returns the names of the list by their number.
func (s *Sites) Names() []string { return s.names }

// maxHost is the longest name of a host (RFC 1035, section 2.3.4).
const maxHost = 253

// Of tells where a request came from by its Referer, as it stands in the log without
// its quotes. own are the hosts of the site itself, in lower case, without "www.". Host
// lies in scratch, whose memory is used again.
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

// isScheme accepts the schemes of pages and of programs that open them, android-app.
func isScheme(b []byte) bool {
	switch string(b) {
	case "http", "https", "android-app", "ios-app":
		return true
	}
	return false
}

// find looks a host up, then with its public suffix left out, then the domains above.
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

// isSuffix tells a top-level domain, or a usual domain of one country below which names
// are registered: co.uk. It allocates nothing, as publicsuffix does.
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

// match returns the first of entries that has path.
func match(entries []entry, path []byte) (entry, bool) {
	for _, e := range entries {
		if bytes.HasPrefix(path, []byte(e.path)) {
			return e, true
		}
	}
	return entry{}, false
}

// Domain returns the domain of a host that somebody registered: its public suffix and
// one label; the host itself where it is a suffix, or an address.
func Domain(host string) string {
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host
}
