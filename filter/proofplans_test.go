package filter

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/policy"
)

// proofPlan is a stream that lists its fields.
type proofPlan struct {
	format, fields string
	written        string // the format of written lines; "": that of the input
	proxies        string // trusted proxies
}

var proofPlans = []proofPlan{
	{"combined", `client = "ipcrypt", time = "keep", url = "keep", status = "keep", size = "round=100", referer = "keep", agent = "keep", user = "keep"`, "", ""},
	{"combined", `client = "ipcrypt", time = "hour", url = "path", status = "keep", referer = "site", agent = "keep", user = "hash"`, "", ""},
	{"combined", `client = "pfx", time = "day", url = "site", status = "keep", referer = "path", user = "words=1"`, "", ""},
	{"combined", `client = "mask", time = "keep", url = "only=q,id", agent = "keep"`, "", ""},
	{"combined", `client = "drop", time = "keep", url = "path", referer = "site", agent = "keep"`, "", ""},
	{"combined", `client = "ipcrypt", time = "keep", url = "path", referer = "site", agent = "keep", status = "keep", user = "keep"`,
		`%t %h %u "%r" %>s "%{Referer}i" "%{User-Agent}i"`, ""},
	{"combined", `client = "mask", time = "hour", url = "only=q", status = "keep"`, `%t %a %m %U%q %>s`, ""},
	{"auto", `client = "ipcrypt", time = "keep", url = "path", status = "keep", referer = "site", agent = "keep"`, "", ""},
	{"auto", `client = "drop", time = "keep", url = "keep", status = "keep", referer = "keep", agent = "keep"`, "", ""},
	{"auto", `client = "ipcrypt", time = "keep", url = "path", status = "keep", host = "keep"`, "", ""},
	{"json", `client = "ipcrypt", time = "keep", url = "path", status = "keep", referer = "site", agent = "keep"`, "", ""},
	{"json", `client = "mask=24/48", user = "words=2", time = "keep", url = "keep"`, "", ""},
	{"json", `client = "ipcrypt", user = "keep", time = "keep", status = "keep", other = { "user_id" = "keep" }`, "", ""},
	{"error", `client = "ipcrypt", time = "keep", level = "keep", module = "keep", message = "keep"`, "", ""},
	{"vhost_combined", `client = "only=192.0.2.0/24", time = "keep", url = "path", status = "keep", referer = "site", host = "keep"`, "", ""},
	{"auto", `client = "mask", time = "keep", url = "path", status = "keep", referer = "site", agent = "keep"`, "", `"10.0.0.0/8", "192.0.2.53"`},
	{`%h %l %u %t \"%r\" %>s %b \"%{X-Forwarded-For}i\"`, `client = "ipcrypt", time = "keep", url = "keep"`, "", `"10.0.0.0/8", "192.0.2.53"`},
	{`%h %l %u %t \"%r\" %>s %b \"%{X-Forwarded-For}i\"`, `client = "drop", time = "keep", url = "keep"`, "", `"10.0.0.0/8", "192.0.2.53"`},
}

// plannedLines returns what the stream of proofPlans[i] writes of a log, and a Proof for it.
func plannedLines(t testing.TB, i int, log string) (lines string, p *Proof, cfg Config) {
	t.Helper()
	of := proofPlans[i]
	text := fmt.Sprintf("format = \"%s\"\n[[stream]]\nname = \"a\"\npurpose = \"b\"\nkeep = \"1d\"\nfields = { %s }\n", of.format, of.fields)
	if of.written != "" {
		text += "format = '" + of.written + "'\n"
	}
	if of.proxies != "" {
		text = "trusted-proxies = [" + of.proxies + "]\n" + text
	}
	of2, mistakes := policy.Parse([]byte(text))
	require.Empty(t, mistakes, text)
	got, _ := written(t, text, strings.NewReader(log))
	cfg = streamsConfigs(t, of2)[0]
	if of.written != "" {
		out, err := format.Compile(of.written, time.UTC)
		require.NoError(t, err)
		cfg.Parser, cfg.Plan = out, treatment.Written(&of2.Streams[0], out)
	}
	key := pseudonym.Key{'a'}
	return got["a"], NewProof(cfg, nil, pseudonym.NewProof(&key, []pseudonym.Mode{cfg.Mode}), math.MinInt32), cfg
}

// TestProofOfUsersInJSON: if the status is left out, it is unknown which users were passwords.
// Remaining users are no fault then.
func TestProofOfUsersInJSON(t *testing.T) {
	i := slices.IndexFunc(proofPlans, func(of proofPlan) bool {
		return of.format == "json" && strings.Contains(of.fields, "words=2")
	})
	lines, p, _ := plannedLines(t, i, `{"remote_addr":"192.0.2.1","remote_user":"ZS A 1","status":200,"request":"GET /a HTTP/1.1","time":"2026-11-22T10:00:00Z"}
{"remote_addr":"192.0.2.1","remote_user":"secret","status":401,"request":"GET /b HTTP/1.1","time":"2026-11-22T10:00:00Z"}
`)
	require.Contains(t, lines, `"remote_user":"ZS A"`)
	require.NotContains(t, lines, "secret")
	for line := range strings.Lines(lines) {
		assert.Equal(t, treatment.NoDoubt, p.Look([]byte(line)), line)
	}
	assert.Equal(t, treatment.Untreated, p.Look([]byte(strings.Replace(lines[:strings.IndexByte(lines, '\n')+1], "ZS A", "ZS A 1", 1))))
}
