package trafficreport

import "hushpipe/format/report"

// words are those of reports by their English form.
var words = map[string]struct{ de, no string }{
	"change":                             {"Änderung", "endring"},
	"Period":                             {"Zeitraum", "Periode"},
	"Visits":                             {"Besuche", "Besøk"},
	"Visitor-days":                       {"Besuchertage", "Besøkerdager"},
	"Visitors a day":                     {"Besucher am Tag", "Besøkende per dag"},
	"Visitors":                           {"Besucher", "Besøkende"},
	"Busiest day":                        {"Stärkster Tag", "Travleste dag"},
	"Different visitors":                 {"Verschiedene Besucher", "Ulike besøkende"},
	"Pages":                              {"Seiten", "Sider"},
	"Hits":                               {"Zugriffe", "Treff"},
	"Bytes":                              {"Bytes", "Byte"},
	"Hits of robots":                     {"Zugriffe von Robotern", "Treff fra roboter"},
	"Bytes of robots":                    {"Bytes an Roboter", "Byte til roboter"},
	"Visits that loaded more than pages": {"Besuche, die mehr als Seiten luden", "Besøk som hentet mer enn sider"},
	"Left out":                           {"Ausgelassen", "Utelatt"},
	"Pages of no known visit":            {"Seiten ohne bekannten Besuch", "Sider uten kjent besøk"},
	"Days without data":                  {"Tage ohne Daten", "Dager uten data"},
	"Day":                                {"Tag", "Dag"},
	"Week":                               {"Woche", "Uke"},
	"Month":                              {"Monat", "Måned"},
	"Year":                               {"Jahr", "År"},
	"and %s more":                        {"und %s weitere", "og %s til"},
	"Not found":                          {"Nicht gefunden", "Ikke funnet"},
	"Path":                               {"Pfad", "Sti"},
	"Where people came from":             {"Woher Menschen kamen", "Hvor folk kom fra"},
	"Origin":                             {"Herkunft", "Opphav"},
	"Hours":                              {"Stunden", "Timer"},
	"Hour":                               {"Stunde", "Time"},
	"Length of visits":                   {"Dauer der Besuche", "Besøkenes varighet"},
	"Up to":                              {"Bis", "Inntil"},
	"Pages of a visit":                   {"Seiten je Besuch", "Sider per besøk"},
	"Browsers":                           {"Browser", "Nettlesere"},
	"Browser":                            {"Browser", "Nettleser"},
	"Systems":                            {"Systeme", "Systemer"},
	"System":                             {"System", "System"},
	"Robots":                             {"Roboter", "Roboter"},
	"Class and name":                     {"Art und Name", "Type og navn"},
	"File types":                         {"Dateitypen", "Filtyper"},
	"Type":                               {"Typ", "Type"},
	"Status":                             {"Status", "Status"},
	"Status of robots":                   {"Status der Roboter", "Robotenes status"},
	"Views":                              {"Aufrufe", "Visninger"},
	"Entries":                            {"Einstiege", "Innganger"},
	"Exits":                              {"Ausstiege", "Utganger"},
	"direct":                             {"direkt", "direkte"},
	"own pages":                          {"eigene Seiten", "egne sider"},
	"other sites":                        {"andere Seiten", "andre nettsteder"},
	"search":                             {"Suche", "søk"},
	"assistant":                          {"Assistent", "assistent"},
	"network":                            {"Netzwerk", "nettverk"},
	"other":                              {"andere", "andre"},
	"more":                               {"mehr", "mer"},
	"one-page":                           {"eine Seite", "én side"},
	"30s":                                {"30 s", "30 s"},
	"2m":                                 {"2 min", "2 min"},
	"5m":                                 {"5 min", "5 min"},
	"15m":                                {"15 min", "15 min"},
	"30m":                                {"30 min", "30 min"},
	"1h":                                 {"1 h", "1 t"},
}

// word returns a word in a language; what is no word of reports stays as it is.
func word(l *report.Language, english string) string {
	w, ok := words[english]
	switch {
	case !ok:
		return english
	case l.Tag() == "de":
		return w.de
	case l.Tag() == "nb":
		return w.no
	}
	if english == "one-page" {
		return "one page"
	}
	return english
}
