package guard

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/pseudonym"
)

func TestClient(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"192.0.2.1", "{192.0.2.1}"},
		{"192.0.2.1:443", "{192.0.2.1}"},
		{"192.0.2.1:", "{192.0.2.1}"},
		{"2001:DB8::1", "{2001:db8::1}"},
		{"[2001:db8::1]", "{2001:db8::1}"},
		{"[2001:db8::1]:443", "{2001:db8::1}"},
		{"[192.0.2.1]", "{192.0.2.1}"},
		{"fe80::1%eth0", "{fe80::1}"},
		{"[fe80::1%25eth0]:443", "{fe80::1}"},
		{"::ffff:192.0.2.1", "{192.0.2.1}"},
		{"::", "{::}"},

		{"host.example.org", "{name:host.example.org}"},
		{"Host.EXAMPLE.org", "{name:host.example.org}"},
		{"unknown", "{name:unknown}"},
		{"_hidden", "{name:_hidden}"},
		{"host:443", "{name:host}"},
		{"Host.example.org:11111", "{name:host.example.org}"},
		{"192.0.2.1.5", "{name:192.0.2.1.5}"},
		{"192.0.2.1, 192.0.2.2", "{name:192.0.2.1, 192.0.2.2}"},
		{"192.0.2.1%eth0", "{name:192.0.2.1%eth0}"},
		{"192.0.2.1:http", "{name:192.0.2.1:http}"},
		{"[2001:db8::1", "{name:[2001:db8::1}"},
		{"[]", "{name:[]}"},
		{"[]:1", "{name:[]:1}"},
		{"%", "{name:%}"},
		{":", "{name::}"},
		{" ", "{name: }"},
		{"--", "{name:--}"},
		{"\x00\xff", "{name:\x00\xff}"},

		{"-", "-"},
		{"", ""},
	} {
		c := testCipher(t, "ipcrypt")
		g := testGuard(c)
		got, who := g.AppendClient([]byte("x "), []byte(test.text))
		assert.Equal(t, "x "+guardtest.Expand(t, c.Cipher, test.want), string(got), test.text)
		assert.Equal(t, test.text != "" && test.text != "-", who != nil, test.text)
	}
}

// TestClientCounted: each spelling of an address counts as the same client.
func TestClientCounted(t *testing.T) {
	g := testGuard(testCipher(t, "mask=0/0"))
	address := func(text string) pseudonym.Addr {
		_, who := g.AppendClient(nil, []byte(text))
		return who.Addr
	}
	assert.Equal(t, address("192.0.2.1"), address("::ffff:192.0.2.1"))
	assert.Equal(t, address("[2001:db8::1]:80"), address("2001:DB8:0::1"))
	assert.Equal(t, address("host"), address("HOST"))
	assert.Equal(t, address("host:11111"), address("host:11112"))
	assert.NotEqual(t, address("192.0.2.1"), address("192.0.2.2"))
	assert.NotEqual(t, address("host"), address("host2"))
}

func TestClientList(t *testing.T) {
	for _, test := range []struct{ text, want, first string }{
		{"192.0.2.1", "{192.0.2.1}", "192.0.2.1"},
		{"192.0.2.1, 2001:db8::1,192.0.2.2", "{192.0.2.1}, {2001:db8::1},{192.0.2.2}", "192.0.2.1"},
		{"192.0.2.1:80, [2001:db8::1]:80", "{192.0.2.1}, {2001:db8::1}", "192.0.2.1"},
		{` 192.0.2.1 , \"2001:db8::1\"`, ` {192.0.2.1} , \"{2001:db8::1}\"`, "192.0.2.1"},
		{"unknown, 192.0.2.1", "{name:unknown}, {192.0.2.1}", ""},
		{"-, 192.0.2.1", "-, {192.0.2.1}", ""},
		{",192.0.2.1,", ",{192.0.2.1},", ""},
		{"10.1.2.3 192.0.2.1", "{name:10.1.2.3 192.0.2.1}", ""},
		{`"192.0.2.1"	`, `"{192.0.2.1}"	`, "192.0.2.1"},
		{`\"-\", \"\", "`, `\"-\", \"\", "`, ""},
		// No escape of JSON or httpd is cut in half.
		{`\ufffd1, 1\u00e4`, `{name:\ufffd1}, {name:1\u00e4}`, ""},
		{`\x411.2.3.4`, `{name:\x411.2.3.4}`, ""},
		{`\"\t192.0.2.1\n\"`, `\"{name:\t192.0.2.1\n}\"`, ""},
		{`\\192.0.2.1\\`, `{name:\\192.0.2.1\\}`, ""},
		{`1\\"`, `{name:1\\}"`, ""},
		{`1\\\"`, `{name:1\\}\"`, ""},
		{`\`, `{name:\}`, ""},
		{"-", "-", ""},
		{"", "", ""},
	} {
		c := testCipher(t, "ipcrypt")
		g := testGuard(c)
		got, who := g.AppendClientList(nil, []byte(test.text), true)
		assert.Equal(t, guardtest.Expand(t, c.Cipher, test.want), string(got), test.text)
		if test.first != "" {
			want, _ := pseudonym.ParseAddr([]byte(test.first))
			assert.Equal(t, want, who.Addr, test.text)
		}
	}
}

func TestForwarded(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"for=192.0.2.1", "for={192.0.2.1}"},
		{`for=\"[2001:db8::1]:4711\"`, `for=\"{2001:db8::1}\"`},
		{`For="[2001:db8::1]"; Proto=https;BY=192.0.2.2`, `For="{2001:db8::1}"; Proto=https;BY={192.0.2.2}`},
		{"for=192.0.2.1, for=192.0.2.2:80;by=_proxy", "for={192.0.2.1}, for={192.0.2.2};by={name:_proxy}"},
		{"for=unknown, for=_mdn", "for={name:unknown}, for={name:_mdn}"},
		{"for = host", "for = {name:host}"},
		{"host=192.0.2.1:80;proto=http", "host={192.0.2.1}:80;proto=http"},
		{"host=www.example.org;token=abc", "host=www.example.org;token=-"},
		{`token=abc def;x=\"a b\"`, `token=-;x=\"a b\"`},
		{"192.0.2.1", "{192.0.2.1}"},
		{"gateway, for=192.0.2.1", "{name:gateway}, for={192.0.2.1}"},
		{"for=", "for="},
		{";,", ";,"},
		{"-", "-"},
		{"", ""},
	} {
		c := testCipher(t, "ipcrypt")
		g := testGuard(c)
		got, _ := g.AppendForwarded(nil, []byte(test.text), guardtest.Redact(t), true)
		assert.Equal(t, guardtest.Expand(t, c.Cipher, test.want), string(got), test.text)
	}

	g := testGuard(testCipher(t, "ipcrypt"))
	_, who := g.AppendForwarded(nil, []byte("by=192.0.2.9;for=192.0.2.1, for=192.0.2.2"), guardtest.Redact(t), true)
	want, _ := pseudonym.ParseAddr([]byte("192.0.2.1"))
	assert.Equal(t, want, who.Addr)
	_, who = g.AppendForwarded(nil, []byte("by=192.0.2.9"), guardtest.Redact(t), true)
	assert.Nil(t, who)
}

// TestClientListBounds: the middle of a long list is struck out, and its first half may use
// only half of the bytes by which the line may grow.
func TestClientListBounds(t *testing.T) {
	for _, test := range []struct {
		name, list, want string
		room             int
	}{
		{"sixteen", strings.Repeat("h,", 15) + "h", strings.Repeat("{name:h},", 15) + "{name:h}", 1 << 20},
		{"twenty", strings.Repeat("h, ", 19) + "192.0.2.1", "{name:h}, " + strings.Repeat("{name:h}, ", 7)[:0] +
			strings.TrimSuffix(strings.Repeat("{name:h}, ", 7), " ") + strings.Repeat("-,", 4) + strings.Repeat(" {name:h},", 7) + " {192.0.2.1}", 1 << 20},
		{"empty ones", strings.Repeat(",", 30), strings.Repeat(",", 30), 1 << 20},
		{"little room", strings.Repeat("h, ", 9) + "192.0.2.1", "{name:h}, {name:h}, " + strings.Repeat("-, ", 3) + "{name:h}, {name:h}, -, -, -", 60},
	} {
		c := testCipher(t, "ipcrypt")
		g := Guard{Cipher: c}
		g.Begin(test.room, true)
		got, who := g.AppendClientList(nil, []byte(test.list), true)
		assert.Equal(t, guardtest.Expand(t, c.Cipher, test.want), string(got), test.name)
		assert.Equal(t, test.list[0] != ',', who != nil)
	}
	c := testCipher(t, "ipcrypt")
	g := Guard{Cipher: c}
	g.Begin(1<<20, true)
	got, _ := g.AppendForwarded(nil, []byte(strings.Repeat("for=h;", 39)+"for=h"), guardtest.Redact(t), true)
	assert.Equal(t, guardtest.Expand(t, c.Cipher, strings.Repeat("for={name:h};", 16)+strings.Repeat("-;", 8)+strings.Repeat("for={name:h};", 15)+"for={name:h}"), string(got))
}
