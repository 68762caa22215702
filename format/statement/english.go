package statement

import "hushpipe/format/policy"

var english = &words{
	Tag:   "en",
	Quote: "“%s”",
	And:   "and", Or: "or",
	Title: "What this server logs",
	Draft: "Draft: hushpipe wrote this from the configuration and knows nothing else. Whoever answers for the server checks each sentence, " +
		"fills in the blanks, adds what only people know (processors such as the hosting provider, other logs, automated decisions), " +
		"and removes this paragraph.",
	Made:      "Made by hushpipe from the configuration sha256:%s",
	MadeSince: "Made by hushpipe from the configuration that has been running since %s, sha256:%s",
	Labels: [numLabels]string{
		labelController: "Controller", labelContact: "Contact", labelOfficer: "Data protection officer",
		labelAuthority: "Supervisory authority", labelPlace: "Place of storage", labelTransfer: "Transfer to third countries",
		labelMore:    "In the controller’s own words (not checked by hushpipe)",
		labelPurpose: "Purpose", labelBasis: "Legal basis", labelGate: "Opening", labelLines: "Requests", labelFields: "Stored",
		labelElsewhere: "Addresses and secrets elsewhere", labelGroup: "Group", labelPeriod: "How long", labelFigures: "Figures",
		labelPseudonyms: "Pseudonyms", labelKey: "Key of the day", labelReveal: "Reversal", labelAccess: "Search for a person",
		labelJoining: "Joining", labelRecipients: "Recipients", labelBackups: "Backups",
		labelTechnical: "Technical details", labelRights: "Your rights", labelObject: "Right to object (Article 21)",
		labelField: "field", labelHow: "how", labelWith: "with", labelBy: "by",
	},
	Blank: "[please fill in: %s]",
	Blanks: map[label]string{
		labelController: "name and address", labelContact: "how to reach the controller",
		labelOfficer: "how to reach the officer; without one, remove this", labelAuthority: "name of the authority",
		labelPlace: "where the server is, and who runs it", labelTransfer: "whether data go to countries outside the EU and the EEA",
		labelPurpose: "what the lines are for", labelBasis: "such as Article 6(1)(f) GDPR, with the legitimate interest",
		labelReveal:     "when a pseudonym may be reversed, or that it may not be",
		labelRecipients: "who gets the lines, or that nobody does",
	},

	Article:  "Article 6(1)(%s) GDPR",
	Interest: "The legitimate interest is the purpose above.",

	Every: "all.", Only: "only requests", But: ", except requests",
	Conditions: conditionWords{
		Status: "with the status %s", Method: "with the method %s", Path: "for the path %s", Parameter: "with the parameter %s",
		Host: "to the server %s", User: "of the user %s", AnyUser: "of a user who is logged in", Network: "from the network %s",
		Event: "that are one of these events: %s",
	},
	Star:    "(A * stands for any characters.)",
	Answers: "Events of %s are recognised by what the server answers.",
	Events: map[string]string{
		"not-found": "content not found", "denied": "access denied", "error": "error of the server", "login": "login",
		"login-failed": "failed login", "logout": "logout", "register": "registration", "change": "change of content",
		"delete-user": "deletion of a user", "search": "search",
	},

	Nothing:      "nothing; nor is anything counted for this purpose.",
	Whole:        "the whole line that the web server writes, with these fields:",
	WholeUnknown: "the whole line that the web server writes, with all of its fields.",
	OtherForms:   "Lines in another form are stored as well.",
	OtherAll:     "Whatever else the web server writes into its lines is stored as well, and so are lines in another form.",
	NothingElse:  "Nothing else.",
	Fields: map[string]string{
		"client": "IP address", "user": "name of the user who is logged in", "time": "date and time", "url": "address that was requested",
		"method": "method and protocol of the request", "status": "status of the answer", "size": "size of the answer",
		"duration": "time that the answer took", "referer": "page that the request came from", "agent": "what the browser says about itself",
		"host": "server that was asked", "event": "kind of event", "level": "severity of the message",
		"module": "part of the server that wrote the message", "message": "text of the message", "identity": "name by RFC 1413 (mostly empty)",
	},
	How: howWords{
		Full: "in full", Second: "to the second", Not401: ", but not with the status 401 or 407", Pseudonym: "as a pseudonym",
		Prefix: "as a pseudonym that shows which addresses share a network", Hash: "as a hash under the key of the day",
		Hour: "the hour, without minutes and seconds", Date: "the date only", Path: "without parameters, so without search terms",
		Site: "the server only, without path and parameters", Word: "the first word", Words: "the first %s words",
		OneOf: "one of these: %s", Params: "without parameters other than %s", Round: "rounded up to a multiple of %s",
		Nets: "in full if it is in %s, else not at all", Mask: "shortened to %d bits, IPv6 to %d", Example: " (“%s” for “%s”)",
	},

	Elsewhere: map[policy.Kind]string{
		policy.Ipcrypt:  "An IP address elsewhere in these becomes a pseudonym too.",
		policy.Mask:     "An IP address elsewhere in these is shortened too.",
		policy.Drop:     "An IP address elsewhere in these is removed.",
		policy.OnlyNets: "An IP address elsewhere in these is removed.",
		policy.Whole:    "An IP address elsewhere in these stays in full.",
	},
	Spelling:    "Addresses in an unusual spelling and most host names are not recognised.",
	Secrets:     "Parameters that usually carry secrets, such as password or token, lose their values.",
	MoreSecrets: "So do the parameters %s.",
	OnlySecrets: "The parameters %s lose their values.",

	Day: "until the end of the day of the request", Days: "at most %s days, the day of the request included",
	Hours: "at most %s hours, days off not counted", Entries: "at most %s entries", Settling: "at most until %s days after settlement",
	First: "whichever is reached first", AtMidnight: "When the time is over, the lines are deleted automatically at midnight.",
	ByHour:    "The lines of one clock hour are deleted automatically and together; their time runs from the beginning of the hour.",
	ByEntries: "Before the number would be exceeded, the oldest entries are deleted automatically, a twentieth at a time.",
	DaysOff:   "Days off are Saturdays, Sundays and the public holidays of the calendar %s.", FurtherDaysOff: "Further days off: %s.",
	Settled: "Settlement dates: %s. A request is settled on the first of them that is not before its day.", NotSettled: "Nothing has been settled yet.",

	Encrypts: "Before anything is stored, the server encrypts the IP address under a key that is drawn at random for each day. Within a day " +
		"an address has one pseudonym, on the next day another. Whoever has the key of the day can reverse it.",
	Prefixes:     "Addresses of one network have pseudonyms that begin alike.",
	Hashes:       "Equal values have equal hashes within a day, and others on the next. Whoever has the key of the day can test a guess.",
	Fingerprints: "To count, the server stores fingerprints of rooms and IP addresses under the key of the day, for as long as that key. Whoever has it can test a guess.",
	LinkedKeys:   "The keys are those of “%s”.",
	KeyWithLines: "The key is deleted with the last lines of its day.",
	KeyDay:       "The key is deleted at the end of its day.",
	KeyDays:      "The key is deleted after %s days, its own day included.",
	KeyNextDay:   "The key is deleted at the end of the following day.",
	AfterKey:     "After that nobody can find the address, not even with a copy of the lines, unless somebody has copied the key.",
	AfterHits:    "Whoever has the key can read that. Once it is deleted nobody can, unless somebody has copied it.",
	AfterHash:    "After that nobody can test a guess, unless somebody has copied the key.",
	Personal:     "Pseudonymised data are still personal data: other fields can show who somebody is.",
	Under:        "only %s",
	Recorded:     "Each use is recorded for three years, with the time, the user account and the reason.",
	RecordedAll:  "Each use of the commands that reverse a pseudonym or search for a person is recorded for three years, with the time and the user account.",
	Refused:      "hushpipe refuses to reverse a pseudonym, since no purpose is named for that.",

	NoLine: "No line is stored for this purpose.",
	Traffic: "For each day the server counts pages, visits, their length, entry and exit pages, the pages, search engines and campaigns that people came from, browsers, systems, " +
		"files that were not found, and robots. The counts stay for good. The figures of several properties of a visitor are not joined. Addresses of pages " +
		"and sites, and campaigns, stand in them by name only once they came from %s different networks on one day, or had appeared before; all others are added up.",
	Sitemap:        "Pages on a list of the operator’s always appear by name.",
	Countries:      "Requests and visitors are also counted by the country that their IP addresses are registered in.",
	Groups:         "Each value of {group} in %s has figures of its own.",
	ByAddressAlone: "Visitors are told apart by their IP address alone.",
	VisitMinutes:   "A visit is over after %s minutes without a page.",
	VisitSeconds:   "A visit is over after %s seconds without a page.",
	Own:            "Links from %s count as links within the site.",
	Ignored:        "Requests from these networks, or with these words in what the browser says about itself, are left out: %s.",
	MaxVisits:      "At most %s visitors a day are followed.",
	MaxNames:       "At most %s page addresses a day appear by name.",
	HitRecords:     "To count, the server stores who asked for which page and when, encrypted under a key that is made from the key of the day, and for as long as that key.",
	Rooms:          "For each day the server counts how many different IP addresses used each room. Only requests that succeed count (status below 400). Rooms are those of %s.",
	SHA1:           "A file for each day holds the number and the SHA-1 hash of the room’s name, for good. Names that are short or easy to guess can be found by trying.",
	HMAC:           "A file for each day holds the number and a hash of the room’s name under a secret of the server, for good.",
	V6:             "IPv6 addresses that have the first %d bits in common count as one.",
	WholeAddress:   "For this the whole IP address is used, although the lines hold less of it.",
	LeftAddress:    "For this the IP address is used as follows: %s; addresses that are equal after that count as one.",
	NoAddress:      "For this no IP address is used, so that each room that was used counts one.",

	Group: "A line is released only when, on its day, the lines of at least %s people have the same %s. People are told apart by the values " +
		"before they are shortened (of IPv6 addresses by the first 64 bits). Until then the line is locked away; what has not been released " +
		"is deleted one hour after midnight. Whoever knows when somebody requested what can recognise that person’s line nevertheless.",
	Closed: "closed at present; nothing is stored.", Open: "open from %s to %s, both included; outside of this nothing is stored.",
	Announced: "Announced on %s.", Terms: "This purpose may be opened %s.",
	Announce: "%s or more days after an announcement", Longest: "for at most %s days at a time", After: "only after “%s” has been open",
	One: "for one user alone, whose lines alone are stored",

	Join:       "The same request can also be stored for these purposes. Whoever has the lines of both can match them by:",
	JoinLinked: "pseudonyms and hashes; the keys are the same on purpose",
	Order:      "the order of the lines",

	Tagged: "The directory is marked with CACHEDIR.TAG; programs that heed this leave it out.",
	Untagged: "The directories of keys and fingerprints are marked with CACHEDIR.TAG; programs that heed this leave them out. " +
		"The lines are not marked.",
	FiguresUntagged: "The directories of keys and fingerprints are marked with CACHEDIR.TAG; programs that heed this leave them out. " +
		"The figures may be in backups.",

	Log: "The data come from the web server’s log.", LogFormat: "The data come from the web server’s log in the format %s.",
	Client: "The IP address is the one in %s.", Proxies: "Proxies in %s are believed when they say whose request they pass on.",
	User: "The name of the user is the one in %s.", Keys: "Keys of the log with a meaning: %s.",
	Written: "The lines of “%s” are written in the format %s.",

	Rights: "You have the right of access (Article 15 GDPR), to rectification (16), to erasure (17), to restriction of processing (18), " +
		"and to complain to a supervisory authority (77).",
	Object: "You may object at any time, on grounds that relate to your particular situation, to processing that is based on " +
		"Article 6(1)(e) or (f).",
	Withdraw: "You may withdraw your consent at any time (7); what was done until then stays lawful.",
	Portable: "You have the right to data portability (20).",
	Browser: "Your browser sends the data with each request. You are not obliged to provide them, but without an IP address and the address " +
		"of a page none can be delivered.",
	Errors:    "The web server writes these data when something goes wrong with a request.",
	ByAddress: "We can find lines about you only if you tell us the IP address and the time (Article 11).",
	ByUser:    "We can find lines about you only if you tell us your user name and the time (Article 11).",
	ByEither:  "We can find lines about you only if you tell us the time, and the IP address or your user name (Article 11).",
	ByNothing: "Nothing in the lines says who made a request, so that we cannot find lines about you (Article 11).",
}
