package report

import (
	"hushpipe/format/civil"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNewLanguage(t *testing.T) {
	for tag, want := range map[string]string{
		"en": "en", "en-GB": "en", "EN_us.UTF-8": "en",
		"de": "de", "de_AT": "de", "de_DE.UTF-8@euro": "de",
		"no": "nb", "nb": "nb", "nn": "nb", "nb_NO.UTF-8": "nb",
	} {
		l, err := NewLanguage(tag)
		require.NoError(t, err, tag)
		assert.Equal(t, want, l.Tag(), tag)
	}
	for _, tag := range []string{"fr", "C", "deutsch", "-", "e"} {
		_, err := NewLanguage(tag)
		assert.EqualError(t, err, `language "`+tag+`" is not known; hint: choose en, de or no`)
	}
}

func TestLanguageOfTheEnvironment(t *testing.T) {
	for _, tt := range []struct{ all, messages, lang, want string }{
		{"", "", "", "en"},
		{"", "", "de_DE.UTF-8", "de"},
		{"", "nb_NO.UTF-8", "de_DE.UTF-8", "nb"},
		{"C.UTF-8", "nb_NO", "de_DE", "en"},
		{"POSIX", "", "de_DE", "en"},
		{"", "fr_FR.UTF-8", "de_DE", "en"},
		{"de", "nb_NO", "", "de"},
	} {
		t.Setenv("LC_ALL", tt.all)
		t.Setenv("LC_MESSAGES", tt.messages)
		t.Setenv("LANG", tt.lang)
		l, err := NewLanguage("")
		require.NoError(t, err)
		assert.Equal(t, tt.want, l.Tag(), "%+v", tt)
	}
}

func TestLanguageForms(t *testing.T) {
	step := Step{From: civil.NewDay(2027, 1, 2), To: civil.NewDay(2027, 1, 3)}
	for tag, want := range map[string][]string{
		"en": {"0", "1,234,567", "1,234.5", "0.0", "17.3%", "2 Jan 2027", "2 Jan 2027", "2–3 Jan 2027", "January 2027", "2027", "January", "Saturday"},
		"de": {"0", "1.234.567", "1.234,5", "0,0", "17,3\u00a0%", "02.01.2027", "02.01.2027", "02.–03.01.2027", "Januar 2027", "2027", "Januar", "Samstag"},
		"no": {"0", "1\u00a0234\u00a0567", "1\u00a0234,5", "0,0", "17,3\u00a0%", "02.01.2027", "02.01.2027", "02.–03.01.2027", "januar 2027", "2027", "januar", "lørdag"},
	} {
		l, err := NewLanguage(tag)
		require.NoError(t, err)
		assert.Equal(t, want, []string{l.Number(0), l.Number(1234567), l.Decimal(1234.5), l.Decimal(0), l.Percent(0.173), l.Date(step.From),
			l.Step(Step{From: step.From, To: step.From}, ByDay), l.Step(step, ByWeek), l.Step(step, ByMonth), l.Step(step, ByYear),
			l.Month(time.January), l.Weekday(time.Saturday)}, tag)
	}
}

// A period has the shortest possible name, and a whole month or year its own.
func TestPeriod(t *testing.T) {
	d := civil.NewDay
	for _, tt := range []struct {
		from, to civil.Day
		en, de   string
	}{
		{d(2026, 2, 2), d(2026, 2, 2), "2 Feb 2026", "02.02.2026"},
		{d(2026, 2, 2), d(2026, 2, 8), "2–8 Feb 2026", "02.–08.02.2026"},
		{d(2026, 1, 26), d(2026, 2, 1), "26 Jan – 1 Feb 2026", "26.01. – 01.02.2026"},
		{d(2025, 12, 29), d(2026, 1, 4), "29 Dec 2025 – 4 Jan 2026", "29.12.2025 – 04.01.2026"},
		{d(2026, 2, 1), d(2026, 2, 28), "February 2026", "Februar 2026"},
		{d(2024, 2, 1), d(2024, 2, 28), "1–28 Feb 2024", "01.–28.02.2024"},
		{d(2026, 12, 1), d(2026, 12, 31), "December 2026", "Dezember 2026"},
		{d(2026, 1, 1), d(2026, 3, 31), "1 Jan – 31 Mar 2026", "01.01. – 31.03.2026"},
		{d(2026, 1, 1), d(2026, 12, 31), "2026", "2026"},
		{d(2025, 1, 1), d(2026, 12, 31), "1 Jan 2025 – 31 Dec 2026", "01.01.2025 – 31.12.2026"},
	} {
		assert.Equal(t, tt.en, languageOf(t, "en").Period(tt.from, tt.to))
		assert.Equal(t, tt.de, languageOf(t, "de").Period(tt.from, tt.to))
	}
}

func TestTextWithNumbers(t *testing.T) {
	l, err := NewLanguage("de")
	require.NoError(t, err)
	assert.Equal(t, "Tage mit Daten: 1.200 von 1.461.", l.Text("Days with data: %d of %d.", 1200, 1461))
}

// Every text in use has a translation in each language, with the same arguments, and no
// translation is unused.
func TestTranslations(t *testing.T) {
	verbs := regexp.MustCompile(`%[^ ]`)
	for key, w := range translations {
		for _, text := range []string{w.de, w.no} {
			assert.NotEmpty(t, text, key)
			assert.Equal(t, verbs.FindAllString(key, -1), verbs.FindAllString(text, -1), key)
		}
	}

	asked := regexp.MustCompile(`\.Text[ (]"([^"]+)"`)
	used := map[string]bool{}
	for _, glob := range []string{"*.go", "page/*.html", "../../cmd/hushpipe/report*.go"} {
		files, err := filepath.Glob(glob)
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			for _, m := range asked.FindAllSubmatch(text, -1) {
				used[string(m[1])] = true
				assert.Contains(t, translations, string(m[1]), name)
			}
		}
	}
	for key := range translations {
		assert.True(t, used[key], key)
	}
}
