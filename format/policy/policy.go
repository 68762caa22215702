// Package policy implements the policy file: TOML that says how one input becomes
// streams of lines, each with its purpose, its fields and its retention. It reads,
// checks and prints one, and knows nothing of formats or disks.
package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"hushpipe/format/civil"
)

// Policy is a file that Parse found no mistake in. Lists are in the order of the file.
type Policy struct {
	Format         string // of the input, as of --format; "auto" where none is given
	Client         string // "" for none, as of --client
	TrustedProxies []string
	JSONKeys       []string
	Redact         []string // each as of one --redact
	UserField      string   // a directive that holds the user's name, %{X-User}o; "" for %u

	Sets     []string    // of ready-made events
	Workdays string      // a calendar, de-BE; "" for none
	Holidays []civil.Day // further days off, ascending

	Notice  Notice
	Own     []Event // of the file alone; Events has those of the sets too
	Streams []Stream

	source source
}

// Notice is what only people know, for the privacy statement.
type Notice struct {
	Controller, Contact, Officer, Authority, Place, Transfer, More Text
}

// Text is a text by language ("de", "en", "nb"), under "" the one for all languages.
// nil is none.
type Text map[string]string

// In returns the text in a language: in that, for all, in English, or in the first of
// the others.
func (t Text) In(lang string) string {
	for _, l := range []string{lang, "", "en"} {
		if s, ok := t[l]; ok {
			return s
		}
	}
	for _, l := range t.langs() {
		return t[l]
	}
	return ""
}

func (t Text) langs() (list []string) {
	for l := range t {
		list = append(list, l)
	}
	slices.Sort(list)
	return list
}

// Event is a condition with a name. Several of one name are alternatives.
type Event struct {
	Name      string
	Title     Text      // for the statement
	Condition Condition // has no Events
	Unless    Condition // of ready-made events alone: what is left out
}

// Condition fits a line if each key that is given has a value that fits. The zero
// Condition fits every line.
type Condition struct {
	Status  []StatusRange
	Methods []string
	URLs    []string // globs of the path: * is any number of bytes, also of slashes
	Queries []Query
	Hosts   []string       // lower-case, without port
	Users   []string       // "*" is anybody
	Clients []netip.Prefix // masked; an IPv4 network as such
	Events  []string       // "*" is any event
}

// IsZero reports whether no key is given.
func (c *Condition) IsZero() bool {
	return len(c.Status)+len(c.Methods)+len(c.URLs)+len(c.Queries)+len(c.Hosts)+len(c.Users)+len(c.Clients)+len(c.Events) == 0
}

// StatusRange is the status codes From to To, both included.
type StatusRange struct{ From, To int }

// Query is a parameter of the query, with any value or that one.
type Query struct {
	Name, Value string
	HasValue    bool
}

// Stream is one purpose.
type Stream struct {
	Name    string // a-z 0-9 - _
	Purpose Text
	Basis   Text

	Where, Unless Condition

	Fields []Field // nil: the whole line, as it is without a policy
	Format string  // LogFormat of the output; "": as the input

	Keep    Keep
	Settled []civil.Day // ascending

	Group []string // "client", "user": fields
	Least int      // people; 0 where there is no Group

	Gate   *Gate   // nil: the stream is always active
	Active *Active // nil: the gate is closed

	Linked     string // the stream whose keys this one shares; "" for none
	Reveal     Text
	Access     Text
	Recipients []Text

	Figures Figures
}

// Treatment returns what becomes of a field, Drop where the list does not have it. It
// has no meaning for a stream without Fields.
func (s *Stream) Treatment(field string) Treatment {
	for _, f := range s.Fields {
		if f.Name == field {
			return f.Treatment
		}
	}
	return Treatment{Kind: Drop}
}

// CountsLeft reports whether figures of the stream tell clients apart by what is left of
// their addresses, which is less than all.
func (s *Stream) CountsLeft() bool {
	return s.Fields != nil && s.Figures.CountsRooms() && s.Treatment("client").Merges() && !s.Figures.Full
}

// KeepsLines reports whether lines of the stream are written.
func (s *Stream) KeepsLines() bool { return !s.Keep.None() }

// GroupRule names what the lines of a group have in common, "client=mask=24/48;user=words=2",
// and how all of a line is treated: lines that wait under another rule are of another
// group, which opens no more. It is "" where the stream has no groups.
func (s *Stream) GroupRule() string {
	if len(s.Group) == 0 {
		return ""
	}
	var parts []string
	for _, field := range s.Group {
		parts = append(parts, field+"="+s.Treatment(field).String())
	}
	slices.Sort(parts)
	return strings.Join(parts, ";") + " of " + s.kept()
}

// kept names the fields, their treatments, and the stream's own format.
func (s *Stream) kept() string {
	var all []string
	for _, f := range s.Fields {
		all = append(all, fmt.Sprintf("%s/%v=%s", f.Name, f.Other, f.Treatment))
	}
	slices.Sort(all)
	return strings.Join(append(all, s.Format), ";")
}

// Form names what is written of the lines of a stream of p, and in which format. It is
// the same for two policies that write it alike.
func (p *Policy) Form(s *Stream) string {
	form := "whole lines"
	if s.Fields != nil {
		form = s.kept()
	}
	if s.Format == "" {
		form += " in " + p.Format
	}
	return form
}

// Figures are what is counted of a stream.
type Figures struct {
	Rooms    []string // presets
	RoomURLs []string
	RoomHash string // "sha1", or "hmac"
	CountV6  int    // bits, 1…128
	Full     bool   // clients are told apart by the whole address, whatever is kept of it

	Traffic        bool
	TrafficOptions map[string][]string // by name: "own" is the key traffic-own
}

// CountsRooms reports whether rooms are counted.
func (f *Figures) CountsRooms() bool {
	return len(f.RoomURLs) > 0 || len(f.Rooms) > 0 && !slices.Equal(f.Rooms, []string{"none"})
}

// Any reports whether anything is counted.
func (f *Figures) Any() bool { return f.CountsRooms() || f.Traffic }

// Gate is what an agreement demands before a stream writes.
type Gate struct {
	Announce int    // days between the announcement and the first day; 0: not demanded
	Longest  int    // days that it may be active, first and last included; 0: no bound
	After    string // the stream that has to have been active before; "" for none
	Names    string // "user": active for one user alone; "" for all
}

// Active is one decision: the stream writes from a date to another, both included.
type Active struct {
	Announced   civil.Day
	IsAnnounced bool
	Span
	Reason string // stands in no page, digest or message
	For    string // the user of Gate.Names; stands in none either
}

// Stream returns the stream of that name, nil for none.
func (p *Policy) Stream(name string) *Stream {
	for i := range p.Streams {
		if p.Streams[i].Name == name {
			return &p.Streams[i]
		}
	}
	return nil
}

// SharesKeys reports whether another stream has the keys of this one.
func (p *Policy) SharesKeys(s *Stream) bool {
	return s.Linked != "" || slices.ContainsFunc(p.Streams, func(other Stream) bool { return other.Linked == s.Name })
}
