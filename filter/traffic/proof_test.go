package traffic_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
)

// TestProof: each way in which a line of a kept file can reveal too much is found.
func TestProof(t *testing.T) {
	const secret = "has a text that looks like an address, a mail address or a token"
	const unnamed = "appears by name, but never had enough networks up to that day"
	const noCell = "is not a cell of traffic figures"
	names := "2026-11-20 p/page\n2026-11-22 p/user/*\n2026-11-20 m/no\n2026-11-20 sblog.example.net\n2026-11-23 p/later\n" +
		"2026-11-20 groads\n2026-11-20 cspring sale\n2026-11-20 p/who/192.0.2.7\n2026-11-20 s192.0.2.7\n2026-11-20 p/a@b.c\n"
	long := "/" + strings.Repeat("a/", 50)
	long += strings.Repeat("b", 119-len(long)) + "*" // cut off in a word
	names += "2026-11-20 p" + long + "\n"
	for _, test := range []struct{ line, want string }{
		{"page 8 40 0 0 /page", ""},
		{"page 8 40 0 0 /user/*", ""},
		{"page 8 40 0 0 other", ""},
		{"page 8 40 0 0 " + long, ""},
		{"missing 8 /no", ""},
		{"from 8 site blog.example.net", ""},
		{"from 8 site other", ""},
		{"from 8 campaign spring sale", ""},
		{"from 8 campaign other", ""},
		{"from 8 direct", ""},
		{"from 8 search Google", ""},
		{"group 1 2 0 0 roads", ""},
		{"time 1 64 roads", ""},
		{"browser 1 2 3 5 Firefox", ""},
		{"browser 1 2 3 0 other", ""},
		{"country 1 2 3 5 DE", ""},
		{"country 1 2 3 1 unknown", ""},
		{"country 1 2 3 1 other", ""},
		{"hour 1 2 3 4 23", ""},
		{"robot 1 2 3 0 search Googlebot", ""},
		{"total 1 2 3 4 5 people", ""},
		{"comet 7 8 Halley", ""}, // of a later version

		{"page 8 40 0 0 /later", unnamed},
		{"page 8 40 0 0 /never", unnamed},
		{"missing 8 /page", unnamed},
		{"from 8 site www.example.net", unnamed},
		{"group 1 2 0 0 rivers", unnamed},
		{"page 8 40 0 0 /who/192.0.2.7", secret},
		{"page 8 40 0 0 /who/Ab12Cd34Ef56Gh", secret},
		{"page 8 40 0 0 /a@b.c", secret},
		{"page 8 40 0 0 /page?q=x", secret},
		{"missing 8 /550e8400-e29b-41d4-a716-446655440000", secret},
		{"from 8 campaign autumn sale", unnamed},
		{"from 8 campaign 192.0.2.7", secret},
		{"from 8 campaign for a@b.c", secret},
		{"from 8 campaign x-Ab12Cd34Ef56Gh", secret},
		{"from 8 site 192.0.2.7", secret},
		{"from 8 site a@example.net", secret},
		{"group 1 2 0 0 0049401234567", secret},
		{"time 1 64 a@b.c", secret},
		{"time 1 x roads", secret},
		{"browser 1 2 3 8 Ab12Cd34Ef56Gh", secret},
		{"robot 1 2 3 0 search 192.0.2.7", secret},
		{"robot 1 2 3 0 192.0.2.7 Googlebot", secret},
		{"robot 1 2 3 0 192.0.2.7 other", secret},
		{"from 8 192.0.2.7", secret},
		{"from 8 192.0.2.7 Google", secret},
		{"comet 7 8 2001:db8::7", secret},
		{"browser 1 2 3 4 Firefox", "appears by name with fewer than 5 visitors"},
		{"country 1 2 3 4 DE", "appears by name with fewer than 5 visitors"},
		{"country 1 2 3 9 192.0.2.7", secret},
		{"system 1 2 3 4 Linux", "appears by name with fewer than 5 visitors"},
		{"hour 1 2 3 4 24", noCell},
		{"status 1 2 x", noCell},
		{"page /never", noCell},
	} {
		p := traffic.Proof{Names: traffic.ParseNames([]byte(names))}
		day := civil.NewDay(2026, 11, 22)
		p.Look(day, fmt.Appendf(nil, "hushpipe-traffic 1\nday 2026-11-22\noptions visitor=address64 min-group=5 own=\nhour 0 0 0 0 0\n%s\n", test.line))
		var want []traffic.Flaw
		if test.want != "" {
			want = []traffic.Flaw{{Line: 5, What: test.want}}
		}
		assert.Equal(t, want, p.Flaws, test.line)
		assert.Equal(t, strings.HasPrefix(test.line, "comet") && test.want == "", p.Later && test.want == "", test.line)
	}
	// Of names that fill their bound those that came last are missing, and nobody knows which.
	for options, full := range map[string]bool{
		"min-group=5": false, "min-group=5 max-names=7": false, "min-group=5 max-names=6": true,
		"min-group=5 max-names=9 and min-group=5 max-names=6": true,
	} {
		p := traffic.Proof{Names: traffic.ParseNames([]byte(names))} // 6 of pages
		p.Look(civil.NewDay(2026, 11, 22), fmt.Appendf(nil, "hushpipe-traffic 1\nday 2026-11-22\noptions %s\nmissing 8 /page\npage 8 40 0 0 /a@b.c\npage 8 40 0 0 /never\n", options))
		want := []traffic.Flaw{{Line: 4, What: unnamed}, {Line: 5, What: secret}}
		if !full {
			want = append(want, traffic.Flaw{Line: 6, What: unnamed})
		}
		assert.Equal(t, want, p.Flaws, options)
		assert.Equal(t, full, p.Full, options)
	}
	for head, want := range map[string]traffic.Flaw{
		"hushpipe-traffic 2\nday 2026-11-22\noptions min-group=5":             {What: "no traffic file of a version that is known; hint: a later hushpipe may have written it"},
		"hushpipe-traffic 1\nday 2026-11-21\noptions min-group=5":             {Line: 2, What: "is another day than that of its name"},
		"hushpipe-traffic 1\nday 2026-11-22\noptions min-group=9 min-group=2": {Line: 3, What: "names stand for fewer than 3 networks"},
	} {
		p := traffic.Proof{}
		p.Look(civil.NewDay(2026, 11, 22), []byte(head+"\n"))
		assert.Equal(t, []traffic.Flaw{want}, p.Flaws, head)
	}
}
