package traffic

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"hushpipe/filter/pseudonym"
	"hushpipe/format/agent"
	"hushpipe/format/referrer"
)

// Hit is what a line says of a request.
type Hit struct {
	Second    int32 // of the day, by the line's own zone; -1: not known
	Status    int
	Bytes     uint64
	Method    []byte // nil: not known
	Target    []byte // path and query, or a URL
	Referrer  []byte // as it stands in the log
	Agent     []byte // likewise
	HasAgent  bool   // the format says which agent it was
	Client    pseudonym.Addr
	HasClient bool   // Client is an address
	Micros    uint64 // how long the answer took, in microseconds
	Timed     bool   // Micros is known
}

// Counter counts the hits of a log. It serves one goroutine.
type Counter struct {
	opt    Options
	rules  Rules
	assets map[string]uint32 // by extension: the number of its type
	agents *agent.Lists
	sites  *referrer.Sites

	known    [knownTexts]knownAgent
	origins  [knownTexts]knownOrigin
	lowered  []byte
	keptPath []byte
	keptHost []byte
	room     [20]byte
}

// knownTexts is how many user agents, and referrers, are remembered.
const knownTexts = 1 << 10

// maxKnown is how long they may be.
const maxKnown = 512

type knownAgent struct {
	text    []byte
	told    agent.Agent
	ignored bool
}

type knownOrigin struct {
	text []byte
	told referrer.Origin
}

// NewCounter returns a Counter.
func NewCounter(opt Options) *Counter {
	c := &Counter{opt: opt, rules: DefaultRules, agents: agent.Load(), sites: referrer.Load(), assets: map[string]uint32{}}
	if opt.Rules != nil {
		c.rules = *opt.Rules
	}
	for _, ext := range c.rules.Assets {
		c.assets[ext] = uint32(max(slices.Index(types, ext[1:]), int(typeOther)))
	}
	return c
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

// Count counts a hit in the tables of its day, or in a part of them.
func (c *Counter) Count(d *Delta, h *Hit, keys Keys) {
	who, ignored := c.agent(h)
	if ignored || h.HasClient && c.isIgnored(h.Client) {
		d.cells.at(cellOf(kindIgnored, 0, 0))[0]++
		return
	}
	robot := who.Class != agent.Person && !c.rules.Robots
	name := path(h.Target)
	class, fileType := c.classify(h, name)
	pages := uint64(0)
	if class == page {
		pages = 1
	}
	side := uint32(0)
	if robot {
		side = 1
	}
	all := sums{pages, 1, h.Bytes}
	d.cells.at(cellOf(kindTotal, 0, side)).add(&all)
	if h.Second >= 0 {
		d.cells.at(cellOf(kindHour, uint32(h.Second)/3600, side)).add(&all)
	}
	d.cells.at(cellOf(kindStatus, uint32(h.Status), side)).add(&sums{0, 1, h.Bytes})
	c.countGroup(d, h, keys, robot)
	if robot {
		d.cells.at(cellOf(kindRobot, uint32(who.Class), uint32(who.Robot))).add(&all)
		if bytes.Equal(name, robotsTxt) {
			d.cells.at(cellOf(kindRobot, uint32(who.Class), uint32(who.Robot)))[3]++
		}
		return
	}
	if h.HasAgent {
		d.cells.at(cellOf(kindBrowser, uint32(who.Browser), 0)).add(&all)
		d.cells.at(cellOf(kindSystem, uint32(who.System), 0)).add(&all)
	}
	if h.Status < 400 && len(name) > 0 {
		d.cells.at(cellOf(kindType, fileType, 0)).add(&all)
	}
	missing := h.Status == 404 || h.Status == 410
	if class != page && class != asset && !missing || !h.HasClient {
		return
	}
	network := uint32(keys.Fingerprint(&forNetworks, networkOf(h.Client)))
	if missing {
		n := d.string(stringMissing, c.kept(name))
		d.cells.at(cellOf(kindMissing, n, 0))[1]++
		d.cells.at(cellOf(kindNetwork, n, network))
		return
	}
	visitor := d.visits.of(c.visitor(h, keys))
	visitor.browser, visitor.system = who.Browser, who.System
	if class == asset {
		visitor.asset = true
		return
	}
	n := d.string(stringPage, c.kept(name))
	d.cells.at(cellOf(kindPage, n, 0)).add(&all)
	d.cells.at(cellOf(kindNetwork, n, network))
	if h.Second >= 0 {
		d.visits.add(visitor, visit{start: h.Second, last: h.Second, entry: n, exit: n, pages: 1})
	}
	c.countOrigin(d, h, network)
}

// countOrigin counts where a page's request came from.
func (c *Counter) countOrigin(d *Delta, h *Hit, network uint32) {
	o := c.origin(h.Referrer)
	if o.Kind == referrer.Site {
		host := o.Host
		if _, isAddr := pseudonym.ParseAddr(host); isAddr || looksSecret(host) {
			host = nil // it goes to other
		}
		n := d.string(stringSite, host)
		d.cells.at(cellOf(kindSite, n, 0))[0]++
		d.cells.at(cellOf(kindNetwork, n, network))
		return
	}
	d.cells.at(cellOf(kindOrigin, uint32(o.Kind), uint32(o.Name)))[0]++
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

// visitor returns the number of a visitor, which holds for one day.
func (c *Counter) visitor(h *Hit, keys Keys) uint64 {
	c.room = forVisitors // not a variable: an interface lets it escape
	if !c.opt.ByAddress {
		sum := xxhash.Sum64(h.Agent)
		for i := range 8 {
			c.room[8+i] = byte(sum >> (8 * i))
		}
	}
	return keys.Fingerprint(&c.room, inside(h.Client).Prefix6(64))
}

func (c *Counter) isIgnored(a pseudonym.Addr) bool {
	if len(c.opt.IgnoreNet) == 0 {
		return false
	}
	addr := netip.AddrFrom16(a).Unmap()
	return slices.ContainsFunc(c.opt.IgnoreNet, func(net netip.Prefix) bool { return net.Contains(addr) })
}

// agent tells who sent a hit.
func (c *Counter) agent(h *Hit) (agent.Agent, bool) {
	if !h.HasAgent {
		return agent.Agent{}, false
	}
	k := &c.known[xxhash.Sum64(h.Agent)%knownTexts]
	if len(h.Agent) > 0 && bytes.Equal(k.text, h.Agent) {
		return k.told, k.ignored
	}
	told, ignored := c.agents.Of(h.Agent), c.ignoresAgent(h.Agent)
	if len(h.Agent) <= maxKnown {
		k.text, k.told, k.ignored = append(k.text[:0], h.Agent...), told, ignored
	}
	return told, ignored
}

func (c *Counter) ignoresAgent(text []byte) bool {
	if len(c.opt.IgnoreUA) == 0 {
		return false
	}
	c.lowered = append(c.lowered[:0], bytes.ToLower(text)...)
	return slices.ContainsFunc(c.opt.IgnoreUA, func(part string) bool { return strings.Contains(string(c.lowered), part) })
}

// origin tells where a hit came from.
func (c *Counter) origin(text []byte) referrer.Origin {
	k := &c.origins[xxhash.Sum64(text)%knownTexts]
	if len(text) > 0 && bytes.Equal(k.text, text) {
		return k.told
	}
	told, scratch := c.sites.Of(text, c.opt.Own, c.keptHost)
	c.keptHost = scratch
	if len(text) <= maxKnown && told.Kind != referrer.Site { // its host lies in scratch
		k.text, k.told = append(k.text[:0], text...), told
	}
	return told
}

// kept returns a path as it may be kept, valid until the next call.
func (c *Counter) kept(name []byte) []byte {
	c.keptPath = appendPath(c.keptPath[:0], name, !c.rules.Secrets)
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

// classify tells what a hit is, and the number of its type.
func (c *Counter) classify(h *Hit, name []byte) (hitClass, uint32) {
	if len(name) == 0 {
		return other, typeOther
	}
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
	answered := h.Status == 200 || h.Status == 304
	if !c.rules.Others && isOther(name, last) {
		return other, typeOther
	}
	if !c.rules.Feeds && isFeed(last, ext) {
		return feed, typeFeed
	}
	if n, ok := c.assets[string(ext)]; ok {
		if answered || h.Status == 206 {
			return asset, n
		}
		return other, n
	}
	if answered && (h.Method == nil || contains(c.rules.Methods, h.Method)) {
		return page, typePage
	}
	return other, typeOther
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
