package treatment_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/policy"
)

// hasher is a Hasher that can be read.
type hasher struct{}

func (hasher) AppendHash(dst []byte, name string, value []byte) []byte {
	return append(append(append(append(dst, "h("...), name...), ' '), append(value, ')')...)
}

// treatmentOf returns a policy's treatment of a field.
func treatmentOf(t testing.TB, field, text string) *treatment.Treatment {
	p, mistakes := policy.Parse([]byte("[[stream]]\nname = \"a\"\npurpose = \"x\"\nkeep = \"1d\"\nfields = { " + field + " = \"" + text + "\" }\n"))
	require.Empty(t, mistakes)
	return treatment.New(field, p.Streams[0].Fields[0].Treatment)
}

// A time stamp of the usual form is read at once, and asks for each of its bytes.
func TestTreatsTimeStamps(t *testing.T) {
	isCLF := regexp.MustCompile(`^\[\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]$`)
	hour, day := treatmentOf(t, "time", "hour"), treatmentOf(t, "time", "day")
	const stamp = "[27/Nov/2026:08:59:58 +0100]"
	for i := range len(stamp) {
		for c := range 256 {
			v := stamp[:i] + string([]byte{byte(c)}) + stamp[i+1:]
			wantHour, wantDay := "-", "-"
			if isCLF.MatchString(v) {
				wantHour, wantDay = v[:15]+":00:00"+v[21:], v[:13]+"00:00:00"+v[21:]
			}
			require.Equal(t, wantHour, string(hour.AppendTo(nil, []byte(v), nil)), v)
			require.Equal(t, wantDay, string(day.AppendTo(nil, []byte(v), nil)), v)
		}
	}
}

// TestTreatments is what is left of a value. What is left is left of itself, but for
// hashes.
func TestTreatments(t *testing.T) {
	for _, test := range []struct{ field, treatment, value, want string }{
		{"user", "keep", "maria ann", "maria ann"},
		{"user", "drop", "maria", "-"},
		{"user", "hash", "maria", "h(user maria)"},
		{"user", "hash", "-", "-"},
		{"user", "words=2", "ZS C 3 Ro", "ZS C"},
		{"user", "words=2", "ZS", "ZS"},
		{"user", "words=2", " ZS  C  3", "ZS  C"},
		{"user", "words=1", "   ", "-"},
		{"user", "words=1", "-", "-"},

		{"time", "hour", "[27/Nov/2026:08:59:58 +0100]", "[27/Nov/2026:08:00:00 +0100]"},
		{"time", "day", "[27/Nov/2026:08:59:58 -0330]", "[27/Nov/2026:00:00:00 -0330]"},
		{"time", "hour", "27/Nov/2026:08:59:58 +0100", "27/Nov/2026:08:00:00 +0100"},
		{"time", "hour", "2026-11-27T08:59:58.123456Z", "2026-11-27T08:00:00Z"},
		{"time", "day", "2026-11-27T08:59:58,5+01:00", "2026-11-27T00:00:00+01:00"},
		{"time", "day", "2026-11-27 08:59:58.1", "2026-11-27 00:00:00"},
		{"time", "hour", "2026/11/27 08:59:58", "2026/11/27 08:00:00"},
		{"time", "hour", "Fri Nov 27 08:59:58.123456 2026", "Fri Nov 27 08:00:00 2026"},
		{"time", "hour", "Fri Nov  7 08:59:58 2026", "Fri Nov  7 08:00:00 2026"},
		{"time", "day", "[27/Nov/2026:08:59:58 +0100] 1", "-"},
		{"time", "day", "08:59", "-"},

		{"size", "round=1024", "20481", "21504"},
		{"size", "round=1024", "1024", "1024"},
		{"size", "round=1024", "0", "0"},
		{"size", "round=1024", "-", "-"},
		{"size", "round=1024", "-5", "-"},
		{"size", "round=1024", "12345678901234567", "-"},
		{"duration", "round=5", "0.001", "5"},
		{"duration", "round=5", "5.000", "5"},
		{"duration", "round=5", "5ms", "-"},

		{"referer", "path", "https://www.example.org/a/b?c=d#e", "https://www.example.org/a/b"},
		{"referer", "path", "https://www.example.org:8443/a", "https://www.example.org:8443/a"},
		{"referer", "path", "https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443/a"},
		{"referer", "path", "https://[2001:db8::1]", "https://[2001:db8::1]"},
		{"referer", "path", "https://www.example.org", "https://www.example.org"},
		{"referer", "path", "/a?b", "/a"},
		{"referer", "path", "words of a client", "-"},
		{"referer", "path", "about:blank", "-"},
		{"referer", "site", "https://www.example.org/a/b?c=d#e", "https://www.example.org/"},
		{"referer", "site", `https://www.example.org\a`, "https://www.example.org/"},
		{"referer", "site", "https://www.example.org?a", "https://www.example.org/"},
		{"referer", "site", "https://joe@x y/a", "-"},
		{"referer", "site", "/a?b", "/"},
		{"referer", "site", "-", "-"},

		// A user and a password stand where nobody can say how far they reach.
		{"referer", "path", "https://joe:pw@www.example.org:8443/a", "-"},
		{"referer", "path", "http://bob:hunt?er2@h.example.org/x", "-"},
		{"referer", "site", "http://bob:hunt?er2@h.example.org/x", "-"},
		{"referer", "site", "http://bob:hunt#er2@h.example.org/x", "-"},
		{"referer", "path", "http://bob:hunt/er2@h.example.org/x", "-"},
		{"referer", "site", "http://bob:4711/er2@h.example.org/x", "-"},
		{"url", "only=a", "http://bob:4711?a=er2@h.example.org/x", "-"},
		{"referer", "path", "//bob:hunt@h.example.org/x", "-"},
		{"referer", "path", "/to/http://bob:hunt@h.example.org/x", "-"},
		{"referer", "path", "/@bob/x", "/@bob/x"},
		{"referer", "path", "https://bob:geheim", "-"},
		{"referer", "site", "https://bob:geheim/", "-"},
		{"referer", "site", "https://bob:/", "-"},
		{"referer", "site", "https://bob:123456/", "-"},
		{"referer", "site", "https://bob:ge:4711/", "-"},
		{"referer", "site", "https://bob%3Ageheim/", "-"},
		{"referer", "site", "https://[bob:geheim/", "-"},
		{"referer", "site", "https://bob;geheim/", "-"},
		{"referer", "site", "https://", "-"},
		{"referer", "path", "bob:4711", "-"},
		{"referer", "site", "bob:4711", "-"},
		{"referer", "path", "urn:isbn:12345", "-"},

		// What some application takes for a query is none of the path.
		{"url", "path", "/login%3Fuser=bob&mail=bob@example.org", "/login"},
		{"url", "path", "/login%3fuser=bob", "/login"},
		{"url", "path", "/login%25253Fuser=bob", "/login"},
		{"url", "path", "/app;user=bob;q=hiv/x", "/app"},
		{"url", "path", "/app%3Buser=bob", "/app"},
		{"url", "path", "/app%23user=bob", "/app"},
		{"url", "path", "/a%2Fb%25c%3", "/a%2Fb%25c%3"},
		{"url", "path", "http://h/app;user=bob", "http://h/app"},
		{"url", "only=a", "/app;user=bob?b=1&a=2", "/app?a=2"},

		{"url", "only=a,B", "/x?A=1&c=2;b=3&a=4#d", "/x?A=1&b=3&a=4"},
		{"url", "only=a", "/x?b=/y?a=1", "/x"},
		{"url", "only=a", "/x?a", "/x?a"},
		{"url", "only=a", "/x?%61=1", "/x"},
		{"url", "only=a", "http://h?a=1", "http://h?a=1"},
		{"url", "only=a", "*", "*"},
	} {
		what := test.field + " = " + test.treatment + ": " + test.value
		tr := treatmentOf(t, test.field, test.treatment)
		got := string(tr.AppendTo([]byte("before "), []byte(test.value), hasher{}))
		assert.Equal(t, "before "+test.want, got, what)
		if test.treatment != "hash" {
			assert.Equal(t, test.want, string(tr.AppendTo(nil, []byte(test.want), hasher{})), "twice "+what)
		}
	}
}

// TestRequests: a request whose URL is kept keeps its method and its protocol.
func TestRequests(t *testing.T) {
	for _, test := range []struct{ treatment, value, want string }{
		{"keep", "anything", "anything"},
		{"path", "GET /a?b HTTP/1.1", "GET /a HTTP/1.1"},
		{"path", "GET http://h:80/a?b HTTP/1.1", "GET http://h:80/a HTTP/1.1"},
		{"path", "GET http://joe:pw@h/a?b HTTP/1.1", "-"},
		{"path", "GET http://joe:p w@h/a?b HTTP/1.1", "-"},
		{"path", "GET http://bob:hunt?er2@h.example.org/x HTTP/1.1", "-"},
		{"path", "GET http://bob:hunt/er2@h.example.org/x HTTP/1.1", "-"},
		{"path", "GET bob:12345 HTTP/1.1", "-"},
		{"path", "CONNECT bob:geheim HTTP/1.1", "-"},
		{"path", "CONNECT bob:geheim@h:443 HTTP/1.1", "-"},
		{"path", "CONNECT h HTTP/1.1", "-"},
		{"path", "CONNECT  HTTP/1.1", "-"},
		{"site", "CONNECT [2001:db8::1]:443 HTTP/1.1", "CONNECT [2001:db8::1]:443 HTTP/1.1"},
		{"path", "CONNECT h.example:443 HTTP/1.1", "CONNECT h.example:443 HTTP/1.1"},
		{"path", "OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1"},
		{"path", "GET /a b?c d HTTP/2.0", "GET /a b HTTP/2.0"},
		{"path", "GET /a?b", "GET /a"},
		{"path", "GET maria HTTP/1.1", "-"},
		{"path", "maria?x /a HTTP/1.1", "-"},
		{"path", "GET /a HTTP/maria", "-"},
		{"path", `\x16\x03\x01`, "-"},
		{"path", "-", "-"},
		{"path", "/a?b", "/a"},
		{"site", "GET /a?b HTTP/1.1", "GET / HTTP/1.1"},
		{"drop", "GET /a?b HTTP/1.1", "-"},
		{"only=b", "GET /a?b=1&c=2 HTTP/1.1", "GET /a?b=1 HTTP/1.1"},
	} {
		tr := treatmentOf(t, "url", test.treatment)
		got := string(tr.AppendRequest(nil, []byte(test.value), hasher{}))
		assert.Equal(t, test.want, got, "%s: %s", test.treatment, test.value)
		assert.Equal(t, got, string(tr.AppendRequest(nil, []byte(got), hasher{})), "twice")
	}
	assert.Equal(t, "?b=1", string(treatmentOf(t, "url", "only=b").AppendQuery(nil, []byte("?a=2&b=1"), hasher{})))
	assert.Empty(t, string(treatmentOf(t, "url", "path").AppendQuery(nil, []byte("?a=2&b=1"), hasher{})))
}

// TestCompile: a field or an output that the input has not is refused.
func TestCompile(t *testing.T) {
	for _, test := range []struct{ input, stream, want string }{
		{"combined", `fields = { client = "ipcrypt", size = "keep" }`, ""},
		{"common", `fields = { agent = "keep" }`, "the format of the input has no agent"},
		{"auto", `fields = { agent = "keep" }`, ""},
		{"combined", `fields = { other = { "%D" = "keep" } }`, "the format of the input has no %D"},
		{`%h %D`, `fields = { other = { "%D" = "keep" } }`, ""},
		{`%{sec}t %h`, `fields = { time = "day" }`, "time: day of %{sec}t is not supported"},
		{`%{sec}t %h`, `fields = { time = "keep" }`, ""},
		{`%h %u %t`, `fields = { user = "keep" }`, "user: %u is often a password where the status is 401"},
		{`%h %u %t`, `fields = { user = "words=1" }`, "user: %u is often a password where the status is 401"},
		{`%h %u %t`, `fields = { user = "hash" }`, ""},
		{`%h %u %t`, `fields = { user = "drop" }`, ""},
		{`%h %u %t`, `fields = { time = "keep" }`, ""},
		{`%h %u %t %200>s`, `fields = { user = "keep" }`, "user: %u is often"},
		{`%h %u %t %!401s`, `fields = { user = "keep" }`, "user: %u is often"},
		{`%h %u %t %>s`, `fields = { user = "keep" }`, ""},
		{`%h %u %t %s`, `fields = { user = "keep" }`, ""},
		{`%h %t %{REMOTE_USER}e`, `fields = { other = { "%{REMOTE_USER}e" = "keep" } }`, "user: %{REMOTE_USER}e is often"},
		{"auto", `fields = { user = "keep" }`, ""},

		// Words with blanks between them are of nobody knows which field.
		{`%h %l %u %t "%r" %>s %b`, `fields = { user = "words=2", time = "keep" }`, ""},
		{`%h %l %u %{UNIQUE_ID}e %t "%r" %>s %b`, `fields = { status = "keep", other = { "%{UNIQUE_ID}e" = "keep" } }`, "words of %u could end up in %{UNIQUE_ID}e"},
		{`%h %l %u %{UNIQUE_ID}e %t "%r" %>s %b`, `fields = { user = "keep", other = { "%{UNIQUE_ID}e" = "keep" } }`, "words of %u could end up in %{UNIQUE_ID}e"}, // with status 401
		{`%h %l %u %{UNIQUE_ID}e %t "%r" %>s %b`, `fields = { user = "keep", other = { "%{UNIQUE_ID}e" = "hash" } }`, ""},
		{`%h %l %u "%{UNIQUE_ID}e" %t "%r" %>s %b`, `fields = { other = { "%{UNIQUE_ID}e" = "keep" } }`, ""},
		{`%h %u %{Host}i %t "%r" %>s`, `fields = { host = "keep" }`, "words of %u could end up in %{Host}i"},
		{`%h %{Host}i %u %t "%r" %>s`, `fields = { user = "keep" }`, ""}, // a host has no blanks
		{`%h %l %u %t "%r" %>s %b %{Referer}i %{User-Agent}i`, `fields = { agent = "keep" }`, "words of %{Referer}i could end up in %{User-Agent}i"},
		{`%h %l %u %t "%r" %>s %b %{Referer}i %{User-Agent}i`, `fields = { agent = "keep", referer = "site" }`, "words of %{Referer}i could end up in %{User-Agent}i"},
		{`%h %l %u %t "%r" %>s %b %{Referer}i %{User-Agent}i`, `fields = { agent = "keep", referer = "keep" }`, ""},
		{`%h %l %u %t "%r" %>s %b %{Referer}i %{User-Agent}i`, `fields = { referer = "site" }`, ""},
		{`%h %l %u %t "%r" %>s %b %{Referer}i | %{User-Agent}i`, `fields = { agent = "keep" }`, "words of %{Referer}i could end up in %{User-Agent}i"},
		{`%h %l %u %t "%r" %>s %b %{Referer}i\t%{User-Agent}i`, `fields = { agent = "keep" }`, ""}, // httpd escapes a tab
		{`%h %u %t %{Referer}i`, `fields = { referer = "keep" }`, ""},
		{`%h %u %{%Y-%m-%d %H:%M}t %{Referer}i`, `fields = { referer = "keep" }`, ""},
		{`%h %u %{sec}t %{Referer}i`, `fields = { referer = "keep" }`, "words of %u could end up in %{Referer}i"},
		{`%h %u %200t %{Referer}i`, `fields = { referer = "keep" }`, "words of %u could end up in %{Referer}i"},
		{`%h %u %b %{Referer}i`, `fields = { size = "round=10" }`, "words of %u could end up in %b"},
		{`%h %t %{X}i %>s %u`, `fields = { user = "keep", other = { "%{X}i" = "keep" } }`, "words of %{X}i could end up in %>s"},
		{`%t %u %m %U %>s`, `fields = { url = "keep" }`, "words of %u could end up in %m"},
		{`%t %u %h %{X}i %>s`, `fields = { client = "keep" }`, "words of %u could end up in %h"},
		{`%t %u %h %{X}i %>s`, `fields = { client = "ipcrypt" }`, ""},
		{`%h %t "%U %u" %>s`, `fields = { user = "keep" }`, "words of %U could end up in %u"},
		{`%{X-Forwarded-For}i %h %l %u %t "%r" %>s`, `fields = { user = "keep", url = "path" }`, ""},
		{"vhost_combined", `fields = { host = "keep", user = "keep" }`, ""},
		{"json", `fields = { time = "keep", other = { "id" = "keep" } }`, ""},
		{"auto", `fields = { time = "keep", other = { "id" = "keep" } }`, ""},
		{"json", `fields = { other = { "%D" = "keep" } }`, "the format of the input has no %D"},
		{"error", `fields = { client = "mask", time = "day", level = "keep", module = "keep", message = "keep" }`, ""},
		{"error:[%t] [%l] %M", `fields = { time = "keep", message = "keep" }`, ""},
		{"error", `fields = { level = "keep" }`, "without its time, no line of an error log has a day"},
		{"error", `fields = { time = "keep", status = "keep" }`, "an error log has no status"},
		{"error", `fields = { time = "keep", other = { "%P" = "keep" } }`, "an error log has no %P"},
		{"error", "fields = { time = \"keep\" }\nformat = '%t'", "lines of an error log keep theirs"},
		{"combined", `format = "%h"`, "format without fields is not supported yet"},
		{"combined", "fields = { url = \"keep\" }\nformat = '%m %U%q %H %{event}e %>s'", ""},
		{"combined", "fields = { url = \"keep\" }\nformat = '%D'", "the format of the input has no %D"},
	} {
		p, mistakes := policy.Parse([]byte("events = [\"http\"]\n[[stream]]\nname = \"a\"\npurpose = \"x\"\nkeep = \"1d\"\n" + test.stream + "\n"))
		if len(mistakes) > 0 {
			assert.NotEmpty(t, test.want, "%s: %v", test.stream, mistakes)
			continue
		}
		parser, err := format.New(test.input, time.UTC, nil)
		require.NoError(t, err)
		_, err = treatment.Compile(&p.Streams[0], parser)
		if test.want == "" {
			assert.NoError(t, err, test.stream)
		} else {
			assert.ErrorContains(t, err, test.want, test.stream)
		}
	}
}

// TestEpochs: of a time in seconds since 1970, the hour or the day has just begun where the
// process is.
func TestEpochs(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 31, 7, 0, time.Local)
	for treatment, want := range map[string]time.Time{"hour": at.Add(-31*time.Minute - 7*time.Second), "day": time.Date(2026, 11, 22, 0, 0, 0, 0, time.Local)} {
		tr := treatmentOf(t, "time", treatment)
		for _, unit := range []int64{1, 1e3, 1e6, 1e9} {
			for _, fraction := range []string{"", ".25"} {
				got := tr.AppendTo(nil, fmt.Append(nil, at.Unix()*unit, fraction), nil)
				assert.Equal(t, fmt.Sprint(want.Unix()*unit), string(got), "%s, %d", treatment, unit)
				assert.Equal(t, string(got), string(tr.AppendTo(nil, got, nil)), "twice")
			}
		}
		for _, v := range []string{"12345", "1795330000x", "1795330000.", "99999999999999999999"} {
			assert.Equal(t, "-", string(tr.AppendTo(nil, []byte(v), nil)), v)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	dst := make([]byte, 0, 1000)
	for _, test := range [][3]string{
		{"time", "hour", "[27/Nov/2026:08:59:58 +0100]"}, {"user", "words=1", "a b"}, {"size", "round=7", "20"},
		{"referer", "site", "https://www.example.org/a?b"}, {"url", "only=a,b", "/x?a=1&c=2&B=3"},
	} {
		tr, v := treatmentOf(t, test[0], test[1]), []byte(strings.Clone(test[2]))
		assert.Zero(t, testing.AllocsPerRun(10, func() { dst = tr.AppendTo(dst[:0], v, nil) }), test)
	}
}
