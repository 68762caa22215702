package freetext

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
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
		assert.Equal(t, want, Clean(text), "%q", text)
	}
}

// TestReasonInDisguise: addresses that are written so that programs do not see them.
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

		// What is no address stays as it is.
		"§ 100g StPO, Az. 12 Js 345/26":               "§ 100g StPO, Az. 12 Js 345/26",
		"§§ 12, 13, 15 TDDDG; Art. 6(1)(f) DSGVO":     "§§ 12, 13, 15 TDDDG; Art. 6(1)(f) DSGVO",
		"AG Hamburg 163 Gs 1234/26 of 22.11.2026":     "AG Hamburg 163 Gs 1234/26 of 22.11.2026",
		"VG Berlin, 3 K 12/26, pp. 3-5":               "VG Berlin, 3 K 12/26, pp. 3-5",
		"ticket 20261128001, #4711, INC0012345":       "ticket 20261128001, #4711, INC0012345",
		"ticket 3221225991":                           "ticket 3221225991",
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
		assert.Equal(t, want, Clean(text), "%q", text)
	}
}

// TestReasonWithNumbers: an address written as numbers, and a telephone number, are removed. A
// number stays if the text, or its own form, says what it is.
func TestReasonWithNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"spam of 3221225991":                        "spam of -",
		"3221225991, 3221225992":                    "-, -",
		"ip-3221225991, host_3221225991":            "ip--, host_-",
		"spam of 48213345":                          "spam of -",
		"spam of 192 0 2 7, twice":                  "spam of -, twice",
		"request of 192 0 2 7":                      "request of -",
		"request 192 0 2 7":                         "request -",
		"192/0/2/7":                                 "-",
		"192;0;2;7 and 192 ; 0 ; 2 ; 9":             "- and -",
		"192|0|2|7, 192+0+2+7, 192~0~2~7":           "-, -, -",
		"192, 0, 2, 7":                              "-",
		"192.0.2,7":                                 "-",
		"192 - 0 - 2 - 7":                           "-",
		"192--0--2--7, 192..0..2..7":                "-, -",
		"192:0:2:7 asked":                           "- asked",
		"192 000 002 007, 192,000,002,007":          "-, -",
		"case 5: 7 192 0 2 7":                       "case 5: -",
		"10,20,30,40 and 10 20 30 40":               "- and -",
		"192 prikk 0 prikk 2 prikk 7":               "-",
		"192 Komma 0 Komma 2 Komma 7":               "-",
		"192-dot-0-dot-2-dot-7":                     "-",
		"192 slash 0 slash 2 slash 7":               "-",
		"2001-db8--5, 2001/db8//5, 2001_DB8__5":     "-, -, -",
		"fe80--1 and 2001;db8;;5":                   "- and -",
		"2001-db8-9-2-3-4-5-6":                      "-",
		"2001:db8:192:0:2:7::5":                     "-",
		"network 2001:db8:0:a5 of 2a02:8109:9a40":   "network - of -",
		"2001:db8:1b3c/48, fd12:3456:789a:1":        "-/48, -",
		"2026:11:22 10:00, 22:11:2026:ab":           "2026:11:22 10:00, 22:11:2026:ab",
		"20010db8000000000000000000000005":          "-",
		"c0000207 and C0 00 02 07 and c0:00:02:07":  "- and - and -",
		"11000000000000000000001000000111":          "-",
		"11000000.00000000.00000010.00000111":       "-",
		"030000001007":                              "-",
		"3139322e302e322e37 in hexadecimal":         "- in hexadecimal",
		"6D61726961406578616d706c652e6f7267":        "-",
		"31 39 32 2e 30 2e 32 2e 37":                "-",
		"%31%39%32%2e%30%2E%32%2e%37":               "-",
		"5.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa":          "-",
		"call +49 40 123456-78 or 040/123 45 67":    "call - or -",
		"call 0171 1234567, 004940123456":           "call -, -",
		"call (040) 1234567 or 49 40 123 45":        "call - or -",
		"call 22 85 50 50":                          "call -",
		"ring 01711234567 back":                     "ring - back",
		"Az. 12 O 345/26":                           "Az. 12 O 345/26",
		"ticket #48213, #3221225991":                "ticket #48213, #3221225991",
		"tickets 3221225991, 3221225992 and #12":    "tickets 3221225991, 3221225992 and #12",
		"Vorgang: 3221225991, sak 16543210":         "Vorgang: 3221225991, sak 16543210",
		"INC-3221225991, CHG3221225991":             "INC-3221225991, CHG3221225991",
		"order no. 0012345, ticket 01234567":        "order no. 0012345, ticket 01234567",
		"2026-11-29, 29.11.2026, 29-11-2026":        "2026-11-29, 29.11.2026, 29-11-2026",
		"20261129, 01-12-2026, 01/12/2026 07:15":    "20261129, 01-12-2026, 01/12/2026 07:15",
		"29.11.26 7:15, 2026 11 22 7":               "29.11.26 7:15, 2026 11 22 7",
		"from 16:00, 17:15, 18:30 on, 07:23:55:12":  "from 16:00, 17:15, 18:30 on, 07:23:55:12",
		"sak 26/01234, saksnr. 2026/12345-3":        "sak 26/01234, saksnr. 2026/12345-3",
		"StA Hamburg 7101 Js 12/26, 2K/0123456/26":  "StA Hamburg 7101 Js 12/26, 2K/0123456/26",
		"POL-2026-001234, 23-2026-0012345":          "POL-2026-001234, 23-2026-0012345",
		"CVE-2026-12345, RFC 9110, 15.5.5":          "CVE-2026-12345, RFC 9110, 15.5.5",
		"Apache 2.4.62-1~deb12u2, PHP 8.3.14":       "Apache 2.4.62-1~deb12u2, PHP 8.3.14",
		"statuses 404/403/500, port 443, 8443, 80":  "statuses 404/403/500, port 443, 8443, 80",
		"1,234,567,890 of 12 000 000 lines":         "1,234,567,890 of 12 000 000 lines",
		"1 000 000 000 lines, 12.345,67 EUR":        "1 000 000 000 lines, 12.345,67 EUR",
		"§§ 1, 2, 3, 4, 7, 5; lines 12 7 45 3":      "§§ 1, 2, 3, 4, 7, 5; lines 12 7 45 3",
		"pp. 3-5, 7-9, 12-14":                       "pp. 3-5, 7-9, 12-14",
		"commit 24894d8f, md5 d41d8cd98f00b204e980": "commit 24894d8f, md5 d41d8cd98f00b204e980",
		"facade, deadbeef, Fassade, 2026-W48":       "facade, deadbeef, Fassade, 2026-W48",
		"4.11.-9.11.2026, Q4/2026, 100 in 5 s":      "4.11.-9.11.2026, Q4/2026, 100 in 5 s",
	} {
		assert.Equal(t, want, Clean(text), "%q", text)
	}
}

// TestLongReason: the time is proportional to the length of a reason, so that nobody waits for
// minutes who gives a long text by mistake. Other processes can disturb a measurement, so it is
// repeated.
func TestLongReason(t *testing.T) {
	cost := func(n int) (taken time.Duration) {
		before := cpuTime(t)
		require.Equal(t, strings.Repeat("- a ", n), Clean(strings.Repeat("1 2 3 4 a ", n)))
		return cpuTime(t) - before
	}
	growth := 16.0
	for tries := 0; tries < 5 && growth >= 8; tries++ {
		growth = min(growth, float64(cost(4<<8))/float64(cost(1<<8)))
	}
	assert.Less(t, growth, 8.0)
}

// cpuTime returns the user CPU time of this process.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var used unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano())
}

// TestReasonWithoutWhom: the person who is looked for is not named either.
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
		assert.Equal(t, want, Clean(text, "maria", "192 0 2 7", "c0000207"), "%q", text)
	}
}

// TestReasonWithoutOddNames: a name is found in every encoding and spelling of its bytes.
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
		assert.Equal(t, test.want, Clean(test.text, test.name), "%q in %q", test.name, test.text)
	}
}

// TestReasonOfAnyAddress: no address stays in any of these disguises.
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
			strings.ReplaceAll(v4, ".", ","), strings.ReplaceAll(v4, ".", " "), strings.ReplaceAll(v4, ".", "/"), strings.ReplaceAll(v4, ".", " ; "),
			strings.ReplaceAll(v4, ".", "|"), strings.ReplaceAll(v4, ".", " Punkt "), hex.EncodeToString([]byte(v4)), hex.EncodeToString([]byte(v6)),
			fmt.Sprintf("%#o.%#o.%#o.%#o", four[0], four[1], four[2], four[3]), fmt.Sprintf("%#x.%#x.%#x.%#x", four[0], four[1], four[2], four[3]),
			base64.StdEncoding.EncodeToString([]byte(v4)), base64.RawURLEncoding.EncodeToString([]byte(v6)),
			strings.ReplaceAll(v6, ":", " : "), strings.ReplaceAll(v6, ":", "[:]"), strings.ReplaceAll(netip.AddrFrom16(six).StringExpanded(), ":", "-"),
		}
		if four[0] < 224 { // clients have no others
			texts = append(texts, fmt.Sprint(number))
		}
		for _, text := range texts {
			assert.Contains(t, []string{"spam of -, today", "spam of IP -, today"}, Clean("spam of "+text+", today"), "%s or %s", v4, v6)
		}
	}
}
