// Package statement implements the privacy notice of a log: it writes each claim that
// holds of the log as a sentence or a row of a table, as text, Markdown or an HTML page.
package statement

import (
	"time"

	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// Claim is one thing that a notice says. Package claims makes the list of them, this one
// has a sentence for each kind, and package audit a proof for each that is Provable.
type Claim interface {
	Kind() Kind
	// Of is the name of the stream that it is about, "" for the whole log, and for the one
	// stream of a DIR without a policy.
	Of() string
}

// Kind is a kind of Claim.
type Kind uint8

const (
	// Those for people: no program can know whether they hold.
	KindNotice     Kind = iota // Notice
	KindPurpose                // Purpose
	KindBasis                  // Basis
	KindDisclosure             // Disclosure
	KindRecipients             // Recipients
	KindRights                 // Rights

	// Those that a program can prove.
	KindRunning   // Running
	KindInput     // Input
	KindLines     // Lines
	KindNothing   // Nothing
	KindFields    // Fields
	KindAddresses // Addresses
	KindGroup     // Group
	KindGate      // Gate
	KindPeriod    // Period
	KindKeys      // Keys
	KindFigures   // Figures
	KindJoining   // Joining
	KindBackups   // Backups
	NumKinds      // how many there are
)

// Provable reports whether a program can prove claims of the kind.
func (k Kind) Provable() bool { return k >= KindRunning }

// String returns the kind in one word, for programs.
func (k Kind) String() string {
	return [NumKinds]string{"notice", "purpose", "basis", "disclosure", "recipients", "rights",
		"running", "input", "lines", "nothing", "fields", "addresses", "group", "gate", "period", "keys", "figures", "joining", "backups"}[k]
}

// InStream is the name of the stream that a claim is about.
type InStream string

// Of is as Claim has it.
func (s InStream) Of() string { return string(s) }

// Notice is a text of the table notice, which only people know.
type Notice struct {
	InStream
	Key  string      // "controller", "contact", "officer", "authority", "place", "transfer", "more"
	Text policy.Text // nil: it is missing
}

// Purpose is what a stream is for.
type Purpose struct {
	InStream
	Text policy.Text
}

// Basis is the legal basis.
type Basis struct {
	InStream
	Text policy.Text // nil: it is missing
}

// Disclosure is for what people may find the address behind a pseudonym, or the lines of a
// person. Without a purpose hushpipe refuses to.
type Disclosure struct {
	InStream
	Pseudonyms     bool        // are in the lines
	Reveal, Access policy.Text // nil: none
	Flags          bool        // there is no policy that could say
}

// Recipients are those who get the lines.
type Recipients struct {
	InStream
	List []policy.Text // nil: the policy does not say
}

// Rights are those that a person has.
type Rights struct {
	InStream
	Letters     string // of Article 6(1), of the streams' legal bases
	Lines       bool   // are kept
	ByAddress   bool   // some hold the address or a pseudonym of it
	ByUser      bool   // some hold the name of the user, or a hash of it
	FromBrowser bool   // the data are what a browser sends, not what a server says of an error
}

// Running is what the processes of the log run.
type Running struct {
	InStream
	Digest string // SHA-256 in hexadecimal digits, of the policy or of the flags
}

// Input is the log that the lines come from.
type Input struct {
	InStream
	Format    string // as of --format
	Client    string // "": as the web server knows it
	Proxies   []string
	JSONKeys  []string
	UserField string
}

// Lines is which lines go to a stream.
type Lines struct {
	InStream
	Where, Unless policy.Condition
	Events        []Event // those of Where, of Unless, and those that the lines name
}

// Event is an event: of the policy, of ready-made sets, or of both.
type Event struct {
	Name  string
	Title policy.Text        // nil: the policy does not say
	Own   []policy.Condition // of the policy, one of which fits
	Sets  []string           // ready-made sets that have it
}

// Nothing is that a stream writes nothing and counts nothing.
type Nothing struct{ InStream }

// Fields is what is written of a line: these and nothing else. Of those that a format
// does not have, none are here.
type Fields struct {
	InStream
	List []Field
	// Whole is that lines are written whole, those in an unknown format as well; List is then
	// what they usually have, or what their format has, if Known.
	Whole, Known bool
	Events       []Event // that the field event can name, unless Lines has them all
	Format       string  // LogFormat of the lines that are written, "" for that of the input
}

// Field is a row of the table of fields.
type Field struct {
	// Name is one of policy.FieldNames, or "method", the method and the protocol of the
	// request, or "identity", or of Other a directive or a JSON key.
	Name  string
	Other bool
	policy.Treatment
}

// Addresses is what becomes of addresses elsewhere in a line, and of secrets.
type Addresses struct {
	InStream
	Client policy.Treatment
	Redact []string // each as of one --redact
}

// Group is how many people stand behind a line that can be read.
type Group struct {
	InStream
	Fields []string // "client", "user"
	Least  int
}

// Gate is what an agreement demands before a stream writes, and what was decided.
type Gate struct {
	InStream
	policy.Gate
	Active *policy.Active // without Reason and For; nil: it is closed
}

// Period is how long lines are kept.
type Period struct {
	InStream
	Keep     policy.Keep
	Workdays string // of hours of workdays: the calendar
	Holidays []civil.Day
	Settled  []civil.Day
}

// Keys is what the keys of the day are for, and how long they live.
type Keys struct {
	InStream
	Client policy.Kind // policy.Ipcrypt or Pfx, or another where addresses have no pseudonyms
	Hashes []Field     // those that are hashed
	Counts bool        // fingerprints of addresses are kept under them, to count
	Hits   bool        // and who asked for what, to count traffic
	Lines  bool        // of the stream that has the keys are kept
	Days   int         // that the keys live, which streams share; 0: as long as lines of their day
	Linked string      // that stream; "" for this one
}

// Figures is what is counted.
type Figures struct {
	InStream
	Rooms   []string // presets
	URLs    []string
	Hash    string            // "sha1" or "hmac"
	CountV6 int               // bits, 1…128
	Lines   bool              // the stream keeps lines, too
	Traffic *Traffic          // pages, visits and the like are counted; nil: they are not
	Whole   bool              // the whole address tells clients apart, although lines keep less of it
	Left    *policy.Treatment // of the address tells clients apart; nil: all of it
}

// Traffic is how pages and visits are counted.
type Traffic struct {
	Least     int           // networks that bring a name before it stands by name
	Sitemap   bool          // names on a list of the operator stand there in any case
	Countries bool          // hits and visitors are counted by country
	Groups    []string      // patterns of URLs: what stands for {group} there has figures of its own
	ByAddress bool          // it alone tells visitors apart; else the address and the user agent
	Timeout   time.Duration // without a page, after which a visit is over
	Own       []string      // hosts whose links are within the site
	Ignore    []string      // networks, and parts of user agents, whose requests are left out
	MaxVisits int           // visitors of a day; 0: as many as there usually may be
	MaxNames  int           // of pages of a day; 0: the same
}

// Joining is that lines of two streams can be joined.
type Joining struct {
	InStream
	With   string
	By     []string // names of fields; empty: the order of the lines
	Linked bool
}

// Backups is what programs for backups leave out.
type Backups struct {
	InStream
	Lines  bool // are kept
	Tagged bool // all of the directory is left out; else its keys and journals alone
}

func (Notice) Kind() Kind     { return KindNotice }
func (Purpose) Kind() Kind    { return KindPurpose }
func (Basis) Kind() Kind      { return KindBasis }
func (Disclosure) Kind() Kind { return KindDisclosure }
func (Recipients) Kind() Kind { return KindRecipients }
func (Rights) Kind() Kind     { return KindRights }
func (Running) Kind() Kind    { return KindRunning }
func (Input) Kind() Kind      { return KindInput }
func (Lines) Kind() Kind      { return KindLines }
func (Nothing) Kind() Kind    { return KindNothing }
func (Fields) Kind() Kind     { return KindFields }
func (Addresses) Kind() Kind  { return KindAddresses }
func (Group) Kind() Kind      { return KindGroup }
func (Gate) Kind() Kind       { return KindGate }
func (Period) Kind() Kind     { return KindPeriod }
func (Keys) Kind() Kind       { return KindKeys }
func (Figures) Kind() Kind    { return KindFigures }
func (Joining) Kind() Kind    { return KindJoining }
func (Backups) Kind() Kind    { return KindBackups }
