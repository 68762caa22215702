package guard

import (
	"bytes"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/treatment"
	"hushpipe/format/machine"
)

func TestGuard(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"path", "GET /whois/192.0.2.1/now HTTP/1.1", "GET /whois/{192.0.2.1}/now HTTP/1.1"},
		{"query", "/?ip=192.0.2.1&v6=2001:db8::1", "/?ip={192.0.2.1}&v6={2001:db8::1}"},
		{"query, encoded", "/?v6=2001%3adb8%3A%3A1&ip=192%2E0%2e2.1&x", "/?v6={2001:db8::1}&ip={192.0.2.1}&x"},
		{"query, encoded twice", "/?u=%252F2001%253Adb8%253A%253A1%2526", "/?u=%252F{2001:db8::1}%2526"},
		{"digits encoded", "/?%31%39%32.0.2.1", "/?{192.0.2.1}"},
		{"JSON escapes", `a\u003a192\u002e0.2.1`, `a\u003a{192.0.2.1}`},
		{"escapes inside of escapes", `/?v6=2001%3\u0041db8%\u0033A%3A1&ip=192%25%32%450.2%2%451 1.2.3\u00252E4`, "/?v6={2001:db8::1}&ip={192.0.2.1} {1.2.3.4}"},
		{"escapes that begin in others", "&%2%37.231.189%2E68 %A%30.0.0.%31x %2%37%2E0.2.1", "&%{27.231.189.68} %A{0.0.0.1}x %{27.0.2.1}"},
		{"escape of JSON before it", `[\u005D:: \u00e4::1 a\\u0061::1`, `[{5d::} \u00e4{::1} a{a::1}`},
		{"escape of httpd before it", `\xc3::1 \xc31.2.3.4 \x411.2.3.4 \b::1 \f1.2.3.4`, `{c3::1} {31.2.3.4} {name:411.2.3.4} {b::1} \f{1.2.3.4}`},
		{"escaped backslash before it", `\\b::1 \\xc3::1 \\192.0.2.1`, `\\{b::1} \\x{c3::1} \\{192.0.2.1}`},
		{"referrer's host", "http://192.0.2.1:8080/x", "http://{192.0.2.1}:8080/x"},
		{"referrer's host, IPv6", "https://[2001:db8::1]:8443/", "https://[{2001:db8::1}]:8443/"},
		{"cookie", "ip=192.0.2.1; peer=2001:DB8::1; n=1", "ip={192.0.2.1}; peer={2001:db8::1}; n=1"},
		{"several", "192.0.2.1,192.0.2.2 2001:db8::1", "{192.0.2.1},{192.0.2.2} {2001:db8::1}"},
		{"one and the same", "192.0.2.1 ::ffff:192.0.2.1 ::FFFF:c000:201", "{192.0.2.1} {192.0.2.1} {192.0.2.1}"},
		{"dotted end", "64:ff9b::192.0.2.1 1:2:3:4:5:6:1.2.3.4", "{64:ff9b::192.0.2.1} {1:2:3:4:5:6:1.2.3.4}"},
		{"zone", "fe80::1%eth0", "{fe80::1}%eth0"},
		{"upper case, expanded", "2001:0DB8:0:0:0:0:0:1", "{2001:db8::1}"},

		{"port", "192.0.2.1:443", "{192.0.2.1}:443"},
		{"trailing dot", "by 192.0.2.1. And 2001:db8::1.", "by {192.0.2.1}. And {2001:db8::1}."},
		{"trailing colon", "192.0.2.1: no; 2001:db8::1: no", "{192.0.2.1}: no; {2001:db8::1}: no"},
		{"between colons", "client:192.0.2.1:80", "client:{192.0.2.1}:80"},
		{"behind a hexadecimal word", "Face:192.0.2.1 a192.0.2.1f", "Face:{192.0.2.1} a{192.0.2.1}f"},
		{"two in a run", "192.0.2.1:192.0.2.2", "{192.0.2.1}:{192.0.2.2}"},
		{"behind a letter", "x192.0.2.1 v2001:db8::1", "x{192.0.2.1} v{2001:db8::1}"},
		{"behind an escape", "%20192.0.2.1 \\n192.0.2.1", "%20{192.0.2.1} \\n{192.0.2.1}"},

		{"by position, not by text", "11.2.3.45 1.2.3.4", "{11.2.3.45} {1.2.3.4}"},
		{"leading zeros", "192.000.002.001", "{name:192.000.002.001}"},
		{"digits glued to the front", "1192.0.2.1", "{name:1192.0.2.1}"},
		{"nine groups", "2001:db8:0:0:0:0:0:1:443", "{name:2001:db8:0:0:0:0:0:1:443}"},
		{"port behind ::", "::ffff:192.0.2.1:80", "{name:::ffff:192.0.2.1:80}"},
		{"digits glued to ::", "abc2001:db8::1 2001:db8::1ffff", "{name:abc2001:db8::1} {name:2001:db8::1ffff}"},
		{"number behind a dotted end", "1:2:3:4:5:6:1.2.3.4.5", "{name:1:2:3:4:5:6:1.2.3.4.5}"},
		{"two double colons", "2001::db8::1", "{name:2001::db8::1}"},
		{"percent sign that encodes nothing", "5%20.1.2.3", "5%{20.1.2.3}"},

		{"three numbers", "jquery-3.7.1.js 10.0.19045", "jquery-3.7.1.js 10.0.19045"},
		{"time", "at 12:34:56", "at 12:34:56"},
		{"MAC address", "00:1b:44:11:3a:b7", "00:1b:44:11:3a:b7"},
		{"dots", "a...b 1..2..3..4", "a...b 1..2..3..4"},
		{"nobody", ":: ::: []", ":: ::: []"},
		{"loopback", "::1 127.0.0.1", "{::1} {127.0.0.1}"},
		{"number too large in the middle", "1.300.1.2", "1.300.1.2"},
		// It reads as an address, so it is replaced: better this than the reverse.
		{"word with a double colon", "std::vector", "std::vector"},
		{"words with double colons", "CGI::Carp DBD::mysql::db Foo::bar() SSL routines::certificate _::a", "CGI::Carp DBD::mysql::db Foo::bar() SSL routines::certificate _::a"},
		{"a double colon between letters of addresses", "dead::beef ad::", "{dead::beef} {ad::}"},
		{"a double colon with a digit", "st::1 x2::a y::ffff:192.0.2.1z", "st{::1} x{2::a} y{::ffff:192.0.2.1}z"},
		{"a double colon behind an escape", `\x::ab %67::ab`, `{::ab} %67{::ab}`},
		{"empty", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := testCipher(t, "ipcrypt")
			g := testGuard(c)
			want := guardtest.Expand(t, c.Cipher, test.want)
			assert.Equal(t, want, string(g.appendText(nil, []byte(test.text), plainText)))
			assert.Equal(t, "before"+want, string(g.appendText([]byte("before"), []byte(test.text), agentText)))
		})
	}
}

// TestGuardNoAgent: a version stays in a user agent, see TestVersions, but nowhere else.
func TestGuardNoAgent(t *testing.T) {
	for text, want := range map[string]string{
		"1.2.3.4.5": "{name:1.2.3.4.5}", "192.0.2.1234": "{name:192.0.2.1234}", "Chrome/124.0.0.0": "Chrome/{124.0.0.0}",
		"Linux 2.6.8.1": "Linux {2.6.8.1}", "rv:1.9.0.2": "rv:{1.9.0.2}",
	} {
		c := testCipher(t, "ipcrypt")
		g := testGuard(c)
		assert.Equal(t, guardtest.Expand(t, c.Cipher, want), string(g.appendText(nil, []byte(text), plainText)))
	}
}

// FuzzGuard inserts an address, in one of many spellings, into a text. The address must not be
// in the output, plain or decoded, even if its neighbours change how it reads; and the guard
// must equal its reference.
func FuzzGuard(f *testing.F) {
	for _, log := range guardtest.Logs(f, "../../testdata") {
		for i, line := range strings.SplitAfter(log, "\n") {
			if i%40 == 0 {
				f.Add(line, uint16(i), []byte("\x20\x01\x0d\xb8\x00\x00\x00\x01"), uint8(i), i%80 == 0)
				f.Add(line, uint16(2*i), []byte{192, 0, 2, 1}, uint8(i/40), i%80 == 0)
			}
		}
	}
	for i, text := range []string{"ec2-1-2-3-4.", "1-2-3-", "%2", "%25", "5%", `\u00`, ".1.2.3.4", "fe80:", ":", "%253", `\x`, `\\x`, `\\u00`, `\`, `%\u00`, "Name/", "Name/a/", "rv:", "(Linux ", "UCWEB", "Name/v", "For ", "NN-1-2-3-", "-1-2-3", "::", "::fP", "x::f", `\x::f`, "%x::f", "1:2:3:4:5:6:"} {
		f.Add(text, uint16(len(text)), []byte{1, 2, 3, 4}, uint8(i), false)
		f.Add(text, uint16(len(text)), []byte{0x20, 1, 5: 7}, uint8(i), true)
		f.Add(text, uint16(0), []byte{0x20, 1, 5: 7}, uint8(i), true)
	}
	full, gone := testCipher(f, "ipcrypt"), testCipher(f, "drop")
	f.Fuzz(func(t *testing.T, text string, at uint16, bits []byte, spelling uint8, agent bool) {
		if len(text) > 1000 {
			return // the search below is quadratic
		}
		addr := netip.AddrFrom4([4]byte(append(bits, 0, 0, 0, 0)))
		if len(bits) > 4 {
			addr = netip.AddrFrom16([16]byte(append(bits, make([]byte, 16)...))).Unmap()
		}
		k := int(at) % (len(text) + 1)
		in := []byte(text[:k] + guardtest.Spell(addr, spelling) + text[k:])
		as := plainText
		if agent {
			as = agentText
		}

		// The reference does not decode escapes in numbers with dashes. See FuzzDashed.
		g := testGuard(full)
		if bytes.Count(decoded(in), []byte("-")) < 3 || !bytes.ContainsAny(in, `%\`) {
			assert.Equal(t, string(guardtest.Raw(full.Cipher, in, agent)), string(g.appendRaw(nil, in, as)), "%q", in)
		}

		if addr.IsUnspecified() {
			return // it stays as ::
		}
		g = testGuard(gone)
		out := g.appendText(nil, in, as)
		for _, reading := range [][]byte{out, decoded(out)} {
			for _, run := range guardtest.Run.FindAllIndex(reading, -1) {
				s := reading[run[0]:run[1]]
				if agent && guardtest.Version(reading, run) || guardtest.InQualified(reading, run) {
					continue
				}
				if guardtest.Holds(s, addr) {
					t.Fatalf("%s is left of %q: %q", addr, in, out)
				}
			}
		}
	})
}

// FuzzSimpleTexts: the guard leaves a text as it is if CannotHoldAddress reports true.
func FuzzSimpleTexts(f *testing.F) {
	for _, text := range []string{"https://meet.example.org/Standup", "https://a.example.org:443/", "GET /a HTTP/1.1 fe80:", "\"a\" b.c d:e f.0"} {
		f.Add([]byte(text))
	}
	redact, err := treatment.NewRedact()
	require.NoError(f, err)
	g := testGuard(testCipher(f, "drop"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if machine.CannotHoldAddress(text, '%') {
			require.Len(t, text, nextStop(text, 0, stopRun|stopEscape|stopDashed))
		}
		if machine.CannotHoldAddress(text, '=') {
			require.Len(t, text, nextStop(text, 0, stopRun|stopEscape|stopSecret|stopDashed))
			require.Equal(t, string(text), string(g.AppendURL(nil, text, redact)))
		}
	})
}

func decoded(text []byte) (out []byte) {
	for len(text) > 0 {
		c, w := unescape(text)
		out, text = append(out, c), text[w:]
	}
	return out
}

func TestUnescape(t *testing.T) {
	for text, want := range map[string]struct {
		c     byte
		width int
	}{
		"%3A": {':', 3}, "%3a1": {':', 3}, "%253A": {':', 5}, "%25252E": {'.', 7}, `\u002e`: {'.', 6},
		"%25%32%45": {'.', 9}, "%%32%45": {'.', 7}, "%25%2%45": {'%', 1}, "%252%45": {'.', 7}, `%3\u0041`: {':', 8}, `\u00253a`: {':', 8},
		`%25\u0032E`: {'.', 10}, `\u0025`: {'%', 6}, `\u0025z`: {'%', 6}, "%25%32": {'%', 1}, "%%2532E": {'%', 1},
		"%": {'%', 1}, "%3": {'%', 1}, "%zz": {'%', 1}, "%25": {'%', 1}, "%2": {'%', 1}, `\u012e`: {'\\', 1}, `\"`: {'\\', 1}, "a": {'a', 1},
	} {
		c, width := unescape([]byte(text))
		assert.Equal(t, want, struct {
			c     byte
			width int
		}{c, width}, text)
	}
}

// TestUnescapeAtOnce is FuzzUnescape for all short texts of the bytes of escapes.
func TestUnescapeAtOnce(t *testing.T) {
	const bytes = `%\u0235Eg`
	for size, n := 1, len(bytes); size <= 6; size, n = size+1, n*len(bytes) {
		text := make([]byte, size)
		for k := range n {
			for i := range text {
				text[i] = bytes[k%len(bytes)]
				k /= len(bytes)
			}
			checkUnescape(t, text)
		}
	}
}

// FuzzUnescape runs checkUnescape at each byte of a text.
func FuzzUnescape(f *testing.F) {
	for _, text := range []string{"%3Aab", "%252E", "%25%32%45", "%%32%45", `%3\u0041`, `\u00253a`, `%\u0032E`, `%25\u0032E`, "%25%3", "%2", `\u00g`, "%%%%%"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for i := range text {
			checkUnescape(t, text[i:])
		}
	})
}

// checkUnescape requires that unescapeLong and mayUnescape agree with unescapeNested on the
// escape that a text begins with.
func checkUnescape(t *testing.T, text []byte) {
	c, width, layers := unescapeNested(text)
	if got, gotWidth, gotLayers := unescapeLong(text); got != c || gotWidth != width || gotLayers != layers {
		t.Fatalf("%q: %q of %d bytes, %d times encoded: want %q, %d, %d", text, got, gotWidth, gotLayers, c, width, layers)
	}
	if !mayUnescape(text, 0) && (c != text[0] || width != 1) {
		t.Fatalf("%q: an escape, %q of %d bytes", text, c, width)
	}
}

func TestEscapeLayers(t *testing.T) {
	for text, want := range map[string]int{
		"=": 0, "=ab": 0, `\u003d`: 0, "%3D": 1, `%3\u0044`: 1, `\u00253D`: 1, "%253D": 2, "%%33D": 2, "%25%33%44": 2, "%25253D": 3, "%25": 0,
	} {
		assert.Equal(t, want, escapeLayers([]byte(text)), text)
	}
}

// TestGuardLongTexts: each text is one run, or one name, of 1 MiB. If anything searched the
// rest of it again for each address, this would take minutes.
func TestGuardLongTexts(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	for _, test := range []struct{ text, want string }{
		{"1.2.3.4a", "{1.2.3.4}a"},
		{"a1.2.3.4", "a{1.2.3.4}"},
		{"1.2.3.4%61", "{1.2.3.4}%61"},
		{"%31.2.3.4a", "{1.2.3.4}a"},
		{"1.2.3.4.a.", "{1.2.3.4}.a."},
		{`1.2.3.4\u0061`, `{1.2.3.4}\u0061`},
		{"/1.2.3.4", "/{1.2.3.4}"},
		{`\\`, `\\`},
		{"%25", "%25"},
		{"%32%35", "%32%35"},
		{"a=", "a="},
		{"%3D", "%3D"},
		{"//", "//"},
		{"%2F", "%2F"},
		{"//%2F%2F%252F%252F%25252F%25252F", "//%2F%2F%252F%252F%25252F%25252F"},
		{".", "."},
	} {
		c := testCipher(t, "ipcrypt")
		g, r := testGuard(c), guardtest.Redact(t)
		n := size / len(test.text)
		text, want := []byte(strings.Repeat(test.text, n)), strings.Repeat(guardtest.Expand(t, c.Cipher, test.want), n)
		for name, got := range map[string][]byte{
			"text":    g.appendText(nil, text, plainText),
			"agent":   g.appendText(nil, text, agentText),
			"request": g.AppendRequest(nil, text, r),
			"url":     g.AppendURL(nil, text, r),
		} {
			if string(got) != want { // too long to print
				t.Errorf("%s, as %s", test.text, name)
			}
		}
	}
}

// testGuard returns a guard without bounds.
func testGuard(c *Cipher) Guard {
	g := Guard{Cipher: c}
	g.Begin(math.MaxInt/2, true)
	g.found, g.strikes = math.MaxInt, math.MaxInt
	return g
}

// testCipher returns the cipher of guardtest.Today in a mode.
func testCipher(t testing.TB, mode string) *Cipher { return NewCipher(guardtest.Cipher(t, mode)) }
