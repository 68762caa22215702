package traffic_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
)

// TestCampaigns: a link that names its campaign counts for that, whatever referrer the
// browser sends; one that only names its site counts for the kind of that site.
func TestCampaigns(t *testing.T) {
	for target, want := range map[string]string{
		"/a?utm_campaign=spring":         "campaign spring",
		"/a?x=1&mtm_campaign=spring":     "campaign spring",
		"/a?pk_campaign=spring&pk_kwd=x": "campaign spring",
		"/a?utm_source=newsletter&utm_medium=email&utm_campaign=spring%20sale": "campaign spring sale",
		"/a?utm_campaign=+spring+sale+":                                        "campaign spring sale",
		"/a?utm_campaign=&utm_source=flyer":                                    "campaign flyer",
		"/a?utm_campaign=one&utm_campaign=two":                                 "campaign one",
		"/a?utm_source=chatgpt.com":                                            "ai ChatGPT",
		"/a?utm_source=www.google.com":                                         "search Google",
		"https://example.org/a?utm_campaign=spring":                            "campaign spring",
		"/a?utm_campaign=newsletter-2026-11":                                   "campaign newsletter-2026-11",
		"/a?utm_campaign=caf%c3%a9":                                            "campaign caf%C3%A9",
		"/a?utm_campaign=alice%40example.org":                                  "campaign other",
		"/a?utm_campaign=for+alice@example.org":                                "campaign other",
		"/a?utm_campaign=a1B2c3D4e5F6":                                         "campaign other",
		"/a?utm_campaign=192.0.2.7":                                            "campaign other",
		"/a?utm_campaign=192+0+2+7":                                            "campaign other",
		"/a?utm_campaign=for%20192%200%202%207":                                "campaign other",
		"/a?utm_campaign=" + strings.Repeat("spring-", 16) + "alice@x.example": "campaign other",
		"/a?utm_campaign=" + strings.Repeat("spring-", 16) + "20261122-sale":   "campaign other",
		"/a?utm_campaign=other":                                                "campaign other",
		"/a?utm_campaign=%20":                                                  "campaign other",
		"/a?utm_medium=email":                                                  "search DuckDuckGo",
		"/a?autm_campaign=x":                                                   "search DuckDuckGo",
		"/a?utm_campaign":                                                      "search DuckDuckGo",
		"/a?a&_=&utm_source=":                                                  "search DuckDuckGo",
		"/a":                                                                   "search DuckDuckGo",
		"/a?utm_campaign=" + strings.Repeat("spring-", 40):                     "campaign " + strings.Repeat("spring-", 17) + "*",
	} {
		var lines [][]byte
		for network := range 5 {
			lines = append(lines, fmt.Appendf(nil, `10.0.%d.1 - - [10/Mar/2026:08:00:00 +0000] "GET %s HTTP/1.1" 200 100 "https://duckduckgo.com/" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`, network, target))
		}
		got := "nothing"
		for _, c := range count(t, traffic.Defaults(), lines)[civil.NewDay(2026, 3, 10)].Cells {
			if c.Kind == "from" {
				got = c.Key
			}
		}
		assert.Equal(t, want, got, target)
		few := count(t, traffic.Defaults(), lines[:4])[civil.NewDay(2026, 3, 10)]
		if strings.HasPrefix(want, "campaign") {
			assert.Equal(t, []uint64{4}, cellOf(few.Cells, "from", "campaign other")[:1], target)
		}
	}
}
