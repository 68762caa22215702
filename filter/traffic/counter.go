// Package traffic computes a site's daily traffic figures without identifying visitors:
// hits, visits, pages, sources, clients and countries.
package traffic

import (
	"net/netip"
	"slices"

	"hushpipe/filter/pseudonym"
	"hushpipe/format/agent"
	"hushpipe/format/referrer"
)

// Counter counts the hits of a log. One goroutine uses it.
type Counter struct {
	opt       Options
	agents    agents
	requests  requests
	origins   origins
	campaigns campaigns
	uses      uint32 // number of uses of Deltas so far
}

// NewCounter returns a Counter.
func NewCounter(opt Options) *Counter {
	return &Counter{opt: opt, agents: newAgents(opt), requests: newRequests(opt), origins: newOrigins(opt), campaigns: newCampaigns()}
}

// Forget drops the cached texts of lines, which are unredacted.
func (c *Counter) Forget() {
	c.agents.forget()
	c.requests.forget()
	c.origins.forget()
	c.campaigns.scratch, c.campaigns.url, c.campaigns.kept = nil, nil, nil
}

// Keys computes the numbers of visitors and networks: the cipher of the day.
type Keys interface {
	Fingerprint(room *[20]byte, a pseudonym.Addr) uint64
}

var (
	forVisitors = [20]byte{'v', 'i', 's', 'i', 't', 'o', 'r'}
	forNetworks = [20]byte{'n', 'e', 't', 'w', 'o', 'r', 'k'}
)

// Count adds a hit to d. v are the Visitors of that day.
func (c *Counter) Count(d *Delta, h *Hit, v *Visitors) {
	if d.use == 0 {
		c.uses = max(c.uses+1, 1)
		d.use = c.uses
	}
	who := c.agents.of(h)
	if who.ignored || len(c.opt.IgnoreNet) > 0 && h.HasClient && c.isIgnored(h.Client) {
		d.cells.at(cellOf(kindIgnored, 0, 0))[0]++
		return
	}
	r := c.requests.of(h)
	class, file := r.classify(h.Status)
	side, pages := uint32(0), uint64(0)
	if class == page {
		pages = 1
	}
	robot := who.Class != agent.Person && !c.requests.rules.Robots
	if robot {
		side = 1
	}
	hour := uint32(noHour)
	if h.Second >= 0 {
		hour = uint32(h.Second) / 3600
	}
	d.shared.at(hour, side, &d.cells).count(pages, h.Bytes)
	status := uint32(h.Status)
	typed := !robot && h.Status < 400 && r.purpose != forNothing
	d.shared.pair(answerOf(status, side, typed, file), &d.cells).count(pages, h.Bytes)
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
	if who != &c.agents.none {
		d.shared.pair(cellOf(pairAgent, uint32(who.Browser), uint32(who.System)), &d.cells).count(pages, h.Bytes)
	}
	if c.opt.Countries != nil {
		c.countCountry(d, h, v, who, pages)
	}
	missing := h.Status == 404 || h.Status == 410
	if class != page && class != asset && !missing || !h.HasClient {
		return
	}
	from := v.of(c, h, who)
	if missing {
		if !r.missing.isOf(d) {
			r.missing.locate(d, stringMissing, kindMissing, c.requests.path(h, r))
		}
		d.cells.all[r.missing.cell].sums[1]++
		r.missing.addNetwork(d, from.network, c.opt.MinGroup)
		return
	}
	if !from.seen.isOf(d) {
		from.seen = memo{d.use, d.visits.of(from.id)}
	}
	visitor := &d.visits.visitors[from.seen.n]
	visitor.address = from.address
	visitor.browser, visitor.system = max(visitor.browser, who.Browser), max(visitor.system, who.System) // as Day.Add has it
	visitor.country = max(visitor.country, uint16(from.country))
	if class == asset {
		visitor.asset = true
		return
	}
	if !r.page.isOf(d) {
		r.page.locate(d, stringPage, kindPage, c.requests.path(h, r))
	}
	d.cells.all[r.page.cell].sums.count(1, h.Bytes)
	r.page.addNetwork(d, from.network, c.opt.MinGroup)
	if h.Second >= 0 {
		d.visits.addPage(visitor, h.Second, r.page.n)
	}
	if !r.query || !c.countCampaign(d, h, from.network) {
		c.countOrigin(d, h, from.network)
	}
}

// countOrigin counts the referrer of a page.
func (c *Counter) countOrigin(d *Delta, h *Hit, network uint32) {
	h.loadTexts()
	o := c.origins.of(h.Referrer)
	if o.kind != referrer.Site {
		d.cell(&o.cell, kindOrigin, uint32(o.kind), uint32(o.name))[0]++
		return
	}
	if !o.site.isOf(d) {
		o.site.locate(d, stringSite, kindSite, c.origins.host(o, h.Referrer))
	}
	d.cells.all[o.site.cell].sums[0]++
	o.site.addNetwork(d, network, c.opt.MinGroup)
}

// countCountry counts a hit under its client's country.
func (c *Counter) countCountry(d *Delta, h *Hit, v *Visitors, who *agentFact, pages uint64) {
	if !h.HasClient {
		d.cells.at(cellOf(kindCountry, 0, 0)).count(pages, h.Bytes)
		return
	}
	from := v.of(c, h, who)
	d.cell(&from.hits, kindCountry, uint32(from.country), 0).count(pages, h.Bytes)
}

// locate finds a string and its cell in a Delta.
func (t *target) locate(d *Delta, k stringKind, of kind, text []byte) {
	*t = target{memo: memo{d.use, d.string(k, text)}}
	t.cell = d.cells.number(cellOf(of, t.n, 0))
}

// addNetwork records that a network sent a string, up to the number of networks that decides
// whether it is shown by name.
func (t *target) addNetwork(d *Delta, network uint32, most int) {
	if t.networks > 0 && t.last == network || int(t.networks) >= most {
		return
	}
	before := len(d.cells.all)
	d.cells.number(cellOf(kindNetwork, t.n, network))
	if t.last = network; len(d.cells.all) > before {
		t.networks++
	}
}

// inside returns the IPv4 address in an IPv6 address of 6to4 (RFC 3056) or NAT64 (RFC 6052),
// where one IPv4 network has many IPv6 networks, or many share one. It returns any other
// address unchanged.
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

// networkOf returns the network of a client: its /24 or /48.
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
