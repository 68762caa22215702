package format

import "strings"

// Role is the meaning of a field's bytes: which directive of a LogFormat, or which key of a
// JSON line, the value belongs to. Kind determines how they are treated.
type Role uint8

const (
	// RoleOther is any other directive or key, see LogFormat.Directives.
	RoleOther    Role = iota
	RoleClient        // %h, %a, or what Options.Client names
	RoleIdentity      // %l
	RoleUser          // %u, or what Options.User names
	RoleTime          // %t in any form, be it a date, a time of day or an epoch
	RoleRequest       // %r, or a JSON value that is a request line or a target
	RoleMethod        // %m
	RoleURL           // %U, or %U%q in one
	RoleQuery         // %q
	RoleProtocol      // %H
	RoleStatus        // %s, %>s
	RoleSize          // %b, %B, %O: bytes of the response
	RoleDuration      // %D, %T
	RoleReferer       // %{Referer}i
	RoleAgent         // %{User-Agent}i
	RoleHost          // %v, %V, %{Host}i
	RoleLevel         // of an error log: error, or crit
	RoleModule        // of an error log: proxy
	RoleMessage       // of an error log: the message, or a part of it
	NumRoles
)

// roleOf returns the role of a directive.
func (c *compiler) roleOf(d directive) Role {
	if c.opt.User != "" && strings.EqualFold("%{"+d.arg+"}"+d.name, c.opt.User) {
		return RoleUser
	}
	switch d.name {
	case "a", "h":
		return RoleClient
	case "l":
		return RoleIdentity
	case "u":
		if c.opt.User == "" {
			return RoleUser
		}
	case "t":
		return RoleTime
	case "r":
		return RoleRequest
	case "m":
		return RoleMethod
	case "U":
		return RoleURL
	case "q":
		return RoleQuery
	case "H":
		return RoleProtocol
	case "s":
		return RoleStatus
	case "b", "B", "O":
		return RoleSize
	case "D", "T":
		return RoleDuration
	case "v", "V":
		return RoleHost
	case "i":
		if c.clientArg != "" && strings.EqualFold(d.arg, c.clientArg) {
			return RoleClient
		}
		switch strings.ToLower(d.arg) {
		case "referer":
			return RoleReferer
		case "user-agent":
			return RoleAgent
		case "host":
			return RoleHost
		}
	}
	if c.clientArg != "" && strings.EqualFold(d.arg, c.clientArg) {
		return RoleClient
	}
	return RoleOther
}

// joinedRole returns the role of a field that holds two values.
func joinedRole(a, b Role) Role {
	if a == b || a == RoleURL && b == RoleQuery {
		return a
	}
	return RoleOther
}

// Directives returns the directive of each field, spelled as in the format, in the order of
// Line.Fields. Filters of fields and FieldNames use it.
func (p *LogFormat) Directives() []string { return p.names }

// Roles returns the role of each field, in the order of Line.Fields.
func (p *LogFormat) Roles() []Role {
	roles := make([]Role, len(p.fields))
	for i, f := range p.fields {
		roles[i] = f.Role
	}
	return roles
}

// Piece is a literal text of a LogFormat string, or one of its directives.
type Piece struct {
	Text      string // "" for a directive
	Directive string // as spelled in the string
	Role      Role
}

// Pieces cuts up a LogFormat string that lines are to be written in (a stream's format of
// output). An error is a *FormatError.
func Pieces(logFormat string) (pieces []Piece, err error) {
	c := compiler{src: logFormat, p: &LogFormat{places: noPlaces}}
	text := func(ch byte) {
		if n := len(pieces); n == 0 || pieces[n-1].Directive != "" {
			pieces = append(pieces, Piece{})
		}
		pieces[len(pieces)-1].Text += string([]byte{ch})
	}
	for i := 0; i < len(logFormat); {
		switch ch := logFormat[i]; {
		case ch == '%' && i+1 < len(logFormat) && logFormat[i+1] == '%':
			text('%')
			i += 2
		case ch == '%':
			n, err := c.directive(logFormat, i)
			if err != nil {
				return nil, err
			}
			p := Piece{Directive: logFormat[i : i+n]}
			if len(c.p.fields) > 0 {
				p.Role = c.p.fields[len(c.p.fields)-1].Role
			}
			pieces = append(pieces, p)
			i += n
		default:
			ch, n := unescape(logFormat[i:])
			if ch == '\n' {
				return nil, c.fail(i, "a newline inside the format: a line is one line")
			}
			text(ch)
			i += n
		}
	}
	return pieces, nil
}
