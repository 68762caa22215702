package format

import "bytes"

// FieldNames returns, for people, what p took each field of l for when it parsed line: a
// directive, the key of a JSON value, or what the field holds. It is "" for JSON keys
// themselves. Samples and the privacy statement show it.
func FieldNames(p Parser, line []byte, l *Line) []string {
	var names []string
	logFormat, _ := p.(*LogFormat)
	if a, ok := p.(*Auto); ok {
		logFormat = a.last
	}
	isJSON := bytes.HasPrefix(line[wrapperLen(line):], []byte("{"))
	if _, own := p.(*LogFormat); own && !isJSON || logFormat != nil && !isJSON {
		names = append(names, logFormat.names...)
		for i := len(names); i < len(l.Fields); i++ {
			names = append(names, "further")
		}
		if len(names) > 0 && len(l.Fields) > 0 && l.Client == 0 {
			if _, ok := p.(*Auto); ok && names[0] == "%v" {
				names[0] = "%h"
			}
		}
		return names[:len(l.Fields)]
	}
	for i := range l.Fields {
		f := &l.Fields[i]
		if isJSON {
			if f.End+1 < len(line) && line[f.End] == '"' && line[f.End+1] == ':' {
				names = append(names, "")
				continue
			}
			if key := keyBefore(line, f.Start); key != "" {
				names = append(names, key)
				continue
			}
		}
		names = append(names, f.Kind.String())
	}
	return names
}

// keyBefore returns the key of the JSON value at line[at], which may be the first of an array;
// "" for none.
func keyBefore(line []byte, at int) string {
	head := bytes.TrimRight(line[:at], "\" \t[")
	key, ok := bytes.CutSuffix(head, []byte(":"))
	if !ok {
		return ""
	}
	key = bytes.TrimRight(key, " \t")
	if len(key) < 2 || key[len(key)-1] != '"' {
		return ""
	}
	key = key[:len(key)-1]
	return string(key[bytes.LastIndexByte(key, '"')+1:])
}

// String names what a field holds, for people.
func (k Kind) String() string {
	switch k {
	case Plain:
		return "number, time or word"
	case Client:
		return "client"
	case ClientList, Forwarded:
		return "list of clients"
	case Request:
		return "request"
	case URL:
		return "text or URL"
	case UserAgent:
		return "user agent"
	}
	return "text"
}
