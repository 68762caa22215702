package statement

import "hushpipe/format/policy"

var norwegian = &words{
	Tag:   "nb",
	Quote: "«%s»",
	And:   "og", Or: "eller",
	Title: "Hva denne tjeneren logger",
	Draft: "Utkast: hushpipe har laget denne teksten ut fra konfigurasjonen og vet ikke noe annet. Den som er ansvarlig for tjeneren, " +
		"kontrollerer hver setning, fyller ut det som mangler, legger til det bare mennesker vet (databehandlere som leverandøren av tjeneren, " +
		"andre logger, automatiserte avgjørelser), og fjerner dette avsnittet.",
	Made:      "Laget av hushpipe fra konfigurasjonen sha256:%s",
	MadeSince: "Laget av hushpipe fra konfigurasjonen som har kjørt siden %s, sha256:%s",
	Labels: [numLabels]string{
		labelController: "Behandlingsansvarlig", labelContact: "Kontakt", labelOfficer: "Personvernombud",
		labelAuthority: "Tilsynsmyndighet", labelPlace: "Lagringssted", labelTransfer: "Overføring ut av EØS",
		labelMore:    "Den behandlingsansvarliges egne opplysninger (ikke kontrollert av hushpipe)",
		labelPurpose: "Formål", labelBasis: "Rettslig grunnlag", labelGate: "Aktivering", labelLines: "Forespørsler", labelFields: "Dette lagres",
		labelElsewhere: "Adresser og hemmeligheter andre steder", labelGroup: "Gruppe", labelPeriod: "Hvor lenge", labelFigures: "Tall",
		labelPseudonyms: "Pseudonymer", labelKey: "Dagens nøkkel", labelReveal: "Reidentifisering", labelAccess: "Søk etter en person",
		labelJoining: "Sammenstilling", labelRecipients: "Mottakere", labelBackups: "Sikkerhetskopier",
		labelTechnical: "Tekniske opplysninger", labelRights: "Dine rettigheter", labelObject: "Rett til å protestere (artikkel 21)",
		labelField: "opplysning", labelHow: "hvordan", labelWith: "med", labelBy: "ut fra",
	},
	Blank: "[fyll ut: %s]",
	Blanks: map[label]string{
		labelController: "navn og adresse", labelContact: "hvordan den behandlingsansvarlige kan nås",
		labelOfficer: "hvordan ombudet kan nås; linjen utgår hvis det ikke finnes noe ombud", labelAuthority: "navnet på myndigheten",
		labelPlace: "hvor tjeneren står, og hvem som driver den", labelTransfer: "om opplysninger overføres til land utenfor EØS",
		labelPurpose: "hva linjene brukes til", labelBasis: "for eksempel personvernforordningen artikkel 6 nr. 1 bokstav f, med den berettigede interessen",
		labelReveal:     "når et pseudonym kan føres tilbake til en IP-adresse, eller at det ikke er tillatt",
		labelRecipients: "hvem som får linjene, eller at ingen får dem",
	},

	Article:  "personvernforordningen artikkel 6 nr. 1 bokstav %s",
	Interest: "Den berettigede interessen er formålet ovenfor.",

	Every: "alle.", Only: "bare forespørsler", But: ", bortsett fra forespørsler",
	Conditions: conditionWords{
		Status: "med status %s", Method: "med metoden %s", Path: "til stien %s", Parameter: "med parameteren %s",
		Host: "til tjeneren %s", User: "fra brukeren %s", AnyUser: "fra en innlogget bruker", Network: "fra nettet %s",
		Event: "som er en av disse hendelsene: %s",
	},
	Star:    "(En * står for hvilke som helst tegn.)",
	Answers: "Hendelser i %s gjenkjennes på hva tjeneren svarer.",
	Events: map[string]string{
		"not-found": "innhold ikke funnet", "denied": "ingen tilgang", "error": "feil på tjeneren", "login": "innlogging",
		"login-failed": "mislykket innlogging", "logout": "utlogging", "register": "registrering", "change": "endring av innhold",
		"delete-user": "sletting av en bruker", "search": "søk",
	},

	Nothing:      "ingenting; det telles heller ikke noe for dette formålet.",
	Whole:        "hele linjen som webtjeneren skriver, med disse opplysningene:",
	WholeUnknown: "hele linjen som webtjeneren skriver, med alle opplysningene i den.",
	OtherForms:   "Linjer i en annen form lagres også.",
	OtherAll:     "Det webtjeneren ellers skriver i linjene sine, lagres også, likeså linjer i en annen form.",
	NothingElse:  "Ingenting annet.",
	Fields: map[string]string{
		"client": "IP-adresse", "user": "navn på innlogget bruker", "time": "dato og klokkeslett", "url": "forespurt adresse",
		"method": "forespørselens metode og protokoll", "status": "svarets statuskode", "size": "størrelsen på svaret",
		"duration": "tiden svaret tok", "referer": "henvisende side", "agent": "det nettleseren oppgir om seg selv",
		"host": "tjeneren som ble spurt", "event": "hva slags hendelse", "level": "hvor alvorlig meldingen er",
		"module": "delen av tjeneren som skrev meldingen", "message": "meldingens tekst", "identity": "navn etter RFC 1413 (oftest tomt)",
	},
	How: howWords{
		Full: "fullstendig", Second: "med sekunder", Not401: ", unntatt ved status 401 eller 407", Pseudonym: "som pseudonym",
		Prefix: "som pseudonym som viser hvilke adresser som er i samme nett", Hash: "som hash, laget med dagens nøkkel",
		Hour: "timen, uten minutter og sekunder", Date: "bare datoen", Path: "uten parametere, altså uten søkeord",
		Site: "bare tjeneren, uten sti og parametere", Word: "det første ordet", Words: "de første %s ordene",
		OneOf: "en av disse: %s", Params: "uten andre parametere enn %s", Round: "rundet opp til et multiplum av %s",
		Nets: "fullstendig hvis den er i %s, ellers ikke", Mask: "forkortet til %d bit, IPv6 til %d", Example: " («%s» i stedet for «%s»)",
	},

	Elsewhere: map[policy.Kind]string{
		policy.Ipcrypt:  "Står det en IP-adresse et annet sted i disse opplysningene, blir også den til et pseudonym.",
		policy.Mask:     "Står det en IP-adresse et annet sted i disse opplysningene, forkortes også den.",
		policy.Drop:     "Står det en IP-adresse i disse opplysningene, fjernes den.",
		policy.OnlyNets: "Står det en IP-adresse et annet sted i disse opplysningene, fjernes den.",
		policy.Whole:    "Står det en IP-adresse et annet sted i disse opplysningene, blir også den stående.",
	},
	Spelling:    "Adresser med uvanlig skrivemåte og de fleste vertsnavn blir ikke gjenkjent.",
	Secrets:     "Parametere som vanligvis inneholder hemmeligheter, som password eller token, mister verdien sin.",
	MoreSecrets: "Det gjør også parameterne %s.",
	OnlySecrets: "Parameterne %s mister verdien sin.",

	Day: "til utgangen av dagen for forespørselen", Days: "høyst %s dager, medregnet dagen for forespørselen",
	Hours: "høyst %s timer, fridager ikke medregnet", Entries: "høyst %s oppføringer", Settling: "høyst til %s dager etter avregningen",
	First: "det som nås først, gjelder", AtMidnight: "Når tiden er ute, slettes linjene automatisk ved midnatt.",
	ByHour:    "Linjene fra samme klokketime slettes automatisk og samlet; tiden deres løper fra timens begynnelse.",
	ByEntries: "Før antallet ville bli overskredet, slettes de eldste oppføringene automatisk, en tjuendedel om gangen.",
	DaysOff:   "Fridager er lørdager, søndager og helligdagene i kalenderen %s.", FurtherDaysOff: "Flere fridager: %s.",
	Settled: "Avregningsdager: %s. En forespørsel avregnes på den første av dem som ikke er før dagen for forespørselen.", NotSettled: "Ingenting er avregnet ennå.",

	Encrypts: "Før noe lagres, krypteres IP-adressen med en nøkkel som trekkes på nytt hver dag. Innenfor ett døgn har en adresse ett pseudonym, " +
		"neste dag et annet. Den som har dagens nøkkel, kan føre det tilbake til adressen.",
	Prefixes: "Adresser i samme nett har pseudonymer som begynner likt.",
	Hashes:   "Like verdier har samme hash innenfor ett døgn, neste dag en annen. Den som har dagens nøkkel, kan kontrollere om en antatt verdi stemmer.",
	Fingerprints: "For å telle lagres fingeravtrykk av rom og IP-adresser, laget med dagens nøkkel og like lenge som den. Den som har nøkkelen, " +
		"kan kontrollere om en antakelse stemmer.",
	LinkedKeys:   "Nøklene er de samme som for «%s».",
	KeyWithLines: "Nøkkelen slettes sammen med de siste linjene fra sin dag.",
	KeyDay:       "Nøkkelen slettes ved utgangen av sin dag.",
	KeyDays:      "Nøkkelen slettes etter %s dager, medregnet sin egen dag.",
	KeyNextDay:   "Nøkkelen slettes ved utgangen av neste dag.",
	AfterKey:     "Deretter kan ingen finne IP-adressen, heller ikke med en kopi av linjene, med mindre noen har kopiert nøkkelen.",
	AfterHits:    "Den som har nøkkelen, kan lese det. Når den er slettet, kan ingen det lenger, med mindre noen har kopiert den.",
	AfterHash:    "Deretter kan ingen kontrollere det lenger, med mindre noen har kopiert nøkkelen.",
	Personal:     "Pseudonymiserte opplysninger er fortsatt personopplysninger: Andre opplysninger kan vise hvem noen er.",
	Under:        "bare %s",
	Recorded:     "Hver bruk noteres i tre år, med tid, brukerkonto og grunn.",
	RecordedAll:  "Hver bruk av kommandoene som fører et pseudonym tilbake til en IP-adresse, eller søker etter en person, noteres i tre år, med tid og brukerkonto.",
	Refused:      "hushpipe nekter å føre et pseudonym tilbake, siden det ikke er oppgitt noe formål med det.",

	NoLine: "For dette formålet lagres ingen linje.",
	Traffic: "For hver dag telles sider, besøk, hvor lenge de varer, inngangs- og utgangssider, sidene, søkemotorene og kampanjene som folk kom fra, nettlesere, " +
		"operativsystemer, filer som ikke ble funnet, og roboter. Tallene beholdes permanent. Tall for flere egenskaper ved en besøkende blir ikke koblet. " +
		"Adresser til sider og nettsteder, og kampanjer, står der med navn bare når de kom fra %s ulike nett på én dag, eller har stått der før; alle andre slås sammen.",
	Sitemap:        "Sider på en liste fra den ansvarlige står alltid der med navn.",
	Countries:      "Forespørsler og besøkende telles også etter landet som IP-adressene deres er registrert i.",
	Groups:         "Det som står i stedet for {group} i %s, har egne tall.",
	ByAddressAlone: "Besøkende skilles fra hverandre bare etter IP-adressen.",
	VisitMinutes:   "Et besøk er over når det går %s minutter uten at en side blir hentet.",
	VisitSeconds:   "Et besøk er over når det går %s sekunder uten at en side blir hentet.",
	Own:            "Lenker fra %s regnes som lenker innenfor nettstedet.",
	Ignored:        "Forespørsler fra disse nettene, eller med disse ordene i det nettleseren oppgir om seg selv, telles ikke: %s.",
	MaxVisits:      "Høyst %s besøkende følges per dag.",
	MaxNames:       "Høyst %s sideadresser står der med navn per dag.",
	HitRecords:     "For å telle lagres det hvem som ba om hvilken side og når, kryptert med en nøkkel som lages av dagens nøkkel, like lenge som den.",
	Rooms:          "For hver dag og hvert rom telles hvor mange ulike IP-adresser som brukte rommet. Bare forespørsler som lykkes, teller (status under 400). Rommene er de i %s.",
	SHA1: "En fil per dag inneholder antallet og SHA-1-hashen av romnavnet, og beholdes permanent. Korte eller nærliggende navn " +
		"kan finnes ved å prøve seg frem.",
	HMAC:         "En fil per dag inneholder antallet og en hash av romnavnet, laget med en hemmelighet på tjeneren, og beholdes permanent.",
	V6:           "IPv6-adresser der de første %d bitene er like, teller som én.",
	WholeAddress: "Til dette brukes hele IP-adressen, selv om det står mindre av den i linjene.",
	LeftAddress:  "Til dette brukes IP-adressen slik: %s; adresser som det blir det samme igjen av, teller som én.",
	NoAddress:    "Til dette brukes ingen IP-adresse, så hvert rom som ble brukt, teller én.",

	Group: "En linje frigis først når linjene fra minst %s personer den dagen er like i disse opplysningene: %s. Personer skilles fra hverandre " +
		"etter opplysningene før de forkortes (IPv6-adresser etter de første 64 bitene). Inntil da ligger linjen innelåst; det som ikke er frigitt, " +
		"slettes én time etter midnatt. Den som vet når noen hentet hva, kan likevel kjenne igjen linjen.",
	Closed: "ikke aktivert for tiden; ingenting lagres.", Open: "aktivert fra og med %s til og med %s; utenom dette lagres ingenting.",
	Announced: "Kunngjort %s.", Terms: "Dette formålet kan aktiveres %s.",
	Announce: "tidligst %s dager etter en kunngjøring", Longest: "i høyst %s dager om gangen", After: "først etter at «%s» har vært aktivert",
	One: "for én enkelt bruker, og da lagres bare linjene fra denne brukeren",

	Join:       "Den samme forespørselen kan også lagres for disse formålene. Den som har linjene for begge formålene, kan knytte dem til hverandre ut fra dette:",
	JoinLinked: "pseudonymer og hasher; nøklene er med hensikt de samme",
	Order:      "linjenes rekkefølge",

	Tagged: "Mappen er merket med CACHEDIR.TAG; programmer som tar hensyn til det, utelater den.",
	Untagged: "Mappene med nøkler og fingeravtrykk er merket med CACHEDIR.TAG; programmer som tar hensyn til det, utelater dem. " +
		"Linjene er ikke merket.",
	FiguresUntagged: "Mappene med nøkler og fingeravtrykk er merket med CACHEDIR.TAG; programmer som tar hensyn til det, utelater dem. " +
		"Tallene kan finnes i sikkerhetskopier.",

	Log: "Opplysningene kommer fra webtjenerens logg.", LogFormat: "Opplysningene kommer fra webtjenerens logg i formatet %s.",
	Client: "Som IP-adresse regnes den i %s.", Proxies: "Proxytjenere i %s blir trodd når de oppgir hvem forespørselen kommer fra.",
	User: "Som brukerens navn regnes det i %s.", Keys: "Loggens nøkkelord med betydning: %s.",
	Written: "Linjene i «%s» skrives i formatet %s.",

	Rights: "Du har rett til innsyn (personvernforordningen artikkel 15), retting (16), sletting (17) og begrensning av behandlingen (18), " +
		"og til å klage til en tilsynsmyndighet (77).",
	Object: "Av grunner knyttet til din særlige situasjon kan du når som helst protestere mot behandling som bygger på artikkel 6 nr. 1 " +
		"bokstav e eller f.",
	Withdraw: "Et samtykke kan du når som helst trekke tilbake (7); det som er gjort frem til da, er fortsatt lovlig.",
	Portable: "Du har rett til dataportabilitet (20).",
	Browser: "Nettleseren din sender opplysningene med hver forespørsel. Du er ikke forpliktet til å gi dem, men uten IP-adresse og sidens " +
		"adresse kan ingen side leveres.",
	Errors:    "Webtjeneren skriver opplysningene når noe går galt med en forespørsel.",
	ByAddress: "Vi kan bare finne linjer om deg når du oppgir IP-adresse og tidspunkt (artikkel 11).",
	ByUser:    "Vi kan bare finne linjer om deg når du oppgir brukernavn og tidspunkt (artikkel 11).",
	ByEither:  "Vi kan bare finne linjer om deg når du oppgir tidspunkt og enten IP-adresse eller brukernavn (artikkel 11).",
	ByNothing: "Linjene sier ikke hvem en forespørsel kom fra, og derfor kan vi ikke finne linjer om deg (artikkel 11).",
}
