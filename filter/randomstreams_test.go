package filter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRandomStreams compares what the streams of random policies write with a simple
// implementation of policies by strings, regular expressions and net/netip.
func TestRandomStreams(t *testing.T) {
	for seed := range uint64(150) {
		rnd := rand.New(rand.NewPCG(seed, 21))
		streams := make([]randomStream, 1+rnd.IntN(4))
		text := "format = \"combined\"\n"
		for i := range streams {
			streams[i] = newRandomStream(rnd)
			text += fmt.Sprintf("[[stream]]\nname = \"s%d\"\npurpose = \"x\"\nkeep = \"14d\"\n%s", i, streams[i].text())
		}
		var log strings.Builder
		want := map[string]string{}
		for range 60 {
			line := newRandomLine(rnd)
			log.WriteString(line.text() + "\n")
			for i, s := range streams {
				if s.fits(line) {
					want[fmt.Sprintf("s%d", i)] += s.treat(line).text() + "\n"
				}
			}
		}
		got, _ := written(t, text, strings.NewReader(log.String()))
		for name, lines := range want {
			require.Equal(t, strings.Split(lines, "\n"), strings.Split(got[name], "\n"), "seed %d, %s:\n%s\n%s", seed, name, text, log.String())
		}
		require.Len(t, got, len(want))
	}
}

// randomLine is a line of combined.
type randomLine struct{ client, user, time, request, status, size, referer, agent string }

func (l randomLine) text() string {
	return fmt.Sprintf(`%s - %s %s "%s" %s %s "%s" "%s"`, l.client, l.user, l.time, l.request, l.status, l.size, l.referer, l.agent)
}

func oneOf(rnd *rand.Rand, list ...string) string { return list[rnd.IntN(len(list))] }

func newRandomLine(rnd *rand.Rand) randomLine {
	path := "/" + oneOf(rnd, "", "a", "a/b.html", "wiki/Main", "login") + oneOf(rnd, "", "", "?q=x", "?a=1&b=2", "?b=2&lang=de", "?")
	return randomLine{
		client:  oneOf(rnd, "192.0.2.7", "192.0.2.77", "198.51.100.9", "10.1.2.3", "2001:db8:1:2::3", "2001:db8:9::1"),
		user:    oneOf(rnd, "-", "-", "maria", "ZS C 3 Ro"),
		time:    fmt.Sprintf("[22/Nov/2026:%02d:%02d:%02d +0100]", rnd.IntN(24), rnd.IntN(60), rnd.IntN(60)),
		request: oneOf(rnd, "GET", "GET", "POST", "HEAD") + " " + path + " HTTP/1.1",
		status:  oneOf(rnd, "200", "200", "304", "401", "403", "404", "500", "503"),
		size:    oneOf(rnd, "-", "0", "1", "1000", "20481"),
		referer: oneOf(rnd, "-", "https://www.example.org/", "https://search.example/find?q=me", "http://example.net/a/b#c"),
		agent:   oneOf(rnd, "-", "Mozilla/5.0 (X11)", "curl/8.0"),
	}
}

func (l randomLine) parts() (method, path, query string, hasQuery bool) {
	words := strings.Split(l.request, " ")
	path, query, hasQuery = strings.Cut(words[1], "?")
	return words[0], path, query, hasQuery
}

// condition is one key of where or unless, with its values.
type condition struct {
	key    string
	values []string
}

func newCondition(rnd *rand.Rand, key string) condition {
	values := map[string][]string{
		"status": {"404", "401-403", "500-599", "200"},
		"method": {"GET", "POST"},
		"url":    {"/a", "/a*", "*.html", "/wiki/*", "/*in"},
		"query":  {"q", "b=2", "lang"},
		"user":   {"*", "maria"},
		"client": {"192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32"},
	}[key]
	n := 1 + rnd.IntN(2)
	first := rnd.IntN(len(values))
	c := condition{key, nil}
	for i := range n {
		c.values = append(c.values, values[(first+i)%len(values)])
	}
	return c
}

func (c condition) text() string {
	return fmt.Sprintf("%s = [\"%s\"]", c.key, strings.Join(c.values, `", "`))
}

func (c condition) holds(l randomLine) bool {
	method, path, query, _ := l.parts()
	return slices.ContainsFunc(c.values, func(v string) bool {
		switch c.key {
		case "status":
			from, to, isRange := strings.Cut(v, "-")
			return l.status == v || isRange && from <= l.status && l.status <= to
		case "method":
			return method == v
		case "url":
			return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(v), `\*`, ".*") + "$").MatchString(path)
		case "query":
			return slices.ContainsFunc(strings.Split(query, "&"), func(p string) bool {
				name, _, _ := strings.Cut(p, "=")
				return p == v || name == v
			})
		case "user":
			return l.user == v || v == "*" && l.user != "-"
		}
		return netip.MustParsePrefix(v).Contains(netip.MustParseAddr(l.client))
	})
}

// randomStream is a stream: its conditions, and the treatment of each field.
type randomStream struct {
	where, unless []condition
	fields        map[string]string
}

var randomTreatments = []struct {
	field string
	words []string
}{
	{"client", []string{"", "drop", "keep", "mask", "mask=16/32", "only=192.0.2.0/24"}},
	{"user", []string{"", "keep", "words=2", "drop"}},
	{"time", []string{"", "keep", "hour", "day"}},
	{"url", []string{"", "keep", "path", "only=b,q", "drop"}},
	{"status", []string{"", "keep"}},
	{"size", []string{"", "keep", "round=1000"}},
	{"referer", []string{"", "keep", "path", "site"}},
	{"agent", []string{"", "keep"}},
}

func newRandomStream(rnd *rand.Rand) randomStream {
	s := randomStream{fields: map[string]string{}}
	for _, key := range []string{"status", "method", "url", "query", "user", "client"} {
		switch rnd.IntN(8) {
		case 0:
			s.where = append(s.where, newCondition(rnd, key))
		case 1:
			s.unless = append(s.unless, newCondition(rnd, key))
		}
	}
	for _, of := range randomTreatments {
		if word := oneOf(rnd, of.words...); word != "" {
			s.fields[of.field] = word
		}
	}
	s.fields["agent"] = "keep"
	return s
}

func (s randomStream) text() string {
	var b strings.Builder
	for name, list := range map[string][]condition{"where": s.where, "unless": s.unless} {
		var texts []string
		for _, c := range list {
			texts = append(texts, c.text())
		}
		if len(texts) > 0 {
			fmt.Fprintf(&b, "%s = { %s }\n", name, strings.Join(texts, ", "))
		}
	}
	var texts []string
	for _, of := range randomTreatments {
		if word, ok := s.fields[of.field]; ok {
			texts = append(texts, fmt.Sprintf("%s = %q", of.field, word))
		}
	}
	fmt.Fprintf(&b, "fields = { %s }\n", strings.Join(texts, ", "))
	return b.String()
}

func (s randomStream) fits(l randomLine) bool {
	for _, c := range s.where {
		if !c.holds(l) {
			return false
		}
	}
	for _, c := range s.unless { // all keys together, as in where
		if !c.holds(l) {
			return true
		}
	}
	return len(s.unless) == 0
}

// treat returns what the stream keeps of a line.
func (s randomStream) treat(l randomLine) randomLine {
	out := randomLine{client: "-", user: "-", time: "-", request: "-", status: "-", size: "-", referer: "-", agent: l.agent}
	word, value, _ := strings.Cut(s.fields["client"], "=")
	a := netip.MustParseAddr(l.client)
	switch word {
	case "keep":
		out.client = l.client
	case "mask":
		bits := map[string][2]int{"": {24, 48}, "16/32": {16, 32}}[value]
		n := bits[0]
		if a.Is6() {
			n = bits[1]
		}
		out.client = netip.PrefixFrom(a, n).Masked().Addr().String()
	case "only":
		if netip.MustParsePrefix(value).Contains(a) {
			out.client = l.client
		}
	}
	if l.status != "401" {
		switch words := strings.Split(l.user, " "); s.fields["user"] {
		case "keep":
			out.user = l.user
		case "words=2":
			out.user = strings.Join(words[:min(2, len(words))], " ")
		}
	}
	switch s.fields["time"] {
	case "keep":
		out.time = l.time
	case "hour":
		out.time = l.time[:len("[22/Nov/2026:00")] + ":00:00 +0100]"
	case "day":
		out.time = "[22/Nov/2026:00:00:00 +0100]"
	}
	method, path, query, hasQuery := l.parts()
	switch s.fields["url"] {
	case "keep":
		out.request = l.request
	case "path":
		out.request = method + " " + path + " HTTP/1.1"
	case "only=b,q":
		var kept []string
		for _, p := range strings.Split(query, "&") {
			if name, _, _ := strings.Cut(p, "="); hasQuery && (name == "b" || name == "q") {
				kept = append(kept, p)
			}
		}
		if out.request = method + " " + path; len(kept) > 0 {
			out.request += "?" + strings.Join(kept, "&")
		}
		out.request += " HTTP/1.1"
	}
	if s.fields["status"] != "" {
		out.status = l.status
	}
	switch s.fields["size"] {
	case "keep":
		out.size = l.size
	case "round=1000":
		out.size = map[string]string{"-": "-", "0": "0", "1": "1000", "1000": "1000", "20481": "21000"}[l.size]
	}
	switch s.fields["referer"] {
	case "keep":
		out.referer = l.referer
	case "path":
		out.referer = regexp.MustCompile(`[?#].*`).ReplaceAllString(l.referer, "")
	case "site":
		out.referer = regexp.MustCompile(`^(\w+://[^/]+/).*`).ReplaceAllString(l.referer, "$1")
	}
	return out
}
