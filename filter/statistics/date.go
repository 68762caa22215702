package statistics

import (
	"errors"
	"hushpipe/format/civil"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// FirstDay and LastDay bound the days that can be reported, so that a number in a name that
// is not a date does not stretch a period over centuries.
var (
	FirstDay = civil.NewDay(1970, 1, 1)
	LastDay  = civil.NewDay(2099, 12, 31)
)

var (
	errNoDay     = errors.New("its name has a date that no calendar has, or one before 1970 or after 2099")
	errTwoDays   = errors.New("its name has two dates")
	errAmbiguous = errors.New("its name does not say which is the day and which the month; hint: write the date as 2026-11-22")
)

// A date has no digits next to it: eight of more digits are not a date.
const before, behind = `(?:^|[^0-9])`, `(?:[^0-9]|$)`

// dates are the forms of a date in a name, with the indexes of their groups.
var dates = []struct {
	pattern          *regexp.Regexp
	year, month, day int
}{
	{regexp.MustCompile(before + `([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})` + behind), 1, 2, 3},
	{regexp.MustCompile(before + `([0-9]{4})_([0-9]{1,2})_([0-9]{1,2})` + behind), 1, 2, 3},
	{regexp.MustCompile(before + `([0-9]{4})\.([0-9]{1,2})\.([0-9]{1,2})` + behind), 1, 2, 3},
	{regexp.MustCompile(before + `((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})` + behind), 1, 2, 3},
	// With dots the day comes first, as in German and Norwegian.
	{regexp.MustCompile(before + `([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})` + behind), 3, 2, 1},
	// As written by date +%d%b%Y in cron jobs, in the C locale.
	{regexp.MustCompile(before + `([0-9]{1,2})[-_. ]?(?i:(` + strings.Join(months[1:], "|") + `))[-_. ]?([0-9]{4})` + behind), 3, 2, 1},
}

var months = [...]string{1: "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

// ambiguous is a date that begins with the day in some countries and with the month in
// others.
var ambiguous = regexp.MustCompile(before + `[0-9]{1,2}([-_])[0-9]{1,2}([-_])[0-9]{4}` + behind)

var (
	yearFolder  = regexp.MustCompile(`^(?:19|20)[0-9]{2}$`)
	monthFolder = regexp.MustCompile(`^(?:((?:19|20)[0-9]{2})[-_.]?)?([0-9]{2})$`)
	dayName     = regexp.MustCompile(`^(?:.*[^0-9])?([0-9]{2})(?:\.[A-Za-z]+)*$`)
)

// dayOf returns the day in the name of a file: in the name alone, as in
// meet-usage-2026-11-22.txt, or together with its folders, as in 2026/11/22.log and
// 2026-11/22.log. A name without a date returns neither a day nor an error.
func dayOf(path string) (day civil.Day, dated bool, err error) {
	name := filepath.Base(path)
	for _, d := range dates {
		// The separator after a date may precede the next one.
		for rest := name; ; {
			m := d.pattern.FindStringSubmatchIndex(rest)
			if m == nil {
				break
			}
			group := func(n int) string { return rest[m[2*n]:m[2*n+1]] }
			found, ok := dayFrom(group(d.year), group(d.month), group(d.day))
			switch {
			case !ok:
				return 0, false, errNoDay
			case dated && found != day:
				return 0, false, errTwoDays
			}
			day, dated = found, true
			rest = rest[m[2*3+1]:]
		}
	}
	if dated {
		return day, true, nil
	}
	if ambiguous.MatchString(name) {
		return 0, false, errAmbiguous
	}
	mday := dayName.FindStringSubmatch(name)
	above := filepath.Dir(path)
	month := monthFolder.FindStringSubmatch(filepath.Base(above))
	if mday == nil || month == nil {
		return 0, false, nil
	}
	year := month[1]
	if year == "" {
		if year = filepath.Base(filepath.Dir(above)); !yearFolder.MatchString(year) {
			return 0, false, nil
		}
	}
	if day, dated = dayFrom(year, month[2], mday[1]); !dated {
		return 0, false, errNoDay
	}
	return day, true, nil
}

// dayFrom converts digits, or a month's name, to a day.
func dayFrom(year, month, mday string) (civil.Day, bool) {
	if n := slices.Index(months[:], strings.ToLower(month)); n > 0 {
		month = strconv.Itoa(n)
	}
	pad := func(s string) string { return strings.Repeat("0", 2-len(s)) + s }
	day, ok := civil.ParseDay(year + "-" + pad(month) + "-" + pad(mday))
	return day, ok && FirstDay <= day && day <= LastDay
}
