package filter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
)

// versionShapes are texts that may precede a version, in a user agent or in a malformed line.
var versionShapes = []string{"Name/", "Name/x/", "rv:", "Linux ", "UCBrowser", "UCWEB", "v", "Name/v", "Foo::", "Name/1", "Name/124.0.", "rv:1.9", "1.", "error:", "07:23:"}

// TestVersionsElsewhere: a client's address in the shape of a version is replaced in all fields
// except the user agent.
func TestVersionsElsewhere(t *testing.T) {
	const spec = `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{X-Forwarded-For}i" "%{Forwarded}i" "%{Cookie}i"`
	f := New(dropping(newConfig(t, spec)), newCalendar())
	for _, addr := range []string{"5.9.0.1", "198.51.100.7", "2001:db8::77"} {
		for _, shape := range versionShapes {
			for _, after := range []string{"", " ", " Safari/537.36", ")", ";", ", a", "/145", "a"} {
				planted := shape + addr + after
				fields := []any{"h", "u", "GET /x HTTP/1.1", "-", "a", "for=a", "a=b"}
				for i := range fields {
					was := fields[i]
					switch fields[i] = planted; i {
					case 0, 1:
						fields[i] = strings.ReplaceAll(planted, " ", "/")
					case 2:
						fields[i] = "GET /" + planted + " HTTP/1.1"
					case 4:
						fields[i] = "203.0.113.9, " + planted
					case 5:
						fields[i] = "for=" + planted
					}
					line := fmt.Sprintf(`%s - %s [22/Nov/2026:07:23:55 +0000] "%s" 200 5 "%s" "%s" "%s" "%s"`, fields...)
					fields[i] = was
					require.NotContains(t, treatedBy(t, f, line), addr, line)
					require.Zero(t, f.Stats().Malformed, line)
				}
			}
		}
	}
}

// TestVersionsGlued: if a line is cut within the shape of a version, and another line follows,
// the client of that line is replaced, wherever the cut is.
func TestVersionsGlued(t *testing.T) {
	t.Parallel()
	const first = `203.0.113.9 - - [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "http://a.example/b" "Mozilla/5.0 (X11; Linux x86_64; b) Gecko/1 c`
	for _, addr := range []string{"5.9.0.1", "198.51.100.7", "2001:db8::77"} {
		for _, second := range []string{
			` - - [22/Nov/2026:07:23:56 +0000] "GET /b HTTP/1.1" 200 5 "-" "curl/8.5.0"`,
			` - mary ann [22/Nov/2026:07:23:56 +0000] "GET /b HTTP/1.1" 200 5`,
			` mary [22/Nov/2026:07:23:56 +0000] "GET /b HTTP/1.1" 200 5`,
			` [22/Nov/2026:07:23:56 +0000] "GET /b HTTP/1.1" 200 5`,
			`:443 - - [22/Nov/2026:07:23:56 +0000] "GET /b HTTP/1.1" 200 5`,
			`, 203.0.113.22 - - [22/Nov/2026:07:23:56 +0000] "GET /b HTTP/1.1" 200 5`,
			` www.example.org - - [22/Nov/2026:07:23:56 +0000] "GET /b HTTP/1.1" 200 5`,
			`:11111 www.example.org:443 - - [22/Nov/2026:07:23:56 +0000] "GET /b HTTP/1.1" 200 5`,
			` "GET /b HTTP/1.1" 200 5`, ` 200 5 "GET /b HTTP/1.1"`, `,200,5,"GET /b HTTP/1.1"`, "|200|5", "\t200\t5",
			` Mozilla/5.0 (X11)`,
		} {
			for _, spec := range []string{"auto", "%t|%m"} {
				f := New(dropping(newConfig(t, spec)), newCalendar())
				for _, shape := range versionShapes {
					for cut := range len(first) + 1 {
						for _, blank := range []string{"", " "} {
							line := first[:cut] + blank + shape + addr + second
							require.NotContains(t, treatedBy(t, f, line), addr, "%s: %q", spec, line)
						}
					}
				}
			}
		}
	}
}

// dropping returns cfg in mode drop.
func dropping(cfg Config) Config {
	cfg.Mode, _ = pseudonym.ParseMode("drop")
	return cfg
}
