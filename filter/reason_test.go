package filter

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestReason(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "",
		"case 12, \"spam\"":                      "case 12, \"spam\"",
		"fail2ban wp-login":                      "fail2ban wp-login",
		"request 7 of 2026-11-22, wp-login.php":  "request 7 of 2026-11-22, wp-login.php",
		"at 07:23:55, v1.2.3":                    "at 07:23:55, v1.2.3",
		"§ 15 DSGVO; Vorgang 4.7/12":             "§ 15 DSGVO; Vorgang 4.7/12",
		"spam of 192.0.2.1, port 5":              "spam of -, port 5",
		"spam of 192.0.2.1:443":                  "spam of -:443",
		"from [2001:db8::5] and 2001:DB8:0::6.":  "from [-] and -.",
		"ip 192-0-2-1 asked":                     "ip - asked",
		"asked by Maria <maria@example.org>":     "asked by Maria <->",
		"mail m.muster+x@mail.example.org, 7":    "mail -, 7",
		"p5483a1b2.dip0.t-ipconnect.de attacks":  "- attacks",
		"abuse of Client.Example.ORG.":           "abuse of -",
		"see https://joe:pass@x.example/?q=1":    "see https:-",
		"url /a?token=abc&b=2":                   "url /a?token=-&b=2",
		"encoded 192%2E0%2E2%2E1":                "encoded -",
		"müller.büro.example.org und mehr":       "- und mehr",
		"new\nline 192.0.2.1\nand 198.51.100.77": "new\nline -\nand -",
	} {
		assert.Equal(t, want, Reason(text), "%q", text)
	}
}
