package report

// translations holds the texts of all reports by their English form. Callers must give that as a
// literal, so that the test finds it.
var translations = map[string]struct{ de, no string }{
	"Conference statistics":     {"Konferenzstatistik", "Konferansestatistikk"},
	"Made on %s":                {"Erstellt am %s", "Laget %s"},
	"Overview":                  {"Übersicht", "Oversikt"},
	"Months":                    {"Monate", "Måneder"},
	"Privacy":                   {"Datenschutz", "Personvern"},
	"At a glance":               {"Auf einen Blick", "Kort fortalt"},
	"Conferences":               {"Konferenzen", "Konferanser"},
	"Participants":              {"Teilnehmende", "Deltakere"},
	"Mean size":                 {"Mittlere Größe", "Snittstørrelse"},
	"Median size":               {"Mediangröße", "Medianstørrelse"},
	"Largest":                   {"Größte", "Største"},
	"Rooms":                     {"Räume", "Rom"},
	"Share":                     {"Anteil", "Andel"},
	"Day":                       {"Tag", "Dag"},
	"Week":                      {"Woche", "Uke"},
	"Month":                     {"Monat", "Måned"},
	"Year":                      {"Jahr", "År"},
	"Days":                      {"Tage", "Dager"},
	"Days without data":         {"Tage ohne Daten", "Dager uten data"},
	"no data":                   {"keine Daten", "ingen data"},
	"Total":                     {"Gesamt", "Totalt"},
	"Days with data: %d of %d.": {"Tage mit Daten: %d von %d.", "Dager med data: %d av %d."},
	"Days without data are gaps, not zeros: what was on them is not known.": {
		"Tage ohne Daten sind Lücken, keine Nullen: Was an ihnen war, ist nicht bekannt.",
		"Dager uten data er hull, ikke nuller: Det er ikke kjent hva som skjedde da."},
	"Days with incomplete data, whose figures are too low: %d.": {
		"Tage mit unvollständigen Daten, deren Zahlen zu niedrig sind: %d.",
		"Dager med ufullstendige data, som har for lave tall: %d."},
	"Conferences and participants":                    {"Konferenzen und Teilnehmende", "Konferanser og deltakere"},
	"Nothing is known of this period.":                {"Von diesem Zeitraum ist nichts bekannt.", "Ingenting er kjent om denne perioden."},
	"There was no conference.":                        {"Es gab keine Konferenz.", "Det var ingen konferanse."},
	"Most conferences: %d with %d participants (%s).": {"Die meisten Konferenzen: %d mit %d Teilnehmenden (%s).", "Flest konferanser: %d med %d deltakere (%s)."},
	"The table below has each figure.":                {"Jede Zahl steht unten in der Tabelle.", "Hvert tall står i tabellen nedenfor."},
	"Drag across a chart to look closer, double-click to see all again. With the keyboard: arrow keys.": {
		"Mit der Maus einen Bereich aufziehen, um ihn näher zu sehen; Doppelklick zeigt wieder alles. Mit der Tastatur: Pfeiltasten.",
		"Dra over et diagram for å se nærmere, dobbeltklikk for å se alt igjen. Med tastaturet: piltaster."},
	"Size of conferences":                                     {"Größe der Konferenzen", "Størrelse på konferansene"},
	"Conferences by number of participants":                   {"Konferenzen nach Zahl der Teilnehmenden", "Konferanser etter antall deltakere"},
	"Weekdays and months":                                     {"Wochentage und Monate", "Ukedager og måneder"},
	"Conferences a day, the mean of the days with data":       {"Konferenzen am Tag, im Mittel der Tage mit Daten", "Konferanser per dag, gjennomsnitt av dagene med data"},
	"Recurring rooms":                                         {"Wiederkehrende Räume", "Tilbakevendende rom"},
	"Rooms with a conference on more than one day: %d of %d.": {"Räume mit einer Konferenz an mehr als einem Tag: %d von %d.", "Rom med konferanse på mer enn én dag: %d av %d."},
	"Rooms by number of days with a conference":               {"Räume nach Zahl der Tage mit einer Konferenz", "Rom etter antall dager med konferanse"},
	"All figures":                                             {"Alle Zahlen", "Alle tall"},
	"What the figures mean, and what they do not":             {"Was die Zahlen bedeuten und was nicht", "Hva tallene betyr, og hva de ikke betyr"},
	"A conference":                                            {"Eine Konferenz", "En konferanse"},
	"is a room on a day, used from at least %d different network addresses.": {
		"ist ein Raum an einem Tag, der von mindestens %d verschiedenen IP-Adressen genutzt wurde.",
		"er et rom på én dag, brukt fra minst %d ulike IP-adresser."},
	"Two meetings in a room on one day count as one; a meeting in the same room on the next day is another.": {
		"Zwei Treffen am selben Tag im selben Raum zählen als eine; ein Treffen im selben Raum am nächsten Tag ist eine weitere.",
		"To møter i samme rom på samme dag teller som én; et møte i samme rom neste dag er en ny."},
	"are network addresses, not people. Several people behind one address, as in an office or a family, count once. One person with two addresses, as with a phone that leaves the house, counts twice. Who takes part on five days counts five times.": {
		"sind IP-Adressen, keine Menschen. Mehrere Menschen hinter einer Adresse, wie in einem Büro oder einer Familie, zählen einmal. Ein Mensch mit zwei Adressen, etwa mit einem Telefon, das das Haus verlässt, zählt zweimal. Wer an fünf Tagen teilnimmt, zählt fünfmal.",
		"er IP-adresser, ikke mennesker. Flere personer bak én adresse, som på et kontor eller i en familie, teller én gang. Én person med to adresser, for eksempel med en telefon som forlater huset, teller to ganger. Den som deltar på fem dager, teller fem ganger."},
	"is a room that was used on a day.": {"ist ein Raum, der an einem Tag genutzt wurde.", "er et rom som ble brukt på én dag."},
	"Lone testers":                      {"Wer allein testet,", "De som tester alene,"},
	"are left out, as is any room with fewer than %d addresses in a day: trying the microphone is no conference.": {
		"bleibt außen vor, wie jeder Raum mit weniger als %d Adressen am Tag: Das Mikrofon auszuprobieren ist keine Konferenz.",
		"er ikke med, og heller ikke andre rom med færre enn %d adresser på en dag: Å prøve mikrofonen er ingen konferanse."},
	"is counted as a conference as well, in none of the sizes.": {
		"zählt hier ebenfalls als Konferenz, in keiner der Größen.",
		"teller også som konferanse, men er ikke med i noen av størrelsene."},
	"A room with one address": {"Ein Raum mit einer Adresse", "Et rom med én adresse"},
	"Gaps":                    {"Lücken", "Hull"},
	"are days without a file, hatched in the charts. Nothing is known of them. They are in no sum and no mean; a day with a file and no conference is a zero and counts.": {
		"sind Tage ohne Datei, in den Diagrammen schraffiert. Von ihnen ist nichts bekannt. Sie gehen in keine Summe und kein Mittel ein; ein Tag mit einer Datei ohne Konferenz ist eine Null und zählt mit.",
		"er dager uten fil, skravert i diagrammene. Ingenting er kjent om dem. De er ikke med i noen sum og ikke i noe gjennomsnitt; en dag med en fil uten konferanser er en null og teller med."},
	"People": {"Menschen", "Mennesker"},
	"cannot be found here: the figures come from daily files that hold one number and a hash for each room. No address, no name and no hash is in this page, and it loads nothing from any server.": {
		"sind hier nicht zu finden: Die Zahlen stammen aus täglichen Dateien, in denen für jeden Raum eine Zahl und ein Hash stehen. Auf dieser Seite stehen keine Adresse, kein Name und kein Hash, und sie lädt nichts von einem Server.",
		"finnes ikke her: Tallene kommer fra daglige filer som har ett tall og en hash for hvert rom. På denne siden står ingen adresse, ikke noe navn og ingen hash, og den henter ingenting fra noen server."},

	"Period":                    {"Zeitraum", "Periode"},
	"Mean":                      {"Mittel", "Gjennomsnitt"},
	"Median":                    {"Median", "Median"},
	"Days with data":            {"Tage mit Daten", "Dager med data"},
	"Days with incomplete data": {"Tage mit unvollständigen Daten", "Dager med ufullstendige data"},
	"Days with a conference":    {"Tage mit einer Konferenz", "Dager med konferanse"},
}
