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
		assert.Equal(t, want, Reason(text, ""), "%q", text)
	}
}

// TestReasonInDisguise: an address that is written so that programs do not see one.
func TestReasonInDisguise(t *testing.T) {
	for text, want := range map[string]string{
		"spam of 192.0.2[.]1":                   "spam of -",
		"spam of 192[.]0[.]2[.]1, port 5":       "spam of -, port 5",
		"spam of 192(dot)0(dot)2 (dot) 1":       "spam of -",
		"spam of 192 dot 0 dot 2 dot 1":         "spam of -",
		"Spam von 192 Punkt 0 Punkt 2 Punkt 1":  "Spam von -",
		"spam of 192 . 0 . 2 . 1":               "spam of -",
		"spam of １９２.０.２.１":                     "spam of -",
		"spam of １９２．０．２．１":                     "spam of -",
		"spam of 192。0。2。1":                     "spam of -",
		"spam of ١٩٢.٠.٢.١":                     "spam of -",
		"spam of 192\u200b.0.2\u00ad.1":         "spam of -",
		"spam of 192&#46;0&#46;2&#46;1":         "spam of -",
		"spam of 2001[:]db8[:][:]5":             "spam of -",
		"spam of 192‑0‑2‑1":                     "spam of -",
		"spam of 192%252E0%252E2%252E1":         "spam of -",
		"asked by maria%40example.org":          "asked by -",
		"asked by maria%2540example.org":        "asked by -",
		"asked by maria＠example.org":            "asked by -",
		"asked by maria@example。org":            "asked by -",
		"asked by maria&#64;example.org":        "asked by -",
		"asked by maria [at] example [dot] org": "asked by -",
		"asked by maria(at)example.org":         "asked by -",
		"asked by maria at example dot org":     "asked by -",
		"asked by maria at example.org":         "asked by -",
		"asked by maria @ example.org":          "asked by -",
		"of host client[.]example[.]org":        "of host -",

		// What is none stays as it is.
		"ticket (12), at 07:23, § 4.7": "ticket (12), at 07:23, § 4.7",
		"look at line 5. 3 more":       "look at line 5. 3 more",
		"case No. ４７":                  "case No. ４７",
		"100 % of it, a.k.a. spam":     "100 % of it, a.k.a. spam",
		"order 20261128001":            "order 20261128001",
		"[.] alone, {dot}":             "[.] alone, {dot}",
	} {
		assert.Equal(t, want, Reason(text, ""), "%q", text)
	}
}

// TestReasonWithoutWhom: the person that is looked for is not named either.
func TestReasonWithoutWhom(t *testing.T) {
	for text, want := range map[string]string{
		"Maria, case 3":     "-, case 3",
		"ＭＡＲＩＡ, case 3":     "-, case 3",
		"ma\u200bria asked": "- asked",
		"case 3":            "case 3",
	} {
		assert.Equal(t, want, Reason(text, "maria"), "%q", text)
	}
}
