package traffic

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
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
	MaxVisits int            // visitors of a day; those past it are counted, and their visits are not
	MaxNames  int            // strings of a day by kind; those past it go to other

	Groups *Groups // nil: there are none

	Rules *Rules // nil: DefaultRules
}

// Defaults are the Options where nothing is said.
func Defaults() Options {
	return Options{Timeout: 30 * time.Minute, MinGroup: 5, MaxVisits: 500_000, MaxNames: 50_000}
}

// LeastGroup is the least MinGroup: with two, who is one of them knows the other.
const LeastGroup = 3

// String is how a day's file tells which options shaped it.
func (o Options) String() string {
	visitor := "address64+agent"
	if o.ByAddress {
		visitor = "address64"
	}
	own := slices.Clone(o.Own)
	slices.Sort(own)
	text := fmt.Sprintf("visitor=%s timeout=%s min-group=%d own=%s", visitor, short(o.Timeout), o.MinGroup, strings.Join(own, ","))
	if o.Groups != nil {
		text += " group=" + o.Groups.String()
	}
	return text
}

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

// DefaultRules are those of hushpipe.
var DefaultRules = Rules{Assets: assets, Methods: []string{"GET"}}

// assets are the extensions of what belongs to a page, or is a file to be had from one.
var assets = []string{
	".css", ".js", ".mjs", ".map", ".json", ".xml", ".txt", ".log", ".wasm", ".webmanifest",
	".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".ico", ".bmp", ".tif", ".tiff",
	".woff", ".woff2", ".ttf", ".otf", ".eot", ".swf",
	".mp3", ".ogg", ".oga", ".ogv", ".opus", ".m4a", ".wav", ".flac", ".mp4", ".m4v", ".webm", ".mov", ".avi", ".mkv", ".m3u8", ".ts", ".vtt",
	".pdf", ".epub", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".ods", ".odp", ".csv", ".ics", ".vcf", ".gpx", ".kml", ".geojson",
	".zip", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".jar", ".deb", ".rpm", ".exe", ".msi", ".dmg", ".apk", ".iso", ".bin",
}
