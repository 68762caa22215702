package statement

import "hushpipe/format/policy"

var german = &words{
	Tag:   "de",
	Quote: "„%s“",
	And:   "und", Or: "oder",
	Title: "Was dieser Server protokolliert",
	Draft: "Entwurf: hushpipe hat diesen Text aus der Konfiguration erzeugt und weiß sonst nichts. Wer für den Server verantwortlich ist, " +
		"prüft jeden Satz, füllt die Lücken, ergänzt, was nur Menschen wissen (Auftragsverarbeiter wie den Webhoster, andere Protokolle, " +
		"automatisierte Entscheidungen), und entfernt diesen Absatz.",
	Made:      "Erzeugt von hushpipe aus der Konfiguration sha256:%s",
	MadeSince: "Erzeugt von hushpipe aus der Konfiguration, die seit dem %s läuft, sha256:%s",
	Labels: [numLabels]string{
		labelController: "Verantwortlich", labelContact: "Kontakt", labelOfficer: "Datenschutzbeauftragte",
		labelAuthority: "Aufsichtsbehörde", labelPlace: "Ort der Speicherung", labelTransfer: "Übermittlung in Drittländer",
		labelMore:    "Weitere Angaben des Verantwortlichen (von hushpipe nicht geprüft)",
		labelPurpose: "Zweck", labelBasis: "Rechtsgrundlage", labelGate: "Freischaltung", labelLines: "Anfragen", labelFields: "Gespeichert wird",
		labelElsewhere: "Adressen und Geheimnisse an anderer Stelle", labelGroup: "Gruppe", labelPeriod: "Dauer", labelFigures: "Zahlen",
		labelPseudonyms: "Pseudonyme", labelKey: "Schlüssel des Tages", labelReveal: "Aufdeckung", labelAccess: "Suche nach einer Person",
		labelJoining: "Zusammenführung", labelRecipients: "Empfänger", labelBackups: "Sicherungskopien",
		labelTechnical: "Technische Angaben", labelRights: "Ihre Rechte", labelObject: "Widerspruchsrecht (Art. 21)",
		labelField: "Angabe", labelHow: "wie", labelWith: "mit", labelBy: "woran",
	},
	Blank: "[bitte ergänzen: %s]",
	Blanks: map[label]string{
		labelController: "Name und Anschrift", labelContact: "wie man den Verantwortlichen erreicht",
		labelOfficer: "wie man sie erreicht; gibt es keine, entfällt die Zeile", labelAuthority: "Name der Behörde",
		labelPlace: "wo der Server steht und wer ihn betreibt", labelTransfer: "ob Daten in Länder außerhalb der EU und des EWR gelangen",
		labelPurpose: "wozu die Zeilen dienen", labelBasis: "etwa Art. 6 Abs. 1 Buchst. f DSGVO, mit dem berechtigten Interesse",
		labelReveal:     "wann ein Pseudonym aufgedeckt werden darf, oder dass das nicht erlaubt ist",
		labelRecipients: "wer die Zeilen erhält, oder dass niemand sie erhält",
	},

	Article:  "Art. 6 Abs. 1 Buchst. %s DSGVO",
	Interest: "Das berechtigte Interesse ist der genannte Zweck.",

	Every: "alle.", Only: "nur Anfragen", But: ", außer Anfragen",
	Conditions: conditionWords{
		Status: "mit dem Status %s", Method: "mit der Methode %s", Path: "nach dem Pfad %s", Parameter: "mit dem Parameter %s",
		Host: "an den Server %s", User: "des Benutzers %s", AnyUser: "eines angemeldeten Benutzers", Network: "aus dem Netz %s",
		Event: ", die eines dieser Ereignisse sind: %s",
	},
	Star:    "(Ein * steht für beliebige Zeichen.)",
	Answers: "Ereignisse von %s werden daran erkannt, was der Server antwortet.",
	Events: map[string]string{
		"not-found": "Inhalt nicht gefunden", "denied": "Zugriff verweigert", "error": "Fehler des Servers", "login": "Anmeldung",
		"login-failed": "gescheiterte Anmeldung", "logout": "Abmeldung", "register": "Registrierung", "change": "Änderung von Inhalten",
		"delete-user": "Löschung eines Benutzers", "search": "Suche",
	},

	Nothing:      "nichts; auch gezählt wird für diesen Zweck nichts.",
	Whole:        "die ganze Zeile, die der Webserver schreibt, mit diesen Angaben:",
	WholeUnknown: "die ganze Zeile, die der Webserver schreibt, mit allen Angaben.",
	OtherForms:   "Auch Zeilen in anderer Form werden gespeichert.",
	OtherAll:     "Was der Webserver sonst in seine Zeilen schreibt, wird ebenfalls gespeichert, ebenso Zeilen in anderer Form.",
	NothingElse:  "Sonst nichts.",
	Fields: map[string]string{
		"client": "IP-Adresse", "user": "Name des angemeldeten Benutzers", "time": "Datum und Uhrzeit", "url": "aufgerufene Adresse",
		"method": "Methode und Protokoll der Anfrage", "status": "Status der Antwort", "size": "Größe der Antwort",
		"duration": "Dauer der Antwort", "referer": "Adresse, von der der Aufruf kam", "agent": "Angaben des Browsers über sich",
		"host": "angefragter Server", "event": "Art des Ereignisses", "level": "Schwere der Meldung",
		"module": "Teil des Servers, der die Meldung schrieb", "message": "Text der Meldung", "identity": "Name nach RFC 1413 (meist leer)",
	},
	How: howWords{
		Full: "vollständig", Second: "sekundengenau", Not401: ", außer beim Status 401 oder 407", Pseudonym: "als Pseudonym",
		Prefix: "als Pseudonym, das erkennen lässt, welche Adressen aus einem Netz sind", Hash: "als Hashwert, gebildet mit dem Schlüssel des Tages",
		Hour: "die Stunde, ohne Minuten und Sekunden", Date: "nur das Datum", Path: "ohne Parameter, also ohne Suchbegriffe",
		Site: "nur der Server, ohne Pfad und Parameter", Word: "das erste Wort", Words: "die ersten %s Wörter",
		OneOf: "eines davon: %s", Params: "ohne Parameter außer %s", Round: "aufgerundet auf ein Vielfaches von %s",
		Nets: "vollständig, wenn sie in %s liegt, sonst gar nicht", Mask: "gekürzt auf %d Bit, IPv6 auf %d", Example: " („%s“ statt „%s“)",
	},

	Elsewhere: map[policy.Kind]string{
		policy.Ipcrypt:  "Steht in diesen Angaben an anderer Stelle eine IP-Adresse, so wird auch sie zum Pseudonym.",
		policy.Mask:     "Steht in diesen Angaben an anderer Stelle eine IP-Adresse, so wird auch sie gekürzt.",
		policy.Drop:     "Steht in diesen Angaben eine IP-Adresse, so wird sie entfernt.",
		policy.OnlyNets: "Steht in diesen Angaben an anderer Stelle eine IP-Adresse, so wird sie entfernt.",
		policy.Whole:    "Steht in diesen Angaben an anderer Stelle eine IP-Adresse, so bleibt auch sie vollständig stehen.",
	},
	Spelling:    "Adressen in ungewöhnlicher Schreibweise und die meisten Rechnernamen werden nicht erkannt.",
	Secrets:     "Parameter, die gewöhnlich Geheimnisse enthalten, etwa password oder token, verlieren ihren Wert.",
	MoreSecrets: "Ebenso die Parameter %s.",
	OnlySecrets: "Die Parameter %s verlieren ihren Wert.",

	Day: "bis zum Ende des Tages der Anfrage", Days: "höchstens %s Tage, den Tag der Anfrage eingerechnet",
	Hours: "höchstens %s Stunden, arbeitsfreie Tage nicht gerechnet", Entries: "höchstens %s Einträge",
	Settling: "höchstens bis %s Tage nach der Abrechnung", First: "was zuerst erreicht ist, gilt",
	AtMidnight: "Ist die Zeit um, werden die Zeilen um Mitternacht automatisch gelöscht.",
	ByHour:     "Die Zeilen einer vollen Stunde werden automatisch und gemeinsam gelöscht; ihre Zeit läuft ab dem Beginn der Stunde.",
	ByEntries:  "Bevor die Zahl überschritten würde, werden die ältesten Einträge automatisch gelöscht, jeweils ein Zwanzigstel.",
	DaysOff:    "Arbeitsfrei sind Samstage, Sonntage und die Feiertage des Kalenders %s.", FurtherDaysOff: "Weitere arbeitsfreie Tage: %s.",
	Settled: "Stichtage der Abrechnung: %s. Eine Anfrage wird am ersten Stichtag abgerechnet, der nicht vor ihr liegt.", NotSettled: "Abgerechnet ist noch nichts.",

	Encrypts: "Bevor etwas gespeichert wird, verschlüsselt der Server die IP-Adresse mit einem zufälligen Schlüssel, jeden Tag mit einem neuen. " +
		"An einem Tag hat eine Adresse ein Pseudonym, am nächsten ein anderes. Wer den Schlüssel des Tages hat, kann es umkehren.",
	Prefixes: "Adressen eines Netzes haben Pseudonyme, die gleich beginnen.",
	Hashes:   "Gleiche Werte haben an einem Tag gleiche Hashwerte, am nächsten andere. Wer den Schlüssel des Tages hat, kann prüfen, ob ein vermuteter Wert zutrifft.",
	Fingerprints: "Zum Zählen werden Fingerabdrücke von Räumen und IP-Adressen gespeichert, gebildet mit dem Schlüssel des Tages, und so lange wie dieser. " +
		"Wer ihn hat, kann prüfen, ob eine Vermutung zutrifft.",
	LinkedKeys:   "Die Schlüssel sind die von „%s“.",
	KeyWithLines: "Der Schlüssel wird mit den letzten Zeilen seines Tages gelöscht.",
	KeyDay:       "Der Schlüssel wird am Ende seines Tages gelöscht.",
	KeyDays:      "Der Schlüssel wird nach %s Tagen gelöscht, den eigenen Tag eingerechnet.",
	KeyNextDay:   "Der Schlüssel wird am Ende des folgenden Tages gelöscht.",
	AfterKey:     "Danach kann niemand mehr die Adresse ermitteln, auch nicht aus einer Kopie der Zeilen, sofern niemand den Schlüssel kopiert hat.",
	AfterHits:    "Wer den Schlüssel hat, kann das lesen. Ist er gelöscht, kann es niemand mehr, sofern niemand ihn kopiert hat.",
	AfterHash:    "Danach kann das niemand mehr prüfen, sofern niemand den Schlüssel kopiert hat.",
	Personal:     "Pseudonymisierte Angaben bleiben personenbezogen: Andere Angaben können zeigen, wer jemand ist.",
	Under:        "nur %s",
	Recorded:     "Jede Nutzung wird mit Zeit, Benutzerkonto und Grund drei Jahre lang festgehalten.",
	RecordedAll:  "Jede Nutzung der Befehle, die ein Pseudonym aufdecken oder nach einer Person suchen, wird mit Zeit und Benutzerkonto drei Jahre lang festgehalten.",
	Refused:      "hushpipe verweigert die Aufdeckung, da kein Zweck dafür genannt ist.",

	NoLine: "Für diesen Zweck wird keine Zeile gespeichert.",
	Traffic: "Gezählt werden für jeden Tag Seiten, Besuche, deren Dauer, Einstiegs- und Ausstiegsseiten, die Seiten, Suchmaschinen und Kampagnen, von denen " +
		"Menschen kamen, Browser, Betriebssysteme, nicht gefundene Dateien und Roboter. Diese Zahlen bleiben auf Dauer. Zahlen mehrerer Eigenschaften eines Besuchers werden " +
		"nicht verknüpft. Adressen von Seiten und Websites sowie Kampagnen stehen darin nur dann mit Namen, wenn sie an einem Tag aus %s verschiedenen Netzen kamen oder " +
		"schon früher darin standen; alle anderen werden zusammengezählt.",
	Sitemap:        "Seiten, die auf einer Liste des Betreibers stehen, werden immer einzeln genannt.",
	Countries:      "Anfragen und Besucher werden auch nach dem Land gezählt, in dem ihre IP-Adressen registriert sind.",
	Groups:         "Was an der Stelle von {group} in %s steht, hat eigene Zahlen.",
	ByAddressAlone: "Besucher werden allein an ihrer IP-Adresse unterschieden.",
	VisitMinutes:   "Ein Besuch endet, wenn %s Minuten lang keine Seite abgerufen wurde.",
	VisitSeconds:   "Ein Besuch endet, wenn %s Sekunden lang keine Seite abgerufen wurde.",
	Own:            "Links von %s gelten als Links innerhalb der Website.",
	Ignored:        "Anfragen aus diesen Netzen, oder mit diesen Wörtern in dem, was der Browser über sich angibt, werden nicht mitgezählt: %s.",
	MaxVisits:      "Verfolgt werden höchstens %s Besucher am Tag.",
	MaxNames:       "Einzeln genannt werden höchstens %s Seitenadressen am Tag.",
	HitRecords: "Zum Zählen wird gespeichert, wer wann welche Seite aufgerufen hat, verschlüsselt mit einem Schlüssel, der aus dem Schlüssel des " +
		"Tages gebildet wird, und so lange wie dieser.",
	Rooms: "Gezählt wird für jeden Tag und jeden Raum, wie viele verschiedene IP-Adressen ihn nutzten. Es zählen nur Anfragen, die gelingen (Status unter 400). Räume sind die von %s.",
	SHA1: "Eine Datei je Tag enthält die Anzahl und den SHA-1-Hashwert des Raumnamens, auf Dauer. Kurze oder naheliegende Namen " +
		"lassen sich durch Probieren finden.",
	HMAC:         "Eine Datei je Tag enthält die Anzahl und einen Hashwert des Raumnamens, gebildet mit einem Geheimnis des Servers, auf Dauer.",
	V6:           "IPv6-Adressen, deren erste %d Bit gleich sind, zählen als eine.",
	WholeAddress: "Dazu wird die ganze IP-Adresse verwendet, obwohl in den Zeilen weniger davon steht.",
	LeftAddress:  "Dazu wird die IP-Adresse so verwendet: %s; Adressen, von denen dasselbe übrig bleibt, zählen als eine.",
	NoAddress:    "Dazu wird keine IP-Adresse verwendet; jeder genutzte Raum zählt daher eins.",

	Group: "Eine Zeile wird erst freigegeben, wenn an ihrem Tag die Zeilen von mindestens %s Personen in diesen Angaben übereinstimmen: %s. " +
		"Personen werden anhand der ungekürzten Angaben unterschieden (IPv6-Adressen anhand der ersten 64 Bit). Bis dahin bleibt die Zeile " +
		"unter Verschluss; was nicht freigegeben ist, wird eine Stunde nach Mitternacht gelöscht. Wer weiß, wann eine Person was aufrief, kann ihre " +
		"Zeile dennoch erkennen.",
	Closed:    "derzeit nicht freigeschaltet; es wird nichts gespeichert.",
	Open:      "freigeschaltet vom %s bis zum %s, beide Tage eingeschlossen; außerhalb davon wird nichts gespeichert.",
	Announced: "Angekündigt am %s.", Terms: "Dieser Zweck darf freigeschaltet werden: %s.",
	Announce: "frühestens %s Tage nach einer Ankündigung", Longest: "jeweils für höchstens %s Tage", After: "erst nachdem „%s“ freigeschaltet war",
	One: "nur für eine einzelne Person, und nur deren Zeilen werden gespeichert",

	Join:       "Dieselbe Anfrage kann auch für diese Zwecke gespeichert werden. Wer die Zeilen beider Zwecke hat, kann sie daran einander zuordnen:",
	JoinLinked: "Pseudonyme und Hashwerte; die Schlüssel sind absichtlich dieselben",
	Order:      "Reihenfolge der Zeilen",

	Tagged: "Das Verzeichnis ist mit CACHEDIR.TAG gekennzeichnet; Programme, die das beachten, lassen es aus.",
	Untagged: "Die Verzeichnisse der Schlüssel und Fingerabdrücke sind mit CACHEDIR.TAG gekennzeichnet; Programme, die das beachten, lassen sie aus. " +
		"Die Zeilen sind nicht gekennzeichnet.",
	FiguresUntagged: "Die Verzeichnisse der Schlüssel und Fingerabdrücke sind mit CACHEDIR.TAG gekennzeichnet; Programme, die das beachten, " +
		"lassen sie aus. Die Zahlen können in Sicherungskopien stehen.",

	Log: "Die Angaben stammen aus dem Protokoll des Webservers.", LogFormat: "Die Angaben stammen aus dem Protokoll des Webservers im Format %s.",
	Client: "Als IP-Adresse gilt die in %s.", Proxies: "Proxys in %s wird geglaubt, wenn sie sagen, wessen Anfrage sie weiterreichen.",
	User: "Als Name des Benutzers gilt der in %s.", Keys: "Schlüsselwörter des Protokolls mit Bedeutung: %s.",
	Written: "Die Zeilen von „%s“ werden im Format %s geschrieben.",

	Rights: "Sie haben das Recht auf Auskunft (Art. 15 DSGVO), Berichtigung (16), Löschung (17), Einschränkung der Verarbeitung (18) " +
		"und auf Beschwerde bei einer Aufsichtsbehörde (77).",
	Object: "Sie können aus Gründen, die sich aus Ihrer besonderen Situation ergeben, jederzeit Widerspruch gegen Verarbeitungen einlegen, " +
		"die auf Art. 6 Abs. 1 Buchst. e oder f beruhen.",
	Withdraw: "Eine Einwilligung können Sie jederzeit widerrufen (7); was bis dahin geschah, bleibt rechtmäßig.",
	Portable: "Sie haben das Recht auf Datenübertragbarkeit (20).",
	Browser: "Die Angaben sendet Ihr Browser mit jeder Anfrage. Sie sind nicht verpflichtet, sie bereitzustellen; ohne IP-Adresse und Adresse " +
		"der Seite kann aber keine Seite ausgeliefert werden.",
	Errors:    "Die Angaben schreibt der Webserver, wenn bei einer Anfrage etwas misslingt.",
	ByAddress: "Zeilen zu Ihrer Person können wir nur finden, wenn Sie uns IP-Adresse und Zeit nennen (Art. 11).",
	ByUser:    "Zeilen zu Ihrer Person können wir nur finden, wenn Sie uns Ihren Benutzernamen und die Zeit nennen (Art. 11).",
	ByEither:  "Zeilen zu Ihrer Person können wir nur finden, wenn Sie uns die Zeit und entweder die IP-Adresse oder Ihren Benutzernamen nennen (Art. 11).",
	ByNothing: "In den Zeilen steht nicht, von wem eine Anfrage kam; deshalb können wir Zeilen zu Ihrer Person nicht finden (Art. 11).",
}
