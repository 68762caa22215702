package treatment

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"hushpipe/filter/pseudonym"
	"hushpipe/format"
	"hushpipe/format/policy"
)

// Plan is the treatment of each field in a stream that lists its fields.
type Plan struct {
	Mode   pseudonym.Mode    // of addresses, wherever they are
	Nets   *policy.Treatment // networks whose clients stay as they are; nil: none
	Pieces []Piece           // of the output line; nil: the input's line, with "-" for unlisted fields

	// KeepsAll is set if the output equals that without a plan, for lines with neither an
	// identity nor a user.
	KeepsAll bool

	event bool                        // the event's name is kept
	roles [format.NumRoles]*Treatment // nil: dropped
	other []*Treatment                // by Field.Directive; nil: dropped
	users []bool                      // by Field.Directive: may contain the name of a user
	names []string                    // keys of JSON lines, as written
	keys  []*Treatment                // treatments of names

	treated bool // lines were written by this plan, so their users are known not to be passwords
}

// Piece is a literal text, or a part of a field.
type Piece struct {
	Text string
	Part Part
	Role format.Role
	At   uint16 // the Field.Directive; 0: the last field of the role
}

// Part is a part of a field's value.
type Part uint8

const (
	All      Part = iota // the whole field
	Request              // the request line
	Method               // of the request line
	Path                 // of the URL, without the query
	Query                // of the URL, with its question mark
	Protocol             // of the request line
	Event                // the name of the matching event; not from a field
	Nothing              // "-"
)

// roles maps the fields in a policy to roles.
var roles = map[string][]format.Role{
	"user": {format.RoleUser}, "time": {format.RoleTime}, "status": {format.RoleStatus},
	"url":  {format.RoleRequest, format.RoleURL, format.RoleQuery, format.RoleMethod, format.RoleProtocol},
	"size": {format.RoleSize}, "duration": {format.RoleDuration}, "referer": {format.RoleReferer},
	"agent": {format.RoleAgent}, "host": {format.RoleHost}, "level": {format.RoleLevel},
	"module": {format.RoleModule}, "message": {format.RoleMessage}, "client": {format.RoleClient},
}

// Compile returns the Plan of a stream for lines that p parses, nil if the stream writes
// whole lines.
func Compile(s *policy.Stream, p format.Parser) (*Plan, error) {
	if s.Fields == nil {
		if s.Format != "" {
			return nil, errors.New("format without fields is not supported yet; hint: list the fields")
		}
		return nil, nil
	}
	known, _ := p.(*format.LogFormat) // nil: the format is detected line by line
	if format.ReadsErrors(p) {
		if err := checkErrorFields(s); err != nil {
			return nil, err
		}
	}
	plan := &Plan{}
	if known != nil {
		plan.other = make([]*Treatment, len(known.Directives())+1)
		plan.users = make([]bool, len(plan.other))
		for i, directive := range known.Directives() {
			plan.users[i+1] = known.Roles()[i] == format.RoleUser || namesUser(directive)
		}
	}
	for _, f := range s.Fields {
		t := New(f.Name, f.Treatment)
		switch {
		case f.Other:
			at := -1
			if known != nil {
				at = slices.Index(known.Directives(), f.Name)
			}
			if known == nil && !strings.HasPrefix(f.Name, "%") {
				plan.names, plan.keys = append(plan.names, f.Name), append(plan.keys, t)
				continue
			}
			if at < 0 {
				return nil, fmt.Errorf("other: the format of the input has no %s; hint: give format the LogFormat string of the server, with it", f.Name)
			}
			plan.other[at+1] = t
		case f.Name == "event":
			plan.event = f.Treatment.Kind != policy.Drop
		default:
			if known != nil && !slices.ContainsFunc(roles[f.Name], func(r format.Role) bool { return slices.Contains(known.Roles(), r) }) {
				return nil, fmt.Errorf("the format of the input has no %s; hint: leave it out of fields, or log it", f.Name)
			}
			plan.take(f.Name, t)
		}
	}
	plan.Mode, _ = pseudonym.ParseMode("drop")
	if t := plan.roles[format.RoleClient]; t != nil {
		if t.Kind == policy.OnlyNets {
			plan.Nets = &t.Treatment
		} else {
			var err error
			if plan.Mode, err = pseudonym.ParseMode(t.String()); err != nil {
				return nil, err
			}
		}
	}
	if t := plan.roles[format.RoleTime]; t != nil && !t.IsWhole() && known != nil {
		for i, role := range known.Roles() {
			if role == format.RoleTime && known.Directives()[i] != "%t" {
				return nil, fmt.Errorf("time: %s of %s is not supported; hint: log %%t", t, known.Directives()[i])
			}
		}
	}
	if known != nil {
		if err := plan.checkUsers(known); err != nil {
			return nil, err
		}
		if err := plan.checkBlurred(known); err != nil {
			return nil, err
		}
	}
	if s.Format == "" {
		plan.KeepsAll = known != nil && plan.keepsAll(known)
		return plan, nil
	}
	return plan, plan.compileOutput(s.Format, known)
}

// take sets the treatment of a field. A dropped field equals an unlisted one: nothing of a
// request is left then.
func (p *Plan) take(field string, t *Treatment) {
	if t.Kind == policy.Drop {
		return
	}
	for _, role := range roles[field] {
		p.roles[role] = t
	}
}

// checkErrorFields checks what a line of an error log needs.
func checkErrorFields(s *policy.Stream) error {
	if s.Format != "" {
		return errors.New("format: lines of an error log keep theirs; hint: leave it out")
	}
	for _, f := range s.Fields {
		switch {
		case f.Other, !slices.Contains([]string{"client", "time", "level", "module", "message", "event"}, f.Name):
			return fmt.Errorf("fields: an error log has no %s; hint: leave it out", f.Name)
		}
	}
	if s.Treatment("time").Kind == policy.Drop {
		return errors.New(`fields: without its time, no line of an error log has a day; hint: give time = "day"`)
	}
	return nil
}

func (p *Plan) keepsAll(known *format.LogFormat) bool {
	clients := 0
	for i, role := range known.Roles() {
		f := format.Field{Role: role, Directive: uint16(i + 1)}
		switch {
		case role == format.RoleIdentity:
		case role == format.RoleClient:
			clients++
		case !p.Of(&f).IsWhole(), p.IsUser(&f) && known.Directives()[i] != "%u":
			return false
		}
	}
	return clients <= 1 && p.Nets == nil
}

// namesUser reports whether a directive logs the server's name for the user, whatever field
// a policy uses for it.
func namesUser(directive string) bool {
	return strings.HasSuffix(directive, "u") || strings.Contains(strings.ToUpper(directive), "REMOTE_USER")
}

// checkUsers requires a status if a user's name stays readable: with status 401, the name is
// often a password.
func (p *Plan) checkUsers(known *format.LogFormat) error {
	for i, role := range known.Roles() {
		if role == format.RoleStatus && !strings.ContainsAny(known.Directives()[i], "0123456789") {
			return nil // without a condition such as %200>s
		}
	}
	for i, role := range known.Roles() {
		if f := (format.Field{Role: role, Directive: uint16(i + 1)}); p.IsUser(&f) && p.shows(&f) {
			return fmt.Errorf("user: %s is often a password where the status is 401, and the format has no status for each line; hint: log %%>s, or give \"hash\" or \"drop\"", known.Directives()[i])
		}
	}
	return nil
}

// shows reports whether a field stays readable.
func (p *Plan) shows(f *format.Field) bool {
	t := p.Of(f)
	if f.Role == format.RoleClient {
		return t.IsWhole() // otherwise a pseudonym or an address is left
	}
	return t != nil && t.Kind != policy.Drop && t.Kind != policy.Hash
}

// checkBlurred rejects a plan that keeps a field which may contain words of a dropped or
// shortened field. A user counts as such a field, because of status 401, and therefore needs
// a status that contains no words.
func (p *Plan) checkBlurred(known *format.LogFormat) error {
	field := func(i int) *format.Field {
		return &format.Field{Role: known.Roles()[i], Directive: uint16(i + 1)}
	}
	showsUser := false
	for i := range known.Directives() {
		showsUser = showsUser || p.IsUser(field(i)) && p.shows(field(i))
	}
	for _, b := range known.Overlaps() {
		from, to := field(b.From), field(b.To)
		if (p.IsUser(from) || !p.Of(from).IsWhole()) && p.shows(to) || showsUser && to.Role == format.RoleStatus {
			names := known.Directives()
			return fmt.Errorf("words of %s could end up in %s, since no quotes separate them; hint: log each in quotes, \"%s\" \"%s\"",
				names[b.From], names[b.To], names[b.From], names[b.To])
		}
	}
	return nil
}

// compileOutput compiles the format of the output.
func (p *Plan) compileOutput(logFormat string, known *format.LogFormat) error {
	pieces, err := format.Pieces(logFormat)
	if err != nil {
		return err
	}
	p.Pieces = []Piece{}
	has := func(r ...format.Role) bool {
		return known == nil || slices.ContainsFunc(r, func(r format.Role) bool { return slices.Contains(known.Roles(), r) })
	}
	for _, in := range pieces {
		out := Piece{Text: in.Text, Role: in.Role}
		missing := false
		switch {
		case in.Directive == "":
		case in.Directive == "%{event}e":
			if out.Part = Event; !p.event {
				out.Part = Nothing
			}
		case in.Role == format.RoleIdentity:
			out.Part = Nothing
		case in.Role == format.RoleOther:
			at := -1
			if known != nil {
				at = slices.Index(known.Directives(), in.Directive)
			}
			missing = at < 0
			out.At = uint16(at + 1)
		case in.Role == format.RoleRequest:
			out.Part, missing = Request, !has(format.RoleRequest)
		case in.Role == format.RoleMethod:
			out.Part, missing = Method, !has(format.RoleRequest, format.RoleMethod)
		case in.Role == format.RoleURL:
			out.Part, missing = Path, !has(format.RoleRequest, format.RoleURL)
		case in.Role == format.RoleQuery:
			out.Part, missing = Query, !has(format.RoleRequest, format.RoleQuery, format.RoleURL)
		case in.Role == format.RoleProtocol:
			out.Part, missing = Protocol, !has(format.RoleRequest, format.RoleProtocol)
		case in.Role == format.RoleStatus && known != nil:
			out.At, missing = statusOf(known, in.Directive), !has(in.Role)
		default:
			if missing = !has(in.Role); known != nil && in.Role != format.RoleClient { // %b and %O are two different sizes
				out.At = uint16(slices.Index(known.Directives(), in.Directive) + 1)
			}
		}
		if missing {
			return fmt.Errorf("format: the format of the input has no %s; hint: leave it out", in.Directive)
		}
		if strings.ContainsAny(in.Text, "\r\n") {
			return errors.New("format: a line is one line")
		}
		p.Pieces = append(p.Pieces, out)
	}
	return nil
}

// statusOf returns the Field.Directive of a status: for one with >, or one that the input
// lacks, the field of Line.Status.
func statusOf(known *format.LogFormat, directive string) (at uint16) {
	for i, role := range known.Roles() {
		name := known.Directives()[i]
		switch {
		case role != format.RoleStatus:
		case !strings.Contains(directive, ">") && strings.Trim(name, "%<") == strings.Trim(directive, "%<"): // < is the default of %s
			return uint16(i + 1)
		case at == 0 || strings.Contains(name, ">"):
			at = uint16(i + 1)
		}
	}
	return at
}

// Leaves reports whether no part of an address is kept in any field.
func (p *Plan) Leaves() bool {
	t := p.roles[format.RoleClient]
	return t == nil || t.Kind == policy.Drop || t.Kind == policy.OnlyNets
}

// TellsUsers reports whether users are distinguished from passwords, see Again.
func (p *Plan) TellsUsers() bool { return !p.treated }

// IsUser reports whether a field may contain the name of a user.
func (p *Plan) IsUser(f *format.Field) bool {
	return !p.treated && (f.Role == format.RoleUser || int(f.Directive) < len(p.users) && p.users[f.Directive])
}

// IsAlike reports whether p and q, for the same format, treat each field alike, and
// independently of the key. Hashes depend on it.
func (p *Plan) IsAlike(q *Plan) bool {
	return p.event == q.event && slices.Equal(p.Pieces, q.Pieces) && (p.Pieces == nil) == (q.Pieces == nil) &&
		slices.EqualFunc(p.roles[:], q.roles[:], isAlike) && slices.EqualFunc(p.other, q.other, isAlike)
}

func isAlike(t, u *Treatment) bool {
	if t == nil || u == nil {
		return t == u
	}
	return t.Kind != policy.Hash && reflect.DeepEqual(t.Treatment, u.Treatment)
}

// Of returns the treatment of a field, nil if it is dropped.
func (p *Plan) Of(f *format.Field) *Treatment {
	if f.Role != format.RoleOther {
		return p.roles[f.Role]
	}
	if i := int(f.Directive) - firstKey; i >= 0 && i < len(p.keys) {
		return p.keys[i]
	}
	if int(f.Directive) < len(p.other) {
		return p.other[f.Directive]
	}
	return nil
}

// firstKey is the Field.Directive of the first key of JSON lines. No LogFormat string has
// that many directives.
const firstKey = 1 << 15

// Key returns the Field.Directive for a key of JSON lines, 0 if it is not listed.
func (p *Plan) Key(name []byte) uint16 {
	for i, listed := range p.names {
		if string(name) == listed {
			return uint16(firstKey + i)
		}
	}
	return 0
}
