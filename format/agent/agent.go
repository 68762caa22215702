// Package agent classifies user agents: a robot and its purpose, or a person's browser and
// system.
//
// Robots are found by the texts of three public lists (robots.txt; its first lines name them
// with version and licence, and command renew/robots updates it) and by the shapes of shapes.go.
// Browsers and systems are a short table of our own (people.go). Results are small numbers, so
// that nothing that a client wrote is kept.
package agent

import (
	_ "embed"
	"strings"
	"sync"
)

// Class is the purpose of a client.
type Class uint8

// The classes. All but Person are robots.
const (
	Person     Class = iota
	Search           // of a search engine
	AITraining       // collects text for a model
	AISearch         // of a search engine that answers questions
	AIUser           // fetches what a person asked an assistant about
	Feed             // reads feeds
	Preview          // previews a link in a message
	Monitor          // checks whether a site is up
	Scanner          // any other that crawls sites
	Tool             // a library or a command-line tool
	Headless         // a browser without a person
	None             // the request had no user agent
	NumClasses
)

var classNames = [NumClasses]string{"person", "search", "ai-training", "ai-search", "ai-user", "feed", "preview", "monitor",
	"scanner", "tool", "headless", "none"}

func (c Class) String() string { return classNames[c] }

// Classes returns the names of the classes.
func Classes() []string { return classNames[:] }

// Agent is the result for a user agent.
type Agent struct {
	Class   Class
	Robot   uint16 // index into Robots; 0 for a person, and for a robot without a name
	Browser uint8  // index into Browsers; 0 for any other, and for a robot
	System  uint8  // index into Systems; 0 likewise
}

// Pattern is a text of robots.txt, in lower case. Command renew/robots writes them.
type Pattern struct {
	Text               string
	Start, End         bool // must be at the start or the end of the user agent
	WordStart, WordEnd bool // must not be next to a letter, a digit or _
	Class, Name        string
}

// String returns a pattern in the syntax of robots.txt, without class and name: ^ and $ as in
// regular expressions, < and > for the start and the end of a word.
func (p Pattern) String() string {
	var b strings.Builder
	for _, mark := range []struct {
		set  bool
		text string
	}{{p.Start, "^"}, {p.WordStart, "<"}, {true, p.Text}, {p.WordEnd, ">"}, {p.End, "$"}} {
		if mark.set {
			b.WriteString(mark.text)
		}
	}
	return b.String()
}

func parsePattern(text string) (p Pattern) {
	text, p.Start = strings.CutPrefix(text, "^")
	text, p.WordStart = strings.CutPrefix(text, "<")
	text, p.End = strings.CutSuffix(text, "$")
	text, p.WordEnd = strings.CutSuffix(text, ">")
	p.Text = text
	return p
}

//go:embed robots.txt
var lists string

// Sources returns the first lines of robots.txt: the lists, with version and licence.
func Sources() (sources []string) {
	for line := range strings.Lines(lists) {
		source, ok := strings.CutPrefix(strings.TrimSpace(line), "# ")
		if !ok {
			break
		}
		sources = append(sources, source)
	}
	return sources
}

// Lists classifies user agents. It is safe for concurrent use.
type Lists struct {
	robots  automaton
	classes []Class  // by pattern
	names   []uint16 // by pattern: index into robot
	robot   []string
}

// Load returns the lists built into the program. The first call takes some milliseconds.
var Load = sync.OnceValue(func() *Lists {
	l := &Lists{robot: []string{""}}
	var patterns []Pattern
	known := map[string]uint16{"": 0}
	for line := range strings.Lines(lists) {
		if strings.HasPrefix(line, "# ") {
			continue
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		p := parsePattern(fields[0])
		patterns = append(patterns, p)
		l.classes = append(l.classes, classOf(fields[1]))
		n, ok := known[fields[2]]
		if !ok {
			n = uint16(len(l.robot))
			known[fields[2]] = n
			l.robot = append(l.robot, fields[2])
		}
		l.names = append(l.names, n)
	}
	l.robots = newAutomaton(patterns)
	return l
})

func classOf(name string) Class {
	for c, n := range classNames {
		if n == name {
			return Class(c)
		}
	}
	panic("no class of robots: " + name)
}

// Robots returns the names of robots, for Agent.Robot.
func (l *Lists) Robots() []string { return l.robot }

// maxLength is how many bytes of a user agent are considered: a client can send 8 KiB.
const maxLength = 512

// Of classifies a user agent, given as in the log without its quotes. The time it takes is
// bounded, whatever the text.
func (l *Lists) Of(userAgent []byte) Agent {
	if len(userAgent) == 0 || len(userAgent) == 1 && userAgent[0] == '-' {
		return Agent{Class: None}
	}
	var buf [maxLength]byte
	text := lower(buf[:0], userAgent[:min(len(userAgent), maxLength)])
	if isPerson(text) {
		return person(text)
	}
	if p := l.robots.find(text, l.names); p >= 0 {
		return Agent{Class: l.classes[p], Robot: l.names[p]}
	}
	if class, ok := shaped(text); ok {
		return Agent{Class: class}
	}
	return person(text)
}

func lower(dst, text []byte) []byte {
	for _, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || 'A' <= c && c <= 'Z'
}
