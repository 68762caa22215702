package traffic_test

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/traffic"
	"hushpipe/format/agent"
	"hushpipe/format/civil"
	"hushpipe/format/referrer"
	"hushpipe/format/trafficfile"
)

// planted is what a client can choose of a request, and somebody behind a proxy of the
// site's own.
type planted struct{ method, user, host, referrer, agent, path, query, size string }

// forms are formats that say all of it, and a line of each.
var forms = []struct {
	format string
	line   func(client string, day int, p planted) string
}{
	{`%v %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D`, func(client string, day int, p planted) string {
		return fmt.Sprintf(`%s %s - %s [%02d/Mar/2026:08:00:00 +0000] "%s %s?layers=%s HTTP/1.1" %s %s "%s" "%s" %s`,
			p.host, client, p.user, day, p.method, p.path, p.query, status(p), p.size, p.referrer, p.agent, p.size)
	}},
	{"combined", func(client string, day int, p planted) string {
		return fmt.Sprintf(`%s - %s [%02d/Mar/2026:08:00:00 +0000] "%s %s?%s HTTP/1.1" %s %s "%s" "%s"`,
			client, p.user, day, p.method, p.path, p.query, status(p), p.size, p.referrer, p.agent)
	}},
	{"json", func(client string, day int, p planted) string {
		slashed := func(text string) string { return strings.ReplaceAll(text, "/", `\/`) } // RFC 8259, section 7, allows it
		return fmt.Sprintf(`{"host":"%s","remote_addr":"%s","remote_user":"%s","time_iso8601":"2026-03-%02dT08:00:00+00:00","request":"%s %s?layers=%s HTTP/1.1","status":%s,"body_bytes_sent":"%s","http_referer":"%s","http_user_agent":"%s","request_time":"%s"}`,
			p.host, client, p.user, day, p.method, slashed(p.path), p.query, status(p), p.size, slashed(p.referrer), slashed(p.agent), p.size)
	}},
}

// status is 404 for every second plant.
func status(p planted) string {
	if len(p.path)%2 == 1 {
		return "404"
	}
	return "200"
}

// usual is what all people bring.
var usual = planted{"GET", "-", "www.example.org", "https://blog.example.net/", firefox, "/usual", "roads", "100"}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

// chosen is a text that a client chose, behind the letter of its kind, "" for a key that has none.
func chosen(c trafficfile.Cell) string {
	key := c.Key
	switch c.Kind {
	case "page":
		key = "p" + key
	case "missing":
		key = "m" + key
	case "group":
		key = "g" + key
	case "time":
		_, name, _ := strings.Cut(key, " ")
		key = "g" + name
	case "from":
		kind, name, ok := strings.Cut(key, " ")
		if !ok || kind != "site" && kind != "campaign" {
			return ""
		}
		key = kind[:1] + name
	default:
		return ""
	}
	if key[1:] == trafficfile.Other {
		return ""
	}
	return key
}

// closed are the words that any file may have.
var closed = func() map[string]bool {
	words := map[string]bool{}
	add := func(kind string, all ...string) {
		for _, w := range all {
			words[kind+" "+w] = true
		}
	}
	add("total", "people", "robots", "with-asset", "without-visit", "ignored", "overflow")
	add("length", "one-page", "30s", "2m", "5m", "15m", "30m", "1h", "more")
	add("depth", "1", "2", "3", "5", "10", "20", "more")
	add("browser", agent.Browsers()...)
	add("system", agent.Systems()...)
	for _, class := range agent.Classes() {
		add("robot", class+" other")
		for _, name := range agent.Load().Robots() {
			add("robot", class+" "+name)
		}
	}
	for _, kind := range referrer.Kinds() {
		add("from", kind)
		for _, name := range referrer.Load().Names() {
			add("from", kind+" "+name)
		}
	}
	for n := range 24 {
		add("hour", strconv.Itoa(n))
	}
	return words
}()

// personal is what must not stand in a segment of a path, in a host, a group or a campaign,
// however many bring it.
var personal = regexp.MustCompile(`@|%40|\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(^|\.)eyJ\w{4,}\.\w{6,}`)

// kept plants text on three days: from so many networks on the second, from one on the first
// and third. It fails the test if the files contain text that fewer than five networks sent
// on that day or an earlier one.
func kept(t *testing.T, form, networks int, p planted) {
	const least = 5
	f := forms[form]
	opt := traffic.Defaults()
	opt.Groups = groups(t, "/ows?layers={group}", "/usual?layers={group}")
	opt.Public = []string{"/public"}
	reading := func(opt traffic.Options) *reading { return newReadingOf(t, opt, f.format) }
	var lines [][]byte
	put := func(client string, day int, p planted) {
		lines = append(lines, []byte(f.line(client, day, p)))
	}
	for network := range least + 1 {
		for day := 10; day <= 12; day++ {
			put(fmt.Sprintf("10.0.%d.1", network), day, usual)
		}
	}
	ways := []planted{p, {"GET", p.user, p.host, p.referrer, firefox, "/ows", p.query, "5"}, {"GET", p.user, p.host, p.referrer, firefox, p.path, p.query, "5"},
		{"GET", p.user, p.host, "-", firefox, "/public", p.query, p.size}, {"GET", "-", "-", "-", p.agent, "/usual", "roads", "5"}}
	for _, way := range ways {
		put("10.1.0.1", 10, way)
		for network := range networks {
			put(fmt.Sprintf("10.1.%d.1", network), 11, way)
			put(fmt.Sprintf("10.1.%d.2", network), 11, way) // the same network
		}
		put("10.1.0.1", 12, way)
	}
	// What one network would bring if one were enough.
	one := opt
	one.MinGroup, one.Public = 1, nil
	names := map[string]civil.Day{}
	note := func(day int, all ...planted) {
		r := reading(one)
		var these [][]byte
		for _, way := range all {
			these = append(these, []byte(f.line("10.1.0.1", 10, way)))
		}
		for _, d := range r.all(these) {
			for _, c := range d.Cells {
				name := chosen(c)
				for _, name := range []string{name, domainOf(name)} {
					on := civil.NewDay(2026, 3, day)
					if before, ok := names[name]; name != "" && (!ok || on < before) {
						names[name] = on
					}
				}
			}
		}
	}
	note(10, usual)
	if networks >= least {
		for _, way := range ways {
			note(11, way)
		}
	}
	days := reading(opt).all(lines)
	for day, d := range days {
		text := trafficfile.Append(nil, d)
		require.Equal(t, opt.String(), d.Options)
		for _, c := range d.Cells {
			name := chosen(c)
			if name == "" {
				n, err := strconv.Atoi(c.Key)
				isStatus := (c.Kind == "status" || c.Kind == "rstatus") && err == nil && n < 1000
				require.True(t, closed[c.Kind+" "+c.Key] || isStatus || c.Key == trafficfile.Other || c.Kind == "from" && (c.Key == "site other" || c.Key == "campaign other") ||
					c.Kind == "time" && strings.HasSuffix(c.Key, " other") || c.Kind == "type", "%s %q", c.Kind, c.Key)
				continue
			}
			parts := []string{name[1:]}
			if c.Kind == "page" || c.Kind == "missing" {
				require.NotRegexp(t, "[?;]", name, c.Kind)
				parts = strings.Split(name[1:], "/")
			}
			for _, part := range parts {
				require.NotRegexp(t, personal, part, c.Kind)
			}
			on, stands := names[name]
			require.True(t, stands && on <= day || name == "p/public", "%s: %s %q: %d networks brought it on the 11th", day, c.Kind, c.Key, networks)
		}
		require.Contains(t, string(text), " /usual\n", "six networks brought it")
		require.Contains(t, string(text), " site blog.example.net\n", "six networks brought it")
		proof := traffic.Proof{Names: maps.Clone(names)}
		proof.Look(day, text)
		require.Empty(t, proof.Flaws, "%s", text)
	}
}

// domainOf returns the domain of a site, "" if it has none.
func domainOf(name string) string {
	if host, ok := strings.CutPrefix(name, "s"); ok {
		return "s" + referrer.Domain(host)
	}
	return ""
}

// plants are what a file must never have: tokens, addresses, mail addresses, identities of
// sessions, names.
var plants = []string{"tok3nOfSomebody", "192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7", "alice@example.org", "alice%40example.org", "6f9619ff-8b86-d011-b42d-00c04fc964ff",
	"6f9619ff8b86d011", "eyJhbGciOi.eyJzdWIiOiI.SflKxwRJSM", "maria-musterfrau", "PHPSESSID=4ua93hc7", "JSESSIONID=A1B2C3D4E5F6A7B8", "+4930123456", "ip-192-0-2-7.example.com",
	"%61lice%2540example%252Eorg", "alice＠example.org", "ali\u00adce@example.org", "192.0.2.7:8080", "[2001:db8::7]", "?a;b", "2001-db8-0-0-0-0-0-7.ip6.example.com", "a.b.c.d", "x"}

// TestKept plants each of them in each field, of four networks, and of as many as one
// likes.
func TestKept(t *testing.T) {
	fields := map[string]func(plant string) planted{
		"method":     func(s string) planted { p := usual; p.method = s; return p },
		"user":       func(s string) planted { p := usual; p.user = s; return p },
		"host":       func(s string) planted { p := usual; p.host = s; return p },
		"referrer":   func(s string) planted { p := usual; p.referrer = s; return p },
		"link":       func(s string) planted { p := usual; p.referrer = "https://" + s + "/" + s + "?q=" + s; return p },
		"sub-domain": func(s string) planted { p := usual; p.referrer = "https://" + s + ".example.com/"; return p },
		"login": func(s string) planted {
			p := usual
			p.referrer = "https://" + s + ":" + s + "@www.example.com:80/"
			return p
		},
		"search":       func(s string) planted { p := usual; p.referrer = "https://www.google.com/search?q=" + s; return p },
		"agent":        func(s string) planted { p := usual; p.agent = s; return p },
		"robot":        func(s string) planted { p := usual; p.agent = "GPTBot/1.2 " + s; return p },
		"browser":      func(s string) planted { p := usual; p.agent = firefox + " " + s; return p },
		"path":         func(s string) planted { p := usual; p.path = "/" + s; return p },
		"missing path": func(s string) planted { p := usual; p.path = "/a/" + s + strings.Repeat("b", 1-len(s)%2); return p },
		"file":         func(s string) planted { p := usual; p.path = "/a/" + s + ".html"; return p },
		"extension":    func(s string) planted { p := usual; p.path = "/a." + s; return p },
		"absolute":     func(s string) planted { p := usual; p.path = "https://" + s + "/" + s; return p },
		"no slash":     func(s string) planted { p := usual; p.path = s; return p },
		"parameter":    func(s string) planted { p := usual; p.path = "/a;" + s + "=" + s; return p },
		"query":        func(s string) planted { p := usual; p.path, p.query = "/ows", s; return p },
		"campaign":     func(s string) planted { p := usual; p.query = "x&utm_campaign=" + s; return p },
		"source":       func(s string) planted { p := usual; p.query = "x&utm_source=" + s; return p },
		"size":         func(s string) planted { p := usual; p.size = s; return p },
	}
	for field, of := range fields {
		t.Run(field, func(t *testing.T) {
			for i, plant := range plants {
				kept(t, i%len(forms), 4, of(plant))
				kept(t, (i+1)%len(forms), 9, of(plant))
			}
		})
	}
}

// FuzzKept: a kept file only contains text that five networks sent on that day or an earlier
// one, or that a sitemap lists.
func FuzzKept(f *testing.F) {
	for i, plant := range plants {
		f.Add(i, i, plant, plant, plant, "https://"+plant+"/", plant, "/"+plant, plant, "1")
		f.Add(i, i+5, "GET", "-", "-", "-", firefox, "/a", "x&utm_campaign="+plant+"&mtm_source="+plant, "1")
		f.Add(i, i+3, "GET", "-", "-", "https://www.google.com/"+plant, firefox+plant, "/a;"+plant, plant, plant)
	}
	f.Fuzz(func(t *testing.T, form, networks int, method, user, host, referrer, agent, path, query, size string) {
		p := planted{method, user, host, referrer, agent, path, query, size}
		for _, field := range []string{method, user, host, referrer, agent, path, query, size} {
			if strings.Contains(field, "\n") || len(field) > 300 {
				return
			}
		}
		kept(t, int(uint(form)%uint(len(forms))), int(uint(networks)%8), p)
	})
}
