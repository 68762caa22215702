package guard

import (
	"strconv"
	"strings"
	"testing"

	"hushpipe/filter/guard/guardtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDashed(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"EC2", "http://ec2-198-51-100-7.eu-central-1.compute.amazonaws.com/a", "http://ec2-{198.51.100.7}.eu-central-1.compute.amazonaws.com/a"},
		{"private", "//ip-10-0-0-1", "//ip-{10.0.0.1}"},
		{"first word", "198-51-100-7.dsl.example", "{198.51.100.7}.dsl.example"},
		{"glued to a letter", "dsl198-51-100-7.example", "dsl{198.51.100.7}.example"},
		{"glued to a letter behind it", "198-51-100-7a 198-51-100-7-4g", "{198.51.100.7}a {198.51.100.7}-4g"},
		{"words beside it", "a-198-51-100-7-static", "a-{198.51.100.7}-static"},
		{"zeros", "host-198-051-100-007", "host-{198.51.100.7}"},
		{"several", "1-2-3-4,5-6-7-8 a=1-2-3-4", "{1.2.3.4},{5.6.7.8} a={1.2.3.4}"},
		{"encoded", "198%2D51%2d100%252D7 %31-2-3-4 1-2-3-%34%35 1\\u002d2-3-4", "{198.51.100.7} {1.2.3.4} {1.2.3.45} {1.2.3.4}"},
		{"behind an escape", "%20198-51-100-7 %C3198-51-100-7%20 %411-2-3-4-5", "%20{198.51.100.7} %C3{198.51.100.7}%20 %411-{2.3.4.5}"},
		{"end of an escape of httpd", `\xc3-1-2-3-4 \x31-2-3-4`, `\xc3-{1.2.3.4} {31.2.3.4}`},
		{"behind dashes", "--1-2-3-4-- 1--2%33-4-5-6 1-2--3-4-5-6", "--{1.2.3.4}-- 1--{23.4.5.6} 1-2--{3.4.5.6}"},
		{"beside other addresses", "192.0.2.1-1-2-3-4 1-2-3-4.a.b.c.", "{192.0.2.1}-{1.2.3.4} {1.2.3.4}.a.b.c."},
		{"part of another address", "192.0.2.1-2-3 1-2-192.0.2.1", "{192.0.2.1}-2-3 1-2-{192.0.2.1}"},

		{"date", "2026-11-22-10 2026-11-22", "2026-11-22-10 2026-11-22"},
		{"part too large", "1-2-3-256 1-2-3-1000", "1-2-3-256 1-2-3-1000"},
		{"more parts", "1-2-3-4-5 a1-2-3-4-5-6 00-11-22-33-44-55", "1-2-3-4-5 a1-2-3-4-5-6 00-11-22-33-44-55"},
		{"fewer parts", "ip-10-0-1 a-b-c-d", "ip-10-0-1 a-b-c-d"},
		{"UUID", "550e8400-e29b-41d4-a716-446655440000 12345678-1234-1234-1234-123456789012", "550e8400-e29b-41d4-a716-446655440000 12345678-1234-1234-1234-123456789012"},
		{"telephone", "+49-30-1234-5678", "+49-30-1234-5678"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := testCipher(t, "ipcrypt")
			g, r := testGuard(c), guardtest.Redact(t)
			text, want := []byte(test.text), guardtest.Expand(t, c.Cipher, test.want)
			assert.Equal(t, want, string(g.appendText(nil, text, plainText)))
			assert.Equal(t, want, string(g.appendText(nil, text, agentText)))
			assert.Equal(t, want, string(g.AppendRequest(nil, text, r)))
			assert.Equal(t, want, string(g.AppendURL(nil, text, r)))
			long := strings.Repeat("x", 70) + " "
			assert.Equal(t, long+want, string(g.AppendURL(nil, append([]byte(long), text...), r)))

			keeps := testGuard(testCipher(t, "keep"))
			assert.Equal(t, test.text, string(keeps.appendPlain(nil, text)))
		})
	}
}

// FuzzDashed compares appendPlain with its reference, and with its own result for a text with
// escaped dashes and digits.
func FuzzDashed(f *testing.F) {
	for _, text := range []string{"ec2-198-51-100-7.x", "1-2-3-4-5", "a1-2-3-4-5b", "1--2-3-4-5", "1-2-3-4 5-6-7-8", "-256-1-1-1-1", `\x31-2-3-4`, "0001-2-3-4", "1-2-3-04"} {
		f.Add(text, uint64(0x1234))
	}
	f.Fuzz(func(t *testing.T, text string, which uint64) {
		if strings.ContainsAny(text, `%`) || strings.Contains(text, `\u`) {
			return
		}
		c := testCipher(t, "ipcrypt")
		g := testGuard(c)
		require.Equal(t, string(guardtest.Dashed(c.Cipher, []byte(text))), string(g.appendPlain(nil, []byte(text))), "%q", text)
		if strings.ContainsAny(text, `\`) {
			return
		}
		escaped := ""
		for i := range len(text) {
			if which>>(i%64)&1 == 1 && (text[i] == '-' || '0' <= text[i] && text[i] <= '9') {
				escaped += "%" + strconv.FormatUint(uint64(text[i]), 16)
			} else {
				escaped += text[i : i+1]
			}
		}
		plain, got := g.appendPlain(nil, []byte(text)), g.appendPlain(nil, []byte(escaped))
		require.Equal(t, string(plain), string(decoded(got)), "%q", escaped)
	})
}
