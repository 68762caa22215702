package trafficreport_test

import (
	"fmt"
	"math/rand/v2"

	"hushpipe/format/civil"
	"hushpipe/format/report"
	"hushpipe/format/trafficfile"
	"hushpipe/format/trafficreport"
)

const options = "visitor=address64+agent timeout=30m min-group=5 own=example.org country=DBIP-Country-Lite"

func day(year, month, mday int) civil.Day { return civil.NewDay(year, month, mday) }

// sample makes up days of a blog: more on weekdays than at weekends, more in the evening than at
// night.
func sample(from, to civil.Day, gap func(civil.Day) bool) map[civil.Day]trafficreport.Day {
	random := rand.New(rand.NewPCG(1, 2))
	days := map[civil.Day]trafficreport.Day{}
	for at := from; at <= to; at++ {
		if gap(at) {
			continue
		}
		scale := 1.0
		if report.WeekdayOf(at) > 4 {
			scale = .6
		}
		scale *= .8 + .4*random.Float64() + .0015*float64(at-from)
		var cells []trafficfile.Cell
		add := func(kind, key string, numbers ...float64) {
			c := trafficfile.Cell{Kind: kind, Key: key}
			for _, n := range numbers {
				c.Numbers = append(c.Numbers, uint64(n*scale))
			}
			cells = append(cells, c)
		}
		add("total", "people", 620, 4100, 310e6, 240, 205)
		add("total", "robots", 400, 2900+900*random.Float64(), 120e6, 0, 0)
		add("total", "with-asset", 510, 0, 0, 190, 160)
		add("total", "ignored", 0, 31, 0, 0, 0)
		for h := range 24 {
			much := []float64{6, 4, 2, 1, 1, 2, 5, 11, 20, 26, 28, 29, 27, 29, 30, 29, 26, 25, 27, 31, 36, 33, 22, 12}[h] * (.7 + .6*random.Float64())
			add("hour", fmt.Sprint(h), 1.3*much, 9*much, 700e3*much, much/2)
		}
		for i, p := range []string{"/", "/2026/02/logs-without-people/", "/2025/11/a-key-for-a-day/", "/about/", "/2026/01/what-a-browser-says/", "/archive/",
			"/2024/06/counting-visits-without-cookies/", "/impressum/", "/2026/03/the-map-server/", "/tags/apache/", "/tags/privacy/", "/2023/12/thirty-years-of-common-log-format/",
			"/projects/", "/projects/hushpipe/", "/talks/", "/tags/go/", "/tags/linux/", "/2022/05/why-awstats/", "/2022/08/nginx/", "/contact/", "/search/"} {
			n := 130 / (1 + .7*float64(i))
			add("page", p, n, n*14e3, n*.45, n*.4)
		}
		add("page", "other", 80, 2e6, 30, 33)
		for i, p := range []string{"/wp-login.php", "/old/feed.html", "/images/banner.gif", "/2019/09/moved/"} {
			add("missing", p, 22/(1+float64(i)))
		}
		add("missing", "other", 37)
		for _, o := range []struct {
			key string
			n   float64
		}{{"direct", 150}, {"own", 210}, {"search Google", 120}, {"search DuckDuckGo", 31}, {"search Bing", 14}, {"ai ChatGPT", 18}, {"ai Perplexity", 6}, {"social Mastodon", 22},
			{"site news.ycombinator.com", 17}, {"site lwn.net", 9}, {"site planet.debian.org", 6}, {"site other", 17},
			{"campaign newsletter-march", 11}, {"campaign spring sale", 4}, {"campaign other", 3}} {
			add("from", o.key, o.n)
		}
		for i, k := range []string{"one-page", "30s", "2m", "5m", "15m", "30m", "1h", "more"} {
			add("length", k, []float64{110, 31, 40, 24, 18, 9, 5, 3}[i])
		}
		for i, k := range []string{"1", "2", "3", "5", "10", "20", "more"} {
			add("depth", k, []float64{110, 55, 29, 23, 14, 6, 3}[i])
		}
		for i, k := range []string{"Chrome", "Firefox", "Safari", "Edge", "Samsung Internet", "other"} {
			n := []float64{82, 61, 34, 14, 8, 6}[i]
			add("browser", k, 3*n, 20*n, 1.5e6*n, n)
		}
		for i, k := range []string{"Windows", "Android", "Linux", "macOS", "iOS", "other"} {
			n := []float64{64, 49, 41, 24, 22, 5}[i]
			add("system", k, 3*n, 20*n, 1.5e6*n, n)
		}
		for i, k := range []string{"DE", "NO", "AT", "US", "unknown", "other"} {
			n := []float64{98, 41, 26, 19, 7, 14}[i]
			add("country", k, 3*n, 20*n, 1.5e6*n, n)
		}
		for i, k := range []string{"ai-training GPTBot", "search Googlebot", "ai-training ClaudeBot", "search bingbot", "scanner AhrefsBot", "scanner other", "tool curl", "feed Tiny Tiny RSS",
			"ai-search OAI-SearchBot", "monitor UptimeRobot", "ai-user ChatGPT-User", "preview Mastodon", "headless other", "none other"} {
			n := 700 / (1 + .8*float64(i))
			add("robot", k, n/3, n, 38e3*n, 4)
		}
		for i, k := range []string{"page", "png", "css", "js", "woff2", "svg", "feed", "pdf", "other"} {
			n := []float64{620, 1100, 700, 650, 420, 300, 90, 24, 40}[i]
			add("type", k, 0, n, n*61e3)
		}
		for i, k := range []string{"200", "304", "301", "404", "206", "500"} {
			n := []float64{3200, 640, 110, 96, 44, 2}[i]
			add("status", k, n, n*60e3)
			add("rstatus", k, n/2, n*20e3)
		}
		for i, name := range []string{"topo", "ortho", "parcels", "other"} {
			n := 400 / float64(1+i)
			add("group", name, n, n*70e3, 4, 1)
			for step, most := range []int{1024, 8192, 32768, 92682, 524288, 4194304} {
				add("time", fmt.Sprint(most, " ", name), n*[]float64{.05, .2, .3, .3, .13, .02}[step])
			}
		}
		days[at] = trafficreport.Day{Cells: trafficfile.Add(cells), Options: []string{options}}
	}
	return days
}

// aWeekMissing is a gap for sample.
func aWeekMissing(d civil.Day) bool { return d >= day(2026, 2, 9) && d <= day(2026, 2, 15) }

func noGap(civil.Day) bool { return false }

func daysOf(at civil.Day, d trafficreport.Day) map[civil.Day]trafficreport.Day {
	return map[civil.Day]trafficreport.Day{at: d}
}

// empty is a day without requests.
func empty(at civil.Day) map[civil.Day]trafficreport.Day {
	return daysOf(at, trafficreport.Day{Options: []string{options}})
}
