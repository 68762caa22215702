package guard

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"hushpipe/filter/guard/guardtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestVersions: which versions stay in a user agent, and which addresses do not.
func TestVersions(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"product", "Mozilla/5.0 (X11; Linux) Chrome/124.0.0.0 Safari/537.36", ""},
		{"product alone", "curl/8.5.0.1", ""},
		{"in brackets", "(Teams/1.2.3.4; like;Foo_x/1.2.3.4)", ""},
		{"other escapes beside it", "100%20 Chrome/124.0.0.0", ""},
		{"letters in it", "UP.Browser/6.2.3.3.c.1.101 (GUI) MultiZilla/1.7.0.2b", ""},
		{"device behind a product", "Safari/533.1/UCBrowser/8.6.1.62/145/444 HTC/Desire/127.27.163.1", ""},
		{"revision", "Mozilla/5.0 (X11; U; en-US; rv:1.9.0.2) Gecko", ""},
		{"five numbers", "Instagram 16.0.0.47.66 Android (36/16)", ""},
		{"a number past 255", "im; 1.8.4.15957; UCW 34.119.2.731", ""},
		{"name and a blank", "(X11; Linux 2.6.8.1-10mdk; Hotbar 4.5.1.0; HTC Desire HD 1.39.161.1)", ""},
		{"name", "UCBrowser8.3.0.154/70 (KDDI) UC Browser7.7.1.88 NN5.0.3.3", ""},
		{"name with hexadecimal letters at its end", "(J2ME/UCWEB7.9.0.94/139/4) (PPC)/UCWEB7.0.0.33", ""},
		{"v", "MultiZilla v1.4.0.3; HiBrowser/v2.10.1.2 (V4.0.0.0)", ""},

		{"address as a word", "probe for 192.0.2.1", "probe for {192.0.2.1}"},
		{"address in brackets", "bot (192.0.2.1); 5.9.0.1", "bot ({192.0.2.1}); {5.9.0.1}"},
		{"no name before the slash", "/192.0.2.1 (/192.0.2.1)", "/{192.0.2.1} (/{192.0.2.1})"},
		{"URL", "bot (+http://a.b/192.0.2.1)", "bot (+http://a.b/{192.0.2.1})"},
		{"URL, deeper", "bot (+http://a.b/Whois/192.0.2.1 a.b/whois/192.0.2.1)", "bot (+http://a.b/Whois/{192.0.2.1} a.b/whois/{192.0.2.1})"},
		{"URL with the address as its host", "bot (+http://192.0.2.1/ //192.0.2.1)", "bot (+http://{192.0.2.1}/ //{192.0.2.1})"},
		{"URL, glued", "bot +http://a.b/Whois5.9.0.1", "bot +http://a.b/Whois{5.9.0.1}"},
		{"query", "a?Ip=5.9.0.1 Peer=5.9.0.1", "a?Ip={5.9.0.1} Peer={5.9.0.1}"},
		{"name begins with a digit", "1a/192.0.2.1 1A5.9.0.1", "1a/{192.0.2.1} 1A{5.9.0.1}"},
		{"two slashes", "Name//192.0.2.1", "Name//{192.0.2.1}"},
		{"name past the bound", strings.Repeat("N", maxProduct) + "/192.0.2.1", strings.Repeat("N", maxProduct) + "/{192.0.2.1}"},
		{"IPv6", "Name/2001:db8::1 Linux 2::1 UCB::1 rv:2001:db8::1", "Name/{2001:db8::1} Linux {2::1} U{cb::1} rv:{2001:db8::1}"},
		{"port", "Name/192.0.2.1:80 Linux 5.9.0.1:80", "Name/{192.0.2.1}:80 Linux {5.9.0.1}:80"},
		{"escaped", "Name/192%2E0.2.1 Name%2F192.0.2.1 Linux%205.9.0.1", "Name/{192.0.2.1} Name%2F{192.0.2.1} Linux%20{5.9.0.1}"},
		{"version and address", "Chrome/124.0.0.0 for 124.0.0.0", "Chrome/124.0.0.0 for {124.0.0.0}"},
		{"first number of more digits", "Linux 10.0.0.1 UCBrowser10.0.0.1 V10.0.0.1", "Linux {10.0.0.1} UCBrowser{10.0.0.1} V{10.0.0.1}"},
		{"no capital letter", "linux 5.9.0.1 linux5.9.0.1 v 5.9.0.1 x5.9.0.1", "linux {5.9.0.1} linux{5.9.0.1} v {5.9.0.1} x{5.9.0.1}"},
		{"words that announce an address", "IP 5.9.0.1 Client 5.9.0.1 X-Forwarded-For 5.9.0.1 IP5.9.0.1 SourceIp 5.9.0.1",
			"IP {5.9.0.1} Client {5.9.0.1} X-Forwarded-For {5.9.0.1} IP{5.9.0.1} SourceIp {5.9.0.1}"},
		{"five numbers behind such a word", "probe for 192.0.2.1.5 ip=1.2.3.4567 Client: (1.2.3.4.5)", "probe for {name:192.0.2.1.5} ip={name:1.2.3.4567} Client: (1.2.3.4.5)"},
		{"words that end in a short one", "Snapchat 1.2.3.4 Photo1.2.3.4", ""},
		{"other words between", "Linux: 5.9.0.1 Linux  5.9.0.1 Linux (5.9.0.1)", "Linux: {5.9.0.1} Linux  {5.9.0.1} Linux ({5.9.0.1})"},
		{"rv within a word", "serv:192.0.2.1 rv:.1.2.3.4", "serv:{192.0.2.1} rv:.{1.2.3.4}"},
		{"leading zeros", "Ip 192.000.002.001", "Ip {name:192.000.002.001}"},
		{"digits before an address", "foo 1192.0.2.1", "foo {name:1192.0.2.1}"},
		{"behind an escape of httpd", `\x80.1.2.3.4 \x801.2.3.4`, "{name:80.1.2.3.4} {name:801.2.3.4}"},
		{"beside an address with dashes", "ec2-1-2-3-4.1.2.3.4 1.2.3.4.5-1-2-3 NN-1-2-3-4.5.6.7.8 Name/1.2.3.4.5-6-7-8",
			"ec{2.1.2.3}-{name:4.1.2.3.4} {name:1.2.3.4.5}-1-2-3 NN-1-2-3-{name:4.5.6.7.8} Name/1.2.3.4.{5.6.7.8}"},
		{"client of another line", `Name/192.0.2.1 - - Linux 5.9.0.1 [22/ 1.192.0.2.1 - rv:192.0.2.1 -`,
			`Name/{192.0.2.1} - - Linux {5.9.0.1} [22/ {name:1.192.0.2.1} - rv:{192.0.2.1} -`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := testCipher(t, "ipcrypt")
			g := testGuard(c)
			want := test.text
			if test.want != "" {
				want = guardtest.Expand(t, c.Cipher, test.want)
			}
			assert.Equal(t, want, string(g.appendText(nil, []byte(test.text), agentText)))
		})
	}
}

// TestBrokenVersions: which versions stay in a malformed line. What can be the client of a line
// that was written after the slash does not.
func TestBrokenVersions(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"products", ` "Mozilla/5.0 (X11; en; rv:1.9.0.2) Chrome/124.0.0.0 Safari/537.36" "curl/8.5.0" 12`, ""},
		{"numbers of an address", ` "A/1.2.3.4" 'A/1.2.3.4' (A/1.2.3.4) (A/1.2.3.4; b) A/1.2.3.4 (b) A/1.2.3.4 B/5 A/1.2.3.4-b \"A/1.2.3.4\"`, ""},
		{"server", " AH00489: Apache/2.4.66 (Debian) OpenSSL/1.1.1k PHP/8.2.12 configured -- resuming; nginx/1.27.4", ""},
		{"device", ` Safari/533.1/UCBrowser/8.6.1.262/145/444"`, ""},
		{"letters", ` MultiZilla/1.7.0.2b UP.Browser/6.2.3.3.c.1.101 A/1.2.3pre`, ""},
		{"network", " Edg/124.0.0.0 b c - Edg/124.0.0.0", ""},
		{"code of OpenSSL", "SSL Library Error: error:0A000086:SSL routines::certificate", ""},

		{"no product", " 1.2.3 /1.2.3 1a/1.2.3 http://a/1.2.3 x-1.2.3.js", " {name:1.2.3} /{name:1.2.3} 1a/{name:1.2.3} http://a/{name:1.2.3} x-{name:1.2.3.}js"},
		{"the line begins with it", "curl/8.5.0 rv", "curl/{name:8.5.0} rv"},
		{"client of a line behind it", ` A/192.0.2.1 - - [22 A/192.0.2.1 [22 A/1192.0.2.1 - mary`, ` A/{192.0.2.1} - - [22 A/{192.0.2.1} [22 A/{name:1192.0.2.1} - mary`},
		{"client and virtual host", ` A/192.0.2.1 www.example.org - - A/124.0.192.0.2.1 w`, ` A/{192.0.2.1} www.example.org - - A/{name:124.0.192.0.2.1} w`},
		{"client and port, list", ` A/192.0.2.1:80 A/192.0.2.1, b A/192.0.2.1] A/192.0.2.1`, ` A/{192.0.2.1}:80 A/{192.0.2.1}, b A/{192.0.2.1}] A/{192.0.2.1}`},
		{"client and agent", ` A/192.0.2.1 Mozilla/5.0 A/192.0.2.1 "GET / A/192.0.2.1 200`, ` A/{192.0.2.1} Mozilla/5.0 A/{192.0.2.1} "GET / A/{192.0.2.1} 200`},
		{"revision", " rv:1.9192.0.2.1 - rv:192.0.2.1 w", " rv{name::1.9192.0.2.1} - rv:{192.0.2.1} w"},
		{"piece of a client", ` A/0.2.1 - A/0.2.1 w.example - - A/0.2.1:80 A/0.2.1, `, ` A/{name:0.2.1} - A/{name:0.2.1} w.example - - A/{name:0.2.1:80} A/{name:0.2.1}, `},
		{"IPv6", ` A/2001:db8::1" A/1::"`, ` A/{2001:db8::1}" A/{1::}"`},
		{"no code", "SSL :0A000086: error:A000086:SSL", "SSL {name::0A000086:} error{name::A000086:}SSL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := testCipher(t, "ipcrypt")
			g := testGuard(c)
			want := test.text
			if test.want != "" {
				want = guardtest.Expand(t, c.Cipher, test.want)
			}
			assert.Equal(t, want, string(g.appendText(nil, []byte(test.text), brokenText)))
		})
	}
}

var agents = flag.String("agents", "", "a file of user agents, one a line, of which TestShareOfAgents tells how many change")

// TestShareOfAgents: at most 0.3 % of the user agents of a real log change. The lists that
// people collect are not part of the source:
//
//	go test ./filter/guard -run TestShareOfAgents -v -agents FILE
func TestShareOfAgents(t *testing.T) {
	var list []byte
	if *agents != "" {
		var err error
		list, err = os.ReadFile(*agents)
		require.NoError(t, err)
	} else {
		for line := range strings.Lines(guardtest.Logs(t, "../../testdata")["apache-combined-2015.log"]) {
			quoted := strings.Split(line, `"`)
			list = append(append(list, quoted[len(quoted)-2]...), '\n')
		}
	}
	c := testCipher(t, "drop")
	all, changed := 0, 0
	for agent := range strings.Lines(string(list)) {
		g := testGuard(c)
		all++
		if out := g.appendText(nil, []byte(agent), agentText); string(out) != agent {
			changed++
			t.Logf("%q: %q", agent, out)
		}
	}
	require.NotZero(t, all)
	t.Logf("%d of %d change", changed, all)
	assert.LessOrEqual(t, changed, 3*all/1000)
}

// TestVersionsAtOnce compares isVersion and isBrokenVersion with their references for all short
// texts of the tokens that identify versions.
func TestVersionsAtOnce(t *testing.T) {
	tokens := []string{"Na", "b", "v", "rv", "For", "/", " ", "-", "_", ".", ":", "5", "5.9.0.1", "%", "(", `"`}
	size, count := 5, 1
	for range size {
		count *= len(tokens)
	}
	for k := range count {
		text := []byte(nil)
		for rest := k; len(text) == 0 || rest > 0; rest /= len(tokens) {
			text = append(text, tokens[rest%len(tokens)]...)
		}
		for _, span := range guardtest.Run.FindAllIndex(text, -1) {
			start, end := span[0], span[1]
			if bytes.Count(text[start:end], []byte(".")) < 2 {
				continue
			}
			if want := guardtest.Version(text, span); isVersion(text, start, end) != want {
				t.Fatalf("%q, %q: version %t", text, text[start:end], want)
			}
			if want := guardtest.BrokenVersion(string(text), span); isBrokenVersion(text, start, end) && !want {
				t.Fatalf("%q, %q: no version in a malformed line", text, text[start:end])
			}
		}
	}
}
