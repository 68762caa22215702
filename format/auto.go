package format

import (
	"bytes"
	"time"

	"hushpipe/format/machine"
)

// Auto is a Parser that tells the format of each line from the line alone:
// JSON, the error log, or one of combined and common with or without the
// virtual host before it. The virtual host is not exempt from treatment here: it
// might be an address of a format that is not known.
type Auto struct {
	json     Parser
	errorLog ErrorLog
	// by virtual host (none, name, name and port), common or combined
	access [3][2]*LogFormat
}

func newAuto(loc *time.Location, jsonKeys []string) (*Auto, error) {
	json, err := NewJSON(loc, jsonKeys)
	if err != nil {
		return nil, err
	}
	a := &Auto{json: json}
	for i, host := range []string{"", "%v ", "%v:%p "} {
		for j, format := range []string{commonFormat, combinedFormat} {
			p, err := Compile(host+format, loc)
			if err != nil {
				return nil, err
			}
			p.distrustOwn()
			a.access[i][j] = p
		}
	}
	return a, nil
}

// Parse implements Parser.
func (a *Auto) Parse(line []byte, out *Line) bool {
	if len(line) > 0 && line[0] == '{' {
		return a.json.Parse(line, out)
	}
	if len(line) > 0 && line[0] == '[' && a.errorLog.Parse(line, out) {
		return true
	}
	tail, end := 0, len(line)
	if end > 0 && line[end-1] == '\r' {
		end--
	}
	if end > 0 && line[end-1] == '"' {
		tail = 1
	}
	host := virtualHost(line)
	if !a.access[host][tail].Parse(line, out) {
		return host > 0 && a.access[0][tail].Parse(line, out)
	}
	// Of two host names, either can be the client's.
	if client := &out.Fields[out.Client]; host == 1 && !looksLikeAddress(line[client.Start:client.End]) {
		out.Fields[0].Kind = Client
	}
	return true
}

// Glance implements Glancer.
func (a *Auto) Glance(line []byte, m *machine.Marks, out *Line) bool {
	if len(line) == 0 || line[0] == '{' || line[0] == '[' {
		return false
	}
	tail := 0
	if m.N > 2 {
		tail = 1
	}
	if a.access[0][tail].Glance(line, m, out) {
		return true
	}
	host := virtualHost(line)
	if host == 0 || !a.access[host][tail].Glance(line, m, out) {
		return false
	}
	client := &out.Fields[out.Client]
	return looksLikeAddress(line[client.Start:client.End]) // else Parse has to tell whose name it is
}

// virtualHost tells from the first two words whether the line begins with
// %v (1), %v:%p (2) or none of them (0). Without a virtual host the second word
// is the identity, which nobody asks for: "-".
func virtualHost(line []byte) int {
	i := bytes.IndexByte(line, ' ')
	if i < 0 || bytes.HasPrefix(line[i:], []byte(identless)) {
		return 0
	}
	// Of an IPv6 address, the end is not taken for a port: what remained would
	// be no address any more.
	name := line[:i]
	colon := bytes.LastIndexByte(name, ':')
	if colon < 0 || colon != bytes.IndexByte(name, ':') && name[colon-1] != ']' {
		return 1
	}
	if _, ok := number(name[colon+1:]); !ok {
		return 1
	}
	return 2
}
