package trafficreport

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hushpipe/format/report"
	"hushpipe/format/trafficfile"
)

// table describes how people see one kind of cells.
type table struct {
	kind   string
	title  string
	about  string // explains it, above the table in a page
	key    string // head of the first column
	by     int    // number to sort by, -1: by order
	shown  []int  // indexes of the numbers shown, in the order of columns
	inPage []int  // the same in a page, if it shows fewer
	order  []string
}

// tables are the known kinds.
var tables = []table{
	{kind: "page", title: "Pages", about: "Pages by views; of the visits, how many began there and how many ended", key: "Path", by: 0, shown: []int{0, 2, 3, 1}},
	{kind: "missing", title: "Not found", about: "Requested paths that were not found (status 404 or 410)", key: "Path", by: 0, shown: []int{0}},
	{kind: "from", title: "Where people came from", about: "Pages by what led to them", key: "Origin", by: 0, shown: []int{0}},
	{kind: "hour", title: "Hours", key: "Hour", by: -1, shown: []int{3, 0, 1, 2}, order: hours()},
	{kind: "length", title: "Length of visits", about: "Visits by the time from their first page to their last", key: "Up to", by: -1, shown: []int{0}, order: []string{"one-page", "30s", "2m", "5m", "15m", "30m", "1h", "more"}},
	{kind: "depth", title: "Pages of a visit", about: "Visits by how many pages they had", key: "Up to", by: -1, shown: []int{0}, order: []string{"1", "2", "3", "5", "10", "20", "more"}},
	{kind: "browser", title: "Browsers", about: "Visitors of each day, added up", key: "Browser", by: 3, shown: []int{3, 0, 1, 2}, inPage: []int{3, 0}},
	{kind: "system", title: "Systems", about: "Visitors of each day, added up", key: "System", by: 3, shown: []int{3, 0, 1, 2}, inPage: []int{3, 0}},
	{kind: "country", title: "Countries", about: "Visitors of each day, added up", key: "Country", by: 3, shown: []int{3, 0, 1, 2}, inPage: []int{3, 0}},
	{kind: "robot", title: "Robots", about: "Robots by the name that they give themselves", key: "Class and name", by: 1, shown: []int{1, 0, 3, 2}},
	{kind: "type", title: "File types", about: "Hits of people by what they asked for", key: "Type", by: 1, shown: []int{1, 2}},
	{kind: "status", title: "Status", about: "Hits of people by the answer", key: "Status", by: 0, shown: []int{0, 1}},
	{kind: "rstatus", title: "Status of robots", about: "Hits of robots by the answer", key: "Status", by: 0, shown: []int{0, 1}},
}

func hours() (names []string) {
	for h := range 25 {
		names = append(names, strconv.Itoa(h))
	}
	return names
}

func tableOf(kind string) table {
	return tables[slices.IndexFunc(tables, func(t table) bool { return t.kind == kind })]
}

// unknown returns a table for each kind that only a later version knows.
func (r *Report) unknown() (list []table) {
	for _, c := range r.cells {
		if c.Kind == "total" || c.Kind == "group" || c.Kind == "time" || slices.ContainsFunc(tables, func(t table) bool { return t.kind == c.Kind }) {
			continue
		}
		if n := len(list); n == 0 || list[n-1].kind != c.Kind {
			list = append(list, table{kind: c.Kind, title: c.Kind, key: "Key"})
		}
		t := &list[len(list)-1]
		for i := len(t.shown); i < len(c.Numbers); i++ {
			t.shown = append(t.shown, i)
		}
	}
	return list
}

// isOther reports whether a key sums up everything that has no name.
func isOther(key string) bool {
	return key == trafficfile.Other || key == "site "+trafficfile.Other || key == "campaign "+trafficfile.Other
}

// rows returns the cells of a table in its order, those without a name last.
func (r *Report) rows(t table) (rows []trafficfile.Cell) {
	for _, c := range r.cells {
		if c.Kind == t.kind {
			rows = append(rows, c)
		}
	}
	place := func(c trafficfile.Cell) int {
		switch at := slices.Index(t.order, c.Key); {
		case isOther(c.Key):
			return len(t.order) + 1
		case at < 0:
			return len(t.order)
		default:
			return at
		}
	}
	slices.SortStableFunc(rows, func(a, b trafficfile.Cell) int {
		if n := place(a) - place(b); n != 0 || t.by < 0 {
			return n
		}
		return cmp.Compare(b.Numbers[t.by], a.Numbers[t.by])
	})
	return rows
}

// splitRows splits rows into those that are visible at once, which include all without a name,
// those shown on demand, and those left out.
func splitRows(rows []trafficfile.Cell, first, more int) (seen, demanded, rest []trafficfile.Cell) {
	named := len(rows)
	for named > 0 && isOther(rows[named-1].Key) {
		named--
	}
	first = min(first, named)
	end := min(first+more, named)
	return slices.Concat(rows[:first], rows[named:]), rows[first:end], rows[end:named]
}

// heads returns the heads of the columns.
func (t table) heads(l *report.Language) []string {
	heads := []string{word(l, t.key)}
	for _, n := range t.shown {
		heads = append(heads, word(l, t.number(n)))
	}
	return heads
}

// number returns the English name of number n.
func (t table) number(n int) string {
	if names := trafficfile.Numbers[t.kind]; n < len(names) {
		return columnNames[names[n]]
	}
	return strconv.Itoa(n + 1)
}

var columnNames = map[string]string{"views": "Views", "pages": "Pages", "hits": "Hits", "bytes": "Bytes", "visits": "Visits", "visitors": "Visitors",
	"entries": "Entries", "exits": "Exits", "robots.txt": "robots.txt"}

// numbers returns the numbers of a row as text.
func (t table) numbers(c trafficfile.Cell, l *report.Language) (cells []string) {
	for _, n := range t.shown {
		switch {
		case n >= len(c.Numbers):
			cells = append(cells, "")
		case t.number(n) == "Bytes":
			cells = append(cells, size(c.Numbers[n], l))
		default:
			cells = append(cells, l.Number(c.Numbers[n]))
		}
	}
	return cells
}

// name returns a key in words. An unknown key stays as it is.
func (t table) name(key string, l *report.Language) string {
	switch t.kind {
	case "hour":
		return fmt.Sprintf("%02s:00", key)
	case "from":
		return origin(key, l)
	case "country":
		return country(key, l)
	case "depth", "length":
		return word(l, key)
	case "robot":
		if class, name, ok := strings.Cut(key, " "); ok {
			if name == trafficfile.Other {
				name = word(l, "other")
			}
			return name + " (" + robotClass(class, l) + ")"
		}
	case "type":
		return word(l, map[string]string{"page": "pages", "feed": "feeds", "other": "other"}[key], key)
	}
	if key == trafficfile.Other {
		return word(l, "other")
	}
	return key
}

func origin(key string, l *report.Language) string {
	kind, name, _ := strings.Cut(key, " ")
	switch {
	case name == "":
		return word(l, map[string]string{"direct": "direct", "own": "own pages"}[kind], key)
	case key == "site "+trafficfile.Other:
		return word(l, "other sites")
	case key == "campaign "+trafficfile.Other:
		return word(l, "other campaigns")
	case kind == "site":
		return name
	}
	if what, ok := map[string]string{"search": "search", "ai": "assistant", "social": "network", "campaign": "campaign"}[kind]; ok {
		return name + " (" + word(l, what) + ")"
	}
	return key
}

// originKinds are the kinds of origins in words, in the plural.
var originKinds = map[string]string{"direct": "direct", "own": "own pages", "search": "search engines", "ai": "AI assistants", "social": "social networks", "site": "other sites", "campaign": "campaigns"}

// robotClasses are the classes of package agent in words.
var robotClasses = map[string]string{"search": "search engine", "ai-training": "AI training", "ai-search": "AI search", "ai-user": "AI for a person",
	"feed": "feed reader", "preview": "preview of links", "monitor": "monitoring", "scanner": "scanner", "tool": "tool", "headless": "headless browser", "none": "no user agent"}

func robotClass(class string, l *report.Language) string { return word(l, robotClasses[class], class) }

// size formats bytes in units of 1024, named by IEC 80000-13.
func size(n uint64, l *report.Language) string {
	if n < 1024 {
		return l.Number(n) + " B"
	}
	v, unit := float64(n), -1
	for v >= 1024 && unit < 5 {
		v, unit = v/1024, unit+1
	}
	return l.Decimal(v) + " " + "KMGTPE"[unit:unit+1] + "iB"
}
