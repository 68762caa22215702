package trafficreport

import (
	"fmt"
	"strings"

	"hushpipe/format/report"
)

// words holds the translations of reports by their English text.
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
	"Pages without a known visit":        {"Seiten ohne bekannten Besuch", "Sider uten kjent besøk"},
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
	"Website statistics":                 {"Statistik der Website", "Statistikk for nettstedet"},
	"Made on %s":                         {"Erstellt am %s", "Laget %s"},
	"At a glance":                        {"Auf einen Blick", "Kort fortalt"},
	"Privacy":                            {"Datenschutz", "Personvern"},
	"Share":                              {"Anteil", "Andel"},
	"Total":                              {"Gesamt", "Totalt"},
	"Months":                             {"Monate", "Måneder"},
	"All figures":                        {"Alle Zahlen", "Alle tall"},
	"no data":                            {"keine Daten", "ingen data"},
	"Days with data":                     {"Tage mit Daten", "Dager med data"},
	"Days with incomplete data":          {"Tage mit unvollständigen Daten", "Dager med ufullstendige data"},
	"Days with data: %s of %s.":          {"Tage mit Daten: %s von %s.", "Dager med data: %s av %s."},
	"Days with incomplete data, whose figures are too low: %s.": {
		"Tage mit unvollständigen Daten, deren Zahlen zu niedrig sind: %s.", "Dager med ufullstendige data, som har for lave tall: %s."},
	"Missing hosts": {"Fehlende Server", "Manglende tjenere"},
	"Hosts that are missing on some of these: %s.": {
		"Server, die an manchen davon fehlen: %s.", "Tjenere som mangler på noen av disse: %s."},
	"Days with too many visits": {"Tage mit zu vielen Besuchen", "Dager med for mange besøk"},
	"Days on which somebody who came to two hosts counts as two visitors: %s.": {
		"Tage, an denen doppelt zählt, wer auf zwei Servern war: %s.", "Dager der den som var på to tjenere, teller som to besøkende: %s."},
	"Days without data are gaps, not zeros: what was on them is not known.": {
		"Tage ohne Daten sind Lücken, keine Nullen: Was an ihnen war, ist nicht bekannt.", "Dager uten data er hull, ikke nuller: Det er ikke kjent hva som skjedde da."},
	"The change is against %s.": {"Die Änderung ist die gegenüber %s.", "Endringen er mot %s."},
	"There is nothing to compare with: there is no data for %s.": {
		"Es gibt nichts zu vergleichen: Von %s gibt es keine Daten.", "Det er ingenting å sammenligne med: Det er ingen data for %s."},
	"Nothing is compared, since days of this period or of %s have no data.": {
		"Verglichen wird nicht, denn Tage dieses Zeitraums oder von %s haben keine Daten.", "Ingenting sammenlignes, siden dager i denne perioden eller i %s mangler data."},
	"Different visitors: at least %s, those of the busiest day (%s), and at most %s.": {
		"Verschiedene Besucher: mindestens %s, die des stärksten Tages (%s), und höchstens %s.", "Ulike besøkende: minst %s, de på den travleste dagen (%s), og høyst %s."},
	"Visits that loaded more than pages: %s.":                {"Besuche, die mehr als Seiten luden: %s.", "Besøk som hentet mer enn sider: %s."},
	"Hits that were left out, as those of the operator: %s.": {"Ausgelassene Zugriffe, etwa die des Betreibers: %s.", "Treff som er utelatt, som eierens egne: %s."},
	"Pages that belong to no known visit: %s.":               {"Seiten, die zu keinem bekannten Besuch gehören: %s.", "Sider som ikke hører til et kjent besøk: %s."},
	"Nothing is known of this period.":                       {"Von diesem Zeitraum ist nichts bekannt.", "Ingenting er kjent om denne perioden."},
	"There was no visit.":                                    {"Es gab keinen Besuch.", "Det var ingen besøk."},
	"Most visits: %s with %s pages (%s).":                    {"Die meisten Besuche: %s mit %s Seiten (%s).", "Flest besøk: %s med %s sider (%s)."},
	"Not all of these days were counted in the same way: compare them with care. The end of this page says how.": {
		"Nicht alle diese Tage wurden auf dieselbe Art gezählt: Vergleiche sind mit Vorsicht zu lesen. Wie gezählt wurde, steht am Ende dieser Seite.",
		"Ikke alle disse dagene er telt på samme måte: Sammenlign med forsiktighet. Slutten av siden sier hvordan."},
	"Visits, pages and hits":           {"Besuche, Seiten und Zugriffe", "Besøk, sider og treff"},
	"Hits of people and of robots":     {"Zugriffe von Menschen und von Robotern", "Treff fra mennesker og fra roboter"},
	"People":                           {"Menschen", "Mennesker"},
	"The table below has each figure.": {"Jede Zahl steht unten in der Tabelle.", "Hvert tall står i tabellen nedenfor."},
	"Drag across a chart to look closer, double-click to see all again. With the keyboard: arrow keys.": {
		"Mit der Maus einen Bereich aufziehen, um ihn näher zu sehen; Doppelklick zeigt wieder alles. Mit der Tastatur: Pfeiltasten.",
		"Dra over et diagram for å se nærmere, dobbeltklikk for å se alt igjen. Med tastaturet: piltaster."},
	"When, and for how long": {"Wann und wie lange", "Når, og hvor lenge"},
	"Visits that began in an hour, the mean of the days with data": {
		"Besuche, die in einer Stunde begannen, im Mittel der Tage mit Daten", "Besøk som begynte i en time, i snitt av dagene med data"},
	"Pages by views; of the visits, how many began there and how many ended": {
		"Seiten nach Aufrufen; dazu, wie viele Besuche dort begannen und endeten", "Sider etter visninger; og hvor mange besøk som begynte og sluttet der"},
	"Requested paths that were not found (status 404 or 410)": {
		"Pfade, die Menschen vergeblich abriefen (Status 404 oder 410)", "Stier som folk ba om forgjeves (status 404 eller 410)"},
	"Pages by what led to them":                              {"Seiten nach dem, was zu ihnen führte", "Sider etter hva som førte dit"},
	"Search engines, assistants, networks and sites by name": {"Suchmaschinen, Assistenten, Netzwerke und Seiten mit Namen", "Søkemotorer, assistenter, nettverk og nettsteder ved navn"},
	"Visits by the time from their first page to their last": {"Besuche nach der Zeit von der ersten Seite zur letzten", "Besøk etter tiden fra første til siste side"},
	"Visits by how many pages they had":                      {"Besuche nach der Zahl ihrer Seiten", "Besøk etter antall sider"},
	"Visitors of each day, added up":                         {"Besucher jedes Tages, zusammengezählt", "Besøkende hver dag, lagt sammen"},
	"Robots by the name that they give themselves":           {"Roboter nach dem Namen, den sie sich geben", "Roboter etter navnet de gir seg selv"},
	"Robots by what they are for, with their share of all hits and bytes, those of people included": {
		"Roboter nach ihrem Zweck, mit ihrem Anteil an allen Zugriffen und Bytes, die der Menschen eingeschlossen",
		"Roboter etter formål, med deres andel av alle treff og byte, menneskers medregnet"},
	"Hits of people by what they asked for": {"Zugriffe von Menschen nach dem, was sie abriefen", "Treff fra mennesker etter hva de ba om"},
	"Hits of people by the answer":          {"Zugriffe von Menschen nach der Antwort", "Treff fra mennesker etter svaret"},
	"Hits of robots by the answer":          {"Zugriffe von Robotern nach der Antwort", "Treff fra roboter etter svaret"},
	"Class":                                 {"Art", "Type"},
	"Key":                                   {"Schlüssel", "Nøkkel"},
	"%s more":                               {"%s weitere", "%s til"},
	"%s more, with %s: in --json.":          {"%s weitere mit %s: in --json.", "%s til, med %s: i --json."},
	"%s Views":                              {"%s Aufrufen", "%s visninger"},
	"%s Hits":                               {"%s Zugriffen", "%s treff"},
	"%s Pages":                              {"%s Seiten", "%s sider"},
	"search engines":                        {"Suchmaschinen", "søkemotorer"},
	"AI assistants":                         {"KI-Assistenten", "KI-assistenter"},
	"social networks":                       {"soziale Netzwerke", "sosiale nettverk"},
	"campaigns":                             {"Kampagnen", "kampanjer"},
	"campaign":                              {"Kampagne", "kampanje"},
	"other campaigns":                       {"andere Kampagnen", "andre kampanjer"},
	"Campaigns: the pages that links with utm_campaign and the like led to": {
		"Kampagnen: die Seiten, zu denen Links mit utm_campaign und dergleichen führten", "Kampanjer: sidene som lenker med utm_campaign og lignende førte til"},
	"Countries":       {"Länder", "Land"},
	"Country":         {"Land", "Land"},
	"other countries": {"andere Länder", "andre land"},
	"country unknown": {"Land unbekannt", "ukjent land"},
	"are looked up by the address, in a file on the server, and are as right as that file. Unknown are addresses that it does not have.": {
		"werden mit der Adresse in einer Datei auf dem Server nachgeschlagen und stimmen so weit wie diese Datei. Unbekannt sind Adressen, die nicht darin stehen.",
		"slås opp med adressen i en fil på serveren, og er så riktige som den. Ukjente er adresser som ikke står der."},
	"search engine":        {"Suchmaschine", "søkemotor"},
	"AI training":          {"KI-Training", "KI-trening"},
	"AI search":            {"KI-Suche", "KI-søk"},
	"AI for a person":      {"KI für einen Menschen", "KI for et menneske"},
	"feed reader":          {"Feedreader", "feedleser"},
	"preview of links":     {"Linkvorschau", "forhåndsvisning av lenker"},
	"monitoring":           {"Überwachung", "overvåking"},
	"scanner":              {"Scanner", "skanner"},
	"tool":                 {"Werkzeug", "verktøy"},
	"headless browser":     {"Browser ohne Bildschirm", "nettleser uten skjerm"},
	"no user agent":        {"ohne User-Agent", "uten user agent"},
	"pages":                {"Seiten", "sider"},
	"feeds":                {"Feeds", "feeder"},
	"Counted with %s (%s)": {"Gezählt mit %s (%s)", "Telt med %s (%s)"},
	"Figures of a later version of hushpipe, as in its files.": {
		"Zahlen einer späteren Version von hushpipe, wie sie in deren Dateien stehen.", "Tall fra en senere versjon av hushpipe, slik de står i filene."},
	"What the figures mean, and what they do not": {"Was die Zahlen bedeuten, und was nicht", "Hva tallene betyr, og hva de ikke betyr"},
	"are requests to the server, whatever they were for and however they were answered. Those of robots are counted apart.": {
		"sind Anfragen an den Server, wonach auch immer und wie auch immer beantwortet. Die von Robotern sind für sich gezählt.",
		"er forespørsler til serveren, uansett hva de gjaldt og hvordan de ble besvart. De fra roboter er telt for seg."},
	"are requests that were answered with a page: no image, style, script, feed or download, and nothing that failed.": {
		"sind Anfragen, die mit einer Seite beantwortet wurden: keine Bilder, Stile, Skripte, Feeds oder Downloads, und nichts, was misslang.",
		"er forespørsler som ble besvart med en side: ingen bilder, stiler, skript, feeder eller nedlastinger, og ingenting som mislyktes."},
	"are a network address and a browser, on one day. Several people with the same browser behind one address count once; one person with two devices counts twice. Who comes on five days counts five times: nobody is followed from one day to the next. So there is no number of different visitors of more than one day, but the two that it lies between.": {
		"sind eine Netzadresse und ein Browser an einem Tag. Mehrere Menschen mit demselben Browser hinter einer Adresse zählen einmal; ein Mensch mit zwei Geräten zählt zweimal. Wer an fünf Tagen kommt, zählt fünfmal: Niemand wird von einem Tag zum nächsten verfolgt. Darum gibt es für mehr als einen Tag keine Zahl verschiedener Besucher, nur die beiden, zwischen denen sie liegt.",
		"er en nettadresse og en nettleser, på én dag. Flere mennesker med samme nettleser bak én adresse teller én gang; ett menneske med to enheter teller to ganger. Den som kommer fem dager, teller fem ganger: Ingen følges fra en dag til den neste. Derfor finnes det ikke noe antall ulike besøkende for mer enn én dag, bare de to som det ligger mellom."},
	"are the pages of one visitor with short breaks between them. After a longer break, and after midnight, it is another visit. Entries and exits are the first and the last page of a visit.": {
		"sind die Seiten eines Besuchers mit kurzen Pausen dazwischen. Nach einer längeren Pause und nach Mitternacht ist es ein anderer Besuch. Einstieg und Ausstieg sind die erste und die letzte Seite eines Besuchs.",
		"er sidene til én besøkende med korte pauser imellom. Etter en lengre pause, og etter midnatt, er det et annet besøk. Inngang og utgang er den første og den siste siden i et besøk."},
	"is the time from the first page to the last. How long the last one was read is not known, so that a visit of one page has no length.": {
		"ist die Zeit von der ersten Seite zur letzten. Wie lange die letzte gelesen wurde, ist nicht bekannt; darum hat ein Besuch von einer Seite keine Dauer.",
		"er tiden fra den første siden til den siste. Hvor lenge den siste ble lest, er ikke kjent, så et besøk på én side har ingen varighet."},
	"fetched images, styles or scripts as well. The others are people whose browser had all that, or programs that do not say so.": {
		"riefen auch Bilder, Stile oder Skripte ab. Die anderen sind Menschen, deren Browser das alles schon hatte, oder Programme, die sich nicht zu erkennen geben.",
		"hentet også bilder, stiler eller skript. De andre er mennesker som hadde alt dette i nettleseren, eller programmer som ikke sier hva de er."},
	"Origins": {"Herkunft", "Opphav"},
	"are what browsers say of the page that led to this one; many say nothing, and that is direct. Words that somebody searched for are not kept.": {
		"ist, was Browser von der Seite sagen, die zu dieser führte; viele sagen nichts, und das ist direkt. Wonach jemand suchte, wird nicht aufbewahrt.",
		"er det nettlesere sier om siden som førte til denne; mange sier ingenting, og det er direkte. Hva noen søkte etter, blir ikke tatt vare på."},
	"are told by the name that they give themselves. They are in no other figure, but where it says so. Who pretends to be a browser is taken for a person.": {
		"werden an dem Namen erkannt, den sie sich geben. Sie sind in keiner anderen Zahl, außer wo es dabeisteht. Wer sich als Browser ausgibt, wird für einen Menschen gehalten.",
		"kjennes på navnet de gir seg selv. De er ikke med i andre tall, unntatt der det står. Den som gir seg ut for å være en nettleser, regnes som et menneske."},
	"What has no name": {"Was keinen Namen hat", "Det som ikke har navn"},
	"is counted as other: paths and sites that too few networks brought on a day, browsers, systems and countries of too few visitors, and what looks like a secret. So the sums are right, and nobody is recognised by what only they asked for.": {
		"zählt als andere: Pfade und Seiten, die an einem Tag zu wenige Netze brachten, Browser, Systeme und Länder von zu wenigen Besuchern, und was wie ein Geheimnis aussieht. So stimmen die Summen, und niemand wird an dem erkannt, was nur er abrief.",
		"telles som andre: stier og nettsteder som for få nettverk kom med på en dag, nettlesere, systemer og land med for få besøkende, og det som ser ut som en hemmelighet. Slik stemmer summene, og ingen gjenkjennes på det bare de ba om."},
	"Gaps": {"Lücken", "Hull"},
	"are days without a file, hatched in the charts. Nothing is known of them. They are in no sum and no mean.": {
		"sind Tage ohne Datei, in den Diagrammen schraffiert. Von ihnen ist nichts bekannt. Sie sind in keiner Summe und keinem Mittel.",
		"er dager uten fil, skravert i diagrammene. Ingenting er kjent om dem. De er ikke med i noen sum og ikke i noe snitt."},
	"cannot be found here: the figures come from daily files in which no address, no user agent and no search stands, and of queries campaigns and groups alone. This page loads nothing from any server.": {
		"sind hier nicht zu finden: Die Zahlen kommen aus Dateien je Tag, in denen keine Adresse, kein User-Agent und keine Suche steht und von Abfragen allein Kampagnen und Gruppen. Diese Seite lädt nichts von irgendeinem Server.",
		"finnes ikke her: Tallene kommer fra daglige filer der det ikke står noen adresse, user agent eller noe søk, og av spørringer bare kampanjer og grupper. Siden laster ingenting fra noen server."},
	"How it was counted": {"Wie gezählt wurde", "Hvordan det ble telt"},
	"Groups":             {"Gruppen", "Grupper"},
	"Group":              {"Gruppe", "Gruppe"},
	"Mean":               {"Mittel", "Snitt"},
	"Hits of people and robots by what they asked for; the time that half of them, and 95 and 99 of 100, took at most": {
		"Zugriffe von Menschen und Robotern nach dem, was sie abriefen; dazu die Zeit, die die Hälfte von ihnen und 95 und 99 von 100 höchstens brauchten",
		"Treff fra mennesker og roboter etter hva de ba om; og tiden som halvparten av dem, og 95 og 99 av 100, høyst tok"},
	"are requests for one value in the URL, of people and of robots. Times are known to 9 %, and are those of the server: from the request to the end of the answer. 4xx are requests that could not be met, 5xx failures of the server.": {
		"sind Anfragen nach einem Wert in der URL, von Menschen und von Robotern. Zeiten sind auf 9 % genau und die des Servers: von der Anfrage bis zum Ende der Antwort. 4xx sind Anfragen, die nicht erfüllt werden konnten, 5xx Fehler des Servers.",
		"er forespørsler etter én verdi i URL-en, fra mennesker og fra roboter. Tider er nøyaktige til 9 % og er serverens: fra forespørselen til slutten av svaret. 4xx er forespørsler som ikke kunne oppfylles, 5xx er serverens feil."},
	"1h": {"1 h", "1 t"},
}

// inEnglish holds the English text for keys that are not English.
var inEnglish = map[string]string{"one-page": "one page", "30s": "30 s", "2m": "2 min", "5m": "5 min", "15m": "15 min", "30m": "30 min", "1h": "1 h"}

// word translates a word; an unknown one stays as it is. If english is "", word uses otherwise.
func word(l *report.Language, english string, otherwise ...string) string {
	if english == "" {
		english = strings.Join(otherwise, "")
	}
	w, ok := words[english]
	switch {
	case ok && l.Tag() == "de":
		return w.de
	case ok && l.Tag() == "nb":
		return w.no
	}
	if en, ok := inEnglish[english]; ok {
		return en
	}
	return english
}

// translate translates a sentence, a format with %s, and formats its numbers.
func translate(l *report.Language, english string, args ...any) string {
	for i, a := range args {
		switch n := a.(type) {
		case int:
			args[i] = l.Number(uint64(n))
		case uint64:
			args[i] = l.Number(n)
		}
	}
	if len(args) == 0 {
		return word(l, english)
	}
	return fmt.Sprintf(word(l, english), args...)
}
