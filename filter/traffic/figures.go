package traffic

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"hushpipe/filter/country"
	"hushpipe/format/agent"
	"hushpipe/format/civil"
	"hushpipe/format/referrer"
	"hushpipe/format/trafficfile"
)

// Names are strings that may be shown by name without counting their networks: those of
// earlier days, and those of a sitemap. Each begins with the letter of its kind.
type Names map[string]bool

// Add adds the path of a page.
func (n Names) Add(path string) { n[string(stringPage)+path] = true }

// Figures returns the figures of a day in the form that may be kept forever. A string that
// Options.MinGroup networks sent is added to names; all others are counted under other.
func (d *Day) Figures(day civil.Day, names Names) trafficfile.Day {
	d.enforceBounds()
	f := figures{d: d, names: names, cells: map[[2]string][]uint64{}, people: map[[2]string][]uint32{}}
	f.public = map[string]bool{}
	for _, path := range slices.Concat(d.opt.Public, d.opt.Standing) {
		f.public[string(stringPage)+path] = true
	}
	f.nameStrings()
	f.countVisits()
	f.countCells()
	f.fold("browser", agent.Browsers()[0])
	f.fold("system", agent.Systems()[0])
	f.foldCountries()
	out := trafficfile.Day{Day: day, Options: d.opt.String(), Cells: make([]trafficfile.Cell, 0, len(f.cells))}
	for key, numbers := range f.cells {
		out.Cells = append(out.Cells, trafficfile.Cell{Kind: key[0], Key: key[1], Numbers: numbers})
	}
	out.Cells = trafficfile.Add(out.Cells)
	return out
}

// figures is the state of Figures.
type figures struct {
	d      *Day
	names  Names
	keys   []string // the key of each of the Day's strings
	cells  map[[2]string][]uint64
	people map[[2]string][]uint32 // addresses per browser, system and country, at most MinGroup
	pages  uint64                 // of visits
	public map[string]bool
}

// add adds numbers to a cell.
func (f *figures) add(kind, key string, numbers ...uint64) {
	at := [2]string{kind, key}
	sums := f.cells[at]
	if sums == nil {
		sums = make([]uint64, len(trafficfile.Numbers[kind]))
		f.cells[at] = sums
	}
	for i, n := range numbers {
		sums[i] += n
	}
}

// nameStrings decides which strings are shown by name. Of more than MaxNames, those that
// sort first stay: the order of arrival must not matter.
func (f *figures) nameStrings() {
	d := f.d
	all := d.strings.len()
	f.keys = make([]string, all)
	named := map[stringKind][]uint32{}
	domains := map[string][]uint32{} // networks of sites that are not shown by name
	for n := range uint32(all) {
		text := d.strings.of(n)
		f.keys[n] = trafficfile.Other
		if len(text) == 1 {
			continue
		}
		switch {
		case len(d.networks[n]) >= d.opt.MinGroup || f.names[string(text)] || f.public[string(text)]:
			named[stringKind(text[0])] = append(named[stringKind(text[0])], n)
		case stringKind(text[0]) == stringSite:
			domain := referrer.Domain(string(text[1:]))
			for _, network := range d.networks[n] {
				if len(domains[domain]) < d.opt.MinGroup && !slices.Contains(domains[domain], network) {
					domains[domain] = append(domains[domain], network)
				}
			}
		}
	}
	for k, list := range named {
		slices.SortFunc(list, func(a, b uint32) int { return bytes.Compare(d.strings.of(a), d.strings.of(b)) })
		for _, n := range list[:min(len(list), d.opt.most(k))] {
			text := string(d.strings.of(n))
			f.keys[n] = text[1:]
			if !f.public[text] || len(d.networks[n]) >= d.opt.MinGroup { // not only because of the sitemap
				f.names[text] = true
			}
		}
	}
	for n := range uint32(all) {
		text := d.strings.of(n)
		if f.keys[n] != trafficfile.Other || stringKind(text[0]) != stringSite || len(text) == 1 {
			continue
		}
		domain := referrer.Domain(string(text[1:]))
		if len(domains[domain]) >= d.opt.MinGroup || f.names[string(stringSite)+domain] {
			f.keys[n] = domain
			f.names[string(stringSite)+domain] = true
		}
	}
}

func (f *figures) countVisits() {
	for i := range f.d.visits.visitors {
		who := &f.d.visits.visitors[i]
		if who.first == noVisit {
			continue // without a page it is not a visitor
		}
		visits, pages := uint64(0), uint64(0)
		for n := who.first; n != noVisit; n = f.d.visits.all[n].next {
			v := &f.d.visits.all[n]
			visits++
			pages += uint64(v.pages)
			f.add("hour", strconv.Itoa(int(v.start)/3600), 0, 0, 0, 1)
			f.add("page", f.keys[v.entry], 0, 0, 1, 0)
			f.add("page", f.keys[v.exit], 0, 0, 0, 1)
			f.add("length", lengthOf(v), 1)
			f.add("depth", depthOf(v.pages), 1)
		}
		f.pages += pages
		f.add("total", "people", 0, 0, 0, visits, 1)
		if who.asset {
			f.add("total", "with-asset", pages, 0, 0, visits, 1)
		}
		f.addVisitor("browser", agent.Browsers()[who.browser], who)
		f.addVisitor("system", agent.Systems()[who.system], who)
		if f.d.opt.Countries != nil {
			f.addVisitor("country", country.Code(who.country).String(), who)
		}
	}
}

// addVisitor adds a visitor to a cell.
func (f *figures) addVisitor(kind, key string, who *visitor) {
	f.add(kind, key, 0, 0, 0, 1)
	at := [2]string{kind, key}
	if all := f.people[at]; len(all) < f.d.opt.MinGroup && !slices.Contains(all, who.address) {
		f.people[at] = append(all, who.address)
	}
}

// isFew reports whether a cell has fewer than MinGroup visitors. Visitors with one address
// count once: inventing user agents must not be enough to show a name.
func (f *figures) isFew(at [2]string) bool { return len(f.people[at]) < f.d.opt.MinGroup }

// lengthOf returns the class of a visit's length, named by its upper bound.
func lengthOf(v *visit) string {
	if v.pages == 1 {
		return "one-page"
	}
	for _, class := range []struct {
		most int32
		name string
	}{{30, "30s"}, {120, "2m"}, {300, "5m"}, {900, "15m"}, {1800, "30m"}, {3600, "1h"}} {
		if v.last-v.start <= class.most {
			return class.name
		}
	}
	return "more"
}

// depthOf returns the class of a visit's number of pages, named by its upper bound.
func depthOf(pages uint32) string {
	for _, most := range []uint32{1, 2, 3, 5, 10, 20} {
		if pages <= most {
			return strconv.Itoa(int(most))
		}
	}
	return "more"
}

func (f *figures) countCells() {
	sides := []string{"people", "robots"}
	for i := range f.d.cells.all {
		c := &f.d.cells.all[i]
		id, sub, s := c.id(), c.sub(), c.sums[:]
		switch c.kind() {
		case kindTotal:
			f.add("total", sides[sub&1], s[:3]...)
			if sub == 0 && s[0] > f.pages { // pages of visitors past the bound, or of unknown clients
				f.add("total", "without-visit", s[0]-f.pages)
			}
		case kindHour:
			if sub == 0 {
				f.add("hour", strconv.Itoa(int(id)), s[:3]...)
			}
		case kindPage:
			f.add("page", f.keys[id], s[0], s[2])
		case kindRobot:
			name := trafficfile.Other
			if robots := agent.Load().Robots(); sub > 0 && int(sub) < len(robots) {
				name = robots[sub]
			}
			f.add("robot", agent.Class(id).String()+" "+name, s...)
		case kindBrowser:
			f.add("browser", nameOf(agent.Browsers(), id), s[:3]...)
		case kindSystem:
			f.add("system", nameOf(agent.Systems(), id), s[:3]...)
		case kindOrigin:
			key := referrer.Kind(id).String()
			if k := referrer.Kind(id); k > referrer.Own {
				key += " " + nameOf(referrer.Load().Names(), sub)
			}
			f.add("from", key, s[0])
		case kindSite:
			f.add("from", "site "+f.keys[id], s[0])
		case kindCampaign:
			f.add("from", referrer.Campaign.String()+" "+f.keys[id], s[0])
		case kindStatus:
			f.add([]string{"status", "rstatus"}[sub&1], strconv.Itoa(int(id)), s[1], s[2])
		case kindMissing:
			f.add("missing", f.keys[id], s[1])
		case kindGroup:
			f.add("group", f.keys[id], s...)
		case kindTime:
			f.add("time", timeKey(sub, f.keys[id]), s[0])
		case kindType:
			f.add("type", nameOf(types, id), s[:3]...)
		case kindCountry:
			f.add("country", country.Code(id).String(), s[:3]...)
		case kindIgnored:
			f.add("total", "ignored", 0, s[0])
		}
	}
}

func nameOf(names []string, n uint32) string {
	if int(n) < len(names) {
		return names[n]
	}
	return trafficfile.Other
}

// fold merges cells of a kind with fewer than MinGroup visitors into other.
func (f *figures) fold(kind, other string) {
	for at, numbers := range f.cells {
		if at[0] == kind && at[1] != other && f.isFew(at) {
			delete(f.cells, at)
			f.add(kind, other, numbers...)
		}
	}
}

// foldCountries is fold for countries, except that other is never a single one, which would
// identify its few visitors. Unknown countries stay separate.
func (f *figures) foldCountries() {
	var few, enough []string
	for at := range f.cells {
		switch {
		case at[0] != "country" || at[1] == country.Unknown:
		case f.isFew(at):
			few = append(few, at[1])
		default:
			enough = append(enough, at[1])
		}
	}
	if len(few) == 1 && len(enough) > 0 {
		few = append(few, slices.MinFunc(enough, func(a, b string) int {
			return cmp.Or(cmp.Compare(f.cells[[2]string{"country", a}][3], f.cells[[2]string{"country", b}][3]), cmp.Compare(a, b))
		}))
	}
	for _, code := range few {
		at := [2]string{"country", code}
		numbers := f.cells[at]
		delete(f.cells, at)
		f.add("country", trafficfile.Other, numbers...)
	}
}
