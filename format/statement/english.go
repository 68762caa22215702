package statement

import (
	"fmt"
	"net/netip"
	"strings"

	"hushpipe/format/civil"
	"hushpipe/format/policy"
	"hushpipe/format/report"
)

// english is the words of a notice in English.
type english struct{ *report.Language }

func (english) tag() string { return "en" }

func (english) label(l label) string {
	return [numLabels]string{
		labelController: "Controller", labelContact: "Contact", labelOfficer: "Data protection officer", labelAuthority: "Supervisory authority",
		labelPlace: "Where the data are stored", labelTransfer: "Transfer to third countries", labelMore: "In the controller’s own words",
		labelPurpose: "Purpose", labelBasis: "Legal basis", labelLines: "Which requests", labelFields: "What is stored",
		labelAddresses: "Addresses and secrets within these", labelPeriod: "How long", labelKeys: "Pseudonyms", labelFigures: "Figures",
		labelJoining: "What can be joined", labelRecipients: "Recipients", labelBackups: "Backups", labelInput: "Where the data come from",
		labelRights: "Your rights", labelField: "field", labelHow: "how",
	}[l]
}

func (english) blank(what string) string { return "[to be filled in: " + what + "]" }
func (english) title() string            { return "What this server logs" }

func (english) draft() string {
	return "Draft. hushpipe wrote this from its configuration and knows nothing else. Whoever answers for the server fills in the blanks, " +
		"adds what only people know (processors, other logs, automated decisions), checks every sentence and removes this paragraph."
}

func (e english) running(r Running, since civil.Day) string {
	what := "policy"
	if r.Flags {
		what = "flags"
	}
	text := "Made by hushpipe from the " + what
	if since != 0 {
		text += " that has been running since " + e.Date(since)
	}
	return text + ", sha256:" + r.Digest
}

func (english) article(letter string) string { return "Article 6(1)(" + letter + ") GDPR" }

func (english) interest(letter string) string {
	if letter == "f" {
		return "The legitimate interest is the purpose above."
	}
	return ""
}

func englishOr(list []string) string  { return enumeration(list, "or") }
func englishAnd(list []string) string { return enumeration(list, "and") }

func englishQuoted(list []string) []string { return quotedAll(list, "“", "”") }

func (e english) lines(l Lines) string {
	text := "every request"
	if !l.Where.IsZero() {
		text = "only requests " + e.condition(&l.Where, l.Events)
	}
	if !l.Unless.IsZero() {
		text += ", but none " + e.condition(&l.Unless, l.Events)
	}
	return text + "."
}

// condition says what a condition asks of a request.
func (e english) condition(c *policy.Condition, events []Event) string {
	var parts []string
	add := func(lead string, values []string) {
		if len(values) > 0 {
			parts = append(parts, lead+englishOr(values))
		}
	}
	if len(c.Events) > 0 {
		parts = append(parts, "that are one of these events: "+e.events(c.Events, events))
	}
	add("with the status ", texts(c.Status))
	add("with the method ", c.Methods)
	add("for the path ", englishQuoted(c.URLs))
	add("with the parameter ", englishQuoted(texts(c.Queries)))
	add("for the host ", c.Hosts)
	if isAny(c.Users) {
		parts = append(parts, "of a user who is logged in")
	} else {
		add("of the user ", englishQuoted(c.Users))
	}
	add("from the network ", networks(c.Clients))
	text := strings.Join(parts, ", ")
	if strings.Contains(strings.Join(c.URLs, ""), "*") {
		text += " (where * stands for any characters)"
	}
	return text
}

// networks are as people write them: of one address without a length.
func networks(nets []netip.Prefix) (list []string) {
	for _, n := range nets {
		if n.IsSingleIP() {
			list = append(list, n.Addr().String())
		} else {
			list = append(list, n.String())
		}
	}
	return list
}

var englishEvents = map[string]string{
	"not-found": "content not found", "denied": "access denied", "error": "error of the server", "login": "login", "login-failed": "failed login",
	"logout": "logout", "register": "registration", "change": "change of content", "delete-user": "deletion of a user", "search": "search",
}

// events are those of names, or all with "*".
func (e english) events(names []string, events []Event) string {
	var list, sets []string
	for _, event := range events {
		if isAny(names) || contains(names, event.Name) {
			list = append(list, e.event(event))
			sets = appendNew(sets, event.Sets, "http")
		}
	}
	text := strings.Join(list, ", ")
	if len(sets) > 0 {
		text += " (as " + englishAnd(brands(sets)) + " answers them)"
	}
	return text
}

func (e english) event(event Event) string {
	text := event.Title.In("en")
	if text == "" && len(event.Sets) > 0 {
		text = englishEvents[event.Name]
	}
	if text == "" {
		text = "“" + event.Name + "”"
	}
	var ways []string
	for _, c := range event.Own {
		ways = append(ways, e.condition(&c, nil))
	}
	if len(ways) > 0 {
		text += " (" + strings.Join(ways, "; or ") + ")"
	}
	return text
}

func (english) nothing() string { return "Nothing is stored for this purpose, and nothing is counted." }

func (english) fieldsBefore(f Fields) string {
	switch {
	case f.Whole && len(f.List) == 0:
		return "the whole line that the web server writes of a request; addresses in it become pseudonyms."
	case f.Whole:
		return "the whole line that the web server writes of a request:"
	}
	return "of each request:"
}

func (english) fieldsAfter(f Fields) string {
	switch {
	case f.Whole && f.Known:
		return "Lines that do not have this form are stored as well; no address in them is left in clear."
	case f.Whole:
		return "What else the web server writes is stored as well, and so are lines that do not have this form; no address in them is left in clear."
	}
	return "Nothing else."
}

var englishFields = map[string]string{
	"client": "IP address", "user": "name of the user who is logged in", "time": "date and time", "url": "address that was requested",
	"method": "method and protocol of the request", "status": "status of the answer", "size": "size of the answer", "duration": "duration of the answer",
	"referer": "page that the request came from (referrer)", "agent": "browser, as it describes itself (user agent)", "host": "name of the server that was asked",
	"event": "kind of event", "level": "severity of the message", "module": "part of the server that wrote the message", "message": "text of the message",
	"identity": "name by the identification protocol (RFC 1413), usually empty",
}

func (e english) field(of Fields, f Field) (name, how string) {
	name = englishFields[f.Name]
	if f.Other {
		name = "“" + f.Name + "”"
	}
	switch f.Kind {
	case policy.Whole:
		switch {
		case f.Name == "time" && !f.Other:
			return name, "to the second"
		case f.Name == "event" && !f.Other:
			return name, "one of these: " + e.events([]string{"*"}, of.Events)
		case f.Name == "user" && !f.Other:
			return name, "in full, but not with the status 401 or 407"
		}
		return name, "in full"
	case policy.Ipcrypt:
		return name, "as a pseudonym"
	case policy.Pfx:
		return name, "as a pseudonym; addresses of one network begin alike"
	case policy.Mask:
		return name, fmt.Sprintf("shortened to %d bits, of IPv6 to %d", f.Bits4, f.Bits6)
	case policy.OnlyNets:
		return name, "only if it is in " + englishOr(networks(f.Nets)) + ", then in full"
	case policy.Words:
		return name, "the first " + e.several(f.N, "word") + ", but nothing with the status 401 or 407"
	case policy.Hash:
		return name, "as a hash under the key of the day"
	case policy.Hour:
		return name, "to the hour"
	case policy.Midnight:
		return name, "the date only"
	case policy.Path:
		return name, "without parameters, and so without search terms"
	case policy.Site:
		return name, "the server only, without path and parameters"
	case policy.OnlyParams:
		return name, "of the parameters only " + englishAnd(f.Params)
	case policy.Round:
		return name, "rounded up to a multiple of " + e.Number(uint64(f.N))
	}
	panic("hushpipe: a treatment without words")
}

func (e english) several(n int, thing string) string {
	if n == 1 {
		return thing
	}
	return e.Number(uint64(n)) + " " + thing + "s"
}

func (english) addresses(a Addresses) string {
	text := "Wherever else in these an IP address stands, it becomes a pseudonym too."
	switch a.Client.Kind {
	case policy.Mask:
		text = "Wherever else in these an IP address stands, it is shortened too."
	case policy.Drop, policy.OnlyNets:
		text = "Wherever else in these an IP address stands, it is removed."
	case policy.Whole:
		text = "IP addresses elsewhere in these stay in full."
	}
	text += " Addresses are recognised by their usual form. The values of parameters of web addresses that carry secrets, such as passwords, are removed"
	if len(a.Redact) > 0 {
		own, replaced := redacted(a.Redact)
		if replaced {
			return text + "; these are the parameters " + englishAnd(own) + "."
		}
		return text + ", and those of " + englishAnd(own) + "."
	}
	return text + "."
}

func (e english) period(p Period) string {
	var list []string
	for _, b := range p.Keep {
		switch b.Kind {
		case policy.Days:
			list = append(list, e.days(b.N))
		default:
			list = append(list, b.String())
		}
	}
	return strings.Join(list, ", ") + ". Then the lines are deleted automatically."
}

func (e english) days(n int) string {
	if n == 1 {
		return "the day of the request, until midnight"
	}
	return fmt.Sprintf("at most %s days, the day of the request included, each day until midnight", e.Number(uint64(n)))
}

func (e english) keys(k Keys) string {
	var list []string
	add := func(text string) { list = append(list, text) }
	switch k.Client {
	case policy.Ipcrypt, policy.Pfx:
		add("Before anything is stored, the server encrypts the IP address under a key that is drawn anew for each day. On one day an address has one pseudonym, on the next another. Whoever has the key of the day can reverse it.")
	}
	if len(k.Hashes) > 0 {
		add("What is stored as a hash has one hash on one day, and another on the next; whoever has the key of the day can test a guess.")
	}
	if k.Counts {
		add("For counting, fingerprints of rooms and IP addresses are stored under the key of the day, as long as the key.")
	}
	if len(list) == 0 {
		return ""
	}
	if k.Linked != "" {
		add("The keys are those of “" + k.Linked + "”.")
	}
	add(e.keyLife(k) + " From then on nobody can do this, not even with a copy of what was stored. Until then, and as far as other fields tell who somebody is, pseudonymised data remain personal data.")
	return strings.Join(list, " ")
}

func (e english) keyLife(k Keys) string {
	days, ok := k.Keep.Of(policy.Days)
	switch {
	case ok && days == 1:
		return "The key is deleted at the end of its day."
	case ok:
		return fmt.Sprintf("The key is deleted after %s days, its own day included.", e.Number(uint64(days)))
	}
	return "The key is deleted at the end of the day that follows its own."
}

func (english) disclosure(d Disclosure) (text string, blank bool) {
	reveal, access := d.Reveal.In("en"), d.Access.In("en")
	if reveal == "" && access == "" {
		return "[to be filled in: when a pseudonym may be reversed, or that it may not be]", true
	}
	var list []string
	for _, why := range []string{reveal, access} {
		if why != "" {
			list = append(list, why)
		}
	}
	return "A pseudonym is reversed only: " + sentence(strings.Join(list, "; ")) + " hushpipe records the time and the user account of each use of its commands for this.", false
}

func (e english) figures(f Figures) string {
	text := ""
	if !f.Lines {
		text = "No line of the log is stored for this purpose. "
	}
	text += "For each day and each room it is counted how many different IP addresses used it. Rooms are those of " + englishAnd(presets(f.Rooms))
	if len(f.URLs) > 0 {
		if len(presets(f.Rooms)) > 0 {
			text += ", and "
		}
		text += "what stands for {room} in " + englishOr(englishQuoted(f.URLs))
	}
	text += ". What is stored is a number and a hash of the room’s name (" + strings.ToUpper(f.Hash) + "-SHA-1), for good."
	if f.Hash == "sha1" {
		text = strings.Replace(text, "SHA1-SHA-1", "SHA-1", 1) + " Names that are short or easy to guess can be found by trying."
	}
	if f.CountV6 < 128 {
		text += fmt.Sprintf(" Addresses of IPv6 count as one if they have the first %d bits in common.", f.CountV6)
	}
	if f.FullAddr {
		text += " For this the whole address is used, although less of it is stored in lines."
	}
	return text
}

func (english) joining(j Joining, with string) string {
	if j.Linked {
		return "With “" + with + "”, on purpose: both have the same keys, and so the same pseudonyms and hashes."
	}
	by := "the order of the lines"
	if len(j.By) > 0 {
		var names []string
		for _, name := range j.By {
			names = append(names, englishFields[name])
		}
		by = englishAnd(names)
	}
	return "A request can stand here and in “" + with + "”. Whoever has both can join its lines by " + by + "."
}

func (english) backups(b Backups) string {
	switch {
	case b.Tagged:
		return "The directory is marked with CACHEDIR.TAG, so that programs which heed that leave it out."
	case b.Lines:
		return "The directories of keys and fingerprints are marked with CACHEDIR.TAG, so that programs which heed that leave them out. The lines are not marked."
	}
	return "The directories of keys and fingerprints are marked with CACHEDIR.TAG, so that programs which heed that leave them out. The figures may be in backups."
}

func (e english) input(in Input) string {
	text := "Your browser sends the data with each request; without them no page can be delivered. "
	if in.Errors {
		text = "The web server writes the data when something goes wrong with a request. "
	}
	text += "They come from the web server’s log"
	if in.Format != "auto" {
		text += ", format " + in.Format
	}
	text += "."
	if in.Client != "" {
		text += " The IP address is the one in “" + in.Client + "”."
	}
	if len(in.Proxies) > 0 {
		text += " The proxies " + englishAnd(in.Proxies) + " are believed when they name the address that they pass on."
	}
	if in.UserField != "" {
		text += " The name of the user is the one in “" + in.UserField + "”."
	}
	if len(in.JSONKeys) > 0 {
		text += " Further meanings of the log’s keys: " + strings.Join(in.JSONKeys, ", ") + "."
	}
	return text
}

func (english) rights(r Rights) []block {
	list := []block{{text: "You have the right of access (Article 15 GDPR), to rectification (16), to erasure (17), to restriction (18) and to complain to a supervisory authority (77)."}}
	if r.Object {
		list = append(list, block{label: "Right to object (Article 21)", text: "You may object at any time, on grounds relating to your particular situation, to processing that is based on Article 6(1)(e) or (f)."})
	}
	if r.Lines {
		list = append(list, block{text: "We can find lines about you only if you tell us the IP address and the time (Article 11)."})
	}
	return list
}
