// Package rooms implements the counting of rooms: which request targets name one, its
// canonical name and hash, and how many distinct addresses (as fingerprints of room and
// address) it had on a day.
package rooms

import (
	"bytes"
	"slices"
	"strings"
)

// Match is the room that a Matcher found: spans of the request target, still
// percent-encoded, valid as long as the target is.
type Match struct {
	Tenant   []byte // nil: none; otherwise the name is tenant/room
	Room     []byte
	KeepCase bool // do not lower-case the name
	Drop     bool // drop the characters in jitsiStripped from it
}

// Matcher finds the room in request targets. It is immutable; any number of goroutines may
// use it.
type Matcher struct {
	patterns []pattern
	pathOnly bool // some pattern matches without a query
}

// NewMatcher compiles presets (see Presets; "none" alone for no preset) and patterns such as
// /call/{room}, /call/{room}.html or /ows?layers={room}. The first one that matches a target
// wins. The error is a *PresetError or a *PatternError.
func NewMatcher(presets, patterns []string) (*Matcher, error) {
	m := &Matcher{}
	for _, name := range presets {
		ps, ok := presetPatterns[name]
		if !ok || name == none && len(presets) > 1 {
			return nil, &PresetError{Preset: name}
		}
		m.patterns = append(m.patterns, ps...)
	}
	for _, text := range patterns {
		p, err := parsePattern(text)
		if err != nil {
			return nil, err
		}
		m.patterns = append(m.patterns, p)
	}
	m.pathOnly = slices.ContainsFunc(m.patterns, func(p pattern) bool { return p.param == "" })
	return m, nil
}

// Match reports whether target names a room, and sets out to it. target is "/path?query" or
// "http://host/path?query" as the client sent it; a fragment is ignored. A status of 400 and
// above is not a use of a room; 0 is an unknown status and counts.
//
// The path is compared byte for byte, as sent: Apache merges slashes and resolves dots
// before it serves a path, but no client of a room writes it like that.
func (m *Matcher) Match(target []byte, status int, out *Match) bool {
	if status >= 400 {
		return false
	}
	query := bytes.IndexByte(target, '?')
	if query < 0 && !m.pathOnly {
		return false
	}
	path := target
	var args []byte
	hasArgs := query >= 0
	if hasArgs {
		path, args = target[:query], target[query+1:]
	}
	// A browser sends no fragment, but a log can hold anything.
	if i := bytes.IndexByte(path, '#'); i >= 0 {
		path, hasArgs = path[:i], false
	} else if i := bytes.IndexByte(args, '#'); i >= 0 {
		args = args[:i]
	}
	if len(path) == 0 {
		return false
	}
	if path[0] != '/' {
		// absolute-form, RFC 9112 section 3.2.2
		i := bytes.Index(path, []byte("://"))
		if i <= 0 || i > len("https") {
			return false
		}
		path = path[i+3:]
		if i = bytes.IndexByte(path, '/'); i < 0 {
			return false
		}
		path = path[i:]
	}
	for i := range m.patterns {
		p := &m.patterns[i]
		if p.param != "" && !hasArgs {
			continue
		}
		if tenant, room := p.find(path, args); room != nil {
			*out = Match{Tenant: tenant, Room: room, KeepCase: p.keepCase, Drop: p.drop}
			return true
		}
	}
	return false
}

// find returns the spans of a room, not empty, and of its tenant, or nil. path is not empty.
func (p *pattern) find(path, args []byte) (tenant, room []byte) {
	if p.param != "" {
		tenant, ok := p.matchPath(path)
		if !ok {
			return nil, nil
		}
		return tenant, p.value(args)
	}
	if p.anyFolder {
		base := len(path) - len(path[bytes.LastIndexByte(path, '/')+1:]) - len(p.prefix)
		if base < 0 || bytes.Contains(path[:base], phpFile) {
			return nil, nil
		}
		path = path[base:]
	}
	if room = p.inPath(path); room != nil || !p.tenant {
		return nil, room
	}
	n := bytes.IndexByte(path[1:], '/') + 1
	if n == 0 {
		return nil, nil
	}
	if tenant = segment(path[1:n]); tenant == nil || p.skips(tenant) {
		return nil, nil
	}
	return tenant, p.inPath(path[n:])
}

// matchPath reports whether a path is that of a pattern with a query.
func (p *pattern) matchPath(path []byte) (tenant []byte, ok bool) {
	n := len(path) - len(p.prefix)
	if n < 0 || string(path[n:]) != p.prefix {
		return nil, false
	}
	if n > 0 {
		if tenant = segment(path[1:n]); tenant == nil || !p.tenant {
			return nil, false
		}
	}
	return tenant, true
}

// NeedsQuery reports whether target lacks only the query to name a room.
func (m *Matcher) NeedsQuery(target []byte) bool {
	for i := range m.patterns {
		if p := &m.patterns[i]; p.param != "" && len(target) > 0 {
			if _, ok := p.matchPath(target); ok {
				return true
			}
		}
	}
	return false
}

// HasQueries reports whether rooms can only be found in queries.
func (m *Matcher) HasQueries() bool { return len(m.patterns) > 0 && !m.pathOnly }

// inPath returns the room between prefix and suffix, or nil.
func (p *pattern) inPath(path []byte) []byte {
	if len(path) < len(p.prefix) || string(path[:len(p.prefix)]) != p.prefix {
		return nil
	}
	room := path[len(p.prefix):]
	if p.moreSegments {
		if i := bytes.IndexByte(room, '/'); i >= 0 {
			room = room[:i]
		}
	}
	n := len(room) - len(p.suffix)
	if n < 0 || string(room[n:]) != p.suffix {
		return nil
	}
	room = segment(room[:n])
	if room == nil || p.skips(room) || p.drop && len(bytes.Trim(room, jitsiStripped)) == 0 {
		return nil
	}
	return room
}

// segment returns s, or nil if it is not a single segment of a path, or is empty, "." or
// "..".
func segment(s []byte) []byte {
	if len(s) == 0 || string(s) == "." || string(s) == ".." || bytes.IndexByte(s, '/') >= 0 {
		return nil
	}
	return s
}

// skips reports whether segment is a page or a file of the application itself.
func (p *pattern) skips(segment []byte) bool {
	if p.reserved == nil {
		return false
	}
	if isFile(segment) {
		return true
	}
	_, ok := p.reserved[string(segment)]
	return ok
}

// isFile reports whether name has a dot and an extension of up to five letters and digits,
// at least one of them a letter, so that a room v1.2 stays a room.
func isFile(name []byte) bool {
	dot := bytes.LastIndexByte(name, '.')
	ext := name[dot+1:]
	if dot < 0 || len(ext) > 5 {
		return false
	}
	letter := false
	for _, c := range ext {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			letter = true
		case c < '0' || '9' < c:
			return false
		}
	}
	return letter
}

// phpFile in a path shows that it does not consist of folders.
var phpFile = []byte(".php")

// value returns the first value of the parameter, not empty, or nil.
func (p *pattern) value(args []byte) []byte {
	n := len(p.param)
	for len(args) > 0 {
		arg := args
		if i := bytes.IndexByte(args, '&'); i >= 0 {
			arg, args = args[:i], args[i+1:]
		} else {
			args = nil
		}
		if len(arg) > n && arg[n] == '=' && (string(arg[:n]) == p.param || p.anyCase && strings.EqualFold(string(arg[:n]), p.param)) {
			if len(arg) == n+1 {
				return nil
			}
			return arg[n+1:]
		}
	}
	return nil
}

// Presets lists the names that NewMatcher knows, for usage texts.
func Presets() string { return strings.Join(presetNames, ", ") }
