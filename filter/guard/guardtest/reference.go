package guardtest

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"hushpipe/filter/pseudonym"
)

var refNumbersRow = regexp.MustCompile(`[0-9]+(?:-[0-9]+)*`)

// Dashed is the reference of appendPlain, for a text in which every byte means itself.
func Dashed(c *pseudonym.Cipher, text []byte) (out []byte) {
	at := 0
	for _, span := range refNumbersRow.FindAllIndex(text, -1) {
		start, end := span[0], span[1]
		row := string(text[start:end])
		if strings.Count(row, "-") > 3 && end < len(text) && refIsLetter(text[end]) {
			row = row[:strings.LastIndexByte(row, '-')]
			end = start + len(row)
		}
		if strings.Count(row, "-") > 3 && start > 0 && refIsLetter(text[start-1]) {
			row = row[strings.IndexByte(row, '-')+1:]
			start = end - len(row)
		}
		numbers := strings.Split(row, "-")
		for i, number := range numbers {
			if n, err := strconv.ParseUint(number, 10, 8); err == nil && len(number) <= 3 {
				numbers[i] = strconv.FormatUint(n, 10)
			}
		}
		a, err := netip.ParseAddr(strings.Join(numbers, "."))
		if err != nil || len(numbers) != 4 {
			continue
		}
		out = append(out, text[at:start]...)
		out = out[:len(out)-len(refEscape.FindSubmatch(out)[1])]
		out = c.AppendAddr(out, a.As16())
		at = end
	}
	return append(out, text[at:]...)
}

// Raw is the reference of appendRaw.
func Raw(c *pseudonym.Cipher, text []byte, agent bool) []byte {
	var out, kept []byte
	at := 0
	for _, span := range Run.FindAllIndex(text, -1) {
		run := text[span[0]:span[1]]
		kept = append(kept, text[at:span[0]]...)
		at = span[1]
		if agent && Version(text, span) || InQualified(text, span) {
			kept = append(kept, run...)
			continue
		}
		for i, piece := range bytes.Split(refReplace(c, run), []byte("<")) {
			if i > 0 {
				var written []byte
				written, piece, _ = bytes.Cut(piece, []byte(">"))
				out = append(out, Dashed(c, kept[:len(kept)-len(refEscape.FindSubmatch(kept)[1])])...)
				out, kept = append(out, written...), nil
			}
			kept = append(kept, piece...)
		}
	}
	return append(out, Dashed(c, append(kept, text[at:]...))...)
}

// InQualified reports whether a run is the "::" of a name such as Foo::bar, with the
// hexadecimal digits among the letters around it.
func InQualified(text []byte, span []int) bool {
	return Qualified.Match(text[span[0]:span[1]]) && (refWordBefore.Match(text[:span[0]]) || refWordBehind.Match(text[span[1]:]))
}

// refEscape matches a text and captures the unfinished escape at its end.
var refEscape = regexp.MustCompile(`(?s)^(?:[^\\]|\\.)*?(|\\(?:u[0-9A-Fa-f]{0,3}|x[0-9A-Fa-f]?)?)$`)

var (
	Run     = regexp.MustCompile(`[0-9A-Fa-f.:]+`)
	refRow  = regexp.MustCompile(`[0-9][0-9.]*`)
	refQuad = regexp.MustCompile(`[0-9]\.M\.M\.[0-9]`)

	refWordBefore = regexp.MustCompile(`(?s)(?:^|[^\\%])[G-Zg-z_]$`)
	refWordBehind = regexp.MustCompile(`^[G-Zg-z_]`)
)

func init() {
	const octet = `(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})`
	refQuad = regexp.MustCompile(strings.ReplaceAll(refQuad.String(), "M", octet))
}

func refAddr(s string) (pseudonym.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a.As16(), err == nil
}

// refReplace replaces the addresses in a run, and writes each pseudonym as <pseudonym>.
func refReplace(c *pseudonym.Cipher, run []byte) []byte {
	s := string(run)
	core, lead, trail := s, "", ""
	for strings.HasPrefix(core, ".") || len(core) > 1 && core[0] == ':' && core[1] != ':' {
		lead, core = lead+core[:1], core[1:]
	}
	for strings.HasSuffix(core, ".") || len(core) > 1 && core[len(core)-1] == ':' && core[len(core)-2] != ':' {
		trail, core = core[len(core)-1:]+trail, core[:len(core)-1]
	}
	colons := strings.Count(core, ":")
	var out []byte
	switch a, ok := refAddr(core); {
	case strings.Trim(core, ":") == "":
		return run
	case ok:
		out = append(c.AppendAddr([]byte("<"), a), '>')
	case colons >= 7, colons == 6 && strings.Count(core, ".") >= 3, strings.Contains(core, "::"):
		out = append(c.AppendName([]byte("<"), []byte(core)), '>')
	default:
		out = refRow.ReplaceAllFunc([]byte(core), func(row []byte) []byte {
			quad := strings.TrimRight(string(row), ".")
			dots := row[len(quad):]
			if a, ok := refAddr(quad); ok {
				return append(append(c.AppendAddr([]byte("<"), a), '>'), dots...)
			}
			if refQuad.MatchString(quad) {
				return append(append(c.AppendName([]byte("<"), []byte(quad)), '>'), dots...)
			}
			return row
		})
	}
	return []byte(lead + string(out) + trail)
}

// Spell writes an address in one of the ways that clients do, which n selects.
func Spell(a netip.Addr, n uint8) string {
	s := a.String()
	switch n % 4 {
	case 1:
		s = a.StringExpanded()
	case 2:
		s = netip.AddrFrom16(a.As16()).String()
	case 3:
		if b := a.As16(); a.Is6() {
			s = fmt.Sprintf("%x:%x:%x:%x:%x:%x:%d.%d.%d.%d", b[:2], b[2:4], b[4:6], b[6:8], b[8:10], b[10:12], b[12], b[13], b[14], b[15])
		}
	}
	if n>>2&1 == 1 {
		s = strings.ToUpper(s)
	}
	escapes := map[uint8][2]string{1: {"%3A", "%2E"}, 2: {"%3a", "%2e"}, 3: {"%253A", "%252E"}, 4: {`\u003a`, `\u002E`},
		5: {"%25%33%41", "%2%45"}, 6: {`%3\u0041`, `%\u0032E`}, 7: {`\u00253A`, `%2\u0035%32%45`}}
	if e, ok := escapes[n>>3%8]; ok {
		s = strings.NewReplacer(":", e[0], ".", e[1]).Replace(s)
	}
	return s
}

// Holds reports whether any part of a run reads as the address.
func Holds(run []byte, a netip.Addr) bool {
	for i := range run {
		for k := i + 2; k <= min(len(run), i+45); k++ {
			if b, err := netip.ParseAddr(string(run[i:k])); err == nil && b.Unmap() == a {
				return true
			}
		}
	}
	return false
}

var (
	Qualified     = regexp.MustCompile(`^[A-Fa-f]*::[A-Fa-f]*$`)
	refErrorCode  = regexp.MustCompile(`^:[0-9A-Fa-f]{8}:$`)
	refWordBeside = regexp.MustCompile(`[g-zG-Z_]`)
	refNobody     = regexp.MustCompile(`^[.:]*$|^[0-2]\d:[0-5]\d:[0-6]\d(?:\.\d*)?$`)
)

// Latin1 maps each byte to a character, since a regexp must match UTF-8.
func Latin1(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteRune(rune(c))
	}
	return b.String()
}

// refPortLeft matches what follows an address: a port, and the end of a sentence.
var refPortLeft = regexp.MustCompile(`^:\d{1,5}[.:]+$`)

// MayStay reports whether a run may stay: a time of day, one without digits, two colons in a
// word, an OpenSSL error number, or a version.
func MayStay(text string, span []int) bool {
	run := text[span[0]:span[1]]
	if refErrorCode.MatchString(run) && refWordBeside.MatchString(text[max(span[0]-1, 0):span[0]]) &&
		refWordBeside.MatchString(text[span[1]:min(span[1]+1, len(text))]) || BrokenVersion(text, span) {
		return true
	}
	return span[0] > 0 && text[span[0]-1] == '-' && refPortLeft.MatchString(run) || refNobody.MatchString(run) || Qualified.MatchString(run) &&
		refWordBeside.MatchString(text[max(span[0]-1, 0):span[0]]+" "+text[span[1]:min(span[1]+1, len(text))])
}

var Stamp = regexp.MustCompile(`\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}|` +
	`\d{4}([-/])\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d([.,]\d+)?( ?[+-]\d\d:?\d\d)?|` +
	`(Sun|Mon|Tue|Wed|Thu|Fri|Sat) [A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d([.,]\d+)? \d{4}`)

// Version is the reference of isVersion, for the run text[span[0]:span[1]].
func Version(text []byte, span []int) bool {
	before, run, after := string(text[:span[0]]), string(text[span[0]:span[1]]), string(text[span[1]:])
	if refBehindClient.MatchString(after) {
		return false
	}
	if refDotted.MatchString(run) && !refNoBorder.MatchString(before) &&
		!refNoEnd.MatchString(after) && !refAnnounced.MatchString(Latin1(before)) {
		numbers := strings.FieldsFunc(run, func(r rune) bool { return r == '.' })
		if len(numbers) > 4 {
			return true
		}
		for _, number := range numbers[min(len(numbers), 1):] {
			if n, err := strconv.ParseUint(number, 10, 64); err != nil || n > 255 {
				return true
			}
		}
	}
	if refRevision.MatchString(before) && refColonNumbers.MatchString(run) {
		return true
	}
	numbers := refNumbers.FindStringSubmatch(run)
	if numbers == nil {
		return false
	}
	if numbers[1] == "" && refBehindProduct(before) {
		return true
	}
	before += numbers[1]
	if !refOneDigit.MatchString(numbers[2]) {
		return false
	}
	if numbers[1] == "" {
		before = strings.TrimSuffix(before, " ")
	}
	glued := len(before) == span[0]+len(numbers[1])
	m := refName.FindStringSubmatch(before)
	if m == nil || len(m[2]) > refMaxProduct || glued && !refLetter.MatchString(m[2]) {
		return false
	}
	if m[1] == "/" && !refBehindProduct(before[:len(before)-len(m[2])]) && !strings.HasSuffix(before[:len(before)-len(m[2])], ")/") {
		return false
	}
	if len(m[2]) == 1 {
		return glued && strings.EqualFold(m[2], "v")
	}
	return 'A' <= m[2][0] && m[2][0] <= 'Z' && !refAnnounces.MatchString(m[2])
}

// BrokenVersion is the reference of isBrokenVersion.
func BrokenVersion(text string, span []int) bool {
	before, run, after := text[:span[0]], text[span[0]:span[1]], text[span[1]:]
	numbers := run
	if m := refRevision.FindString(before); m == "rv" {
		return false // the line begins with it
	} else if m != "" {
		numbers = strings.TrimPrefix(run, ":")
	} else if m := refWord.FindStringSubmatch(before); !refBehindProduct(before) || m[1] == "" {
		return false
	}
	if !refVersionRun.MatchString(numbers) {
		return false
	}
	if refEndsInQuad.MatchString(numbers) && !strings.HasSuffix(numbers, ".0.0.0") {
		return refBehindQuad.MatchString(after) && !strings.HasPrefix(after, " Mozilla/")
	}
	return refBehindPiece.MatchString(after) && !refClientWord.MatchString(after)
}

// refBehindProduct is the reference of productStart.
func refBehindProduct(before string) bool {
	m := refWord.FindStringSubmatch(before)
	if m == nil || len(m[0]) > refMaxProduct+len(m[1]) || strings.Contains(m[0], "//") {
		return false
	}
	return strings.Count(m[2], "/") == 1 || !strings.Contains(m[2][:strings.IndexByte(m[2], '/')], ".")
}

var (
	refWord         = regexp.MustCompile(`(^|[ (;,"'\n])([A-Za-z_.+-][A-Za-z0-9_.+/-]*/)$`)
	refName         = regexp.MustCompile(`(^|[ (;,"'\n)/])([A-Za-z0-9_.+-]+)$`)
	refBehindClient = regexp.MustCompile(`^ (?:-(?: |$)|\[)`)
	refRevision     = regexp.MustCompile(`(?:^|[ (;,"'\n])rv$`)
	refEndsInQuad   = regexp.MustCompile(strings.ReplaceAll(`[0-9]\.O\.O\.O$`, "O", `(?:25[0-5]|2[0-4][0-9]|[01][0-9]{2}|[0-9]{1,2})`))
	refBehindQuad   = regexp.MustCompile(`^(?:["')A-Za-z_+]|;[ )]|\\"|-[0-9]*[A-Za-z_.+]| \(| [A-Za-z][A-Za-z0-9_.+-]*/[0-9])`)
	refBehindPiece  = regexp.MustCompile(`^(?:$|["')A-Za-z_+/]|;[ )]|\\"|-[0-9]*[A-Za-z_.+]| \(| [A-Za-z])`)
	refClientWord   = regexp.MustCompile(`^ [A-Za-z][A-Za-z0-9_.+-]* (?:-(?: |$)|\[)`)
	refAnnounces    = regexp.MustCompile(refAddressWord + `$`)
	refAnnounced    = regexp.MustCompile(refAddressWord + `[^A-Za-z0-9_.+-]{0,2}$`)
	refDotted       = regexp.MustCompile(`^[0-9.]+$`)
	refNoBorder     = regexp.MustCompile(`[A-Za-z%\\-]$`)
	refNoEnd        = regexp.MustCompile(`^[%\\-]`)
	refColonNumbers = regexp.MustCompile(`^:[0-9][0-9A-Fa-f.]*$`)
	refNumbers      = regexp.MustCompile(`^([A-Fa-f]*)([0-9][0-9A-Fa-f.]*)$`)
	refOneDigit     = regexp.MustCompile(`^[0-9]\.`)
	refLetter       = regexp.MustCompile(`[A-Za-z_]$`)
	refVersionRun   = regexp.MustCompile(`^[0-9][0-9A-Fa-f.]*$`)
)

const refMaxProduct = 48

var refAddressWord = `(?i)(?:ip|ipv4|addr|address|client|remote|host|peer|proxy|user|server|node|gateway|forwarded|(?:^|[^A-Za-z])(?:for|from|by|via|at|to|of))`

func refIsLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
