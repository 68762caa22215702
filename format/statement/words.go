package statement

import "hushpipe/format/policy"

// words are what a notice says in a language: sentences, with a verb of package fmt in
// place of each value.
type words struct {
	Tag       string // of policy.Text
	Quote     string // %s
	And, Or   string
	Title     string
	Draft     string
	Made      string // %s: a digest
	MadeSince string // %s, %s: a date, a digest
	Labels    [numLabels]string
	Blank     string           // %s: what is missing
	Blanks    map[label]string // what that is

	Article  string // %s: the letter behind 6(1)
	Interest string // behind (f)

	Every      string
	Only, But  string // a condition follows
	Conditions conditionWords
	Star       string
	Answers    string            // %s: systems
	Events     map[string]string // by name, of ready-made sets

	Nothing              string
	Whole, WholeUnknown  string // in front of the table
	OtherForms, OtherAll string // behind it
	NothingElse          string
	Fields               map[string]string // by name
	How                  howWords

	Elsewhere                         map[policy.Kind]string // addresses, by what becomes of the client
	Spelling                          string
	Secrets, MoreSecrets, OnlySecrets string // %s: names of parameters

	Day, Days, Hours, Entries, Settling string // %s: how many
	First                               string // of several, the first that is reached
	AtMidnight, ByHour, ByEntries       string // how lines are deleted
	DaysOff, FurtherDaysOff             string // %s: a calendar, dates
	Settled                             string // %s: dates
	NotSettled                          string

	Encrypts, Prefixes, Hashes, Fingerprints string
	LinkedKeys                               string // %s: a stream
	KeyWithLines, KeyDay, KeyNextDay         string
	KeyDays                                  string // %s: how many
	AfterKey, AfterHash, AfterHits, Personal string
	Under                                    string // %s: when people may do it
	Recorded, RecordedAll                    string // its use, that of each command
	Refused                                  string

	NoLine             string
	Rooms              string // %s: of what
	Traffic            string // %s: how many networks
	Sitemap, Countries string
	Groups             string // %s: patterns
	HitRecords         string

	ByAddressAlone             string
	VisitMinutes, VisitSeconds string // %s: how many
	Own, Ignored               string // %s: hosts; networks and words
	MaxVisits, MaxNames        string // %s: how many

	SHA1, HMAC   string
	V6           string // %d: bits
	WholeAddress string
	LeftAddress  string // %s: how much of it
	NoAddress    string

	Group                         string // %s, %s: how many people, fields
	Closed                        string
	Open                          string // %s, %s: dates
	Announced                     string // %s: a date
	Terms                         string // %s: which
	Announce, Longest, After, One string // %s: days, days, a stream

	Join              string // in front of the table
	JoinLinked, Order string // in place of fields

	Tagged, Untagged, FiguresUntagged string // backups

	Log, LogFormat              string // %s
	Client, Proxies, User, Keys string // %s
	Written                     string // %s, %s: a stream, a format

	Rights, Object, Withdraw, Portable     string
	Browser, Errors                        string
	ByAddress, ByUser, ByEither, ByNothing string
}

// conditionWords are what a condition asks of a request.
type conditionWords struct {
	Status, Method, Path, Parameter, Host, User, Network, Event string // %s: values, joined by or
	AnyUser                                                     string
}

// howWords are what becomes of a field.
type howWords struct {
	Full, Second, Not401, Pseudonym, Prefix, Hash, Hour, Date, Path, Site, Word string

	OneOf, Words, Params, Round, Nets string // %s
	Mask                              string // %d, %d: bits
	Example                           string // %s, %s: an address cut, and whole
}

// label is what stands in front of a paragraph, at its head or that of a table.
type label int

// In the order of a section.
const (
	labelController label = iota
	labelContact
	labelOfficer
	labelAuthority
	labelPlace
	labelTransfer
	labelMore

	labelPurpose
	labelBasis
	labelGate
	labelLines
	labelFields
	labelElsewhere
	labelGroup
	labelPeriod
	labelFigures
	labelPseudonyms
	labelKey
	labelReveal
	labelAccess
	labelJoining
	labelRecipients
	labelBackups

	labelTechnical
	labelRights
	labelObject
	labelField
	labelHow
	labelWith
	labelBy
	numLabels
)
