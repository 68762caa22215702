package roomfile

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Roster is the file next to a room file made from the counts of several hosts: the IDs of the
// day keys, a lower bound for the lines that left out a pair, and a line for each host with its
// state, its name, the time it was last heard of, and its number of pairs of room and address.
// Traffic figures have one too, with hits in place of pairs.
//
//	roster 1
//	keys 6dc9e92ffdad17b8
//	overflow 0
//	closed web1 2026-11-22T23:10:03Z 1043
//	open web2 2026-11-22T21:59:48Z 998
//	missing web3 - 0
//
// With more than one key, the counts are an upper bound.
type Roster struct {
	Keys     []KeyID // ascending
	Overflow uint64
	Hosts    []Host // sorted by name
}

// KeyID is the ID of a day key, as in journals.
type KeyID [8]byte

// UniteKeys returns the IDs in a or b, ascending.
func UniteKeys(a, b []KeyID) []KeyID {
	ids := slices.Concat(a, b)
	slices.SortFunc(ids, func(a, b KeyID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// Host is one line of a Roster.
type Host struct {
	State State
	Name  string    // see CheckHost
	Seen  time.Time // zero: never
	Pairs int       // or hits
}

// State is how much of a host's day is counted.
type State int

const (
	Missing State = iota // nothing has arrived
	Open                 // more may arrive
	Closed               // everything except late lines
)

var states = [...]string{Missing: "missing", Open: "open", Closed: "closed"}

func (s State) String() string { return states[s] }

// Find returns the line of a host.
func (r Roster) Find(name string) (Host, bool) {
	i, ok := slices.BinarySearchFunc(r.Hosts, name, func(h Host, name string) int { return cmp.Compare(h.Name, name) })
	if !ok {
		return Host{}, false
	}
	return r.Hosts[i], true
}

// Missing returns the names of the hosts of which nothing is counted.
func (r Roster) Missing() (names []string) {
	for _, h := range r.Hosts {
		if h.State == Missing {
			names = append(names, h.Name)
		}
	}
	return names
}

// IsWhole reports whether every host's day is closed.
func (r Roster) IsWhole() bool {
	return !slices.ContainsFunc(r.Hosts, func(h Host) bool { return h.State != Closed })
}

// Append appends the lines of a roster.
func (r Roster) Append(dst []byte) []byte {
	dst = append(dst, rosterVersion+"\nkeys"...)
	for _, id := range r.Keys {
		dst = fmt.Appendf(dst, " %x", id)
	}
	dst = fmt.Appendf(dst, "\noverflow %d\n", r.Overflow)
	for _, h := range r.Hosts {
		seen := "-"
		if !h.Seen.IsZero() {
			seen = h.Seen.UTC().Format(time.RFC3339)
		}
		dst = fmt.Appendf(dst, "%s %s %s %d\n", h.State, h.Name, seen, h.Pairs)
	}
	return dst
}

const rosterVersion = "roster 1"

var errRoster = errors.New("is not a list of hosts")

// ParseRoster parses a roster. Its error does not quote the content.
func ParseRoster(b []byte) (r Roster, err error) {
	lines := strings.Split(string(b), "\n")
	if last := len(lines) - 1; last < 3 || lines[0] != rosterVersion || lines[last] != "" {
		return Roster{}, errRoster // a truncated one too
	}
	ids := strings.Split(lines[1], " ")
	if ids[0] != "keys" {
		return Roster{}, errRoster
	}
	for _, text := range ids[1:] {
		id, err := hex.DecodeString(text)
		if err != nil || len(id) != len(KeyID{}) || hex.EncodeToString(id) != text {
			return Roster{}, errRoster
		}
		if n := len(r.Keys); n > 0 && bytes.Compare(r.Keys[n-1][:], id) >= 0 {
			return Roster{}, errRoster
		}
		r.Keys = append(r.Keys, KeyID(id))
	}
	overflow, ok := strings.CutPrefix(lines[2], "overflow ")
	if r.Overflow, err = strconv.ParseUint(overflow, 10, 64); !ok || err != nil || strconv.FormatUint(r.Overflow, 10) != overflow {
		return Roster{}, errRoster
	}
	for _, line := range lines[3 : len(lines)-1] {
		fields := strings.Split(line, " ")
		state := slices.Index(states[:], fields[0])
		if len(fields) != 4 || state < 0 || CheckHost(fields[1]) != nil {
			return Roster{}, errRoster
		}
		h := Host{State: State(state), Name: fields[1]}
		if fields[2] != "-" {
			if h.Seen, err = time.Parse(time.RFC3339, fields[2]); err != nil {
				return Roster{}, errRoster
			}
		}
		if h.Pairs, err = number(fields[3]); err != nil {
			return Roster{}, err
		}
		if n := len(r.Hosts); n > 0 && r.Hosts[n-1].Name >= h.Name {
			return Roster{}, errRoster
		}
		r.Hosts = append(r.Hosts, h)
	}
	return r, nil
}

func number(digits string) (int, error) {
	n, err := strconv.Atoi(digits)
	if err != nil || strconv.Itoa(n) != digits || n < 0 {
		return 0, errRoster
	}
	return n, nil
}

// CheckHost returns an error for a name that a Roster cannot hold: it may have up to 255
// letters, digits and . _ - : @.
func CheckHost(name string) error {
	valid := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("._-:@", c)
	}
	if name == "" || len(name) > 255 || strings.ContainsFunc(name, func(c rune) bool { return !valid(c) }) {
		return errors.New("is not a host name; hint: use letters, digits, and . _ - : @")
	}
	return nil
}
