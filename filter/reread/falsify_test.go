package reread

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/pseudonym"
	"hushpipe/format"
)

// TestFalsify: {ADDRESS} in a line is a pseudonym, and ADDR in the wanted line is any other one
// of the same length. The person is 192.0.2.1, or the user maria.
func TestFalsify(t *testing.T) {
	for name, tt := range map[string]struct {
		format, line, want string
		user               bool // the person is the user
	}{
		"combined": {"auto", `{192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "GET /a?b=c HTTP/1.1" 200 5 "https://www.example.org/x?y" "Mozilla/5.0 (X)"`,
			`ADDR - - [22/Nov/2026:07:23:55 +0000] "GET /xxxxx HTTP/1.1" 200 5 "https://xxxxxxxxxxxxxxxxxxx" "xxxxxxxxxxxxxxx"`, false},
		"site only": {"auto", `{192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5 "https://www.example.org/" "-"`,
			`ADDR - - [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5 "https://xxxxxxxxxxxxxxx/" "-"`, false},
		"a user with blanks": {"combined", `{192.0.2.1} - mary ann [22/Nov/2026:07:23:55 +0000] "OPTIONS * HTTP/1.1" 200 5 "-" "-"`,
			`ADDR - xxxxxxxx [22/Nov/2026:07:23:55 +0000] "OPTIONS * HTTP/1.1" 200 5 "-" "-"`, false},
		"a hash": {"combined", `{192.0.2.1} - h0123456789abcdef [22/Nov/2026:07:23:55 +0000] "-" 200 5 "-" "-"`,
			`ADDR - HASH [22/Nov/2026:07:23:55 +0000] "-" 200 5 "-" "-"`, false},
		"a tunnel": {"combined", `{192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "CONNECT mail.example.org:443 HTTP/1.1" 200 5 "-" "-"`,
			`ADDR - - [22/Nov/2026:07:23:55 +0000] "CONNECT xxxx.xxxxxxx.xxx:443 HTTP/1.1" 200 5 "-" "-"`, false},
		"no request": {"combined", `{192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "\x16\x03 a" 400 5 "-" "-"`,
			`ADDR - - [22/Nov/2026:07:23:55 +0000] "xxxxxxxxxx" 400 5 "-" "-"`, false},
		"the server's name stays": {"auto", `www.example.org:443 {192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "b"`,
			`www.example.org:443 ADDR - - [22/Nov/2026:07:23:55 +0000] "GET /x HTTP/1.1" 200 5 "-" "x"`, false},
		"behind a proxy": {"auto", `{192.0.2.7} - - [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "b" "{192.0.2.1}, {192.0.2.9}" 17`,
			`{192.0.2.7} - - [22/Nov/2026:07:23:55 +0000] "GET /x HTTP/1.1" 200 5 "-" "x" "ADDR, {192.0.2.9}" 17`, false},
		"in another's line": {"auto", `{192.0.2.7} - - [22/Nov/2026:07:23:55 +0000] "GET /a?ip={192.0.2.1} HTTP/1.1" 200 5 "https://ec2-{192.0.2.1}.example/" "b"`,
			`{192.0.2.7} - - [22/Nov/2026:07:23:55 +0000] "GET /a?ip=ADDR HTTP/1.1" 200 5 "https://ec2-ADDR.example/" "b"`, false},
		"no known format": {"auto", `what does {192.0.2.1} do with /a`, `what does ADDR do with /a`, false},
		"JSON": {"auto", `{"ip":"{192.0.2.1}","uri":"/?a=b","time":"2026-11-22T07:23:55+00:00","status":200,"user":"maria","method":"GET","o":{"agent":"a\"b","n":17}}`,
			`{"ip":"ADDR","uri":"/xxxx","time":"2026-11-22T07:23:55+00:00","status":200,"user":"xxxxx","method":"GET","o":{"agent":"xxxx","n":17}}`, false},
		"an error log": {"auto", `[Sun Nov 22 07:23:55.123456 2026] [core:error] [pid 1:tid 2] [client {192.0.2.1}:80] AH1: no /a, referer: https://x/y`,
			`[Sun Nov 22 07:23:55.123456 2026] [core:error] [pid 1:tid 2] [client ADDR:80] xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`, false},
		"an error log of nginx": {"auto", `2026/11/22 07:23:55 [error] 12#34: *5 open() "/a" failed (2: No such file), client: {192.0.2.1}, server: w.example.org, request: "GET /a HTTP/1.1", host: "w.example.org"`,
			`2026/11/22 07:23:55 [error] 12#34: *5 open() "xx" failed (2: No such file), client: ADDR, server: w.example.org, request: "xxxxxxxxxxxxxxx", host: "xxxxxxxxxxxxx"`, false},
		"a policy's format": {`%t %h %u %U %q %{event}e %{Referer}i`, `[22/Nov/2026:07:23:55 +0000] {192.0.2.1} jo /a ?layers=b&c login -`,
			`[22/Nov/2026:07:23:55 +0000] ADDR xx /x ?layers=x&x login -`, false},
		"another's": {"auto", `{192.0.2.7} - maria [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "b"`,
			`{192.0.2.7} - maria [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "b"`, false},
		"by user": {"auto", `{192.0.2.7} - maria [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "b" "{192.0.2.8}"`,
			`ADDR - xxxxx [22/Nov/2026:07:23:55 +0000] "GET /x HTTP/1.1" 200 5 "-" "x" "ADDR"`, true},
		"by user, a host name": {"auto", `{name:h.example.org} - maria [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "b"`,
			`100::NAME - xxxxx [22/Nov/2026:07:23:55 +0000] "GET /x HTTP/1.1" 200 5 "-" "x"`, true},
		"by user, without client": {"auto", `- - maria [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "b"`,
			`- - xxxxx [22/Nov/2026:07:23:55 +0000] "GET /x HTTP/1.1" 200 5 "-" "x"`, true},
		"by user in JSON": {"auto", `{"ip":"{192.0.2.7}","time":"2026-11-22T07:23:55+00:00","remote_user":"maria"}`,
			`{"ip":"ADDR","time":"2026-11-22T07:23:55+00:00","remote_user":"xxxxx"}`, true},
	} {
		for _, mode := range []string{"ipcrypt", "pfx", "keep"} {
			if mode == "keep" && strings.Contains(tt.line, "ec2-{") {
				continue // a clear address is not found there
			}
			t.Run(name+"/"+mode, func(t *testing.T) {
				c := guardtest.Cipher(t, mode)
				parser, err := format.New(tt.format, time.UTC, nil)
				require.NoError(t, err)
				who := Person{Addrs: []pseudonym.Addr{addrOf(t, guardtest.Expand(t, c, "{192.0.2.1}"))}}
				if tt.user {
					who = Person{User: []byte("maria")}
				}
				f := newFalsifier(t, parser, c, who)
				was := guardtest.Expand(t, c, tt.line)
				line := []byte(was)
				if tt.user {
					is, known := f.Is(line)
					assert.True(t, is && known)
				}
				whole := f.Falsify(line)
				assert.Equal(t, tt.line[:4] != "what", whole)
				require.Len(t, line, len(was))
				want := regexp.QuoteMeta(guardtest.Expand(t, c, strings.NewReplacer("{name:", "(", "{1", "{1").Replace(tt.want)))
				const addr = `((?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:\d+\.){3}\d+)`
				want = strings.NewReplacer("ADDR", addr, "HASH", "h[0-9a-f]{16}", "NAME", "[0-9a-f:]+").Replace(want)
				if mode == "keep" && strings.Contains(tt.line, "{name:") {
					want = strings.Replace(want, "100::[0-9a-f:]+", `x\.xxxxxxx\.xxx`, 1)
				}
				got := regexp.MustCompile("^" + want + "$").FindStringSubmatch(string(line))
				require.NotNil(t, got, "%s\n%s", line, want)
				for _, text := range got[1:] {
					if a := addrOf(t, text); mode == "keep" {
						assert.True(t, a.IsReserved(), text)
					} else {
						a, ok := c.Reveal(a)
						assert.True(t, ok && a.IsAllocated(), "%s of %s", a.AppendTo(nil), text)
					}
				}
			})
		}
	}
}

// TestFalsifyNetworks: in a user's line under mask, another network with the same number of
// bits replaces the network.
func TestFalsifyNetworks(t *testing.T) {
	for _, tt := range []struct {
		mode, network string
		plausible     bool
	}{
		{"mask", "192.0.2.0", true}, {"mask", "10.19.21.0", true}, {"mask", "5.0.0.0", true}, {"mask", "2001:db8:1::", true}, {"mask", "fd::", false},
		{"mask=20/44", "192.0.240.0", true}, {"mask=20/44", "2001:db8:120::", true}, {"mask=0/0", "0.0.0.0", false},
	} {
		c := guardtest.Cipher(t, tt.mode)
		f := newFalsifier(t, formatParser(t, "auto"), c, Person{User: []byte("maria")})
		was := tt.network + ` - maria [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "b"`
		line := []byte(was)
		assert.True(t, f.Falsify(line))
		assert.Len(t, line, len(was))
		text, _, _ := strings.Cut(string(line), " ")
		a := addrOf(t, text)
		assert.Equal(t, tt.mode != "mask=0/0", text != tt.network, text)
		assert.Equal(t, text, string(c.AppendAddr(nil, a)), "%s masked again", tt.network)
		if tt.plausible {
			assert.True(t, a.IsAllocated(), text)
		}
	}
}

// TestFalsifyOthersAddress: an IPv4 pseudonym that somebody else has is not chosen.
func TestFalsifyOthersAddress(t *testing.T) {
	c := guardtest.Cipher(t, "pfx")
	text := guardtest.Expand(t, c, "{192.0.2.1}")
	f := newFalsifier(t, formatParser(t, "auto"), c, Person{Addrs: []pseudonym.Addr{addrOf(t, text)}})
	asked := 0
	var last pseudonym.Addr
	f.Taken = func(a pseudonym.Addr) bool {
		last = a
		asked++
		return asked < 5
	}
	line := []byte(text)
	f.Falsify(line)
	assert.Equal(t, 5, asked)
	assert.Equal(t, last, addrOf(t, string(line)))
}

func addrOf(t testing.TB, text string) pseudonym.Addr {
	a, ok := pseudonym.ParseAddr([]byte(text))
	require.True(t, ok, text)
	return a
}

func newFalsifier(t testing.TB, parser format.Parser, c *pseudonym.Cipher, who Person) *Falsifier {
	t.Helper()
	f, err := NewFalsifier([]format.Parser{parser}, []*pseudonym.Cipher{c}, who)
	require.NoError(t, err)
	return f
}

func formatParser(t testing.TB, spec string) format.Parser {
	p, err := format.New(spec, time.UTC, nil)
	require.NoError(t, err)
	return p
}
