package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// traffic describes a log. Equal values give equal bytes.
type traffic struct {
	Seed    uint64
	Lines   int       // spread evenly over the day, ≥ 1
	Day     time.Time // every line has its date and zone
	Format  string    // a key of renderers
	Clients int       // different addresses, ≥ 100; 35 % of them, and of the lines, IPv6
	Rooms   int       // different conference rooms, ≥ 1
	Even    bool      // all clients and rooms are equally busy
	Length  int       // requests are padded until a line has so many bytes
}

// generator writes the access log of a conference server and its web site line by line: BOSH
// polls, websockets, assets, pages and bots. Clients and rooms are busy by Zipf's law, and a
// client stays with two rooms.
type generator struct {
	traffic
	rnd      *rand.Rand
	v4, v6   pool
	rooms    []string // percent-encoded
	anyRoom  ranks
	midnight time.Time
	step     time.Duration
	lines    int // written so far
	padding  string
	render   func(dst []byte, e *entry) []byte
	entry    entry // scratch
}

// ranks draws the rank of a client or room.
type ranks interface{ Uint64() uint64 }

// even draws all ranks below n with equal probability.
type even struct {
	rnd *rand.Rand
	n   uint64
}

func (e even) Uint64() uint64 { return e.rnd.Uint64N(e.n) }

// newRanks returns the ranks of a pool of n. With a larger v, the busiest are closer together.
func (g *generator) newRanks(v float64, n int) ranks {
	if g.Even {
		return even{g.rnd, uint64(n)}
	}
	return rand.NewZipf(g.rnd, 1.1, v, uint64(n-1))
}

// pool is the clients of one address family, the busiest first.
type pool struct {
	clients []client
	ranks   ranks
}

type client struct {
	addr  string
	agent string
	rooms [2]string
}

// entry is one line before it is rendered.
type entry struct {
	host, addr string
	requestURL
	referer, room string // the referrer is referer + room; referer is "-" for none
	agent         string
	time          time.Time
	status, bytes int
}

// requestURL is the request of a line: target + param + padName + pad.
type requestURL struct{ method, target, param, padName, pad string }

func newGenerator(tr traffic) (*generator, error) {
	render, ok := renderers[tr.Format]
	if !ok {
		return nil, fmt.Errorf("unknown format %q: use combined, vhost_combined, common, custom or json", tr.Format)
	}
	if tr.Lines < 1 || tr.Clients < 100 || tr.Rooms < 1 {
		return nil, fmt.Errorf("traffic is too small: at least 1 line, 100 clients and 1 room")
	}
	rnd := rand.New(rand.NewPCG(tr.Seed, 0))
	y, m, d := tr.Day.Date()
	g := &generator{
		traffic:  tr,
		rnd:      rnd,
		rooms:    roomNames(tr.Rooms),
		midnight: time.Date(y, m, d, 0, 0, 0, 0, tr.Day.Location()),
		step:     24 * time.Hour / time.Duration(tr.Lines),
		padding:  padding(rnd, tr.Length),
		render:   render,
	}
	g.anyRoom = g.newRanks(4, tr.Rooms)
	v6 := tr.Clients * 35 / 100
	g.v4 = g.newPool(tr.Clients-v6, randomV4)
	g.v6 = g.newPool(v6, randomV6())
	return g, nil
}

func (g *generator) newPool(n int, addr func(*rand.Rand) netip.Addr) pool {
	p := pool{ranks: g.newRanks(20, n)}
	seen := make(map[netip.Addr]bool, n)
	for len(p.clients) < n {
		a := addr(g.rnd)
		if seen[a] {
			continue
		}
		seen[a] = true
		p.clients = append(p.clients, client{
			addr:  a.String(),
			agent: browsers[g.rnd.IntN(len(browsers))],
			rooms: [2]string{g.rooms[g.anyRoom.Uint64()], g.rooms[g.anyRoom.Uint64()]},
		})
	}
	return p
}

// randomV4 returns a public address.
func randomV4(rnd *rand.Rand) netip.Addr {
	for {
		n := rnd.Uint32()
		a := netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		if a.IsGlobalUnicast() && !a.IsPrivate() && byte(n>>24) > 0 && byte(n>>24) < 224 {
			return a
		}
	}
}

// randomV6 returns a function that draws addresses in 2000::/3, three from each /64: a household
// has several hosts, with random interface identifiers (RFC 8981).
func randomV6() func(*rand.Rand) netip.Addr {
	networks := []uint64{0x2001_16b8, 0x2003_00c8, 0x2600_1700, 0x2a00_6020, 0x2a01_0c22, 0x2a02_8108, 0x2a02_3030, 0x2804_014c}
	var household uint64
	left := 0
	return func(rnd *rand.Rand) netip.Addr {
		if left == 0 {
			household = networks[rnd.IntN(len(networks))]<<32 | uint64(rnd.Uint32())
			left = 3
		}
		left--
		var b [16]byte
		host := rnd.Uint64()
		for i := range 8 {
			b[i], b[8+i] = byte(household>>(56-8*i)), byte(host>>(56-8*i))
		}
		return netip.AddrFrom16(b)
	}
}

// roomNames returns n different names, encoded as in a browser's query.
func roomNames(n int) []string {
	first := []string{"Peters", "Team", "Montags", "Open", "Linux", "Schul", "Happy", "Brave", "Quiet", "Vereins", "Daily", "Early", "Green", "North", "Klassen", "Eltern"}
	second := []string{"Konferenz", "Meeting", "Runde", "Standup", "Treffen", "Stammtisch", "Retro", "Planung", "Vorstand", "Chor", "Probe", "Review", "Abend", "%C3%9Cbung", "%20Talk", "Sync"}
	third := []string{"", "A", "B", "Nord", "S%C3%BCd", "Ost", "West", "7a", "7b", "8c", "Berlin", "M%C3%BCnchen", "Wien", "Intern", "Extern", "Neu"}
	names := make([]string, n)
	for i := range names {
		names[i] = first[i%16] + second[i/16%16] + third[i/256%16]
		if i >= 4096 {
			names[i] += strconv.Itoa(i / 4096)
		}
	}
	return names
}

// AppendLine appends the next line with its newline.
func (g *generator) AppendLine(dst []byte) []byte {
	e := &g.entry
	*e = entry{
		host: "meet.example.org", requestURL: requestURL{method: "GET"}, referer: "-", status: 200,
		time: g.midnight.Add(min(time.Duration(g.lines)*g.step, 24*time.Hour-1)),
	}
	g.lines++
	p := &g.v4
	if g.rnd.IntN(100) < 35 {
		p = &g.v6
	}
	rank := int(p.ranks.Uint64())
	c := &p.clients[rank]
	e.addr, e.agent = c.addr, c.agent
	switch n := g.rnd.IntN(100); {
	case n < 56:
		g.poll(e, c)
	case n < 62:
		g.websocket(e, c)
	case n < 86:
		g.asset(e, c)
	case n < 92:
		g.page(e, c)
	default:
		// Bots are not among the busiest clients: they come from the other end of the pool.
		e.addr = p.clients[len(p.clients)-1-rank%100].addr
		g.bot(e)
	}
	start := len(dst)
	dst = g.render(dst, e)
	if missing := g.Length - (len(dst) - start); missing > 0 {
		g.pad(e, missing)
		dst = g.render(dst[:start], e)
	}
	return append(dst, '\n')
}

// pad makes the line n bytes longer, as tokens and states do in browsers' requests.
func (g *generator) pad(e *entry, n int) {
	e.padName = "?state="
	if strings.Contains(e.target, "?") {
		e.padName = "&state="
	}
	n = max(0, n-len(e.padName))
	start := g.rnd.IntN(len(g.padding) - n)
	e.pad = g.padding[start : start+n]
}

// padding returns letters for the padding of lines of that length.
func padding(rnd *rand.Rand, length int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	b := make([]byte, 2*length)
	for i := range b {
		b[i] = letters[rnd.IntN(len(letters))]
	}
	return string(b)
}

// room returns one of the client's rooms, and sometimes another.
func (g *generator) room(c *client) string {
	switch n := g.rnd.IntN(200); {
	case n == 0:
		return g.rooms[g.anyRoom.Uint64()]
	case n < 150:
		return c.rooms[0]
	default:
		return c.rooms[1]
	}
}

func (g *generator) poll(e *entry, c *client) {
	e.method, e.target, e.param = "POST", "/http-bind?room=", g.room(c)
	e.referer, e.room = "https://meet.example.org/", e.param
	e.bytes = 180 + g.rnd.IntN(900)
	if g.rnd.IntN(100) == 0 {
		e.status, e.bytes = 404, 196
	}
}

// websocket is logged when it closes, with the time of its opening.
func (g *generator) websocket(e *entry, c *client) {
	e.target, e.param, e.status = "/xmpp-websocket?room=", g.room(c), 101
	e.bytes = 2000 + g.rnd.IntN(4_000_000)
	e.time = e.time.Add(-time.Duration(g.rnd.IntN(5400)) * time.Second)
	if e.time.Before(g.midnight) {
		e.time = g.midnight
	}
}

func (g *generator) asset(e *entry, c *client) {
	e.target = assets[g.rnd.IntN(len(assets))]
	e.referer, e.room = "https://meet.example.org/", g.room(c)
	e.bytes = 400 + g.rnd.IntN(60_000)
	if g.rnd.IntN(3) == 0 {
		e.status, e.bytes = 304, 230
	}
}

func (g *generator) page(e *entry, c *client) {
	if g.rnd.IntN(2) == 0 {
		e.target, e.param = "/", g.room(c)
	} else {
		e.host, e.target = "www.example.org", pages[g.rnd.IntN(len(pages))]
	}
	e.referer = referers[g.rnd.IntN(len(referers))]
	e.bytes = 3000 + g.rnd.IntN(20_000)
}

func (g *generator) bot(e *entry) {
	e.host, e.agent, e.bytes = "www.example.org", bots[g.rnd.IntN(len(bots))], 500+g.rnd.IntN(20_000)
	if n := g.rnd.IntN(len(pages) + len(probes)); n < len(pages) {
		e.target = pages[n]
	} else {
		e.target, e.status, e.bytes = probes[n-len(pages)], 404, 437
	}
}

// customFormat is a LogFormat that no web server ships.
const customFormat = `%t %v %h %D "%r" %>s %B "%{User-agent}i"`

// renderers write an entry in a format. No value has a byte that httpd would escape.
var renderers = map[string]func(dst []byte, e *entry) []byte{
	"combined": appendCombined,
	"common":   appendCommon,
	"vhost_combined": func(dst []byte, e *entry) []byte {
		dst = append(dst, e.host...)
		return appendCombined(append(dst, ":443 "...), e)
	},
	"custom": appendCustom,
	"json":   appendJSON,
}

func appendCombined(dst []byte, e *entry) []byte {
	dst = appendAll(appendCommon(dst, e), ` "`, e.referer, e.room, `" "`, e.agent)
	return append(dst, '"')
}

func appendCommon(dst []byte, e *entry) []byte {
	dst = appendAll(dst, e.addr, " - - [")
	dst = e.time.AppendFormat(dst, clf)
	dst = appendRequest(append(dst, `] "`...), e)
	dst = strconv.AppendInt(append(dst, `" `...), int64(e.status), 10)
	return strconv.AppendInt(append(dst, ' '), int64(e.bytes), 10)
}

// clf is the time of the common log format.
const clf = "02/Jan/2006:15:04:05 -0700"

func appendCustom(dst []byte, e *entry) []byte {
	dst = e.time.AppendFormat(append(dst, '['), clf)
	dst = appendAll(dst, "] ", e.host, " ", e.addr, " ")
	dst = strconv.AppendInt(dst, int64(200+3*e.bytes), 10)
	dst = appendRequest(append(dst, ` "`...), e)
	dst = strconv.AppendInt(append(dst, `" `...), int64(e.status), 10)
	dst = strconv.AppendInt(append(dst, ' '), int64(e.bytes), 10)
	return append(appendAll(dst, ` "`, e.agent), '"')
}

func appendJSON(dst []byte, e *entry) []byte {
	dst = e.time.AppendFormat(append(dst, `{"time":"`...), "2006-01-02T15:04:05-0700")
	dst = appendAll(dst, `","remote_ip":"`, e.addr, `","host":"`, e.host, `","request":"`)
	dst = appendRequest(dst, e)
	dst = strconv.AppendInt(append(dst, `","status":"`...), int64(e.status), 10)
	dst = strconv.AppendInt(append(dst, `","bytes":"`...), int64(e.bytes), 10)
	dst = appendAll(dst, `","referer":"`, e.referer, e.room, `","user_agent":"`, e.agent)
	return append(dst, `"}`...)
}

func appendRequest(dst []byte, e *entry) []byte {
	return appendAll(dst, e.method, " ", e.target, e.param, e.padName, e.pad, " HTTP/1.1")
}

func appendAll(dst []byte, parts ...string) []byte {
	for _, s := range parts {
		dst = append(dst, s...)
	}
	return dst
}

var (
	browsers = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) jitsi-meet/2025.10.0 Chrome/140.0.7339.133 Electron/38.2.0 Safari/537.36",
	}
	bots = []string{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
		"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
		"Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
		"python-requests/2.32.3", "curl/8.14.1", "Go-http-client/1.1", "-",
	}
	assets = []string{
		"/libs/app.bundle.min.js?v=8922", "/libs/lib-jitsi-meet.min.js?v=8922", "/css/all.css?v=8922", "/config.js", "/interface_config.js",
		"/images/favicon.svg", "/images/watermark.svg", "/fonts/jitsi.woff", "/sounds/joined.opus", "/sounds/left.opus", "/static/close3.html",
		"/libs/rnnoise-sync.wasm", "/libs/excalidraw-assets/Virgil.woff2", "/lang/main-de.json?v=8922", "/manifest.json", "/pwa-worker.js",
	}
	pages    = []string{"/", "/robots.txt", "/datenschutz/", "/privacy.html", "/blog/2025/10/jitsi-server/", "/blog/feed.xml", "/termine.html", "/impressum/"}
	probes   = []string{"/wp-login.php", "/.env", "/.git/config", "/xmlrpc.php", "/phpmyadmin/index.php", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php"}
	referers = []string{"-", "-", "-", "https://www.google.com/", "https://duckduckgo.com/", "https://www.example.org/", "https://www.example.org/termine.html", "https://cloud.example.org/apps/calendar/"}
)
