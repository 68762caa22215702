package report

import (
	"fmt"
	"hushpipe/format/civil"
	"os"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
	"golang.org/x/text/number"
)

// Language writes words, numbers and dates in the way of its readers. It serves one goroutine.
type Language struct {
	tag     language.Tag
	printer *message.Printer
	*calendar
}

// calendar holds CLDR names, for which golang.org/x/text has no functions.
type calendar struct {
	months   [12]string
	weekdays [7]string // from Sunday, as in time.Weekday
	short    int       // length of a weekday's short form, in letters
	date     func(year, month, mday int) string
	begin    func(from, to civil.Day) string // days up to a day that is written in full
}

var calendars = map[language.Tag]*calendar{
	language.English: {
		months: [12]string{"January", "February", "March", "April", "May", "June",
			"July", "August", "September", "October", "November", "December"},
		weekdays: [7]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
		short:    3,
		// The order of en-GB: Europeans misread that of en, which is en-US.
		date: func(y, m, d int) string {
			return fmt.Sprintf("%d %s %d", d, time.Month(m).String()[:3], y)
		},
		begin: func(from, to civil.Day) string {
			y, m, d := from.Date()
			y2, m2, _ := to.Date()
			switch month := time.Month(m).String()[:3]; {
			case y != y2:
				return fmt.Sprintf("%d %s %d – ", d, month, y)
			case m != m2:
				return fmt.Sprintf("%d %s – ", d, month)
			}
			return fmt.Sprintf("%d–", d)
		},
	},
	language.German: {
		months: [12]string{"Januar", "Februar", "März", "April", "Mai", "Juni",
			"Juli", "August", "September", "Oktober", "November", "Dezember"},
		weekdays: [7]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"},
		short:    2,
		date:     dotted,
		begin:    dottedBegin,
	},
	norwegian: {
		months: [12]string{"januar", "februar", "mars", "april", "mai", "juni",
			"juli", "august", "september", "oktober", "november", "desember"},
		weekdays: [7]string{"søndag", "mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag"},
		short:    3,
		date:     dotted,
		begin:    dottedBegin,
	},
}

// norwegian is Bokmål: x/text knows numbers for nb, not for no.
var norwegian = language.MustParse("nb")

func dotted(y, m, d int) string { return fmt.Sprintf("%02d.%02d.%d", d, m, y) }

func dottedBegin(from, to civil.Day) string {
	y, m, d := from.Date()
	switch y2, m2, _ := to.Date(); {
	case y != y2:
		return dotted(y, m, d) + " – "
	case m != m2:
		return fmt.Sprintf("%02d.%02d. – ", d, m)
	}
	return fmt.Sprintf("%02d.–", d)
}

// NewLanguage returns the language for a tag: en, de or no (also nb and nn), with or without a
// region, as in de-AT or de_AT.UTF-8. For "" it takes the language of the environment, or
// English if it does not know that.
func NewLanguage(tag string) (*Language, error) {
	if tag != "" {
		t, ok := languageTag(tag)
		if !ok {
			return nil, fmt.Errorf("language %q is not known; hint: choose en, de or no", tag)
		}
		return newLanguage(t), nil
	}
	// As in gettext, the first variable that is not empty counts.
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if tag = os.Getenv(name); tag != "" {
			break
		}
	}
	t, _ := languageTag(tag)
	return newLanguage(t), nil
}

// languageTag parses a tag; it returns English for an unknown one.
func languageTag(tag string) (_ language.Tag, known bool) {
	if end := strings.IndexAny(tag, "-_.@"); end >= 0 {
		tag = tag[:end]
	}
	switch strings.ToLower(tag) {
	case "en":
		return language.English, true
	case "de":
		return language.German, true
	case "no", "nb", "nn":
		return norwegian, true
	}
	return language.English, false
}

func newLanguage(t language.Tag) *Language {
	words := catalog.NewBuilder(catalog.Fallback(language.English))
	for key, w := range translations {
		words.SetString(language.German, key, w.de)
		words.SetString(norwegian, key, w.no)
	}
	return &Language{t, message.NewPrinter(t, message.Catalog(words)), calendars[t]}
}

// Tag returns the BCP 47 tag of the language, as for HTML's lang attribute.
func (l *Language) Tag() string { return l.tag.String() }

// Text translates a text, given in English as a format of package fmt. It formats numbers among
// args as Number does.
func (l *Language) Text(key string, args ...any) string { return l.printer.Sprintf(key, args...) }

// Number returns n with separators between thousands.
func (l *Language) Number(n uint64) string { return l.printer.Sprint(number.Decimal(n)) }

// Decimal returns x with one digit after the decimal separator.
func (l *Language) Decimal(x float64) string {
	return l.printer.Sprint(number.Decimal(x, number.Scale(1)))
}

// Percent returns a share, 0…1, as a percentage with one digit after the decimal separator.
func (l *Language) Percent(share float64) string {
	return l.printer.Sprint(number.Percent(share, number.Scale(1)))
}

// Date returns a day in the form 22 Nov 2026 or 22.11.2026.
func (l *Language) Date(d civil.Day) string { return l.date(d.Date()) }

// Month returns the name of a month.
func (l *Language) Month(m time.Month) string { return l.months[m-1] }

// Weekday returns the name of a day of the week.
func (l *Language) Weekday(d time.Weekday) string { return l.weekdays[d] }

// ShortWeekday returns the first letters of a day's name.
func (l *Language) ShortWeekday(d time.Weekday) string {
	return string([]rune(l.Weekday(d))[:l.short])
}

// Months returns the names of the months, from January.
func (l *Language) Months() []string { return l.months[:] }

// Weekdays are the days of a week in the order of ISO 8601, which the calendars of all three
// languages use.
var Weekdays = [7]time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday, time.Sunday}

// WeekdayOf returns the index of a day in Weekdays.
func WeekdayOf(d civil.Day) int { return ((int(d)+3)%7 + 7) % 7 } // 1970-01-01 was a Thursday

// Period returns days in words: 22 Nov 2026, 2–8 Feb 2026, 26 Jan – 1 Feb 2026,
// February 2026, 2026.
func (l *Language) Period(from, to civil.Day) string {
	y, m, d := from.Date()
	y2, m2, _ := to.Date()
	_, next, first := (to + 1).Date()
	whole := d == 1 && first == 1 && y == y2 // months
	switch {
	case from == to:
		return l.Date(from)
	case whole && m == m2:
		return l.monthOf(from)
	case whole && m == 1 && next == 1:
		return fmt.Sprint(y)
	}
	return l.begin(from, to) + l.Date(to)
}

func (l *Language) monthOf(d civil.Day) string {
	y, m, _ := d.Date()
	return fmt.Sprintf("%s %d", l.Month(time.Month(m)), y)
}

// Step returns the name of a step: its days, or the month or year that they belong to, even if
// the period cuts it.
func (l *Language) Step(s Step, by By) string {
	switch by {
	case ByMonth:
		return l.monthOf(s.From)
	case ByYear:
		y, _, _ := s.From.Date()
		return fmt.Sprint(y)
	}
	return l.Period(s.From, s.To)
}
