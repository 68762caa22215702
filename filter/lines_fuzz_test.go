package filter

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/counters"
	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/pseudonym"
	"hushpipe/format"
)

// lineSpecs are the formats of FuzzLines. If a format has the server's own name or address, own
// matches that in a line. lines are examples in addition to those in testdata.
var lineSpecs = []lineSpec{
	{format: "auto", lines: strings.Join([]string{
		`192.0.2.1:11111 www.example.org - - [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 17 0.005 "192.0.2.2, h.example.org" "a"`,
		`[22/Nov/2026:07:23:55 +0000] h.example.org TLSv1.3 TLS_AES_256_GCM_SHA384 "GET / HTTP/1.1" 5`,
		`<134>Nov 22 07:23:56 192.0.2.53 httpd[12]: 192.0.2.1, 2001:db8::1 - - [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5`,
		`<134>1 2026-11-22T07:23:56.003Z w.example.org httpd - - [a@1 b="192.0.2.53"] 192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5`,
		`web-1  | 2026-11-22T07:23:56.123456789Z stdout F 192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5`,
		`{"log":"192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] \"GET /?a=b\u0026token=c HTTP/1.1\" 200 5\n","stream":"stdout","time":"2026-11-22T07:23:56.1Z"}`,
	}, "\n")},
	{format: "combined"},
	{format: "common"},
	{format: "vhost_combined", own: ownName},
	{format: "vhost_common", own: regexp.MustCompile(`^(?<own>[^ ]+) (?<client>[^ ]+) `)},
	{format: "json"},
	{format: "error", lines: strings.Join([]string{
		`[2026-11-22 07:23:55.054538] [:error] [pid 9:tid 8] [client 192.0.2.1:443] [client h.example.org] ModSecurity: Warning. [uri "/x?token=a"] from 192.0.2.1`,
		`2026/11/22 07:23:55 [error] 12#34: *5 open() "/a" failed (2: No such file or directory), client: 192.0.2.1, server: w.example.org, request: "GET /a?sid=a HTTP/1.1", host: "w.example.org"`,
	}, "\n")},
	{format: `%h %{X-Forwarded-For}i %l %u %t "%r" %>s %b`, lines: `192.0.2.1 2001:db8::1, 192.0.2.2:80, unknown - mary ann [22/Nov/2026:07:23:55 +0000] "GET http://joe:pw@h.org/x;jsessionid=a?sid=a&b=c HTTP/1.1" 200 5`},
	{format: `%a %{Forwarded}i %t "%r" %>s`, lines: `192.0.2.1 for=192.0.2.2;host=a.example.org, for=\"[2001:db8::1]:80\" [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200`},
	{format: `%{%Y-%m-%d %H:%M:%S}t %a "%{X-Forwarded-For}i" %u "%U%q" %>s %O %{ms}T`, lines: `2026-11-22 07:23:55 2001:db8::1 "192.0.2.1,192.0.2.2" "" "/a?b=c&token=d" 200 512 3`},
	{format: `%{sec}t.%{msec_frac}t|%{X-Real-IP}i|%{Host}i|%{Cookie}i|%f`, lines: `1795332235.123|192.0.2.1|www.example.org|a=b; c=192.0.2.1|/var/www/x.html`},
	{format: `%v:%p %a %l %u %t "%r" %>s %O %{X-Forwarded-For}i`, own: ownName, lines: `10.0.0.1:443 192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5 192.0.2.2, 192.0.2.3`},
	{format: `%h %A %t "%r" %>s %b`, own: regexp.MustCompile(`^(?<client>[^ ]+) (?<own>[^ ]+) \[`), lines: `192.0.2.1 10.0.0.1 [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5`},
	{format: `%t %{X-A}i.%{X-B}i:%p %u %r`, lines: `[22/Nov/2026:07:23:55 +0000] a:b.1.:443 mary GET /a HTTP/1.1`},
	{format: `{"t":"%{%FT%T%z}t","ip":"%a","r":"%r","agent":"%{User-Agent}i","xff":"%{X-Forwarded-For}i","n":%D}`,
		lines: `{"t":"2026-11-22T07:23:55+0000","ip":"192.0.2.1","r":"GET / HTTP/1.1","agent":"A/1.2.3.4 \"b\"","xff":"192.0.2.2","n":17}`},
	{format: `%v %a %t "%r" %>s "%{X-Forwarded-For}i" "%{User-Agent}i"`, proxies: true, lines: `w.example.org 10.0.0.1 [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 "192.0.2.2, unknown, \"192.0.2.1\", 10.0.0.2:80, 10.0.0.3" "a"`},
	{format: `%{Forwarded}i %{c}a %t "%r"`, proxies: true, lines: `by=192.0.2.3;for=192.0.2.2, for=\"[2001:db8::1]:80\";host=a.example.org,for=10.0.0.2 10.0.0.1:443 [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1"`},
	{format: `error:[%{cu}t] [%-m:%l] [pid %P] %7F: %E: [client\ %a] %M% ,\ referer\ %{Referer}i`,
		lines: `[2026-11-22 07:23:55.054538] [php:warn] [pid 9] (13)Permission denied: [client 2001:db8::1:5678] PHP Warning:  a of 192.0.2.1, referer http://192.0.2.1/?sid=a`},
	{format: "auto", proxies: true, lines: strings.Join([]string{
		`10.0.0.1 - - [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "a" "192.0.2.2, h.example.org, 10.0.0.2"`,
		`192.0.2.1, 10.0.0.1 - - [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5`,
		`{"ts":1795332235.1,"request":{"remote_ip":"10.0.0.1","uri":"/a","headers":{"X-Forwarded-For":["192.0.2.66, 192.0.2.1","10.0.0.2"]}},"status":200}`,
		`{"log":"10.0.0.1 - - [22/Nov/2026:07:23:55 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"a\" \"192.0.2.2, 192.0.2.1\"\n","stream":"stdout","time":"2026-11-22T07:23:56.1Z"}`,
	}, "\n")},
}

var ownName = regexp.MustCompile(`^(?<own>[^ ]+):[-0-9]+ (?<client>[^ ]+) `)

type lineSpec struct {
	format  string
	own     *regexp.Regexp
	lines   string
	proxies bool // 10.0.0.0/8 and 198.51.100.0/24 are trusted
}

// FuzzLines plants addresses in many spellings into a log, treats it under each format, with
// reads of any size, and checks the output:
//
//   - It has as many lines, and no line failed. Lines do not depend on the sizes of the reads,
//     on earlier lines, or on ParseFast.
//   - It has no address, as netip parses it, in any part of a run of [0-9A-Fa-f.:], neither in
//     the text itself nor after decoding it once or more, except for the server's own values
//     (%A, %v) and Name/1.2.3.4 in a user agent. A malformed line has no run with two
//     separators, except for time stamps.
//   - All other bytes are unchanged and in order (see survives), except for names in malformed
//     lines.
//   - The text around the pseudonyms is the same in each mode. No pseudonym is an address of the
//     input, and none has bits beyond the mask.
//
// It does not check the pieces of an address that was split because one line was written into
// another, if the result fits a format: they look like any other number.
func FuzzLines(f *testing.F) {
	plan := func(i int) []byte {
		return []byte{byte(i), byte(3 * i), 0, byte(5 * i), byte(7 * i), byte(11 * i), 50, byte(13 * i)}
	}
	n := 0
	logs := recordedLogs(f)
	for _, name := range slices.Sorted(maps.Keys(logs)) {
		lines := strings.SplitAfter(logs[name], "\n")
		for i := 0; i+3 < len(lines); i += len(lines) / 6 {
			seed := strings.Join(lines[i:i+3], "")
			f.Add(uint8(slices.IndexFunc(lineSpecs, func(s lineSpec) bool { return s.format == formatOf(name) })), uint8(i), seed, plan(i))
			f.Add(uint8(n), uint8(i), seed, plan(n))
			n++
		}
	}
	f.Add(uint8(3), uint8(0), "[Sun Nov 22 07:23:55 2026] [core:info] [pid 9] [client 198.51.100.195:0:", []byte{})
	for i, spec := range lineSpecs {
		f.Add(uint8(i), uint8(i), spec.lines+"\n"+spec.lines, plan(i))
	}
	drop, err := pseudonym.ParseMode("drop")
	require.NoError(f, err)
	modes := make([]pseudonym.Mode, 5)
	for i, name := range []string{"ipcrypt", "pfx", "mask=8/16", "mask=0/0", "keep"} {
		modes[i], err = pseudonym.ParseMode(name)
		require.NoError(f, err)
	}
	configs := make([]Config, len(lineSpecs))
	for i, spec := range lineSpecs {
		if configs[i] = newConfig(f, spec.format); spec.proxies {
			configs[i] = proxyConfig(f, spec.format, format.Options{})
		}
	}
	f.Fuzz(func(t *testing.T, spec, mode uint8, log string, plan []byte) {
		if len(log) > 4000 || len(plan) > 60 {
			return // the search for addresses is slow
		}
		s := lineSpecs[int(spec)%len(lineSpecs)]
		r := rand.New(rand.NewPCG(uint64(spec), uint64(len(plan))))
		log = planted(log, plan, r)

		cfg := configs[int(spec)%len(lineSpecs)]
		cfg.Mode = drop
		cal := everyDay()
		cal.first = math.MinInt32 // no line expires
		run := func(cfg Config, in io.Reader) ([]string, counters.Values) {
			f := NewStream(cfg, cal)
			var out bytes.Buffer
			require.NoError(t, f.Run(in, &stream{w: &out}))
			return slices.Collect(strings.Lines(out.String())), f.Stats()
		}
		in := slices.Collect(strings.Lines(log))
		out, stats := run(cfg, &shortReads{in: log, r: r})
		require.Len(t, out, len(in))
		require.Equal(t, counters.Values{Lines: uint64(len(in)), Malformed: stats.Malformed, Late: stats.Late, Adjusted: stats.Adjusted,
			Glued: stats.Glued, Overflow: stats.Overflow, WithoutClient: stats.WithoutClient, WithoutRequest: stats.WithoutRequest, RoomUnseen: stats.RoomUnseen}, stats)
		require.True(t, stats.Glued > 0 || stats.Overflow == 0)

		cfg.Rooms = nil // rooms do not change lines
		one := New(cfg, cal)
		withoutMemory(one) // the plain reference
		for i, line := range in {
			line = strings.TrimSuffix(line, "\n")
			if marked := strings.TrimPrefix(line, "\ufeff"); strings.TrimSuffix(marked, "\r") == "" {
				require.Equal(t, marked+"\n", strings.TrimSuffix(out[i], "\n")+"\n")
				continue
			}
			var alone bytes.Buffer
			was := one.Stats().Malformed
			require.NoError(t, one.Run(strings.NewReader(line+"\n"), &stream{w: &alone}))
			require.Equal(t, alone.String(), out[i], "%q", line)
			known := one.Stats().Malformed == was
			line = strings.TrimPrefix(line, "\ufeff") // not part of the line

			var parsed format.Line
			var fields []format.Field
			if known {
				require.True(t, cfg.Parser.Parse([]byte(line), &parsed))
				fields = parsed.Fields
			}
			got := strings.TrimSuffix(out[i], "\n")
			left := leftOver(line, got, fields, known, s.own)
			if left != "" && known && !strings.Contains(s.format, "%") {
				left = leftOver(withoutWrapper(line, got), withoutWrapper(got, got), fields, known, s.own)
			}
			if left != "" {
				t.Fatalf("%s: %q is left of\n%q:\n%q", s.format, left, line, got)
			}
			if known && !guardtest.Survives(line, got, fields, nil) {
				t.Fatalf("%s: more than the addresses is lost of\n%q:\n%q", s.format, line, got)
			}
		}

		cfg.Mode = modes[int(mode)%len(modes)]
		other, otherStats := run(cfg, strings.NewReader(log))
		require.Len(t, other, len(in))
		stats.Overflow, stats.WithoutClient, stats.WithoutRequest, stats.RoomUnseen = 0, 0, 0, 0 // no rooms were counted this time
		require.Equal(t, stats, otherStats)
		if cfg.Mode.String() == "keep" {
			return // the replacement of an address can contain anything
		}
		given := addressesIn(log)
		for i := range out {
			if glued.MatchString(out[i]) {
				continue // the boundary between two pseudonyms is ambiguous
			}
			m := skeleton(out[i]).FindStringSubmatch(guardtest.Latin1(other[i]))
			require.NotNil(t, m, "%s: %q, but in mode drop %q", cfg.Mode, other[i], out[i])
			for _, found := range m[1:] {
				if found == "-" {
					continue
				}
				a, err := netip.ParseAddr(found)
				require.NoError(t, err, other[i])
				if !cfg.Mode.Reversible() {
					require.True(t, isMasked(a, cfg.Mode.String()), "%s: %s", cfg.Mode, a)
				} else if a.Is6() { // there are so few of IPv4 that pfx may yield one of the input
					require.NotContains(t, given, a, "%q", log)
				}
			}
		}
	})
}

// shortReads is a Reader that returns its text in pieces of random sizes.
type shortReads struct {
	in string
	r  *rand.Rand
}

func (s *shortReads) Read(p []byte) (int, error) {
	if s.in == "" {
		return 0, io.EOF
	}
	n := copy(p, s.in[:min(len(s.in), 1+s.r.IntN(200))])
	s.in = s.in[n:]
	return n, nil
}

// planted inserts addresses into a log, one for each four bytes of the plan: the position (two
// bytes), the address, and its spelling.
func planted(log string, plan []byte, r *rand.Rand) string {
	for ; len(plan) >= 4; plan = plan[4:] {
		at := (int(plan[0])<<8 | int(plan[1])) % (len(log) + 1)
		r := rand.New(rand.NewPCG(uint64(plan[2]), uint64(plan[3])))
		var b [16]byte
		for i := range b {
			if b[i] = byte(r.Uint32()); r.IntN(3) == 0 {
				b[i] = 0
			}
		}
		a := netip.AddrFrom16(b)
		if plan[2]&1 == 0 {
			a = netip.AddrFrom4([4]byte(b[:4]))
		}
		s := guardtest.Spell(a, plan[2]>>1&7) // without escapes
		switch plan[2] >> 4 {
		case 0:
			s = "[" + s + "]:" + strconv.Itoa(int(plan[3]))
		case 1:
			s += ":" + strconv.Itoa(int(plan[3]))
		case 2:
			s += "%eth0"
		case 3:
			s += "%25eth0"
		case 4:
			s = fmt.Sprintf("%03d.%03d.%02d.%d", b[0], b[1], b[2], b[3])
		case 5:
			s = s[:r.IntN(len(s))] // cut
		case 6:
			s = s[r.IntN(len(s)):]
		case 7:
			s = fmt.Sprintf("::ffff:%x:%x", b[:2], b[2:4])
		case 8, 9, 10, 11: // some of its bytes escaped
			escapes := []string{"%%%02x", "%%%02X", "%%25%02X", `\u00%02x`}
			escaped := ""
			for _, c := range []byte(s) {
				if r.IntN(3) == 0 {
					escaped += fmt.Sprintf(escapes[r.IntN(int(plan[2]>>4)-7)], c)
				} else {
					escaped += string(rune(c))
				}
			}
			s = escaped
		}
		log = log[:at] + s + log[at:]
	}
	return log
}

// leftOver returns an address that treatment in mode drop left in a line, "" if there is none,
// as it should be.
func leftOver(line, out string, fields []format.Field, known bool, own *regexp.Regexp) string {
	versions := map[string]int{}
	if known {
		if own != nil {
			out = withoutOwn(line, out, own)
		}
		for _, f := range fields {
			if f.Kind == format.UserAgent {
				text := []byte(line[f.Start:f.End])
				for _, span := range guardtest.Run.FindAllIndex(text, -1) {
					if guardtest.Version(text, span) {
						versions[string(text[span[0]:span[1]])]++
					}
				}
			}
		}
	} else {
		out = guardtest.Stamp.ReplaceAllString(out, "-")
	}
	for reading := out; ; {
		seen := map[string]int{}
		for _, span := range guardtest.Run.FindAllStringIndex(reading, -1) {
			run := reading[span[0]:span[1]]
			if guardtest.MayStay(reading, span) && (!known || guardtest.Qualified.MatchString(run)) {
				continue
			}
			if !known && strings.Count(run, ".")+strings.Count(run, ":") > 1 {
				return run
			}
			if seen[run] < versions[run] && guardtest.Version([]byte(reading), span) {
				seen[run]++
				continue
			}
			if a := addressIn(run); a != "" {
				return a
			}
		}
		next := guardtest.DecodedOnce(reading)
		if next == reading {
			return ""
		}
		reading = next
	}
}

// withoutWrapper removes the prefix of a log service from out, the treated line. Its host may
// be an address, which is the server's.
func withoutWrapper(line, out string) string {
	for {
		wrapper := refWrapper.FindString(line)
		if wrapper == "" || !strings.HasPrefix(out, wrapper) {
			return line
		}
		line, out = line[len(wrapper):], out[len(wrapper):]
	}
}

var refWrapper = regexp.MustCompile(`^(?:` +
	`(?:(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d [\d:]{8}(?:[.,]\d+)?|\d{4}-\d\d-\d\dT[\d:]{8}[^ ]*)(?: [^ ]+)? [^ :]+: ` +
	`|<\d{1,3}>1 [^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ (?:-|(?:\[(?:[^"\]]|"(?:[^"\\]|\\.)*")*\])+) (?:\x{feff})?` +
	`|\d{4}-\d\d-\d\dT[\d:]{8}[^ ]* (?:(?:stdout|stderr) F )?` +
	`|[^ ]+ +\| )`)

// withoutOwn removes the server's own value from a treated line. An address is the server's only
// if the client's is there too.
func withoutOwn(line, out string, own *regexp.Regexp) string {
	in, now := own.FindStringSubmatch(line), own.FindStringSubmatchIndex(out)
	if in == nil || now == nil {
		return out
	}
	name, client := in[own.SubexpIndex("own")], in[own.SubexpIndex("client")]
	start, end := now[2*own.SubexpIndex("own")], now[2*own.SubexpIndex("own")+1]
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil && !likeAddress.MatchString(client) {
		return out
	}
	if out[start:end] != name {
		return out
	}
	return out[:start] + out[end:]
}

var likeAddress = regexp.MustCompile(`^[][0-9A-Fa-f]*[.:][][0-9A-Fa-f]*[.:][][0-9A-Fa-f.:]*$`)

// addressIn returns a part of a run that netip parses as an address, "" for none. It ignores
// the unspecified address.
func addressIn(run string) string {
	for i := range run {
		for k := i + 2; k <= min(len(run), i+45); k++ {
			if a, err := netip.ParseAddr(run[i:k]); err == nil && !a.IsUnspecified() {
				return run[i:k]
			}
		}
	}
	return ""
}

func addressesIn(log string) map[netip.Addr]bool {
	all := map[netip.Addr]bool{}
	for _, run := range guardtest.Run.FindAllString(log, -1) {
		if a, err := netip.ParseAddr(run); err == nil {
			all[a] = true
		}
	}
	return all
}

var glued = regexp.MustCompile(`-[0-9a-f.:]*-`)

// skeleton returns a regular expression for a line of mode drop as other modes write it.
func skeleton(line string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(guardtest.Latin1(line)), "-", "(-|[0-9a-f.:]+)") + "$")
}

// isMasked reports whether a has no bits beyond the mask, or is the pseudonym of a name.
func isMasked(a netip.Addr, mode string) bool {
	var bits4, bits6 int
	fmt.Sscanf(mode, "mask=%d/%d", &bits4, &bits6)
	bits := bits6
	if a.Is4() {
		bits = bits4
	}
	p, _ := a.Prefix(bits)
	return p.Addr() == a || netip.MustParsePrefix("100::/64").Contains(a)
}
