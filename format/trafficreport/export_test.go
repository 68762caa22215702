package trafficreport

import "hushpipe/format/report"

// Word is word.
func Word(l *report.Language, english string) string { return word(l, english) }

// Words returns all words with their translations.
func Words() map[string][2]string {
	all := map[string][2]string{}
	for english, w := range words {
		all[english] = [2]string{w.de, w.no}
	}
	return all
}
