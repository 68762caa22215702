// Package policy implements the policy file: TOML that splits one input into streams of lines,
// each with its purpose, its fields and its retention. It parses, checks and prints policies;
// formats and directories are not its concern.
package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"hushpipe/format/civil"
)

// Policy is a policy file without mistakes. Lists keep the order of the file.
type Policy struct {
	Format         string // of the input, as in --format; "auto" by default
	Client         string // as in --client, "" for none
	TrustedProxies []string
	JSONKeys       []string
	Redact         []string // one --redact each
	UserField      string   // directive with the user's name, %{X-User}o; "" for %u

	Sets     []string    // names of ready-made event sets
	Workdays string      // name of a calendar, de-BE; "" for none
	Holidays []civil.Day // further days off, ascending

	Notice  Notice
	Own     []Event // of this file; Events adds those of the sets
	Streams []Stream

	source source
}

// Notice holds what only people know, for the privacy statement.
type Notice struct {
	Controller, Contact, Officer, Authority, Place, Transfer, More Text
}

// Text holds a text by language ("de", "en", "nb"); the key "" is for all languages. nil means
// no text.
type Text map[string]string

// In returns the text for a language: the one in that language, the one for all, the English
// one, or the first of the others; "" for none.
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

// Event is a named condition. Events with the same name are alternatives.
type Event struct {
	Name      string
	Title     Text      // for the statement
	Condition Condition // its Events is empty
	Unless    Condition // exceptions; only ready-made events have them
}

// Condition fits a line if, for each key that is given, one of the values fits. The zero
// Condition fits every line.
type Condition struct {
	Status  []StatusRange
	Methods []string
	URLs    []string // globs for the path: * is any bytes, slashes included
	Queries []Query
	Hosts   []string       // lower-case, without port
	Users   []string       // "*" is anybody
	Clients []netip.Prefix // masked; IPv4 networks as IPv4, not mapped into IPv6
	Events  []string       // "*" is any event
}

// IsZero reports whether c has no key.
func (c *Condition) IsZero() bool {
	return len(c.Status)+len(c.Methods)+len(c.URLs)+len(c.Queries)+len(c.Hosts)+len(c.Users)+len(c.Clients)+len(c.Events) == 0
}

// StatusRange is the status codes from From to To, inclusive.
type StatusRange struct{ From, To int }

// Query is a parameter of the query, with any value or, if HasValue, with Value.
type Query struct {
	Name, Value string
	HasValue    bool
}

// Stream is the lines and figures for one purpose.
type Stream struct {
	Name    string // a-z 0-9 - _
	Purpose Text
	Basis   Text

	Where, Unless Condition

	Fields []Field // nil: whole lines, as without a policy
	Format string  // LogFormat of the output; "" for the input's

	Keep    Keep
	Settled []civil.Day // ascending

	Group []string // fields: "client", "user"
	Least int      // people per group, ≥ 2; 0 without Group

	Gate   *Gate   // nil: the stream is always active
	Active *Active // nil: the gate is closed

	Linked     string // name of the stream whose keys this one uses; "" for its own
	Reveal     Text
	Access     Text
	Recipients []Text

	Figures Figures
}

// Treatment returns the treatment of a field, Drop for one that is not listed. It is meaningless
// if Fields is nil.
func (s *Stream) Treatment(field string) Treatment {
	for _, f := range s.Fields {
		if f.Name == field {
			return f.Treatment
		}
	}
	return Treatment{Kind: Drop}
}

// CountsLeft reports whether the stream's room figures tell clients apart by truncated
// addresses, as kept in its lines.
func (s *Stream) CountsLeft() bool {
	return s.Fields != nil && s.Figures.CountsRooms() && s.Treatment("client").Merges() && !s.Figures.Full
}

// KeepsLines reports whether the stream writes lines.
func (s *Stream) KeepsLines() bool { return !s.Keep.None() }

// GroupRule identifies what the lines of a group share, and how their fields are treated:
// "client=mask=24/48;user=words=2 of …". Lines that still wait under another rule belong to
// another group, which never opens. It is "" for a stream without groups.
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

// kept lists the fields with their treatments, and the stream's own format.
func (s *Stream) kept() string {
	var all []string
	for _, f := range s.Fields {
		all = append(all, fmt.Sprintf("%s/%v=%s", f.Name, f.Other, f.Treatment))
	}
	slices.Sort(all)
	return strings.Join(append(all, s.Format), ";")
}

// Form identifies what is written of the stream's lines, and in which format. Two policies that
// write them alike have the same Form.
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

// Figures are the counts of a stream.
type Figures struct {
	Rooms    []string // presets
	RoomURLs []string
	RoomHash string // "sha1" or "hmac"
	CountV6  int    // length of IPv6 prefixes that count as one client, in bits, 1…128
	Full     bool   // clients are told apart by whole addresses, whatever the lines keep

	Traffic        bool
	TrafficOptions map[string][]string // values by name: "own" for the key traffic-own
}

// CountsRooms reports whether rooms are counted.
func (f *Figures) CountsRooms() bool {
	return len(f.RoomURLs) > 0 || len(f.Rooms) > 0 && !slices.Equal(f.Rooms, []string{"none"})
}

// Any reports whether anything is counted.
func (f *Figures) Any() bool { return f.CountsRooms() || f.Traffic }

// Gate is what an agreement requires before a stream writes lines.
type Gate struct {
	Announce int    // days from the announcement to the first day; 0: not required
	Longest  int    // days that it may be active, first and last included; 0: no limit
	After    string // stream that must have been active before; "" for none
	Names    string // "user": active for a single user; "": for all
}

// Active is one decision to open a gate: the stream writes from one date to another, inclusive.
type Active struct {
	Announced   civil.Day
	IsAnnounced bool
	Span
	Reason string // never shown in a page, digest or message
	For    string // the user, for Gate.Names; never shown either
}

// Stream returns the stream with that name, nil for none.
func (p *Policy) Stream(name string) *Stream {
	for i := range p.Streams {
		if p.Streams[i].Name == name {
			return &p.Streams[i]
		}
	}
	return nil
}

// SharesKeys reports whether s shares its keys with another stream.
func (p *Policy) SharesKeys(s *Stream) bool {
	return s.Linked != "" || slices.ContainsFunc(p.Streams, func(other Stream) bool { return other.Linked == s.Name })
}
