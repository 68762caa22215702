package report

// translations holds the words of all reports by their English form.
var translations = map[string]struct{ de, no string }{
	"Conferences":             {"Konferenzen", "Konferanser"},
	"Participants":            {"Teilnehmende", "Deltakere"},
	"Mean":                    {"Mittel", "Gjennomsnitt"},
	"Median":                  {"Median", "Median"},
	"Largest":                 {"Größte", "Største"},
	"Day":                     {"Tag", "Dag"},
	"Week":                    {"Woche", "Uke"},
	"Month":                   {"Monat", "Måned"},
	"Year":                    {"Jahr", "År"},
	"Days":                    {"Tage", "Dager"},
	"Days with data":          {"Tage mit Daten", "Dager med data"},
	"Days without data":       {"Tage ohne Daten", "Dager uten data"},
	"no data":                 {"keine Daten", "ingen data"},
	"Total":                   {"Gesamt", "Totalt"},
	"Period":                  {"Zeitraum", "Periode"},
	"Size of conferences":     {"Größe der Konferenzen", "Størrelse på konferansene"},
	"Recurring rooms":         {"Wiederkehrende Räume", "Gjentatte rom"},
	"Rooms":                   {"Räume", "Rom"},
	"Conferences by size":     {"Konferenzen nach Größe", "Konferanser etter størrelse"},
	"Conferences on n days":   {"Konferenzen an n Tagen", "Konferanser på n dager"},
	"%d of %d days have data": {"%d von %d Tagen haben Daten", "%d av %d dager har data"},
}
