package filter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func defaultRedact(t testing.TB) *Redact {
	r, err := NewRedact(DefaultRedact)
	require.NoError(t, err)
	return r
}

func TestRedactURL(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"first", "/x?token=abc", "/x?token=-"},
		{"between others", "/x?a=1&token=abc&b=2", "/x?a=1&token=-&b=2"},
		{"empty", "/x?token=&b=2", "/x?token=-&b=2"},
		{"twice", "/x?token=abc&token=def", "/x?token=-&token=-"},
		{"fragment", "/x#access_token=abc&x=1", "/x#access_token=-&x=1"},
		{"case", "/x?Token=abc&JWT=def", "/x?Token=-&JWT=-"},
		{"name encoded", "/x?%74oken=abc&%2574oken=def&t%6Fken=ghi", "/x?%74oken=-&%2574oken=-&t%6Fken=-"},
		{"array", "/x?token[]=abc&token%5B0%5D=def", "/x?token[]=-&token%5B0%5D=-"},
		{"member", "/x?user[password]=abc&login%5Bpwd%5D=def", "/x?user[password]=-&login%5Bpwd%5D=-"},
		{"behind a semicolon", "/x?a=1;token=abc", "/x?a=1;token=-"},
		{"behind an HTML entity", "/x?a=1&amp;token=abc&amp;b=2", "/x?a=1&amp;token=-&amp;b=2"},
		{"JSON escape", `/x?a=1\u0026token=abc\u0026b=2`, `/x?a=1\u0026token=-\u0026b=2`},
		{"JSON escape of =", `/x?token\u003dabc\u0026b=2`, `/x?token\u003d-\u0026b=2`},
		{"value with quotes", `/x?token=a\"b\\&b=2`, `/x?token=-&b=2`},
		{"value that begins with a quote", `/x?token="abc`, "/x?token=-"},
		{"value that begins with an escaped quote", `/x?token=\"abc`, "/x?token=-"},
		{"value in quotes", `/x?token=\"a b&c\\\"d\"&b=2`, "/x?token=-&b=2"},
		{"value that begins with quotes", `/x?token=""a b&b=2`, "/x?token=-&b=2"},
		{"value that begins with a backslash", `/x?token=\\a&b=2`, "/x?token=-&b=2"},
		{"escape inside an escape", `/x?a=%26token%3\u0044abc%2526def%26b`, `/x?a=%26token%3\u0044-%26b`},
		{"value with a blank", "/x?token=a b&b=2", "/x?token=-&b=2"},
		{"value of hexadecimal digits with an encoded delimiter", "/x?token=abcd%26def&b=2", "/x?token=-&b=2"},
		{"value with encoded delimiters", "/x?token=a%26b%3Dc%2526&b=2", "/x?token=-&b=2"},
		{"URL in a value", "/x?next=%2Fy%3Ftoken%3Dabc", "/x?next=%2Fy%3Ftoken%3D-"},
		{"URL in a value, more behind it", "/x?next=%2Fy%3Ftoken%3Dabc%26b%3D2&c=3", "/x?next=%2Fy%3Ftoken%3D-%26b%3D2&c=3"},
		{"URL in a URL in a value", "/?a=%2F%3Fb%3D%252F%253Ftoken%253Dabc%2526x%26c", "/?a=%2F%3Fb%3D%252F%253Ftoken%253D-%2526x%26c"},
		{"URL as it is in a value", "/x?next=http://h/y?sid=abc", "/x?next=http://h/y?sid=-"},
		{"in the path", "/x/sid=abc/y", "/x/sid=-"},
		{"matrix parameter", "/x;session=abc", "/x;session=-"},

		{"longer names", "/x?tokenizer=a&mytoken=b&token_type=c&passwords=d", "/x?tokenizer=a&mytoken=b&token_type=c&passwords=d"},
		{"name without a value", "/x?token&key", "/x?token&key"},
		{"no parameter", "/token/key", "/token/key"},
		{"name as a value", "/x?a=token", "/x?a=token"},

		{"address before it", "/192.0.2.1?token=abc", "/{192.0.2.1}?token=-"},
		{"address as the value", "/?token=192.0.2.1&ip=192.0.2.1", "/?token=-&ip={192.0.2.1}"},
		{"address behind it", "/?sid=1&192.0.2.1", "/?sid=-&{192.0.2.1}"},
		{"address in a longer name's value", "/?mytoken=192.0.2.1", "/?mytoken={192.0.2.1}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := testCipher(t, "ipcrypt")
			g, r := guard{cipher: c}, defaultRedact(t)
			want := expand(t, c, test.want)
			url := func(text string) string {
				return string(g.appendURL(nil, []byte(text), r))
			}
			request := func(text string) string { return string(g.appendRequest(nil, []byte(text), r)) }
			assert.Equal(t, want, url(test.text), "a URL")
			assert.Equal(t, want, request(test.text), "a target alone")
			assert.Equal(t, "GET "+want+" HTTP/1.1", request("GET "+test.text+" HTTP/1.1"), "a request line")
		})
	}
	for _, name := range strings.Split(DefaultRedact, ",") {
		g, r := guard{}, defaultRedact(t)
		assert.Equal(t, "?"+name+"=-&a=1", string(g.appendURL(nil, []byte("?"+name+"=abc&a=1"), r)))
	}
}

func TestRedactRequest(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"GET /?token=a b c HTTP/1.1", "GET /?token=- HTTP/1.1"},
		{"GET /?token=a HTTP/1.1 b HTTP/1.1", "GET /?token=- HTTP/1.1"},
		{"GET /?token=a b c", "GET /?token=-"},
		{`GET /?token=a\" b HTTP/1.1`, "GET /?token=- HTTP/1.1"},
		{"GET / HTTP/192.0.2.1", "GET / HTTP/{192.0.2.1}"},
		{"-", "-"},
		{"", ""},
		{`\x16\x03\x01`, `\x16\x03\x01`},
	} {
		c := testCipher(t, "ipcrypt")
		g, r := guard{cipher: c}, defaultRedact(t)
		assert.Equal(t, expand(t, c, test.want), string(g.appendRequest(nil, []byte(test.text), r)), test.text)
	}
}

func TestRedactMessage(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{" AH01630: denied: /x?token=abc, referer: http://h/?sid=def", " AH01630: denied: /x?token=- referer: http://h/?sid=-"},
		{`he said "/x?token=abc" and`, `he said "/x?token=-" and`},
		{`he said \"/x?token=abc\" and`, `he said \"/x?token=-\" and`},
		{"a 'token=abc' (key=def) <sid=ghi", "a 'token=- (key=- <sid=-"},
		{`a line\ntoken=abc b`, `a line\ntoken=- b`},
		{`a backslash\\ntoken=abc b`, `a backslash\\ntoken=abc b`},
		{`AH1: /x?token="abc`, "AH1: /x?token=-"},
		{`AH1: /x?token=\"abc def\" and`, "AH1: /x?token=- and"},
		{`AH1: /x?token='abc "def' and`, "AH1: /x?token=- and"},
		{`AH1: /x?token=""abc def`, "AH1: /x?token=- def"},
		{"user: 192.0.2.1 token=192.0.2.1 192.0.2.1", "user: {192.0.2.1} token=- {192.0.2.1}"},
	} {
		c := testCipher(t, "ipcrypt")
		g, r := guard{cipher: c}, defaultRedact(t)
		text := []byte(test.text)
		assert.Equal(t, expand(t, c, test.want), string(g.appendURL(nil, text, r)), test.text)
	}
}

// In what begins like a URL a blank belongs to the value.
func TestRedactURLWithBlanks(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"http://x/a b?password=my SECRET", "http://x/a b?password=-"},
		{"http://x/a b?password=my SECRET&b=c d", "http://x/a b?password=-&b=c d"},
		{`http://x/a b?password=my \"SECRET`, "http://x/a b?password=-"},
		{"/a b?password=my SECRET", "/a b?password=-"},
		{"? b&password=my SECRET", "? b&password=-"},
		{` \"http://x/a b?password=my SECRET`, ` \"http://x/a b?password=-`},
		{"x.org/a b?password=my SECRET", "x.org/a b?password=-"},
		{"password=my SECRET", "password=-"},
	} {
		g, r := guard{}, defaultRedact(t)
		assert.Equal(t, test.want, string(g.appendURL(nil, []byte(test.text), r)), test.text)
	}
}

func TestNewRedact(t *testing.T) {
	r, err := NewRedact(" Code , ,x-y")
	require.NoError(t, err)
	g := guard{}
	assert.Equal(t, "?code=-&X-Y=-&token=a", string(g.appendURL(nil, []byte("?code=a&X-Y=a&token=a"), r)))

	r, err = NewRedact("")
	require.NoError(t, err)
	assert.Equal(t, "?token=a&=b", string(g.appendURL(nil, []byte("?token=a&=b"), r)))

	for _, list := range []string{"a=b", "a,b&c", "a b"} {
		_, err = NewRedact(list)
		assert.ErrorContains(t, err, "separated by commas", list)
	}
}
