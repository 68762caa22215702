package traffic

import (
	"bytes"
	"slices"

	"hushpipe/format/referrer"
)

// campaigns finds the origin that a request's own query names: the author of a newsletter
// puts its name there as utm_campaign. Some links only name the site that they are on, as in
// utm_source=chatgpt.com.
type campaigns struct {
	sites   *referrer.Sites
	names   []string // parameters that name a campaign, except redacted ones
	sources []string
	scratch []byte
	url     []byte // of a source that is a host
	kept    []byte
}

// The parameters used by Google, Matomo and Piwik.
var (
	campaignNames = []string{"utm_campaign", "mtm_campaign", "pk_campaign"}
	sourceNames   = []string{"utm_source", "mtm_source", "pk_source"}
)

func newCampaigns() campaigns {
	return campaigns{sites: referrer.Load(), names: campaignNames, sources: sourceNames}
}

// Hide ignores campaign parameters whose values are redacted in lines.
func (c *Counter) Hide(isStruckOut func(name []byte) bool) {
	hidden := func(name string) bool { return isStruckOut([]byte(name)) }
	c.campaigns.names = slices.DeleteFunc(slices.Clone(campaignNames), hidden)
	c.campaigns.sources = slices.DeleteFunc(slices.Clone(sourceNames), hidden)
}

// of returns the origin that a target's query names, valid until the next call; false if
// none. For a Campaign, Host is the name as it may be kept, nil for one counted under other.
func (c *campaigns) of(target []byte) (o referrer.Origin, ok bool) {
	_, query, found := bytes.Cut(target, []byte("?"))
	if !found {
		return o, false
	}
	var campaign, source []byte
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte("&"))
		if len(pair) < len("pk_source=") || pair[2] != '_' && pair[3] != '_' {
			continue
		}
		name, value, _ := bytes.Cut(pair, []byte("="))
		switch {
		case len(value) == 0:
		case campaign == nil && contains(c.names, name):
			campaign = value
		case source == nil && contains(c.sources, name):
			source = value
		}
	}
	switch {
	case campaign != nil:
		return referrer.Origin{Kind: referrer.Campaign, Host: c.name(campaign)}, true
	case source == nil:
		return o, false
	}
	c.url = append(append(c.url[:0], "https://"...), source...)
	if o, c.scratch = c.sites.Of(c.url, nil, c.scratch); o.Kind != referrer.Site && o.Kind != referrer.Direct {
		return o, true
	}
	return referrer.Origin{Kind: referrer.Campaign, Host: c.name(source)}, true
}

// name returns the name of a campaign as it may be kept.
func (c *campaigns) name(value []byte) []byte {
	c.kept = appendDecoded(c.kept[:0], value)
	kept := c.kept[:0]
	for i := 0; i < len(c.kept); i++ { // spaces as encoded in forms and in URLs
		switch {
		case c.kept[i] == '+':
			kept = append(kept, ' ')
		case bytes.HasPrefix(c.kept[i:], []byte("%20")):
			kept = append(kept, ' ')
			i += 2
		default:
			kept = append(kept, c.kept[i])
		}
	}
	kept = bytes.TrimSpace(kept)
	if len(kept) == 0 {
		return nil
	}
	return keptName(kept, true)
}

// countCampaign counts a page whose URL names its origin, and reports whether it does.
func (c *Counter) countCampaign(d *Delta, h *Hit, network uint32) bool {
	c.requests.splitRequest(h)
	o, ok := c.campaigns.of(h.Request.Target)
	switch {
	case !ok:
		return false
	case o.Kind != referrer.Campaign:
		d.cells.at(cellOf(kindOrigin, uint32(o.Kind), uint32(o.Name)))[0]++
		return true
	}
	n := d.string(stringCampaign, o.Host)
	d.cells.at(cellOf(kindCampaign, n, 0))[0]++
	d.cells.at(cellOf(kindNetwork, n, network))
	return true
}
