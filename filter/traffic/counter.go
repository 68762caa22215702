package traffic

import (
	"bytes"
	"net/netip"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"hushpipe/filter/pseudonym"
	"hushpipe/format"
	"hushpipe/format/agent"
	"hushpipe/format/referrer"
)

// Hit is what a line says of a request.
type Hit struct {
	Second    int32 // of the day, by the line's own zone; -1: not known
	Status    int
	Bytes     uint64
	Request   []byte // the request line, where it alone tells method and target; else nil
	Method    []byte // nil: not known
	Target    []byte // path and query, or a URL
	Referrer  []byte // as it stands in the log
	Agent     []byte // likewise
	HasAgent  bool   // the format says which agent it was
	RequestAt Place  // of Request
	AgentAt   Place  // of Agent
	Client    pseudonym.Addr
	HasClient bool   // Client is an address
	Micros    uint64 // how long the answer took, in microseconds
	Timed     bool   // Micros is known
}

// Counter counts the hits of a log. It serves one goroutine.
type Counter struct {
	opt    Options
	rules  Rules
	assets map[string]uint8 // by extension: the number of its type
	agents *agent.Lists
	sites  *referrer.Sites
	uses   uint32 // of Deltas
	plain  bool   // nothing is known from earlier lines: the plain reference

	knownAgents   knownTexts[agentFact]
	knownRequests knownTexts[requestFact]
	knownOrigins  knownTexts[originFact]

	placedAgents   placedFacts[agentFact]
	placedRequests placedFacts[requestFact]

	oneAgent   agentFact   // of a text that is not known
	oneRequest requestFact // likewise
	oneOrigin  originFact
	noAgent    agentFact // of a format without agents

	ignored  [][]byte // opt.IgnoreUA
	split    bool     // the Target of the hit is there
	lowered  []byte
	scratch  []byte // of a target
	keptPath []byte
	host     []byte // scratch of sites
	oneHost  []byte // of oneOrigin
}

// NewCounter returns a Counter.
func NewCounter(opt Options) *Counter {
	c := &Counter{opt: opt, rules: DefaultRules, agents: agent.Load(), sites: referrer.Load(), assets: map[string]uint8{}}
	if opt.Rules != nil {
		c.rules = *opt.Rules
	}
	for _, part := range opt.IgnoreUA {
		c.ignored = append(c.ignored, []byte(part))
	}
	c.noAgent.sum = xxhash.Sum64(nil)
	for _, ext := range c.rules.Assets {
		c.assets[ext] = uint8(max(slices.Index(types, ext[1:]), int(typeOther)))
	}
	return c
}

// Forget drops the texts of lines, which are kept as they were read.
func (c *Counter) Forget() {
	c.knownAgents, c.knownRequests, c.knownOrigins = knownTexts[agentFact]{}, knownTexts[requestFact]{}, knownTexts[originFact]{}
	c.lowered, c.scratch, c.keptPath, c.host, c.oneHost = nil, nil, nil, nil, nil
}

// Keys make the numbers under which visitors and networks are counted: the cipher of
// the day.
type Keys interface {
	Fingerprint(room *[20]byte, a pseudonym.Addr) uint64
}

var (
	forVisitors = [20]byte{'v', 'i', 's', 'i', 't', 'o', 'r'}
	forNetworks = [20]byte{'n', 'e', 't', 'w', 'o', 'r', 'k'}
)

// Count counts a hit in the tables of its day, or in a part of them. v are the Visitors of
// that day.
func (c *Counter) Count(d *Delta, h *Hit, v *Visitors) {
	if d.use == 0 {
		c.uses = max(c.uses+1, 1)
		d.use = c.uses
	}
	who := c.agent(h)
	if who.ignored || len(c.opt.IgnoreNet) > 0 && h.HasClient && c.isIgnored(h.Client) {
		d.cells.at(cellOf(kindIgnored, 0, 0))[0]++
		return
	}
	c.split = h.Request == nil
	r := c.request(h)
	class, file := r.answered(h.Status)
	side, pages := uint32(0), uint64(0)
	if class == page {
		pages = 1
	}
	robot := who.Class != agent.Person && !c.rules.Robots
	if robot {
		side = 1
	}
	d.fixed(memoTotal+side, kindTotal, 0, side).count(pages, h.Bytes)
	if h.Second >= 0 {
		hour := uint32(h.Second) / 3600
		d.fixed(memoHour+2*min(hour, memoHours-1)+side, kindHour, hour, side).count(pages, h.Bytes)
	}
	if status := uint32(h.Status); status < memoStatuses {
		d.fixed(memoStatus+2*status+side, kindStatus, status, side).count(0, h.Bytes)
	} else {
		d.cells.at(cellOf(kindStatus, status, side)).count(0, h.Bytes)
	}
	if c.opt.Groups != nil {
		c.countGroup(d, h, v, who, robot)
	}
	if robot {
		s := d.cell(&who.robot, kindRobot, uint32(who.Class), uint32(who.Robot))
		s.count(pages, h.Bytes)
		if r.robotsTxt {
			s[3]++
		}
		return
	}
	if h.HasAgent {
		d.fixed(memoBrowser+uint32(who.Browser), kindBrowser, uint32(who.Browser), 0).count(pages, h.Bytes)
		d.fixed(memoSystem+uint32(who.System), kindSystem, uint32(who.System), 0).count(pages, h.Bytes)
	}
	if h.Status < 400 && r.purpose != forNothing {
		d.fixed(memoType+uint32(file), kindType, uint32(file), 0).count(pages, h.Bytes)
	}
	missing := h.Status == 404 || h.Status == 410
	if class != page && class != asset && !missing || !h.HasClient {
		return
	}
	from := v.of(c, h, who)
	if missing {
		if !r.missing.isOf(d) {
			r.missing.begin(d, stringMissing, kindMissing, c.pathOf(h, r))
		}
		d.cells.all[r.missing.cell].sums[1]++
		r.missing.bring(d, from.network, c.opt.MinGroup)
		return
	}
	if !from.seen.isOf(d) {
		from.seen = memo{d.use, d.visits.of(from.id)}
	}
	visitor := &d.visits.visitors[from.seen.n]
	visitor.browser, visitor.system = max(visitor.browser, who.Browser), max(visitor.system, who.System) // as Day.Add has it
	if class == asset {
		visitor.asset = true
		return
	}
	if !r.page.isOf(d) {
		r.page.begin(d, stringPage, kindPage, c.pathOf(h, r))
	}
	d.cells.all[r.page.cell].sums.count(1, h.Bytes)
	r.page.bring(d, from.network, c.opt.MinGroup)
	if h.Second >= 0 {
		d.visits.addPage(visitor, h.Second, r.page.n)
	}
	c.countOrigin(d, h, from.network)
}

// countOrigin counts where a page's request came from.
func (c *Counter) countOrigin(d *Delta, h *Hit, network uint32) {
	o := c.origin(h.Referrer)
	if o.kind != referrer.Site {
		d.cell(&o.cell, kindOrigin, uint32(o.kind), uint32(o.name))[0]++
		return
	}
	if !o.site.isOf(d) {
		host := h.Referrer[o.at:o.end]
		if o == &c.oneOrigin {
			host = c.oneHost
		}
		o.site.begin(d, stringSite, kindSite, host)
	}
	d.cells.all[o.site.cell].sums[0]++
	o.site.bring(d, network, c.opt.MinGroup)
}

// begin finds the place of a string in a Delta, and that of its cell.
func (t *target) begin(d *Delta, k stringKind, of kind, text []byte) {
	*t = target{memo: memo{d.use, d.string(k, text)}}
	t.cell = d.cells.number(cellOf(of, t.n, 0))
}

// bring notes that a network brought a string: as many as decide whether it stands by
// name.
func (t *target) bring(d *Delta, network uint32, most int) {
	if t.networks > 0 && t.last == network || int(t.networks) >= most {
		return
	}
	before := len(d.cells.all)
	d.cells.number(cellOf(kindNetwork, t.n, network))
	if t.last = network; len(d.cells.all) > before {
		t.networks++
	}
}

// inside returns the IPv4 address that an IPv6 address carries: of 6to4 (RFC 3056) and of
// NAT64 (RFC 6052), where one network of IPv4 has many, or many have one. Any other stays.
func inside(a pseudonym.Addr) pseudonym.Addr {
	mapped := pseudonym.Addr{10: 0xff, 11: 0xff}
	switch {
	case a[0] == 0x20 && a[1] == 0x02:
		copy(mapped[12:], a[2:6])
		return mapped
	case [12]byte(a[:12]) == [12]byte{0, 0x64, 0xff, 0x9b}:
		copy(mapped[12:], a[12:])
		return mapped
	}
	return a
}

// networkOf returns the network of a client: /24, /48.
func networkOf(a pseudonym.Addr) pseudonym.Addr {
	a = inside(a)
	if a.Is4() {
		a[15] = 0
		return a
	}
	return a.Prefix6(48)
}

func (c *Counter) isIgnored(a pseudonym.Addr) bool {
	if len(c.opt.IgnoreNet) == 0 {
		return false
	}
	addr := netip.AddrFrom16(a).Unmap()
	return slices.ContainsFunc(c.opt.IgnoreNet, func(net netip.Prefix) bool { return net.Contains(addr) })
}

// agent tells who sent a hit.
func (c *Counter) agent(h *Hit) *agentFact {
	switch {
	case !h.HasAgent:
		return &c.noAgent
	case h.AgentAt.ID > 0 && !c.plain:
		e, known := c.placedAgents.find(h.AgentAt)
		if !known {
			*e = placedFact[agentFact]{h.AgentAt.ID, *c.agentByText(h)}
		}
		return &e.fact
	}
	return c.agentByText(h)
}

func (c *Counter) agentByText(h *Hit) *agentFact {
	e, sum, known := c.knownAgents.find(h.Agent, false)
	if known && !c.plain {
		return &e.fact
	}
	c.oneAgent = agentFact{Agent: c.agents.Of(h.Agent), sum: xxhash.Sum64(h.Agent), ignored: c.ignoresAgent(h.Agent)}
	if e == nil {
		return &c.oneAgent
	}
	return e.put(h.Agent, sum, false, c.oneAgent)
}

func (c *Counter) ignoresAgent(text []byte) bool {
	if len(c.ignored) == 0 {
		return false
	}
	c.lowered = c.lowered[:0]
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		c.lowered, text = utf8.AppendRune(c.lowered, unicode.ToLower(r)), text[n:]
	}
	for _, part := range c.ignored {
		if bytes.Contains(c.lowered, part) {
			return true
		}
	}
	return false
}

// origin tells where a hit came from.
func (c *Counter) origin(text []byte) *originFact {
	key, part := text, false
	if end := bytes.IndexByte(text, '?'); end >= 0 {
		key, part = text[:end], true // no list has what stands behind it
	}
	e, sum, known := c.knownOrigins.find(key, part)
	if known && !c.plain {
		return &e.fact
	}
	var o referrer.Origin
	o, c.host = c.sites.Of(text, c.opt.Own, c.host)
	if _, isAddr := pseudonym.ParseAddr(o.Host); isAddr || looksSecret(o.Host) {
		o.Host = nil // it goes to other
	}
	c.oneOrigin, c.oneHost = originFact{kind: o.Kind, name: o.Name}, o.Host
	at := bytes.Index(key, o.Host)
	if e == nil || at < 0 { // it is written in capitals
		return &c.oneOrigin
	}
	c.oneOrigin.at, c.oneOrigin.end = uint8(at), uint8(at+len(o.Host))
	return e.put(key, sum, part, c.oneOrigin)
}

// request tells what a request is for.
func (c *Counter) request(h *Hit) *requestFact {
	switch {
	case h.Request == nil:
		c.oneRequest = c.requestOf(h, path(h.Target))
		return &c.oneRequest
	case h.RequestAt.ID > 0 && !c.plain:
		e, known := c.placedRequests.find(h.RequestAt)
		if !known {
			*e = placedFact[requestFact]{h.RequestAt.ID, *c.requestByText(h)}
		}
		return &e.fact
	}
	return c.requestByText(h)
}

func (c *Counter) requestByText(h *Hit) *requestFact {
	key, part := h.Request, false
	if end := bytes.IndexByte(key, '?'); end >= 0 && endsInProtocol(key[end:]) {
		key, part = key[:end], true
	}
	e, sum, known := c.knownRequests.find(key, part)
	if known && !c.plain {
		return &e.fact
	}
	c.splitRequest(h)
	name := path(h.Target)
	c.oneRequest = c.requestOf(h, name)
	if e == nil || bytes.IndexByte(key, '\\') >= 0 || part && (len(h.Target) == 0 || h.Target[0] != '/' || bytes.Count(key, []byte(" ")) != 1) {
		return &c.oneRequest // what stands behind the key matters
	}
	if f := &c.oneRequest; f.plain {
		at := bytes.Index(key, name)
		if f.plain = at >= 0; f.plain {
			f.at, f.end = uint8(at), uint8(at+len(name))
		}
	}
	return e.put(key, sum, part, c.oneRequest)
}

// endsInProtocol reports whether a request line ends as most do.
func endsInProtocol(s []byte) bool {
	const protocol = " HTTP/1.1"
	n := len(s) - len(protocol)
	return n >= 0 && string(s[n:n+6]) == protocol[:6] && isDigit(s[n+6]) && s[n+7] == '.' && isDigit(s[n+8])
}

// splitRequest finds method and target of a hit that has its request line alone.
func (c *Counter) splitRequest(h *Hit) {
	if c.split {
		return
	}
	c.split = true
	h.Method, _, _, _ = format.SplitRequest(h.Request)
	h.Target, c.scratch = format.Target(h.Request, c.scratch)
}

// pathOf returns the path of a hit as it may be kept, valid until the next call.
func (c *Counter) pathOf(h *Hit, r *requestFact) []byte {
	if r.end > 0 {
		return h.Request[r.at:r.end]
	}
	c.splitRequest(h)
	c.keptPath = appendPath(c.keptPath[:0], h.Target, !c.rules.Secrets)
	return c.keptPath
}

// hitClass is what a request is for.
type hitClass uint8

const (
	other hitClass = iota
	page
	asset
	feed
)

// requestOf tells what a request for a path is for.
func (c *Counter) requestOf(h *Hit, name []byte) (f requestFact) {
	if len(name) == 0 {
		return requestFact{purpose: forNothing}
	}
	f.robotsTxt = bytes.Equal(name, robotsTxt)
	f.plain = c.isPlain(name)
	last := name[bytes.LastIndexByte(name, '/')+1:]
	var buf [maxExt]byte
	ext := buf[:0]
	if dot := bytes.LastIndexByte(last, '.'); dot >= 0 && len(last)-dot <= maxExt {
		for _, c := range last[dot:] {
			if isUpper(c) {
				c += 'a' - 'A'
			}
			ext = append(ext, c)
		}
	}
	n, isAsset := c.assets[string(ext)]
	switch {
	case !c.rules.Others && isOther(name, last):
	case !c.rules.Feeds && isFeed(last, ext):
		f.purpose = forFeed
	case isAsset:
		f.purpose, f.file = forAsset, n
	case h.Method == nil || contains(c.rules.Methods, h.Method):
		f.purpose = forPage
	}
	return f
}

// isPlain reports whether a path is kept as it is.
func (c *Counter) isPlain(name []byte) bool {
	c.keptPath = appendPath(c.keptPath[:0], name, !c.rules.Secrets)
	return bytes.Equal(c.keptPath, name)
}

// answered tells what a request is that was answered so, and the number of its type.
func (f *requestFact) answered(status int) (hitClass, uint8) {
	whole := status == 200 || status == 304
	switch {
	case f.purpose == forFeed:
		return feed, typeFeed
	case f.purpose == forAsset && (whole || status == 206):
		return asset, f.file
	case f.purpose == forPage && whole:
		return page, typePage
	}
	return other, f.file
}

// maxExt is the length of the longest extension that is looked at.
const maxExt = 12

var robotsTxt = []byte("/robots.txt")

// isOther tells what programs ask for by themselves.
func isOther(name, last []byte) bool {
	return bytes.HasPrefix(name, []byte("/.well-known/")) || bytes.Equal(name, robotsTxt) ||
		bytes.HasPrefix(last, []byte("favicon")) || bytes.HasPrefix(last, []byte("apple-touch-icon")) || bytes.HasPrefix(last, []byte("browserconfig.xml"))
}

// isFeed tells feeds by the names that programs give them.
func isFeed(last, ext []byte) bool {
	switch string(ext) {
	case ".rss", ".atom", ".rdf":
		return true
	}
	switch string(last) {
	case "feed", "rss", "atom", "feed.xml", "rss.xml", "atom.xml", "index.xml", "feeds.xml", "feed.json", "feed.php", "index.rdf":
		return true
	}
	return false
}

func contains(list []string, text []byte) bool {
	for _, s := range list {
		if s == string(text) {
			return true
		}
	}
	return false
}
