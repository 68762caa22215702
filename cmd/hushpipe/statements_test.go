package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// visit is a request, and what a reader of each statement expects to be kept of it: by
// policy and stream the line, in which <client>, <time>, <hash>, <size> and <µs> stand for
// what differs. What is not listed goes nowhere.
type visit struct {
	request string // method, URL
	user    string
	headers map[string]string
	want    map[string]string
}

// statementRequests are what visitors of the sites do for which the policies are.
var statementRequests = []visit{
	{"GET /index.html?maria=1", "", map[string]string{"Referer": "https://www.google.com/search?q=hotel", "User-Agent": "Mozilla/5.0"}, map[string]string{
		"000-lug/web":      `<client> - - <time> "GET /index.html?maria=1 HTTP/1.1" 200 <size> "https://www.google.com/search?q=hotel" "Mozilla/5.0"`,
		"004-blog/tilgang": `<client> - - <time> "GET /index.html?maria=1 HTTP/1.1" 200 <size> "https://www.google.com/search" "Mozilla/5.0"`,
	}},
	{"GET /gone?q=maria&token=geheim", "", nil, map[string]string{
		"000-lug/web":        `<client> - - <time> "GET /gone?q=maria&token=- HTTP/1.1" 404 <size> "-" "-"`,
		"002-blf/ereignisse": `<time> not-found <client> - "/gone?q=maria" "-"`,
		"004-blog/tilgang":   `<client> - - <time> "GET /gone?q=maria&token=- HTTP/1.1" 404 <size> "-" "-"`,
	}},
	{"POST /kontakt/neu?name=maria", "", map[string]string{"Referer": "https://www.example.org/kontakt?name=maria"}, map[string]string{
		"000-lug/web":        `<client> - - <time> "POST /kontakt/neu?name=maria HTTP/1.1" 404 <size> "https://www.example.org/kontakt?name=maria" "-"`,
		"002-blf/ereignisse": `<time> not-found <client> - "/kontakt/neu" "https://www.example.org/kontakt"`, // of two events the first in the file
		"004-blog/tilgang":   `<client> - - <time> "POST /kontakt/neu?name=maria HTTP/1.1" 404 <size> "https://www.example.org/kontakt" "-"`,
	}},
	{"GET /denied/x", "", nil, map[string]string{
		"000-lug/web":        `<client> - - <time> "GET /denied/x HTTP/1.1" 403 <size> "-" "-"`,
		"002-blf/ereignisse": `<time> denied <client> - "/denied/x" "-"`,
		"004-blog/tilgang":   `<client> - - <time> "GET /denied/x HTTP/1.1" 403 <size> "-" "-"`,
	}},
	{"POST /http-bind?room=PetersKonferenz", "", nil, map[string]string{
		"000-lug/web":      `<client> - - <time> "POST /http-bind?room=PetersKonferenz HTTP/1.1" 200 <size> "-" "-"`,
		"004-blog/tilgang": `<client> - - <time> "POST /http-bind?room=PetersKonferenz HTTP/1.1" 200 <size> "-" "-"`,
	}},
	{"GET /cardo/index.html?layers=x", "maria", map[string]string{"User-Agent": "cardo", "Cookie": "cardo_session=s1"}, map[string]string{
		"000-lug/web":           `<client> - - <time> "GET /cardo/index.html?layers=x HTTP/1.1" 200 <size> "-" "cardo"`,
		"003-cardo/log_session": `<client> - maria <time> "-" - - "-" "cardo" - "<hash>"`,
		"004-blog/tilgang":      `<client> - - <time> "GET /cardo/index.html?layers=x HTTP/1.1" 200 <size> "-" "cardo"`,
	}},
	{"GET /cardo/ogc.ashx?SERVICE=WMS&layers=a&owner=maria", "maria", map[string]string{"User-Agent": "QGIS", "Cookie": "cardo_session=s1"}, map[string]string{
		"000-lug/web":           `<client> - - <time> "GET /cardo/ogc.ashx?SERVICE=WMS&layers=a&owner=maria HTTP/1.1" 404 <size> "-" "QGIS"`,
		"002-blf/ereignisse":    `<time> not-found <client> maria "/cardo/ogc.ashx" "-"`,
		"003-cardo/log_service": `<client> - maria <time> "GET /cardo/ogc.ashx?SERVICE=WMS&layers=a HTTP/1.1" 404 - "-" "QGIS" <µs> "-"`,
		"004-blog/tilgang":      `<client> - - <time> "GET /cardo/ogc.ashx?SERVICE=WMS&layers=a&owner=maria HTTP/1.1" 404 <size> "-" "QGIS"`,
	}},
	{"GET /cgi-bin/mapserv?map=maria", "", map[string]string{"Cookie": "cardo_session=s1"}, map[string]string{
		"000-lug/web":           `<client> - - <time> "GET /cgi-bin/mapserv?map=maria HTTP/1.1" 404 <size> "-" "-"`,
		"002-blf/ereignisse":    `<time> not-found <client> - "/cgi-bin/mapserv" "-"`,
		"003-cardo/log_drawing": `- - - <time> "-" 404 - "-" "-" <µs> "<hash>"`,
		"004-blog/tilgang":      `<client> - - <time> "GET /cgi-bin/mapserv?map=maria HTTP/1.1" 404 <size> "-" "-"`,
	}},
}

// statementExamples are the policies, each with what this version cannot do yet replaced:
// old text, new text.
var statementExamples = map[string][]string{
	"000-lug":   nil,
	"002-blf":   nil,
	"003-cardo": nil,
	"004-blog":  {"traffic     = true\ntraffic-own = \"beerblog.no\"", `rooms = ["jitsi"]`},
}

// likeStatement returns the expression for a line with placeholders.
func likeStatement(want string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.NewReplacer("<client>", `([0-9a-f:]{3,39})`, "<time>", `\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]`,
		"<hash>", `h[0-9a-f]{16}`, "<size>", `\d+`, "<µs>", `\d+`).Replace(regexp.QuoteMeta(want)) + "$")
}

// TestStatements runs the policies of published statements behind a real httpd, and looks
// whether each stream has what a reader of the statement expects.
func TestStatements(t *testing.T) {
	root := t.TempDir()
	directives := []string{remoteIP, combined, `LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\" %D \"%{cardo_session}C\"" cardo`,
		"<Location \"/cardo/\">\nAuthType Basic\nAuthName x\nAuthBasicProvider anon\nAnonymous *\nAnonymous_NoUserID on\nAnonymous_MustGiveEmail off\nAnonymous_LogEmail off\nRequire valid-user\n</Location>"}
	for name, replaced := range statementExamples {
		text, err := os.ReadFile(filepath.Join("../../format/policy/testdata/examples", name+".toml"))
		require.NoError(t, err)
		if replaced != nil {
			require.Contains(t, string(text), replaced[0])
			text = []byte(strings.Replace(string(text), replaced[0], replaced[1], 1))
		}
		file := filepath.Join(root, name+".toml")
		require.NoError(t, os.WriteFile(file, text, 0o644))
		format := "combined"
		if name == "003-cardo" {
			format = "cardo"
		}
		directives = append(directives, fmt.Sprintf(`CustomLog "|%s filter --policy %s %s" %s`, hushpipeBinary(t), file, filepath.Join(root, name), format))
	}
	h := startHTTPD(t, directives...)
	require.NoError(t, os.MkdirAll(filepath.Join(h.Root, "htdocs/cardo"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(h.Root, "htdocs/cardo/index.html"), []byte("map\n"), 0o644))
	for i, a := range statementRequests {
		method, url, _ := strings.Cut(a.request, " ")
		req, err := http.NewRequest(method, h.URL+url, nil)
		require.NoError(t, err)
		req.Header.Set("X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i+1))
		req.Header.Set("User-Agent", "")
		for name, value := range a.headers {
			req.Header.Set(name, value)
		}
		if a.user != "" {
			req.SetBasicAuth(a.user, "x")
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		res.Body.Close()
	}
	h.Stop()

	want := map[string][]string{} // by stream
	for _, a := range statementRequests {
		for stream, line := range a.want {
			want[stream] = append(want[stream], line)
		}
	}
	clients := map[string]string{} // by pseudonym
	for _, path := range glob(t, filepath.Join(root, "*", "*", "access-*.log")) {
		stream, _ := filepath.Rel(root, filepath.Dir(path))
		for _, line := range lines(t, path) { // httpd logs requests in the order of their ends
			i := slices.IndexFunc(want[stream], func(want string) bool { return likeStatement(want).MatchString(line) })
			if !assert.GreaterOrEqual(t, i, 0, "%s has %s", stream, line) {
				continue
			}
			for _, pseudonym := range likeStatement(want[stream][i]).FindStringSubmatch(line)[1:] {
				assert.Empty(t, clients[pseudonym], "%s has a pseudonym of %s", stream, clients[pseudonym])
				clients[pseudonym] = stream
			}
			want[stream] = slices.Delete(want[stream], i, i+1)
		}
		assert.Empty(t, want[stream], "%s has not", stream)
		delete(want, stream)
	}
	assert.Empty(t, want, "streams without lines")
	rooms := glob(t, filepath.Join(root, "000-lug", "meet", "rooms", "rooms-*.log"))
	require.Len(t, rooms, 1)
	text, err := os.ReadFile(rooms[0])
	require.NoError(t, err)
	assert.Equal(t, "1 f60790df948cb424ba892979dada8baff53f4a1d\n", string(text))
	if text, err := os.ReadFile(filepath.Join(h.Root, "error.log")); assert.NoError(t, err) {
		assert.NotContains(t, string(text), "hushpipe: error")
	}

	t.Run("goaccess", func(t *testing.T) {
		tool(t, "goaccess", "goaccess")
		for stream, test := range map[string]struct {
			lines  int
			format []string
		}{
			"004-blog/tilgang": {8, []string{"--log-format=COMBINED"}},
			// The association has a format of its own.
			"002-blf/ereignisse": {5, []string{`--log-format=[%d:%t %^] %^ %h %e "%U" "%R"`, "--date-format=%d/%b/%Y", "--time-format=%T"}},
		} {
			out := filepath.Join(t.TempDir(), "report.json")
			said, err := exec.Command("goaccess", append(test.format, "--no-global-config", "-o", out, filepath.Join(root, stream, "access.log"))...).CombinedOutput()
			require.NoError(t, err, "%s", said)
			report, err := os.ReadFile(out)
			require.NoError(t, err)
			assert.Regexp(t, fmt.Sprintf(`"valid_requests": *%d,`, test.lines), string(report), stream)
			assert.Regexp(t, `"failed_requests": *0,`, string(report), stream)
		}
	})
	t.Run("awstats", func(t *testing.T) {
		const awstats = "/usr/lib/cgi-bin/awstats.pl"
		if _, err := os.Stat(awstats); err != nil {
			require.NotEqual(t, "true", os.Getenv("CI"), "apt-get install awstats")
			t.Skip("awstats is missing: apt-get install awstats")
		}
		base := t.TempDir()
		conf := fmt.Sprintf("LogFile=%q\nLogType=W\nLogFormat=1\nSiteDomain=example\nDNSLookup=0\nDirData=%q\n", filepath.Join(root, "004-blog/tilgang/access.log"), base)
		require.NoError(t, os.WriteFile(base+"/awstats.example.conf", []byte(conf), 0o644))
		cmd := exec.Command(awstats, "-configdir="+base, "-config=example", "-update")
		cmd.Env = append(os.Environ(), "HOME="+base)
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", said)
		assert.Regexp(t, `Found 0 corrupted records`, string(said))
		assert.NotRegexp(t, `Found 0 new qualified records`, string(said))
	})
}
