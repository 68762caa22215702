package filter

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/archive"
	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/traffic"
	"hushpipe/filter/treatment"
	"hushpipe/format/civil"
	"hushpipe/format/trafficfile"
)

// TestTrafficOfWorkers: the traffic figures do not depend on the number of workers, nor on how
// the log is split into files. They include lines past the retention.
func TestTrafficOfWorkers(t *testing.T) {
	text, err := os.ReadFile("../testdata/elastic/apache-combined-2015.log")
	require.NoError(t, err)
	log := string(text) + manyDaysLog(3000)
	third := len(log) / 3
	cfg := newConfig(t, "auto")
	cfg.Traffic = &Traffic{Options: traffic.Defaults(), Zone: time.UTC}
	want := ""
	for _, workers := range []int{1, 2, 7} {
		r := newReplay(t, cfg, "auto", workers, newCalendar())
		var out collector
		require.NoError(t, r.Run(t.Context(), archive.NewReader(openFiles(t, log[:third], log[third:2*third], log[2*third:]), 2), &out))
		got, names := "", traffic.Names{}
		for _, day := range r.Traffic().All() {
			got += string(trafficfile.Append(nil, r.Traffic().Figures(day, names)))
		}
		if want == "" {
			want = got
			require.Contains(t, got, "day 2015-05-17\n")
			require.Contains(t, got, "day "+guardtest.Today.String()+"\n")
		}
		assert.Equal(t, want, got, "workers=%d", workers)
	}
}

// TestTrafficOfFormats: the same requests give the same figures in each format that has the
// requested path.
func TestTrafficOfFormats(t *testing.T) {
	const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	logs := map[string]string{
		"combined":       `10.0.%[1]d.1 - - [10/Mar/2026:08:00:00 +0000] "GET /a HTTP/1.1" 200 100 "https://duckduckgo.com/" "` + browser + `"`,
		"vhost_combined": `example.org:443 10.0.%[1]d.1 - - [10/Mar/2026:08:00:00 +0000] "GET /a HTTP/1.1" 200 100 "https://duckduckgo.com/" "` + browser + `"`,
		"json":           `{"remote_addr":"10.0.%[1]d.1","time":"2026-03-10T08:00:00+00:00","request":"GET /a HTTP/1.1","status":200,"body_bytes_sent":100,"http_referer":"https://duckduckgo.com/","http_user_agent":"` + browser + `"}`,
		"auto":           `10.0.%[1]d.1 - - [10/Mar/2026:08:00:00 +0000] "GET /a HTTP/1.1" 200 100 "https://duckduckgo.com/" "` + browser + `"`,
		`%{X-Forwarded-For}i %t "%m %U%q %H" %>s %O "%{Referer}i" "%{User-Agent}i"`: `10.0.%[1]d.1 [10/Mar/2026:08:00:00 +0000] "GET /a HTTP/1.1" 200 100 "https://duckduckgo.com/" "` + browser + `"`,
	}
	want := ""
	for _, spec := range []string{"combined", "vhost_combined", "json", "auto", `%{X-Forwarded-For}i %t "%m %U%q %H" %>s %O "%{Referer}i" "%{User-Agent}i"`} {
		var log strings.Builder
		for network := range 6 {
			fmt.Fprintf(&log, logs[spec]+"\n", network)
		}
		cfg := newConfig(t, spec)
		cfg.Traffic = &Traffic{Options: traffic.Defaults(), Zone: time.UTC}
		r := newReplay(t, cfg, spec, 1, newCalendar())
		var out collector
		require.NoError(t, r.Run(t.Context(), archive.NewReader(openFiles(t, log.String()), 1), &out))
		day := civil.NewDay(2026, 3, 10)
		require.Equal(t, []civil.Day{day}, r.Traffic().All(), spec)
		got := string(trafficfile.Append(nil, r.Traffic().Figures(day, traffic.Names{})))
		if want == "" {
			want = got
			assert.Contains(t, got, "\npage 6 600 6 6 /a\n")
			assert.Contains(t, got, "\nfrom 6 search DuckDuckGo\n")
		}
		assert.Equal(t, want, got, spec)
	}
}

// TestTrafficOfTwoAgents: a second field with a user agent does not change who made the
// request.
func TestTrafficOfTwoAgents(t *testing.T) {
	const (
		browser = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
		robot   = "Googlebot/2.1 (+http://www.google.com/bot.html)"
	)
	cfg := newConfig(t, `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" "%{User-Agent}n"`)
	cfg.Traffic = &Traffic{Options: traffic.Defaults(), Zone: time.UTC}
	f := New(cfg, everyDay())
	var log strings.Builder
	for i := range 8 {
		fmt.Fprintf(&log, "10.0.%d.1 - - [10/Mar/2026:08:00:00 +0000] \"GET /a HTTP/1.1\" 200 100 \"-\" \"%s\" \"one for all\"\n", i%2, []string{browser, robot}[i%2])
	}
	var b Batch
	f.renew()
	f.treatLines(&b, []byte(log.String()))
	require.Len(t, b.Parts, 1)
	d := traffic.NewDay(cfg.Traffic.Options)
	require.NoError(t, d.Add(b.Parts[0].Hits))
	got := string(trafficfile.Append(nil, d.Figures(civil.NewDay(2026, 3, 10), traffic.Names{})))
	assert.Contains(t, got, "total 4 4 400 1 1 people\n")
	assert.Contains(t, got, "robot 4 4 400 0 search Googlebot\n")
}

// TestTrafficOfStruckOutCampaigns: a parameter whose value is struck out of lines names no
// campaign, on any day.
func TestTrafficOfStruckOutCampaigns(t *testing.T) {
	cfg := newConfig(t, "combined")
	var err error
	cfg.Redact, err = treatment.NewRedact("UTM_campaign,utm_source")
	require.NoError(t, err)
	cfg.Traffic = &Traffic{Options: traffic.Defaults(), Zone: time.UTC}
	f := New(cfg, everyDay())
	var log strings.Builder
	for i := range 20 {
		fmt.Fprintf(&log, "10.0.%d.1 - - [%d/Mar/2026:08:00:00 +0000] \"GET /a?utm_campaign=c&utm_source=s&%s HTTP/1.1\" 200 5 \"-\" \"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\"\n",
			i%5, 10+i/10, []string{"x", "mtm_campaign=said"}[i/5%2])
	}
	var b Batch
	f.renew()
	f.treatLines(&b, []byte(log.String()))
	require.Len(t, b.Parts, 2)
	for i := range b.Parts {
		d := traffic.NewDay(cfg.Traffic.Options)
		require.NoError(t, d.Add(b.Parts[i].Hits))
		got := string(trafficfile.Append(nil, d.Figures(civil.NewDay(2026, 3, 10+i), traffic.Names{})))
		assert.Contains(t, got, "\nfrom 5 campaign said\nfrom 5 direct\n")
	}
}

// TestTrafficForgetsTexts: raw texts of a day's lines are not in memory on the next day.
func TestTrafficForgetsTexts(t *testing.T) {
	cfg := newConfig(t, "auto")
	cfg.Traffic = &Traffic{Options: traffic.Defaults(), Zone: time.UTC}
	cal := everyDay()
	f := New(cfg, cal)
	var b Batch
	f.renew()
	f.treatLines(&b, []byte(`192.0.2.1 - - [10/Mar/2026:08:00:00 +0000] "GET /secret1 HTTP/1.1" 200 5 "http://secret2.example.net/?secret3" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0 secret4"`+"\n"+
		`{"remote_addr":"192.0.2.1","time":"2026-03-10T08:00:00+00:00","request":"GET /a%2fsecret5 HTTP/1.1","status":200,"http_referer":"http://SECRET6.example.net","http_user_agent":"b"}`+"\n"))
	asText := "%s" // prints all bytes in it
	known := func() string { return strings.ToLower(fmt.Sprintf(asText, *f.traffic.counter)) }
	require.NotEmpty(t, b.Parts[0].Hits)
	for n := 1; n <= 4; n++ {
		require.Equal(t, n != 3, strings.Contains(known(), fmt.Sprint("secret", n)), n)
	}
	cal.epoch++
	f.renew()
	assert.NotContains(t, known(), "secret")
	assert.Empty(t, f.traffic.free, "their bytes are there behind the end")
}
