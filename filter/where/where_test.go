package where_test

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/where"
	"hushpipe/format"
	"hushpipe/format/policy"
)

// request is the facts of a line, as text.
type request struct {
	status                             int
	method, target, host, user, client string
}

func (r request) facts() *where.Facts {
	f := &where.Facts{Status: r.status, Method: []byte(r.method), Target: []byte(r.target), Host: []byte(r.host), User: []byte(r.user)}
	f.Client, f.HasIP = pseudonym.ParseAddr([]byte(r.client))
	return f
}

// policyOf returns a policy with events and streams that have these conditions.
func policyOf(t testing.TB, head string, conditions ...string) *policy.Policy {
	text := head + "\n"
	for i, c := range conditions {
		text += fmt.Sprintf("[[stream]]\nname = \"s%d\"\npurpose = \"x\"\nkeep = \"14d\"\nfields = { time = \"keep\" }\n%s\n", i, c)
	}
	p, errs := policy.Parse([]byte(text))
	require.Empty(t, errs, "%s", text)
	return p
}

// TestConditions tests the meaning of each key.
func TestConditions(t *testing.T) {
	get := func(target string) request { return request{200, "GET", target, "www.example.org", "-", "192.0.2.1"} }
	status := func(s int) request { return request{s, "GET", "/", "", "", ""} }
	for _, test := range []struct {
		condition string
		request   request
		fits      bool
	}{
		{``, request{}, true},
		{`where = { status = "404" }`, status(404), true},
		{`where = { status = "404" }`, status(405), false},
		{`where = { status = 404 }`, status(404), true},
		{`where = { status = "403,404,500-599" }`, status(403), true},
		{`where = { status = "403,404,500-599" }`, status(500), true},
		{`where = { status = ["403", "500-599"] }`, status(599), true},
		{`where = { status = "403,404,500-599" }`, status(600), false},
		{`where = { status = "100-999" }`, status(0), false},
		{`where = { status = "100-999" }`, status(1000), false},
		{`where = { status = "100-999" }`, status(-1), false},
		{`unless = { status = "404" }`, status(404), false},
		{`unless = { status = "404" }`, status(0), true},

		{`where = { method = "POST" }`, request{method: "POST"}, true},
		{`where = { method = ["PUT", "POST"] }`, request{method: "POST"}, true},
		{`where = { method = "POST" }`, request{method: "post"}, false},
		{`where = { method = "POST" }`, request{}, false},

		{`where = { url = "/a" }`, get("/a"), true},
		{`where = { url = "/a" }`, get("/a?b=/c"), true},
		{`where = { url = "/a" }`, get("/a/"), false},
		{`where = { url = "/a" }`, get("/A"), false},
		{`where = { url = "/a*" }`, get("/a/b/c"), true},
		{`where = { url = "*.exe" }`, get("/a/b.exe?x"), true},
		{`where = { url = "*.exe" }`, get("/a/b?x.exe"), false},
		{`where = { url = "*.exe" }`, get("/.exe"), true},
		{`where = { url = "/a*a" }`, get("/a"), false},
		{`where = { url = "/a*a" }`, get("/aa"), true},
		{`where = { url = "*/ogc.ashx*" }`, get("/cardo/ogc.ashx/x"), true},
		{`where = { url = "*a*b*c*" }`, get("/a/b/c"), true},
		{`where = { url = "*a*b*c*" }`, get("/c/b/a"), false},
		{`where = { url = "*" }`, get("/"), true},
		{`where = { url = "**" }`, get("/x"), true},
		{`where = { url = ["/a", "/b"] }`, get("/b"), true},
		{`where = { url = "/wp-login.php" }`, get("/wp%2dlogin.php"), true},
		{`where = { url = "/wp-login.php" }`, get("//wp-login.php"), true},
		{`where = { url = "/wp-login.php" }`, get("/%2Fwp-login.php"), true},
		{`where = { url = "/wp-login.php" }`, get("/wp%252dlogin.php"), false},
		{`where = { url = "/a%" }`, get("/a%"), true},
		{`where = { url = "/a%2" }`, get("/a%2"), true},
		{`where = { url = "/kontaktformular für alle" }`, get("/kontaktformular%20f%C3%BCr%20alle"), true},
		{`where = { url = "/a+b" }`, get("/a+b"), true},
		{`where = { url = "/a" }`, get("http://www.example.org/a"), true},
		{`where = { url = "/a" }`, get("HTTPS://www.example.org:8443//a?x=y://z"), true},
		{`where = { url = "/" }`, get("http://www.example.org"), true},
		{`where = { url = "/" }`, get("http://www.example.org?a"), true},
		{`where = { url = "*" }`, request{method: "CONNECT", target: "mail.example.net:443"}, false},
		{`where = { url = "*" }`, request{method: "OPTIONS", target: "*"}, true},
		{`where = { url = "*" }`, get("example?x=http://www.example.org/a"), false},
		{`where = { url = "*" }`, request{}, false},
		{`unless = { url = "/status/*" }`, get("/status/load"), false},
		{`unless = { url = "/status/*" }`, request{}, true},

		{`where = { query = "keys" }`, get("/?keys=a"), true},
		{`where = { query = "keys" }`, get("/?keys"), true},
		{`where = { query = "keys" }`, get("/?a=b&keys="), true},
		{`where = { query = "keys" }`, get("/?monkeys=a"), false},
		{`where = { query = "keys" }`, get("/keys"), false},
		{`where = { query = "keys" }`, get("/?a=keys"), false},
		{`where = { query = "action=logout" }`, get("/wp-login.php?action=logout&_wpnonce=1"), true},
		{`where = { query = "action=logout" }`, get("/wp-login.php?action=login"), false},
		{`where = { query = "action=logout" }`, get("/wp-login.php?action=login&action=logout"), true},
		{`where = { query = "a b=c d" }`, get("/?a+b=c%20d"), true},
		{`where = { query = "a=" }`, get("/?a"), true},
		{`where = { query = "a=b=c" }`, get("/?a=b=c"), true},
		{`where = { query = "a" }`, get("/?%61"), true},
		{`where = { query = "a" }`, get("http://h?a"), true},

		{`where = { host = "www.example.org" }`, get("/"), true},
		{`where = { host = "WWW.Example.org" }`, request{host: "www.EXAMPLE.org:443"}, true},
		{`where = { host = "example.org" }`, get("/"), false},
		{`where = { host = "2001:db8::1" }`, request{host: "[2001:db8::1]:443"}, true},
		{`where = { host = "2001:db8::1" }`, request{host: "2001:db8::1"}, true},
		{`where = { host = "www.example.org" }`, request{}, false},

		{`where = { user = "*" }`, request{user: "maria"}, true},
		{`where = { user = "*" }`, request{user: "-"}, false},
		{`where = { user = "*" }`, request{user: `""`}, false},
		{`where = { user = "*" }`, request{}, false},
		{`where = { user = ["maria", "jo hn"] }`, request{user: "jo hn"}, true},
		{`where = { user = "maria" }`, request{user: "Maria"}, false},

		{`where = { client = "192.0.2.0/24" }`, get("/"), true},
		{`where = { client = "192.0.2.0/24" }`, request{client: "::ffff:192.0.2.255"}, true},
		{`where = { client = "192.0.2.1" }`, request{client: "192.0.2.2"}, false},
		{`where = { client = ["10.0.0.0/8", "2001:db8::/32"] }`, request{client: "2001:db8:ffff::1"}, true},
		{`where = { client = "2001:db8::/32" }`, request{client: "2001:db9::"}, false},
		{`where = { client = "0.0.0.0/0" }`, request{client: "2001:db8::1"}, false},
		{`where = { client = "::/0" }`, get("/"), false},
		{`where = { client = "::/2" }`, request{client: "::ffff:192.0.2.1"}, false},
		{`where = { client = "::/2" }`, request{client: "2001:db8::1"}, true},
		{`where = { client = "::ffff:192.0.2.0/120" }`, get("/"), true},
		{`where = { client = "::ffff:0:0/96" }`, get("/"), true},
		{`where = { client = "::/0" }`, request{client: "host.example.org"}, false},
		{`unless = { client = "::/0" }`, request{client: "host.example.org"}, true},

		{`where = { method = "GET", url = "/a" }`, get("/a"), true},
		{`where = { method = "POST", url = "/a" }`, get("/a"), false},
		{"where = { url = \"/a*\" }\nunless = { url = \"/ab\", method = \"GET\" }", get("/ab"), false},
		{"where = { url = \"/a*\" }\nunless = { url = \"/ab\", method = \"POST\" }", get("/ab"), true},
	} {
		m := where.New(policyOf(t, "", test.condition))
		m.Look(test.request.facts())
		assert.Equal(t, test.fits, m.Fits(0), "%s %+v", test.condition, test.request)
		assert.Empty(t, m.Event())
	}
}

// TestEvents: an event fits a line if its condition does. The first one in the file that fits
// is the line's event.
func TestEvents(t *testing.T) {
	head := `events = ["http"]
[[event]]
name = "form"
method = "POST"
url = "/contact"
[[event]]
name = "probe"
url = "/.env"
[[event]]
name = "form"
method = "POST"
url = "/kontakt"
`
	p := policyOf(t, head, `where = { event = "*" }`, `where = { event = ["form", "denied"] }`, `unless = { event = "not-found" }`, `where = { event = "probe" }`)
	m := where.New(p)
	for _, test := range []struct {
		request request
		event   string
		fits    string
	}{
		{request{200, "GET", "/", "", "", ""}, "", "s2"},
		{request{404, "GET", "/", "", "", ""}, "not-found", "s0"},
		{request{410, "GET", "/.env", "", "", ""}, "not-found", "s0 s3"},
		{request{200, "GET", "/.env", "", "", ""}, "probe", "s0 s2 s3"},
		{request{303, "POST", "/kontakt", "", "", ""}, "form", "s0 s1 s2"},
		{request{403, "POST", "/contact", "", "", ""}, "denied", "s0 s1 s2"},
		{request{404, "POST", "/contact", "", "", ""}, "not-found", "s0 s1"},
		{request{503, "", "", "", "", ""}, "error", "s0 s2"},
	} {
		m.Look(test.request.facts())
		var fits []string
		for i := range p.Streams {
			if m.Fits(i) {
				fits = append(fits, p.Streams[i].Name)
			}
		}
		assert.Equal(t, test.event, m.Event(), "%+v", test.request)
		assert.Equal(t, test.fits, strings.Join(fits, " "), "%+v", test.request)
	}
}

// TestSystems tests each predefined set of events with requests, and answers of its system.
func TestSystems(t *testing.T) {
	for _, test := range []struct {
		set     string
		request request
		events  string // all that fit; the first is the line's event
	}{
		{"http", request{404, "GET", "/", "", "", ""}, "not-found"},
		{"http", request{410, "GET", "/", "", "", ""}, "not-found"},
		{"http", request{401, "GET", "/", "", "", ""}, "denied"},
		{"http", request{403, "GET", "/", "", "", ""}, "denied"},
		{"http", request{503, "GET", "/", "", "", ""}, "error"},
		{"http", request{200, "GET", "/", "", "", ""}, ""},
		{"http", request{400, "GET", "/", "", "", ""}, ""},

		{"wordpress", request{302, "POST", "/wp-login.php", "", "", ""}, "login"},
		{"wordpress", request{302, "POST", "/blog//wp-login.php", "", "", ""}, "login"},
		{"wordpress", request{200, "POST", "/wp-login.php", "", "", ""}, "login-failed"},
		{"wordpress", request{200, "GET", "/wp-login.php?redirect_to=x", "", "", ""}, ""},
		{"wordpress", request{302, "GET", "/wp-login.php?action=logout&_wpnonce=1", "", "", ""}, "logout"},
		{"wordpress", request{403, "GET", "/wp-login.php?action=logout", "", "", ""}, ""},
		{"wordpress", request{302, "POST", "/wp-login.php?action=register", "", "", ""}, "register"},
		{"wordpress", request{200, "POST", "/wp-login.php?action=register", "", "", ""}, ""},
		{"wordpress", request{302, "POST", "/wp-login.php?action=lostpassword", "", "", ""}, ""},
		{"wordpress", request{302, "POST", "/wp-login.php?action=postpass", "", "", ""}, ""},
		{"wordpress", request{200, "GET", "/wp-admin/user-new.php?update=add", "", "", ""}, "register"},
		{"wordpress", request{200, "GET", "/wp-admin/users.php?update=add&id=2", "", "", ""}, "register"},
		{"wordpress", request{302, "POST", "/wp-admin/post.php", "", "", ""}, "change"},
		{"wordpress", request{302, "GET", "/wp-admin/post.php?post=1&action=trash&_wpnonce=1", "", "", ""}, "change"},
		{"wordpress", request{200, "GET", "/wp-admin/post.php?post=1&action=edit", "", "", ""}, ""},
		{"wordpress", request{201, "POST", "/wp-json/wp/v2/posts", "", "", ""}, "change"},
		{"wordpress", request{200, "POST", "/wp-json/wp/v2/pages/7?_locale=user", "", "", ""}, "change"},
		{"wordpress", request{200, "GET", "/wp-json/wp/v2/posts", "", "", ""}, ""},
		{"wordpress", request{200, "GET", "/wp-admin/users.php?update=del&delete_count=1", "", "", ""}, "delete-user"},
		{"wordpress", request{200, "GET", "/?s=hopfen", "", "", ""}, "search"},
		{"wordpress", request{200, "GET", "/wp-admin/edit.php?s=hopfen", "", "", ""}, ""},

		{"drupal", request{303, "POST", "/user/login", "", "", ""}, "login"},
		{"drupal", request{303, "POST", "/de/user/login?destination=/node/1", "", "", ""}, "login"},
		{"drupal", request{200, "POST", "/user/login?_format=json", "", "", ""}, "login"},
		{"drupal", request{400, "POST", "/user/login?_format=json", "", "", ""}, "login-failed"},
		{"drupal", request{200, "POST", "/user/login", "", "", ""}, "login-failed"},
		{"drupal", request{403, "POST", "/user/login", "", "", ""}, "login-failed"},
		{"drupal", request{200, "GET", "/user/login", "", "", ""}, ""},
		{"drupal", request{302, "GET", "/user/logout?token=x", "", "", ""}, "logout"},
		{"drupal", request{303, "POST", "/user/logout/confirm", "", "", ""}, "logout"},
		{"drupal", request{403, "GET", "/user/logout", "", "", ""}, ""},
		{"drupal", request{303, "POST", "/user/register", "", "", ""}, "register"},
		{"drupal", request{200, "POST", "/user/register", "", "", ""}, ""},
		{"drupal", request{303, "POST", "/node/add/article", "", "", ""}, "change"},
		{"drupal", request{303, "POST", "/de/node/7/edit", "", "", ""}, "change"},
		{"drupal", request{200, "GET", "/node/7/edit", "", "", ""}, ""},
		{"drupal", request{302, "POST", "/user/7/cancel", "", "", ""}, "delete-user"},
		{"drupal", request{302, "GET", "/user/7/cancel/confirm/1/x", "", "", ""}, "delete-user"},
		{"drupal", request{200, "GET", "/search/node?keys=verein", "", "", ""}, "search"},

		{"typo3", request{303, "POST", "/typo3/login?loginProvider=1", "", "", ""}, "login"},
		{"typo3", request{303, "POST", "/typo3/index.php?route=%2Flogin", "", "", ""}, "login"},
		{"typo3", request{200, "POST", "/typo3/login", "", "", ""}, "login-failed"},
		{"typo3", request{303, "GET", "/typo3/logout?token=x", "", "", ""}, "logout"},
		{"typo3", request{200, "POST", "/typo3/record/edit?token=x&edit%5Btt_content%5D%5B1%5D=edit", "", "", ""}, "change"},
		{"typo3", request{200, "GET", "/typo3/record/edit?token=x", "", "", ""}, ""},
		{"typo3", request{200, "POST", "/suche?tx_indexedsearch_pi2%5Baction%5D=search", "", "", ""}, "search"},
	} {
		names := map[string]bool{}
		for _, e := range policyOf(t, fmt.Sprintf("events = %q", test.set), "").Events() {
			names[e.Name] = true
		}
		var conditions, fits []string
		for _, name := range slices.Sorted(maps.Keys(names)) {
			conditions = append(conditions, fmt.Sprintf("where = { event = %q }", name))
		}
		m := where.New(policyOf(t, fmt.Sprintf("events = %q", test.set), conditions...))
		m.Look(test.request.facts())
		for i, name := range slices.Sorted(maps.Keys(names)) {
			if m.Fits(i) {
				fits = append(fits, name)
			}
		}
		assert.Equal(t, test.events, strings.Join(fits, " "), "%s %+v", test.set, test.request)
		assert.Equal(t, test.events, m.Event(), "%s %+v", test.set, test.request)
	}
}

// TestWordPress tests log lines of Debian's WordPress 6.1.9 behind httpd's mod_proxy, each
// with the action: logging in, searching, writing, and adding and deleting users.
func TestWordPress(t *testing.T) {
	lines := strings.Split(readFile(t, "testdata/wordpress-6.1.9.log"), "\n")
	done := strings.Split(readFile(t, "testdata/wordpress-6.1.9.events"), "\n")
	require.Equal(t, len(lines), len(done))
	require.Greater(t, len(lines), 30)
	parser, err := format.New("combined", time.UTC, nil)
	require.NoError(t, err)
	m := where.New(policyOf(t, `events = ["wordpress", "http"]`, `where = { event = "*" }`))
	for i, line := range lines {
		if line == "" {
			continue
		}
		var l format.Line
		require.True(t, parser.Parse([]byte(line), &l), line)
		_, request, _ := strings.Cut(line, "\"")
		method, _, _ := strings.Cut(request, " ")
		m.Look(&where.Facts{Status: l.Status, Method: []byte(method), Target: l.Target})
		event := m.Event()
		if event == "denied" {
			event = "" // a link to log out without its nonce
		}
		assert.Equal(t, strings.TrimSuffix(done[i], "-"), event, line)
	}
}

func readFile(t *testing.T, path string) string {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// TestNoAllocations: a Matcher does not allocate, even if a line has to be decoded.
func TestNoAllocations(t *testing.T) {
	p := policyOf(t, `events = ["http", "wordpress", "drupal", "typo3"]`,
		`where = { event = "*", client = "::/0" }`, `where = { url = ["*a*b*", "/x y"], query = ["q", "a=b"], host = "www.example.org", user = "*" }`)
	m := where.New(p)
	f := request{200, "GET", "//a%62%20c?x=%41&q=a+b", "www.example.org:443", "maria", "2001:db8::1"}.facts()
	m.Look(f)
	require.True(t, m.Fits(1))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		m.Look(f)
		for i := range p.Streams {
			m.Fits(i)
		}
		m.Event()
	}))
}

// TestBoundedWork: a pattern of many stars is matched without backtracking.
func TestBoundedWork(t *testing.T) {
	p := policyOf(t, "", fmt.Sprintf(`where = { url = "/%s*b" }`, strings.Repeat("*a", 500)))
	m := where.New(p)
	f := request{target: "/" + strings.Repeat("a", 1<<20)}.facts()
	started := time.Now()
	m.Look(f)
	assert.False(t, m.Fits(0))
	assert.Less(t, time.Since(started), time.Second)
}

// oracle returns which streams a request goes to, and its event, in a simpler way than
// Matcher.
func oracle(p *policy.Policy, r request) (fits []bool, event string) {
	var events []string
	for _, e := range p.Events() {
		if holds(&e.Condition, r, nil) && (e.Unless.IsZero() || !holds(&e.Unless, r, nil)) {
			events = append(events, e.Name)
		}
	}
	for _, s := range p.Streams {
		fits = append(fits, holds(&s.Where, r, events) && (s.Unless.IsZero() || !holds(&s.Unless, r, events)))
	}
	if len(events) > 0 {
		event = events[0]
	}
	return fits, event
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

func decode(s string) string {
	return escape.ReplaceAllStringFunc(s, func(e string) string {
		n, _ := strconv.ParseUint(e[1:], 16, 8)
		return string([]byte{byte(n)})
	})
}

var (
	absolute = regexp.MustCompile(`(?s)^[^?]+?://[^/?]*(.*)$`)
	slashes  = regexp.MustCompile(`/+`)
)

func holds(c *policy.Condition, r request, events []string) bool {
	path, query, _ := strings.Cut(r.target, "?")
	hasPath := true
	if !strings.HasPrefix(r.target, "/") && r.target != "*" {
		rest := absolute.FindStringSubmatch(r.target)
		if hasPath = rest != nil; hasPath {
			if path, query, _ = strings.Cut(rest[1], "?"); path == "" {
				path = "/"
			}
		} else {
			query = ""
		}
	}
	path = slashes.ReplaceAllString(decode(path), "/")
	user := r.user
	if user == "-" || user == `""` {
		user = ""
	}
	address, noAddress := netip.ParseAddr(r.client)
	host := strings.ToLower(r.host)
	if h := regexp.MustCompile(`(?s)^([^:]*|\[.*\]):[^:]*$`).FindStringSubmatch(host); h != nil {
		host = h[1]
	}
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	any := func(n int, fits func(i int) bool) bool {
		for i := range n {
			if fits(i) {
				return true
			}
		}
		return n == 0
	}
	return any(len(c.Status), func(i int) bool { return c.Status[i].From <= r.status && r.status <= c.Status[i].To }) &&
		any(len(c.Methods), func(i int) bool { return c.Methods[i] == r.method }) &&
		any(len(c.URLs), func(i int) bool {
			return hasPath && globs(c.URLs[i], path)
		}) &&
		any(len(c.Queries), func(i int) bool {
			for _, part := range strings.Split(query, "&") {
				name, value, _ := strings.Cut(part, "=")
				name = decode(strings.ReplaceAll(name, "+", "%20"))
				value = decode(strings.ReplaceAll(value, "+", "%20"))
				if name == c.Queries[i].Name && part != "" && (!c.Queries[i].HasValue || value == c.Queries[i].Value) {
					return true
				}
			}
			return false
		}) &&
		any(len(c.Hosts), func(i int) bool { return c.Hosts[i] == host }) &&
		any(len(c.Users), func(i int) bool { return user != "" && (c.Users[i] == "*" || c.Users[i] == user) }) &&
		any(len(c.Clients), func(i int) bool {
			return noAddress == nil && address.Zone() == "" && c.Clients[i].Contains(address.Unmap())
		}) &&
		any(len(c.Events), func(i int) bool { return c.Events[i] == "*" && len(events) > 0 || slices.Contains(events, c.Events[i]) })
}

// globs reports whether a pattern matches, by a table of all prefixes.
func globs(pattern, s string) bool {
	row := make([]bool, len(s)+1)
	row[0] = true
	for i := range len(pattern) {
		next := make([]bool, len(s)+1)
		for j := range next {
			switch {
			case pattern[i] == '*':
				next[j] = row[j] || j > 0 && next[j-1]
			case j > 0:
				next[j] = row[j-1] && s[j-1] == pattern[i]
			}
		}
		row = next
	}
	return row[len(s)]
}

// FuzzMatcher compares Matcher with oracle, for the example policies and for a
// policy with fuzzed conditions.
func FuzzMatcher(f *testing.F) {
	paths, err := filepath.Glob("../../format/policy/testdata/examples/*.toml")
	require.NoError(f, err)
	require.NotEmpty(f, paths)
	var policies []*policy.Policy
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(f, err)
		p, errs := policy.Parse(text)
		require.Empty(f, errs)
		policies = append(policies, p)
	}
	f.Add(404, "GET", "/contact?a=b", "www.example.org:80", "maria", "192.0.2.1", "/*a*b", "a=b")
	f.Add(200, "POST", "http://h//%2f%63ontact?a+b=%20", "[::1]:80", "-", "10.8.1.1", "/contact", "a b")
	f.Add(302, "POST", "/wp-login.php?action=logout", "h", `""`, "::ffff:10.8.1.1", "*", "action=logout")
	f.Add(303, "GET", "a?b://c", "a:b:c", "x", "fe80::1%eth0", "/**", "q")
	f.Fuzz(func(t *testing.T, status int, method, target, host, user, client, url, query string) {
		r := request{status, method, target, host, user, client}
		drawn, errs := policy.Parse(fmt.Appendf(nil, "events = [\"http\", \"wordpress\", \"drupal\", \"typo3\"]\n[[stream]]\nname = \"a\"\npurpose = \"x\"\nkeep = \"14d\"\nfields = { event = \"keep\" }\nwhere = { url = '%s' }\nunless = { query = '%s', event = \"*\" }\n", url, query))
		if len(errs) == 0 {
			policies := append(slices.Clone(policies), drawn)
			check(t, policies, r)
			return
		}
		check(t, policies, r)
	})
}

func check(t *testing.T, policies []*policy.Policy, r request) {
	for _, p := range policies {
		m := where.New(p)
		m.Look(request{200, "GET", "/another//line%20?a=b", "h", "u", "192.0.2.1"}.facts())
		m.Fits(0)
		m.Look(r.facts())
		fits, event := oracle(p, r)
		for i := range p.Streams {
			require.Equal(t, fits[i], m.Fits(i), "%s %+v", p.Streams[i].Name, r)
		}
		if m.Event() != "" {
			require.Equal(t, event, m.Event(), "%+v", r)
		}
	}
}

func BenchmarkMatcher(b *testing.B) {
	p := policyOf(b, `events = ["http", "wordpress"]`, `where = { event = "*" }`, ``, `where = { url = "/a*" }`, `where = { status = "400-599" }`)
	m := where.New(p)
	f := request{200, "GET", "/index.html?a=b", "www.example.org", "-", "192.0.2.1"}.facts()
	b.ReportAllocs()
	for b.Loop() {
		m.Look(f)
		for i := range p.Streams {
			m.Fits(i)
		}
	}
}
