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

// Options configure what is counted, and how.
type Options struct {
	Own       []string       // the site's own hosts, in lower case, without "www."
	Timeout   time.Duration  // a longer gap between two pages begins another visit
	ByAddress bool           // visitors are told apart only by address, not by user agent
	MinGroup  int            // networks needed to show a string by name, and visitors needed for a country, browser or system
	IgnoreNet []netip.Prefix // lines from there are ignored
	IgnoreUA  []string       // parts of user agents whose lines are ignored, in lower case
	Public    []string       // paths always shown by name, as of a sitemap
	Standing  []string       // paths that the day's existing file shows by name, because of an earlier sitemap
	Sitemap   bool           // there is a sitemap, even if Public is empty because another process has it
	MaxVisits int            // visitors per day; beyond that, hits are counted but not visits
	MaxNames  int            // strings per day and kind; the rest is counted under other

	Groups    *Groups           // nil: none
	Countries *country.Database // nil: not counted

	Rules *Rules // nil: defaultRules

	mixed string // see Mix
}

// Defaults returns the default Options.
func Defaults() Options {
	return Options{Timeout: 30 * time.Minute, MinGroup: 5, MaxVisits: 500_000, MaxNames: 50_000}
}

// LeastGroup is the smallest MinGroup: of two networks, each would know the other.
const LeastGroup = 3

// String returns the options as a day's file records them. For ignored networks and agents
// it only has their number: they are the operator's own, and the file is for others to read.
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

// HasSitemap reports whether options, in the form of String, include a sitemap.
func HasSitemap(options string) bool {
	return slices.Contains(strings.Fields(options), "sitemap=yes")
}

// recordedOptions are the Options as stored in journals.
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

// Record returns the options in the form of ParseOptions, equal for equal options. It
// includes what is ignored, so it is only for encrypted records. It records that there is a
// sitemap but not its paths, which change with the site. Rules are not included.
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

// ParseOptions parses the output of Record. It returns false for any other text.
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

// Mix returns the Options for a day whose parts were counted with several: the strictest
// bounds, the longest timeout, and countries if any part has them. Its String lists all of
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
		if len(texts) < len(all) { // they differ only in what they ignore
			o.mixed += " and another ignore"
		}
	}
	return o
}

// maxMixed bounds how many options a day's file lists.
const maxMixed = 4

func short(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// Rules define what a page is.
type Rules struct {
	Assets  []string // extensions of files that are not pages, with their dot
	Methods []string // of pages
	Feeds   bool     // feeds are pages
	Robots  bool     // robots are people
	Secrets bool     // keep segments of paths that look like secrets
	Others  bool     // files that programs request by themselves, such as robots.txt, are pages
}

// defaultRules are hushpipe's own rules.
var defaultRules = Rules{Assets: assets, Methods: []string{"GET"}}
