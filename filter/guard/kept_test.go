package guard

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/format"
)

// mayBeName marks where names may be in a malformed line. It is simpler than names, and marks
// more.
func mayBeName(line string) []bool {
	may := make([]bool, len(line)+1)
	mark := func(from, to int) {
		for i := from; i < to; i++ {
			may[i] = true
		}
	}
	lead := len(line)
	for _, p := range []*regexp.Regexp{regexp.MustCompile(` - `), guardtest.Stamp} {
		if m := p.FindStringIndex(line); m != nil {
			lead = min(lead, m[0])
		}
	}
	if m := leadStamp.FindStringIndex(line); m != nil {
		lead = m[1]
	} else if lead == len(line) {
		lead = len(leadWordsPattern.FindString(line))
	}
	mark(0, lead)
	for at := 0; at < len(line); {
		m := beforePattern.FindStringIndex(line[at:])
		if m == nil {
			break
		}
		mark(at+m[0], at+m[1])
		at += m[1] - 1
	}
	for _, m := range stampedPattern.FindAllStringIndex(line, -1) {
		mark(m[0], m[1])
	}
	for _, p := range []*regexp.Regexp{peerPattern, valuePattern} {
		for _, m := range p.FindAllStringSubmatchIndex(line, -1) {
			mark(m[2], m[3])
		}
	}
	return may
}

var (
	word             = `[^ \t\r]+[ \t\r]+`
	leadStamp        = regexp.MustCompile(`^(?:[ \t\r]|\[[^]]{0,46}\]|<\d*>|[[({<"'/])*(?:` + guardtest.Stamp.String() + `)[])}>"',;:]*[ \t\r]*(?:` + word + `)?[^ \t\r]*`)
	leadWordsPattern = regexp.MustCompile(`^(?:[ \t\r]|\[[^]]{0,46}\]|<\d*>)*(?:` + word + `)?[^ \t\r]*`)
	beforePattern    = regexp.MustCompile(`(?:[^ \t\r]*,[ \t\r]+)*[^ \t\r]*[ \t\r]+-`)
	stampedPattern   = regexp.MustCompile(`(?:[^ \t\r]*,[ \t\r]+)*(?:` + word + `)?[^ \t\r]*[ \t\r]+\[(?:` + guardtest.Stamp.String() + `)`)
	peerPattern      = regexp.MustCompile(`(?i)(?:client|remote)[ \t]([^]]{0,300}|[^ ]*)`)
	valuePattern     = regexp.MustCompile(`(?i)(?:` + strings.Join(clientEnds, "|") + `)["\\]*[ \t\r]*[:=](.*)`)
	clientEnds       = []string{"ip", "addr", "address", "client", "remote", "for", "host", "xff", "forwarded"}
)

func TestShortEnds(t *testing.T) {
	keys := format.ClientKeysOf(nil)
	for _, end := range shortEnds {
		assert.True(t, keys.MayEnd(end[len(end)-1]), end)
	}
}

// FuzzKept: a malformed line keeps everything that cannot be an address, a secret or a name.
func FuzzKept(f *testing.F) {
	for _, log := range guardtest.Logs(f, "../../testdata") {
		for i, line := range strings.Split(log, "\n") {
			if i%40 == 0 {
				f.Add(line)
				f.Add(line[len(line)/2:] + line[:len(line)/2])
			}
		}
	}
	for _, line := range []string{"ec2-198-51-100-7 - x", "a token=b c - ", "//joe:pw@h [client 192.0.2.1:80] b", `{"remote_ip":"dsl.exam`} {
		f.Add(line)
	}
	g := New(format.ClientKeysOf(nil), nil)
	g.Cipher = testCipher(f, "drop")
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n\x00") || len(line) > 4000 {
			return
		}
		got := malformed(t, &g, line)
		n := names{keys: format.ClientKeysOf(nil)}
		if n.find([]byte(line), nil); n.full {
			return // mayBeName does not know the bound of names
		}
		mayGo := mayBeName(line)
		// In broken stamps and brackets, names takes more for names than mayBeName does, and
		// replaces more than necessary. TestNames of package filter has what must stay.
		for _, name := range n.all {
			for i := name.start; i < name.end; i++ {
				mayGo[i] = true
			}
		}
		if !guardtest.Survives(line, got, []format.Field{{Kind: format.URL, End: len(line)}}, mayGo) {
			t.Fatalf("more than addresses, secrets and names is lost of\n%q:\n%q", line, got)
		}
	})
}
