package traffic

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"hushpipe/filter/country"
)

// Options say what is counted, and how.
type Options struct {
	Own       []string       // hosts of the site itself, in lower case, without "www."
	Timeout   time.Duration  // of a visit: a longer gap between two pages begins another
	ByAddress bool           // a visitor is an address, whatever its user agent
	MinGroup  int            // networks that must bring a string before it stands by name, and visitors of a country, browser or system
	IgnoreNet []netip.Prefix // whose lines are left out
	IgnoreUA  []string       // parts of user agents whose lines are left out, in lower case
	Public    []string       // paths that stand by name in any case, as of a sitemap
	Standing  []string       // paths that the file of the day names, by a sitemap of then
	Sitemap   bool           // there are such, also where Public has none: another process has them
	MaxVisits int            // visitors of a day; those past it are counted, and their visits are not
	MaxNames  int            // strings of a day by kind; those past it go to other

	Groups    *Groups           // nil: there are none
	Countries *country.Database // nil: they are not counted

	Rules *Rules // nil: defaultRules

	mixed string // see Mix
}

// Defaults are the Options where nothing is said.
func Defaults() Options {
	return Options{Timeout: 30 * time.Minute, MinGroup: 5, MaxVisits: 500_000, MaxNames: 50_000}
}

// LeastGroup is the least MinGroup: with two, who is one of them knows the other.
const LeastGroup = 3

// String is how a day's file tells which options shaped it. Of what it leaves out it
// tells how many: networks are the operator's own, and the file is for others to read.
func (o Options) String() string {
	if o.mixed != "" {
		return o.mixed
	}
	visitor := "address64+agent"
	if o.ByAddress {
		visitor = "address64"
	}
	own := slices.Clone(o.Own)
	slices.Sort(own)
	text := fmt.Sprintf("visitor=%s timeout=%s min-group=%d own=%s", visitor, short(o.Timeout), o.MinGroup, strings.Join(own, ","))
	if n := len(o.IgnoreNet) + len(o.IgnoreUA); n > 0 {
		text += fmt.Sprintf(" ignore=%d", n)
	}
	if o.Sitemap || len(o.Public) > 0 {
		text += " sitemap=yes"
	}
	std := Defaults()
	if o.MaxVisits != std.MaxVisits {
		text += fmt.Sprintf(" max-visits=%d", o.MaxVisits)
	}
	if o.MaxNames != std.MaxNames {
		text += fmt.Sprintf(" max-names=%d", o.MaxNames)
	}
	if o.Groups != nil {
		text += " group=" + o.Groups.String()
	}
	if o.Countries != nil {
		text += " country=" + o.Countries.Name()
	}
	return text
}

// HasSitemap reports whether options as String tells them are of a sitemap.
func HasSitemap(options string) bool {
	return slices.Contains(strings.Fields(options), "sitemap=yes")
}

// recordedOptions are the Options as journals have them.
type recordedOptions struct {
	Own       []string       `json:"own,omitempty"`
	Seconds   int64          `json:"timeout"`
	ByAddress bool           `json:"by-address,omitempty"`
	MinGroup  int            `json:"min-group"`
	IgnoreNet []netip.Prefix `json:"ignore-net,omitempty"`
	IgnoreUA  []string       `json:"ignore-agent,omitempty"`
	Sitemap   bool           `json:"sitemap,omitempty"`
	MaxVisits int            `json:"max-visits"`
	MaxNames  int            `json:"max-names"`
	Groups    []string       `json:"group,omitempty"`
	Country   string         `json:"country,omitempty"` // the name of the database
}

// Record returns the options as a text that ParseOptions reads: the same for the same
// options. It has what is left out, so it is for encrypted records. Of a sitemap it says
// that there is one, since a sitemap changes with the site. Rules are not in it.
func (o Options) Record() []byte {
	r := recordedOptions{Own: slices.Clone(o.Own), Seconds: int64(o.Timeout / time.Second), ByAddress: o.ByAddress, MinGroup: o.MinGroup,
		IgnoreNet: slices.Clone(o.IgnoreNet), IgnoreUA: slices.Clone(o.IgnoreUA), Sitemap: o.Sitemap || len(o.Public) > 0,
		MaxVisits: o.MaxVisits, MaxNames: o.MaxNames}
	slices.Sort(r.Own)
	slices.Sort(r.IgnoreUA)
	slices.SortFunc(r.IgnoreNet, netip.Prefix.Compare)
	if o.Groups != nil {
		r.Groups = o.Groups.patterns
	}
	if o.Countries != nil {
		r.Country = o.Countries.Name()
	}
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // no such value is in it
	}
	return text
}

// ParseOptions reads what Record returns. It is false for any other text.
func ParseOptions(text []byte) (o Options, ok bool) {
	var r recordedOptions
	if json.Unmarshal(text, &r) != nil || r.Seconds <= 0 || r.MinGroup < LeastGroup || r.MaxVisits <= 0 || r.MaxNames <= 0 {
		return o, false
	}
	o = Options{Own: r.Own, Timeout: time.Duration(r.Seconds) * time.Second, ByAddress: r.ByAddress, MinGroup: r.MinGroup,
		IgnoreNet: r.IgnoreNet, IgnoreUA: r.IgnoreUA, Sitemap: r.Sitemap, MaxVisits: r.MaxVisits, MaxNames: r.MaxNames}
	if len(r.Groups) > 0 {
		groups, err := NewGroups(r.Groups)
		if err != nil {
			return o, false
		}
		o.Groups = groups
	}
	if r.Country != "" {
		o.Countries = country.Named(r.Country)
	}
	return o, true
}

// Mix returns the Options of a day of which parts were counted with several: the strictest
// bounds, the longest timeout, and countries if there are any. Its String names all of
// them.
func Mix(all []Options) Options {
	o := all[0]
	var texts []string
	for _, other := range all {
		o.MinGroup, o.Timeout = max(o.MinGroup, other.MinGroup), max(o.Timeout, other.Timeout)
		o.MaxVisits, o.MaxNames = min(o.MaxVisits, other.MaxVisits), min(o.MaxNames, other.MaxNames)
		o.Countries = cmp.Or(o.Countries, other.Countries)
		texts = append(texts, other.String())
	}
	if len(all) > 1 {
		slices.Sort(texts)
		texts = slices.Compact(texts)
		o.mixed = strings.Join(texts[:min(len(texts), maxMixed)], " and ")
		if len(texts) < len(all) { // they leave out others
			o.mixed += " and another ignore"
		}
	}
	return o
}

// maxMixed is how many options of one day its file names.
const maxMixed = 4

func short(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// Rules say what is a page.
type Rules struct {
	Assets  []string // extensions of what is no page, with their dot
	Methods []string // of pages
	Feeds   bool     // feeds are pages
	Robots  bool     // robots are people
	Secrets bool     // what looks like a secret stays in paths
	Others  bool     // what a program looks for by itself is a page: robots.txt and the like
}

// defaultRules are those of hushpipe.
var defaultRules = Rules{Assets: assets, Methods: []string{"GET"}}
