package traffic

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"hushpipe/filter/country"
	"hushpipe/format/agent"
	"hushpipe/format/civil"
	"hushpipe/format/referrer"
	"hushpipe/format/trafficfile"
)

// ParseNames parses the file of strings shown by name: one a line, after the first day on
// which it was. Each begins with the letter of its kind, as in Names.
func ParseNames(text []byte) map[string]civil.Day {
	names := map[string]civil.Day{}
	for line := range bytes.Lines(text) {
		day, name, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		if on, dated := civil.ParseDay(string(day)); ok && dated && len(name) > 1 {
			names[string(name)] = on
		}
	}
	return names
}

// Flaw is an error in a line of a day's file, numbered from 1; 0 is the whole file. It never
// contains the text of the line.
type Flaw struct {
	Line int
	What string
}

// Proof checks that a day's file contains only what may be kept forever.
type Proof struct {
	Names  map[string]civil.Day // of ParseNames; nil: unknown
	Flaws  []Flaw
	Later  bool // it has kinds or words of a later version, for which only the text was checked
	Full   bool // Names is full, so for some text it is unknown whether it had enough networks
	Groups int  // the min-group that the file records; 0: none

	day      civil.Day
	public   bool               // a sitemap named paths
	maxNames int                // Names of a kind
	counts   map[stringKind]int // number of Names; nil: not counted yet
}

// Look checks a file and adds what it finds to Flaws.
func (p *Proof) Look(day civil.Day, text []byte) {
	p.day = day
	d, err := trafficfile.Parse(text)
	if err == trafficfile.ErrVersion {
		p.flaw(0, err.Error())
		return
	}
	if d.Day != day {
		p.flaw(2, "is another day than that of its name")
	}
	p.options(d.Options)
	n := 0
	for line := range bytes.Lines(text) {
		if n++; n <= 3 {
			continue
		}
		c, ok := trafficfile.ParseCell(string(bytes.TrimSuffix(line, []byte("\n"))))
		if !ok {
			p.flaw(n, "is not a cell of traffic figures")
			continue
		}
		if what := p.checkCell(c); what != "" {
			p.flaw(n, what)
		}
	}
}

func (p *Proof) flaw(line int, what string) { p.Flaws = append(p.Flaws, Flaw{line, what}) }

// options parses a file's options; if several shaped the day, it takes the smallest limits.
func (p *Proof) options(text string) {
	p.Groups, p.public, p.maxNames = 0, HasSitemap(text), Defaults().MaxNames
	for word := range strings.FieldsSeq(text) {
		value, ok := strings.CutPrefix(word, "min-group=")
		if n, err := strconv.Atoi(value); ok && err == nil && (p.Groups == 0 || n < p.Groups) {
			p.Groups = n
		}
		value, ok = strings.CutPrefix(word, "max-names=")
		if n, err := strconv.Atoi(value); ok && err == nil && n > 0 {
			p.maxNames = min(p.maxNames, n)
		}
	}
	if p.Groups > 0 && p.Groups < LeastGroup {
		p.flaw(3, fmt.Sprintf("names stand for fewer than %d networks", LeastGroup))
	}
}

// checkCell returns the error in a cell, "" if there is none.
func (p *Proof) checkCell(c trafficfile.Cell) string {
	if i := slices.Index(trafficfile.Numbers[c.Kind], "visitors"); i >= 0 && c.Kind != "total" && p.Groups > 0 &&
		c.Key != trafficfile.Other && c.Key != agent.Browsers()[0] && c.Key != agent.Systems()[0] && c.Key != country.Unknown && c.Numbers[i] < uint64(p.Groups) {
		return fmt.Sprintf("appears by name with fewer than %d visitors", p.Groups)
	}
	kind, host, isSite := strings.Cut(c.Key, " ")
	switch c.Kind {
	case "page":
		return p.checkPath(stringPage, c.Key)
	case "missing":
		return p.checkPath(stringMissing, c.Key)
	case "group":
		return p.checkName(stringGroup, c.Key, looksSecret([]byte(c.Key)))
	case "time":
		return p.checkName(stringGroup, host, !isSite || !isDigits(kind) || looksSecret([]byte(host)))
	case "hour":
		return numberUpTo(c.Key, 23)
	case "status", "rstatus":
		return numberUpTo(c.Key, 999)
	case "from":
		if isSite && kind == referrer.Campaign.String() {
			return p.checkName(stringCampaign, host, looksSecret([]byte(host)))
		}
		if isSite && kind == referrer.Site.String() {
			_, err := netip.ParseAddr(host)
			return p.checkName(stringSite, host, err == nil || isDotted([]byte(host)) || strings.ContainsAny(host, "@%/?"))
		}
	}
	if !p.isWord(c) {
		p.Later = true
		for word := range strings.FieldsFuncSeq(c.Key, func(r rune) bool { return r == ' ' || r == '/' }) {
			if looksSecret([]byte(word)) {
				return "has a text that looks like an address, a mail address or a token"
			}
		}
	}
	return ""
}

// isWord reports whether the key of a cell is in a closed list.
func (p *Proof) isWord(c trafficfile.Cell) bool {
	switch c.Kind {
	case "total":
		return slices.Contains([]string{"people", "robots", "with-asset", "without-visit", "ignored", "overflow"}, c.Key)
	case "length":
		return slices.Contains([]string{"one-page", "30s", "2m", "5m", "15m", "30m", "1h", "more"}, c.Key)
	case "depth":
		return slices.Contains([]string{"1", "2", "3", "5", "10", "20", "more"}, c.Key)
	case "browser":
		return slices.Contains(agent.Browsers(), c.Key)
	case "system":
		return slices.Contains(agent.Systems(), c.Key)
	case "country":
		_, ok := country.Parse(c.Key)
		return ok || c.Key == trafficfile.Other || c.Key == country.Unknown
	case "type":
		return slices.Contains(types, c.Key)
	case "robot":
		class, name, _ := strings.Cut(c.Key, " ")
		return slices.Contains(agent.Classes(), class) && (name == trafficfile.Other || slices.Contains(agent.Load().Robots(), name))
	case "from":
		kind, name, more := strings.Cut(c.Key, " ")
		return slices.Contains(referrer.Kinds(), kind) && (!more || slices.Contains(referrer.Load().Names(), name))
	}
	return false
}

// checkPath checks the key of a page: it must be what appendPath makes of it.
func (p *Proof) checkPath(k stringKind, key string) string {
	looked := key
	if len(key) == maxPath && strings.HasSuffix(key, "*") { // truncation changes the last word
		looked = key[:strings.LastIndexByte(key, '/')+1]
	}
	return p.checkName(k, key, string(appendPath(nil, []byte(looked), true)) != looked)
}

// checkName checks a text that a client chose: it must have been admitted to Names on that
// day or earlier.
func (p *Proof) checkName(k stringKind, text string, unfit bool) string {
	switch on, ok := p.Names[string(k)+text]; {
	case text == trafficfile.Other:
		return ""
	case unfit:
		return "has a text that looks like an address, a mail address or a token"
	case p.Names == nil || p.public && k == stringPage:
		return ""
	case (!ok || on > p.day) && p.isFull(k):
		p.Full = true
	case !ok || on > p.day:
		return "appears by name, but never had enough networks up to that day"
	}
	return ""
}

// isFull reports whether names of a kind may be missing because the limit is reached.
func (p *Proof) isFull(k stringKind) bool {
	if p.counts == nil {
		p.counts = map[stringKind]int{}
		for name := range p.Names {
			p.counts[stringKind(name[0])]++
		}
	}
	return p.counts[k] >= p.maxNames
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

func numberUpTo(text string, most int) string { // limit of Names per kind
	if n, err := strconv.Atoi(text); err != nil || n < 0 || n > most || !isDigits(text) {
		return "is not a cell of traffic figures"
	}
	return ""
}
