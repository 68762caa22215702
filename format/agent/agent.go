// Package agent tells from a user agent what kind of client sent it: a robot and
// for what, or the browser and the system of a person.
//
// Robots are found by texts of three lists that are kept by others (robots.txt; its
// first lines name them, their versions and licences; command renew/robots makes it anew)
// and by the shapes of shapes.go. Browsers and systems are a short table of our own
// (people.go). All that is returned are small numbers, so that nothing of what a
// client wrote is kept.
package agent

import (
	_ "embed"
	"strings"
	"sync"
)

// Class is what a client is for.
type Class uint8

// The classes. A robot is of any class but Person.
const (
	Person     Class = iota
	Search           // of a search engine
	AITraining       // collects text for a model
	AISearch         // of a search engine that answers
	AIUser           // fetches what a person asked an assistant for
	Feed             // reads feeds
	Preview          // shows a page that was linked in a message
	Monitor          // looks whether a site is there
	Scanner          // all others that walk through sites
	Tool             // a library or a command
	Headless         // a browser without a person before it
	None             // sent no user agent
	NumClasses
)

var classNames = [NumClasses]string{"person", "search", "ai-training", "ai-search", "ai-user", "feed", "preview", "monitor",
	"scanner", "tool", "headless", "none"}

func (c Class) String() string { return classNames[c] }

// Classes returns the names of the classes.
func Classes() []string { return classNames[:] }

// Agent is what is told from a user agent.
type Agent struct {
	Class   Class
	Robot   uint16 // of Robots: 0 where no list has a name for it, and of a person
	Browser uint8  // of Browsers; 0 is any other, and of a robot
	System  uint8  // of Systems; likewise
}

// Pattern is a text of robots.txt, in lower case.
type Pattern struct {
	Text               string
	Start, End         bool // stands at the start, the end, of the user agent
	WordStart, WordEnd bool // no letter, digit or _ stands before, behind
	Class, Name        string
}

// String returns a pattern as robots.txt has it, without class and name: ^ and $ as
// in regular expressions, < and > for the start and the end of a word.
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

// Lists tells agents. It is safe for use by several goroutines.
type Lists struct {
	robots  automaton
	classes []Class  // by pattern
	names   []uint16 // by pattern: of Robots
	robot   []string
}

// Load returns the lists that are in the program. It takes some milliseconds when it
// is called first.
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

// Robots returns the names of robots by their number.
func (l *Lists) Robots() []string { return l.robot }

// maxLength bytes of a user agent are looked at: a client can send 8 KiB.
const maxLength = 512

// Of tells what sent a user agent, which is as it stands in the log without its
// quotes. Its time is bounded by the agent's length, whatever stands in it.
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
