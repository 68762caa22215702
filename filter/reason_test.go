package filter

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
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

		`spam of 192\x2e0\x2e2\x2e7`:                     "spam of -",
		`grep of 192\.0\.2\.7, '2001\:db8\:\:5'`:         "grep of -, '-'",
		`of client\.example\.org, maria\@example\.org`:   "of -, -",
		"spam of 192punkt0punkt2punkt7":                  "spam of -",
		"spam of 192,0,2,7.":                             "spam of -.",
		"spam of 192_0_2_7":                              "spam of -",
		"file of ip_192_0_2_7, today":                    "file of ip_-, today",
		"spam of 0300.0.02.07":                           "spam of -",
		"spam of 0300.0000.0002.0007":                    "spam of -",
		"spam of 0xC0000207":                             "spam of -",
		"spam of 0xc0.0x0.0x02.0x07":                     "spam of -",
		"spam of 0xC0.0.2.7 and more":                    "spam of - and more",
		"spam of 0xC0.0x207":                             "spam of -",
		"spam of IP 3221225991":                          "spam of IP -",
		"spam of IP-Adresse: 3221225991":                 "spam of IP-Adresse: -",
		"url http://3221225991/x":                        "url http://-/x",
		"spam of 2001 : db8 :: 5":                        "spam of -",
		"spam of 2001 : DB8 : : 5, twice":                "spam of -, twice",
		"2001 : db8 : 0 : 0 : 0 : 0 : 0:5":               "-",
		"spam of 2001 db8 0 0 0 0 0 5":                   "spam of -",
		"2001-0db8-0000-0000-0000-0000-0000-0005 again":  "- again",
		"2001_db8_0_0_0_0_0_5":                           "-",
		"2001 colon db8 colon colon 5":                   "-",
		"2001 Doppelpunkt db8 Doppelpunkt Doppelpunkt 5": "-",
		"2001(colon)db8(colon)(colon)5":                  "-",
		"spam of MTkyLjAuMi43":                           "spam of -",
		"spam of MTkyLjAuMi43Cg==":                       "spam of -",
		"spam of MjAwMTpkYjg6OjU":                        "spam of -",
		"asked by bWFyaWFAZXhhbXBsZS5vcmc= in a mail":    "asked by - in a mail",
		"％３１92.0.2.7":                                    "-",

		// What is none stays as it is.
		"§ 100g StPO, Az. 12 Js 345/26":               "§ 100g StPO, Az. 12 Js 345/26",
		"§§ 12, 13, 15 TDDDG; Art. 6(1)(f) DSGVO":     "§§ 12, 13, 15 TDDDG; Art. 6(1)(f) DSGVO",
		"AG Hamburg 163 Gs 1234/26 of 22.11.2026":     "AG Hamburg 163 Gs 1234/26 of 22.11.2026",
		"VG Berlin, 3 K 12/26, pp. 3-5":               "VG Berlin, 3 K 12/26, pp. 3-5",
		"ticket 20261128001, #4711, INC0012345":       "ticket 20261128001, #4711, INC0012345",
		"ticket 3221225991":                           "ticket 3221225991",
		"call +49 40 123456-78 or 040/123 45 67":      "call +49 40 123456-78 or 040/123 45 67",
		"call 49 40 123 45":                           "call 49 40 123 45",
		"cases 12,13,15,17":                           "cases 12,13,15,17",
		"cases 3, 5, 2, 7":                            "cases 3, 5, 2, 7",
		"1,234,567 lines, 1,000,000,000 in all":       "1,234,567 lines, 1,000,000,000 in all",
		"file access_2026_11_22 and 2026_11_22_7":     "file access_2026_11_22 and 2026_11_22_7",
		"2026-11-22 07:23:55, 22.11.26 at 7 : 23":     "2026-11-22 07:23:55, 22.11.26 at 7 : 23",
		"2026-11-22T07:23:55+01:00 to 08:00":          "2026-11-22T07:23:55+01:00 to 08:00",
		"from 07 : 23 : 55 : 12 on":                   "from 07 : 23 : 55 : 12 on",
		"exit 0x5, 0x1f of 0x100":                     "exit 0x5, 0x1f of 0x100",
		"commit c0000207, 0af3e21":                    "commit c0000207, 0af3e21",
		"id 550e8400-e29b-41d4-a716-446655440000":     "id 550e8400-e29b-41d4-a716-446655440000",
		"IBAN DE89 3704 0044 0532 0130 00":            "IBAN DE89 3704 0044 0532 0130 00",
		"groups 1 2 3 4 5 6 7 8":                      "groups 1 2 3 4 5 6 7 8",
		"note: spam: 5 cases: abe: 3":                 "note: spam: 5 cases: abe: 3",
		"address 12345678901, IP range 7":             "address 12345678901, IP range 7",
		"Unterlassungserklärung, Auskunftsersuchen":   "Unterlassungserklärung, Auskunftsersuchen",
		"denial-of-service, login/attempts, fail2ban": "denial-of-service, login/attempts, fail2ban",
		"ticket (12), at 07:23, § 4.7":                "ticket (12), at 07:23, § 4.7",
		"look at line 5. 3 more":                      "look at line 5. 3 more",
		"case No. ４７":                                 "case No. ４７",
		"100 % of it, a.k.a. spam":                    "100 % of it, a.k.a. spam",
		"order 20261128001":                           "order 20261128001",
		"[.] alone, {dot}":                            "[.] alone, {dot}",
	} {
		assert.Equal(t, want, Reason(text), "%q", text)
	}
}

// TestReasonWithoutWhom: the person that is looked for is not named either.
func TestReasonWithoutWhom(t *testing.T) {
	for text, want := range map[string]string{
		"Maria, case 3":     "-, case 3",
		"ＭＡＲＩＡ, case 3":     "-, case 3",
		"ma\u200bria asked": "- asked",
		"10maria20-30-40":   "-",
		"192 0 2 7, case 3": "-, case 3",
		"of C0000207":       "of -",
		"case 3":            "case 3",
	} {
		assert.Equal(t, want, Reason(text, "maria", "192 0 2 7", "c0000207"), "%q", text)
	}
}

// TestReasonWithoutOddNames: a name is found however its bytes spell it.
func TestReasonWithoutOddNames(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"J\xfcrgen", "of J\xfcrgen, case 3", "of -, case 3"},
		{"J\xfcrgen", "of J\ufffdRGEN, case 3", "of -, case 3"},
		{"\xfc12", "of \xfc12, case 3", "of -, case 3"},
		{"ju\u0308rgen", "of J\u00fcrgen, case 3", "of -, case 3"},
		{"j\u00fcrgen", "of Ju\u0308rgen, case 3", "of -, case 3"},
		{`J\xc3\xbcrgen`, "of J\u00fcrgen, case 3", "of -, case 3"},
		{`J\xc3\xbcrgen`, `of j\xc3\xbcrgen, case 3`, "of -, case 3"},
		{"ｊｏｅ", "of Joe, case 3", "of -, case 3"},
		{"\u200b", "case 3", "case 3"},
	} {
		assert.Equal(t, test.want, Reason(test.text, test.name), "%q in %q", test.name, test.text)
	}
}

// TestReasonOfAnyAddress: each disguise of the table hides no address whatever.
func TestReasonOfAnyAddress(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var four [4]byte
		var six [16]byte
		binary.BigEndian.PutUint32(four[:], random.Uint32N(1<<32-1<<24)+1<<24)
		binary.BigEndian.PutUint64(six[:], random.Uint64()|0xab<<48)
		binary.BigEndian.PutUint64(six[8:], random.Uint64())
		v4, v6 := netip.AddrFrom4(four).String(), netip.AddrFrom16(six).String()
		number := binary.BigEndian.Uint32(four[:])
		texts := []string{
			strings.ReplaceAll(v4, ".", "_"), strings.ReplaceAll(v4, ".", "-"), strings.ReplaceAll(v4, ".", "[.]"), strings.ReplaceAll(v4, ".", " . "),
			strings.ReplaceAll(v4, ".", " dot "), strings.ReplaceAll(v4, ".", "%2E"), fmt.Sprintf("0x%08X", number), fmt.Sprintf("IP %d", number),
			fmt.Sprintf("%#o.%#o.%#o.%#o", four[0], four[1], four[2], four[3]), fmt.Sprintf("%#x.%#x.%#x.%#x", four[0], four[1], four[2], four[3]),
			base64.StdEncoding.EncodeToString([]byte(v4)), base64.RawURLEncoding.EncodeToString([]byte(v6)),
			strings.ReplaceAll(v6, ":", " : "), strings.ReplaceAll(v6, ":", "[:]"), strings.ReplaceAll(netip.AddrFrom16(six).StringExpanded(), ":", "-"),
		}
		if !slices.IsSorted(four[:]) {
			texts = append(texts, strings.ReplaceAll(v4, ".", ","))
		}
		for _, text := range texts {
			assert.Contains(t, []string{"spam of -, today", "spam of IP -, today"}, Reason("spam of "+text+", today"), "%s or %s", v4, v6)
		}
	}
}
