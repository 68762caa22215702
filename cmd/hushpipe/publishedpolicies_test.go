package main

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// visit is a request and what a reader of each statement expects to be kept of it: the
// line, by policy and stream, with <client>, <time>, <hash>, <size> and <µs> for
// variable parts. It goes to no stream that is not listed.
type visit struct {
	request string // method and URL; with a host, the server is used as a proxy
	user    string
	client  string // "" for one that no other has
	headers map[string]string
	want    map[string]string
}

// statementRequests are the visits to the sites of the policies.
var statementRequests = []visit{
	{"GET /index.html?maria=1", "", "", map[string]string{"Referer": "https://www.google.com/search?q=hotel", "User-Agent": "Mozilla/5.0"}, map[string]string{
		"000-lug/web":      `<client> - - <time> "GET /index.html?maria=1 HTTP/1.1" 200 <size> "https://www.google.com/search?q=hotel" "Mozilla/5.0"`,
		"004-blog/tilgang": `<client> - - <time> "GET /index.html?maria=1 HTTP/1.1" 200 <size> "https://www.google.com/search" "Mozilla/5.0"`,
	}},
	{"GET /gone?q=maria&token=geheim", "", "", nil, map[string]string{
		"000-lug/web":        `<client> - - <time> "GET /gone?q=maria&token=- HTTP/1.1" 404 <size> "-" "-"`,
		"002-blf/ereignisse": `<time> not-found <client> - "/gone?q=maria" "-"`,
		"004-blog/tilgang":   `<client> - - <time> "GET /gone?q=maria&token=- HTTP/1.1" 404 <size> "-" "-"`,
	}},
	{"POST /kontakt/neu?name=maria", "", "", map[string]string{"Referer": "https://www.example.org/kontakt?name=maria"}, map[string]string{
		"000-lug/web":        `<client> - - <time> "POST /kontakt/neu?name=maria HTTP/1.1" 404 <size> "https://www.example.org/kontakt?name=maria" "-"`,
		"002-blf/ereignisse": `<time> not-found <client> - "/kontakt/neu" "https://www.example.org/kontakt"`, // of two events the first in the file
		"004-blog/tilgang":   `<client> - - <time> "POST /kontakt/neu?name=maria HTTP/1.1" 404 <size> "https://www.example.org/kontakt" "-"`,
	}},
	{"GET /denied/x", "", "", nil, map[string]string{
		"000-lug/web":        `<client> - - <time> "GET /denied/x HTTP/1.1" 403 <size> "-" "-"`,
		"002-blf/ereignisse": `<time> denied <client> - "/denied/x" "-"`,
		"004-blog/tilgang":   `<client> - - <time> "GET /denied/x HTTP/1.1" 403 <size> "-" "-"`,
	}},
	{"POST /http-bind?room=PetersKonferenz", "", "", nil, map[string]string{
		"000-lug/web":      `<client> - - <time> "POST /http-bind?room=PetersKonferenz HTTP/1.1" 200 <size> "-" "-"`,
		"004-blog/tilgang": `<client> - - <time> "POST /http-bind?room=PetersKonferenz HTTP/1.1" 200 <size> "-" "-"`,
	}},
	{"GET /cardo/index.html?layers=x", "maria", "", map[string]string{"User-Agent": "cardo", "Cookie": "cardo_session=s1"}, map[string]string{
		"000-lug/web":           `<client> - - <time> "GET /cardo/index.html?layers=x HTTP/1.1" 200 <size> "-" "cardo"`,
		"003-cardo/log_session": `<client> - maria <time> "-" - - "-" "cardo" - "<hash>"`,
		"004-blog/tilgang":      `<client> - - <time> "GET /cardo/index.html?layers=x HTTP/1.1" 200 <size> "-" "cardo"`,
	}},
	{"GET /cardo/ogc.ashx?SERVICE=WMS&layers=a&owner=maria", "maria", "", map[string]string{"User-Agent": "QGIS", "Cookie": "cardo_session=s1"}, map[string]string{
		"000-lug/web":           `<client> - - <time> "GET /cardo/ogc.ashx?SERVICE=WMS&layers=a&owner=maria HTTP/1.1" 404 <size> "-" "QGIS"`,
		"002-blf/ereignisse":    `<time> not-found <client> maria "/cardo/ogc.ashx" "-"`,
		"003-cardo/log_service": `<client> - maria <time> "GET /cardo/ogc.ashx?SERVICE=WMS&layers=a HTTP/1.1" 404 - "-" "QGIS" <µs> "-"`,
		"004-blog/tilgang":      `<client> - - <time> "GET /cardo/ogc.ashx?SERVICE=WMS&layers=a&owner=maria HTTP/1.1" 404 <size> "-" "QGIS"`,
	}},
	{"GET /cgi-bin/mapserv?map=maria", "", "", map[string]string{"Cookie": "cardo_session=s1"}, map[string]string{
		"000-lug/web":           `<client> - - <time> "GET /cgi-bin/mapserv?map=maria HTTP/1.1" 404 <size> "-" "-"`,
		"002-blf/ereignisse":    `<time> not-found <client> - "/cgi-bin/mapserv" "-"`,
		"003-cardo/log_drawing": `- - - <time> "-" 404 - "-" "-" <µs> "<hash>"`,
		"004-blog/tilgang":      `<client> - - <time> "GET /cgi-bin/mapserv?map=maria HTTP/1.1" 404 <size> "-" "-"`,
	}},
}

// proxyVisits are the visits of a department through the proxy that the two policies of
// the first statement describe: by 15 people of unit ZS C in one network, 15 of ZS E in
// as many networks, and 6 of ZS D.
func proxyVisits() (all []visit) {
	const (
		page     = `"GET http://www.example.org/intern/index.html?q=maria HTTP/1.1"`
		site     = `- - - <hour> "GET http://www.example.org/ HTTP/1.1" - 1024`
		anybody  = `- - - <time> "-" - <size>`
		firewall = `- - - <time> ` + page + ` 200 -`
	)
	for n := 1; n <= 15; n++ {
		user := fmt.Sprintf("ZS C %d Ro", n)
		want := map[string]string{"001-lit/abrechnung": anybody, "001-lit/firewall": firewall, "001-lit/statistik": site,
			"001-proxy/statistik": site, "001-proxy-open/statistik": site,
			"001-proxy-open/luv-kosten":        `- - ZS C <time> "-" - <size>`,
			"001-proxy-open/missbrauch-gruppe": `10.19.21.0 - ZS C <time> ` + page + ` - -`}
		if n == 3 {
			want["001-proxy-open/missbrauch-person"] = `<client> - ZS C 3 Ro <time> ` + page + ` - <size>`
		}
		all = append(all, visit{"GET http://www.example.org/intern/index.html?q=maria", user, fmt.Sprintf("10.19.21.%d", n), nil, want})
		want = maps.Clone(want)
		delete(want, "001-proxy-open/missbrauch-gruppe")
		delete(want, "001-proxy-open/missbrauch-person")
		want["001-proxy-open/luv-kosten"] = `- - ZS E <time> "-" - <size>`
		all = append(all, visit{"GET http://www.example.org/intern/index.html?q=maria", strings.Replace(user, "C", "E", 1), fmt.Sprintf("10.30.%d.1", n), nil, want})
		if n <= 6 {
			want = maps.Clone(want)
			delete(want, "001-proxy-open/luv-kosten")
			all = append(all, visit{"GET http://www.example.org/intern/index.html?q=maria", strings.Replace(user, "C", "D", 1), fmt.Sprintf("10.40.0.%d", n), nil, want})
		}
	}
	for target, status := range map[string]string{"/tool.scr": "200", "/wrong": "404"} {
		request := `"GET http://www.example.org` + target + ` HTTP/1.1"`
		all = append(all, visit{"GET http://www.example.org" + target, "", "10.8.0.1", nil, map[string]string{
			"001-lit/abrechnung": `10.8.0.1 - - <time> "-" - <size>`, "001-lit/firewall": `10.8.0.1 - - <time> ` + request + ` ` + status + ` -`,
			"001-lit/angriffe": `10.8.0.1 - - <time> ` + request + ` - -`, "001-lit/statistik": site, "001-proxy/statistik": site, "001-proxy-open/statistik": site}})
	}
	return all
}

// openedGates returns decisions that open the gates of a policy one after the other.
func openedGates() (replaced []string) {
	date := func(days int) string { return time.Now().AddDate(0, 0, days).Format(time.DateOnly) }
	for i, gate := range []string{`gate    = { announce = "14d", longest = "90d" }`, `gate    = { after = "luv-kosten", announce = "14d", longest = "30d" }`,
		`gate    = { after = "missbrauch-gruppe", longest = "30d", names = "user" }   # opened for one user id`} {
		whom := ""
		if i == 2 {
			whom = `, for = "ZS C 3 Ro"`
		}
		replaced = append(replaced, gate, fmt.Sprintf("%s\nactive = { announced = %s, from = %s, until = %s, reason = \"x\"%s }", gate, date(-20), date(i-4), date(5), whom))
	}
	return replaced
}

// statementExamples are the policies, verbatim except for replacements: old text, new
// text.
var statementExamples = []struct {
	name, example, format string
	replaced              []string
}{
	{"000-lug", "000-lug", "combined", nil},
	{"001-lit", "001-lit", "proxy", nil},
	{"001-proxy", "001-proxy", "proxy", nil},
	{"001-proxy-open", "001-proxy", "proxy", openedGates()},
	{"002-blf", "002-blf", "combined", nil},
	{"003-cardo", "003-cardo", "cardo", nil},
	{"004-blog", "004-blog", "combined", nil},
}

// likeStatement returns the regular expression for a line with placeholders.
func likeStatement(want string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.NewReplacer("<client>", `([0-9a-f:]{3,39})`, "<time>", `\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]`,
		"<hour>", `\[\d\d/\w{3}/\d{4}:\d\d:00:00 [+-]\d{4}\]`,
		"<hash>", `h[0-9a-f]{16}`, "<size>", `\d+`, "<µs>", `\d+`).Replace(regexp.QuoteMeta(want)) + "$")
}

// TestStatements runs the policies of published statements behind a real httpd, and
// checks that each stream has what a reader of the statement expects.
func TestStatements(t *testing.T) {
	root, program := t.TempDir(), hushpipeBinary(t)
	directives := []string{remoteIP, combined, `LogFormat "%h %l %u %t \"%r\" %>s %b" proxy`,
		`LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\" %D \"%{cardo_session}C\"" cardo`,
		"<LocationMatch \"^/(cardo|intern)/\">\nAuthType Basic\nAuthName x\nAuthBasicProvider anon\nAnonymous *\nAnonymous_NoUserID on\nAnonymous_MustGiveEmail off\nAnonymous_LogEmail off\nRequire valid-user\n</LocationMatch>"}
	for _, e := range statementExamples {
		text, err := os.ReadFile(filepath.Join("../../format/policy/testdata/examples", e.example+".toml"))
		require.NoError(t, err)
		for i := 0; i < len(e.replaced); i += 2 {
			require.Contains(t, string(text), e.replaced[i])
			text = []byte(strings.Replace(string(text), e.replaced[i], e.replaced[i+1], 1))
		}
		file := filepath.Join(root, e.name+".toml")
		require.NoError(t, os.WriteFile(file, text, 0o644))
		of := "!="
		if e.format == "proxy" {
			of = "=="
		}
		directives = append(directives, fmt.Sprintf(`CustomLog "|%s filter --policy %s %s" %s "expr=%%{HTTP_HOST} %s 'www.example.org'"`,
			program, file, filepath.Join(root, e.name), e.format, of))
	}
	h := startHTTPD(t, directives...)
	require.NoError(t, os.MkdirAll(filepath.Join(h.Root, "htdocs/cardo"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(h.Root, "htdocs/cardo/index.html"), []byte("map\n"), 0o644))
	for name, text := range map[string]string{"intern/index.html": "intern\n", "tool.scr": "program\n"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(h.Root, "htdocs", name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(h.Root, "htdocs", name), []byte(text), 0o644))
	}
	own, err := url.Parse(h.URL)
	require.NoError(t, err)
	proxied := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(own)}}
	visits := append(proxyVisits(), statementRequests...)
	for i, a := range visits {
		method, target, _ := strings.Cut(a.request, " ")
		client := http.DefaultClient
		if strings.HasPrefix(target, "/") {
			target = h.URL + target
		} else {
			client = proxied
		}
		req, err := http.NewRequest(method, target, nil)
		require.NoError(t, err)
		req.Header.Set("X-Forwarded-For", cmp.Or(a.client, fmt.Sprintf("192.0.2.%d", i+1)))
		req.Header.Set("User-Agent", "")
		for name, value := range a.headers {
			req.Header.Set(name, value)
		}
		if a.user != "" {
			req.SetBasicAuth(a.user, "x")
		}
		res, err := client.Do(req)
		require.NoError(t, err)
		res.Body.Close()
	}
	h.Stop()

	want := map[string][]string{} // by stream
	for _, a := range visits {
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
	assert.NoDirExists(t, filepath.Join(root, "001-lit", "sperre"))
	assert.NotEmpty(t, glob(t, filepath.Join(root, "001-lit", "firewall", "access-*T??.log")), "a file for each hour")
	for _, e := range statementExamples {
		said, err := exec.Command(program, "audit", filepath.Join(root, e.name)).CombinedOutput()
		assert.NoError(t, err, "%s", said)
	}
	rooms := glob(t, filepath.Join(root, "000-lug", "meet", "rooms", "rooms-*.log"))
	require.Len(t, rooms, 1)
	text, err := os.ReadFile(rooms[0])
	require.NoError(t, err)
	assert.Equal(t, "1 f60790df948cb424ba892979dada8baff53f4a1d\n", string(text))
	if text, err := os.ReadFile(filepath.Join(h.Root, "error.log")); assert.NoError(t, err) {
		assert.NotContains(t, string(text), "hushpipe: error")
	}

	t.Run("goaccess", func(t *testing.T) {
		need.Program(t, "goaccess", "goaccess")
		for stream, test := range map[string]struct {
			lines  int
			format []string
		}{
			"004-blog/tilgang": {8, []string{"--log-format=COMBINED"}},
			// The association has its own format.
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
		need.Program(t, awstats, "awstats")
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
