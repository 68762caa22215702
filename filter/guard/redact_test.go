package guard

import (
	"bytes"
	"strings"
	"testing"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/treatment"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
		{"path parameter", "/x;session=abc", "/x;session=-"},
		{"path parameter before a query", "/x;jsessionid=AB12!-34?room=y&b=2", "/x;jsessionid=-?room=y&b=2"},
		{"path parameter before a segment", "http://h/x;a=1;JSESSIONID=abc/y;sid=def;b=2#z", "http://h/x;a=1;JSESSIONID=-/y;sid=-;b=2#z"},
		{"path parameter, percent-encoded", "/x%3Bjsessionid%3Dabc?b=2", "/x%3Bjsessionid%3D-"},
		{"no path behind a ?", "/x?a=1;token=ab/c;d?e#f&b=2", "/x?a=1;token=-&b=2"},
		{"no path in a query alone", "a=/x;token=ab/c?d&b=2", "a=/x;token=-&b=2"},
		{"fragment of a referrer", "https://h/cb#state=abc&access_token=def&expires_in=3600", "https://h/cb#state=-&access_token=-&expires_in=3600"},

		{"user and password", "http://joe:secret@h.org/x?a=1", "http://-@h.org/x?a=1"},
		{"user alone", "https://joe@h.org", "https://-@h.org"},
		{"no scheme", "//joe:secret@h.org:8443/x", "//-@h.org:8443/x"},
		{"more slashes", "http:////joe:secret@h.org/x", "http:////-@h.org/x"},
		{"slashes of JSON", `https:\/\/joe:secret@h.org\/a@b`, `https:\/\/-@h.org\/a@b`},
		{"password of odd bytes", `http://joe:a=b&c;d%2Fe\"f g@h@h.org/?a=b`, "http://-@h.org/?a=b"},
		{"password that begins a URL", "http://joe:http://@h.org/", "http://joe:http://@h.org/"},
		{"user in a value", "/x?next=https://joe:a@h.org/&mail=a@b.org", "/x?next=https://-@h.org/&mail=a@b.org"},
		{"host in a value, an @ behind it", "/x?next=https://h.org&mail=a@b.org", "/x?next=https://h.org&mail=a@b.org"},
		{"user in an encoded URL", "/x?next=https%3A%2F%2Fjoe%3Apw%40h.org%2F%3Ftoken%3Dabc%26b%3D2&c=d@e", "/x?next=https%3A%2F%2F-%40h.org%2F%3Ftoken%3D-%26b%3D2&c=d@e"},
		{"user in an encoded URL with an & in the password", "/x?next=%2f%2fjoe%3Aa%26b%2540c%40h.org%2F@", "/x?next=%2f%2f-%40h.org%2F@"},
		{"user in a URL encoded twice", "/?a=%2F%3Fb%3Dhttp%253A%252F%252Fjoe%253Apw%2540h%252F%26c%40d", "/?a=%2F%3Fb%3Dhttp%253A%252F%252F-%2540h%252F%26c%40d"},
		{"user in a half-encoded URL", "/?a=https%3A//joe:pw%40h/", "/?a=https%3A//-%40h/"},
		{"user in JSON escapes", `http:\u002f\u002Fjoe:pw\u0040h/`, `http:\u002f\u002F-\u0040h/`},
		{"two users", "http://a:b@h/http://c:d@i/", "http://-@h/http://-@i/"},
		{"user and parameters", "/?token=a&u=//b:c@h/?token=d", "/?token=-&u=//-@h/?token=-"},
		{"user that is an address", "http://192.0.2.1:a@192.0.2.1/", "http://-@{192.0.2.1}/"},
		{"user that begins with =", "http://=a@h/ //%3Da%40h/?u=//=a&b@h/", "http://-@h/ //-%40h/?u=//=a&b@h/"},
		{"no user", "http://h/a@b?c=d@e#f@g", "http://h/a@b?c=d@e#f@g"},
		{"nobody before the @", "http://@h/", "http://@h/"},

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
			g, r := testGuard(c), guardtest.Redact(t)
			want := guardtest.Expand(t, c.Cipher, test.want)
			url := func(text string) string {
				return string(g.AppendURL(nil, []byte(text), r))
			}
			request := func(text string) string { return string(g.AppendRequest(nil, []byte(text), r)) }
			assert.Equal(t, want, url(test.text), "a URL")
			assert.Equal(t, want, request(test.text), "a target alone")
			assert.Equal(t, "GET "+want+" HTTP/1.1", request("GET "+test.text+" HTTP/1.1"), "a request line")
		})
	}
	for _, name := range strings.Split(treatment.DefaultRedact, ",") {
		g, r := Guard{}, guardtest.Redact(t)
		assert.Equal(t, "?"+name+"=-&a=1", string(g.AppendURL(nil, []byte("?"+name+"=abc&a=1"), r)))
	}
}

func TestRedactRequest(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"GET /?token=a b c HTTP/1.1", "GET /?token=- HTTP/1.1"},
		{"GET /?token=a HTTP/1.1 b HTTP/1.1", "GET /?token=- HTTP/1.1"},
		{"GET /?token=a b c", "GET /?token=-"},
		{`GET /?token=a\" b HTTP/1.1`, "GET /?token=- HTTP/1.1"},
		{"GET / HTTP/192.0.2.1", "GET / HTTP/{192.0.2.1}"},
		{"CONNECT joe:secret@h.org:443 HTTP/1.1", "CONNECT -@h.org:443 HTTP/1.1"},
		{"GET joe:a=b&c@h.org/x@y?token=a HTTP/1.0", "GET -@h.org/x@y?token=- HTTP/1.0"},
		{"GET http://joe:secret@h.org/ HTTP/1.1", "GET http://-@h.org/ HTTP/1.1"},
		{"joe:secret@h.org:443", "-@h.org:443"},
		{"GET /@joe HTTP/1.1", "GET /@joe HTTP/1.1"},
		{"GET * HTTP/1.1", "GET * HTTP/1.1"},
		{"-", "-"},
		{"", ""},
		{`\x16\x03\x01`, `\x16\x03\x01`},
		{`\x16\x03\x01 a@b`, `\x16\x03\x01 a@b`},
	} {
		c := testCipher(t, "ipcrypt")
		g, r := testGuard(c), guardtest.Redact(t)
		assert.Equal(t, guardtest.Expand(t, c.Cipher, test.want), string(g.AppendRequest(nil, []byte(test.text), r)), test.text)
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
		{`no "http://h" for "joe@h.org"`, `no "http://h" for "joe@h.org"`},
		{`AH1: proxy to http://joe:a'b@h.org/x failed, \"ftp://joe@h\"`, `AH1: proxy to http://-@h.org/x failed, \"ftp://-@h\"`},
		{"user: 192.0.2.1 token=192.0.2.1 192.0.2.1", "user: {192.0.2.1} token=- {192.0.2.1}"},
	} {
		c := testCipher(t, "ipcrypt")
		g, r := testGuard(c), guardtest.Redact(t)
		text := []byte(test.text)
		assert.Equal(t, guardtest.Expand(t, c.Cipher, test.want), string(g.AppendURL(nil, text, r)), test.text)
	}
}

// TestRedactURLWithBlanks: if a text begins like a URL, a blank is part of the value.
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
		g, r := Guard{}, guardtest.Redact(t)
		assert.Equal(t, test.want, string(g.AppendURL(nil, []byte(test.text), r)), test.text)
	}
}

func TestNewRedact(t *testing.T) {
	for _, test := range []struct {
		lists []string
		want  string
	}{
		{nil, "?token=-&code=-&x-y=a&z=a&=b"},
		{[]string{""}, "?token=-&code=-&x-y=a&z=a&=b"},
		{[]string{" X-y , ,"}, "?token=-&code=-&x-y=-&z=a&=b"},
		{[]string{"x-y", "z"}, "?token=-&code=-&x-y=-&z=-&=b"},
		{[]string{"=X-y"}, "?token=a&code=a&x-y=-&z=a&=b"},
		{[]string{"x-y", "=z", "token"}, "?token=-&code=a&x-y=a&z=-&=b"},
		{[]string{"="}, "?token=a&code=a&x-y=a&z=a&=b"},
	} {
		r, err := treatment.NewRedact(test.lists...)
		require.NoError(t, err)
		g := Guard{}
		assert.Equal(t, test.want, string(g.AppendURL(nil, []byte("?token=a&code=a&x-y=a&z=a&=b"), r)), "%q", test.lists)
		assert.Equal(t, "//-@h", string(g.AppendURL(nil, []byte("//joe@h"), r)), "%q", test.lists)
	}
	for _, list := range []string{"a=b", "a,b&c", "a b", "==a", "/a"} {
		_, err := treatment.NewRedact(list)
		assert.ErrorContains(t, err, "separated by commas", list)
	}
}

// TestRedactLongTexts, like TestGuardLongTexts, would take minutes if bytes were read again for
// each name or user before them.
func TestRedactLongTexts(t *testing.T) {
	const size = 1 << 20
	deep, slash := "", "/"
	for range 700 {
		deep, slash = deep+slash+slash, "%25"+strings.TrimLeft(slash, "%/")
		if slash == "%25" {
			slash = "%2F"
		}
	}
	for _, test := range []struct{ text, want string }{
		{"//a@", "//-@"},
		{"//a@b=/", "//-@b=/"},
		{"//a", "//a"},
		{"//a%40b", "//-%40b"},
		{"//a@b?token=c&", ""},
		{"token=a&", "token=-&"},
		{"/a;sid=b", "/a;sid=-"},
		{deep, deep},
	} {
		g, r := Guard{Cipher: testCipher(t, "ipcrypt")}, guardtest.Redact(t)
		n := size / len(test.text)
		got := string(g.AppendURL(nil, bytes.Repeat([]byte(test.text), n), r))
		if want := strings.Repeat(test.want, n); test.want != "" && got != want { // too long to print
			t.Errorf("%.20s…", test.text)
		}
		assert.NotContains(t, got, "//a@")
	}
}
