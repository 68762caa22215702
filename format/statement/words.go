package statement

import "hushpipe/format/policy"

// words holds the text of notices in one language: sentences, with a verb of package fmt for
// each value.
type words struct {
	Tag       string // language, as in policy.Text
	Quote     string // %s
	And, Or   string
	Title     string
	Draft     string
	Made      string // %s: a digest
	MadeSince string // %s, %s: a date, a digest
	Labels    [numLabels]string
	Blank     string           // %s: what is missing
	Blanks    map[label]string // what it is, by label

	Article  string // %s: the letter after 6(1)
	Interest string // follows a basis with letter f

	Every      string
	Only, But  string // followed by a condition
	Conditions conditionWords
	Star       string
	Answers    string            // %s: systems
	Events     map[string]string // by name, for ready-made sets

	Nothing              string
	Whole, WholeUnknown  string // before the table
	OtherForms, OtherAll string // after the table
	NothingElse          string
	Fields               map[string]string // by name
	How                  howWords

	Elsewhere                         map[policy.Kind]string // addresses in other fields, by the treatment of the client
	Spelling                          string
	Secrets, MoreSecrets, OnlySecrets string // %s: names of parameters

	Day, Days, Hours, Entries, Settling string // %s: a number
	First                               string // if there are several: the first one reached
	AtMidnight, ByHour, ByEntries       string // how lines are deleted
	DaysOff, FurtherDaysOff             string // %s: a calendar, dates
	Settled                             string // %s: dates
	NotSettled                          string

	Encrypts, Prefixes, Hashes, Fingerprints string
	LinkedKeys                               string // %s: a stream
	KeyWithLines, KeyDay, KeyNextDay         string
	KeyDays                                  string // %s: a number
	AfterKey, AfterHash, AfterHits, Personal string
	Under                                    string // %s: when people may use it
	Recorded, RecordedAll                    string // its use, the use of each command
	Refused                                  string

	NoLine             string
	Rooms              string // %s: names of services
	Traffic            string // %s: how many networks
	Sitemap, Countries string
	Groups             string // %s: patterns
	HitRecords         string

	ByAddressAlone             string
	VisitMinutes, VisitSeconds string // %s: a number
	Own, Ignored               string // %s: hosts; networks and words
	MaxVisits, MaxNames        string // %s: a number

	SHA1, HMAC   string
	V6           string // %d: bits of the prefix
	WholeAddress string
	LeftAddress  string // %s: how much of it
	NoAddress    string

	Group                         string // %s, %s: number of people, fields
	Closed                        string
	Open                          string // %s, %s: dates
	Announced                     string // %s: a date
	Terms                         string // %s: a list of these:
	Announce, Longest, After, One string // %s: days, days, a stream

	Join              string // before the table
	JoinLinked, Order string // in place of fields

	Tagged, Untagged, FiguresUntagged string // backups

	Log, LogFormat              string // %s
	Client, Proxies, User, Keys string // %s
	Written                     string // %s, %s: a stream, a format

	Rights, Object, Withdraw, Portable     string
	Browser, Errors                        string
	ByAddress, ByUser, ByEither, ByNothing string
}

// conditionWords are the requirements of a condition.
type conditionWords struct {
	Status, Method, Path, Parameter, Host, User, Network, Event string // %s: values, joined by Or
	AnyUser                                                     string
}

// howWords are the treatments of a field.
type howWords struct {
	Full, Second, Not401, Pseudonym, Prefix, Hash, Hour, Date, Path, Site, Word string

	OneOf, Words, Params, Round, Nets string // %s
	Mask                              string // %d, %d: bits
	Example                           string // %s, %s: an address, truncated and whole
}

// label is the heading of a paragraph, a section or a table.
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
