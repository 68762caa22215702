// Package statement implements the privacy notice of a log: it writes each claim that holds for
// the log as a sentence or a table row, as text, Markdown or an HTML page.
package statement

import (
	"time"

	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// Claim is one statement of a notice. Package claims lists the claims of a log, this package
// words each kind, and package audit proves those that are Provable.
type Claim interface {
	Kind() Kind
	// Of returns the name of the stream that the claim is about, "" for the whole log, and for
	// the single stream of a DIR without a policy.
	Of() string
}

// Kind is a kind of Claim.
type Kind uint8

const (
	// For people: no program can know whether these hold.
	KindNotice     Kind = iota // Notice
	KindPurpose                // Purpose
	KindBasis                  // Basis
	KindDisclosure             // Disclosure
	KindRecipients             // Recipients
	KindRights                 // Rights

	// A program can prove these.
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

// String returns the kind as one word, for programs.
func (k Kind) String() string {
	return [NumKinds]string{"notice", "purpose", "basis", "disclosure", "recipients", "rights",
		"running", "input", "lines", "nothing", "fields", "addresses", "group", "gate", "period", "keys", "figures", "joining", "backups"}[k]
}

// InStream names the stream that a claim is about.
type InStream string

// Of implements Claim.
func (s InStream) Of() string { return string(s) }

// Notice is a text of the policy's table notice, which only people know.
type Notice struct {
	InStream
	Key  string      // "controller", "contact", "officer", "authority", "place", "transfer", "more"
	Text policy.Text // nil if missing
}

// Purpose is what a stream is for.
type Purpose struct {
	InStream
	Text policy.Text
}

// Basis is the legal basis of a stream.
type Basis struct {
	InStream
	Text policy.Text // nil if missing
}

// Disclosure is the purposes for which people may look up the address of a pseudonym, or the
// lines of a person. Without a purpose, hushpipe refuses to.
type Disclosure struct {
	InStream
	Pseudonyms     bool        // the lines have pseudonyms
	Reveal, Access policy.Text // nil: none
	Flags          bool        // flags configure the log; no policy could name a purpose
}

// Recipients are the people who get the lines.
type Recipients struct {
	InStream
	List []policy.Text // nil if the policy names none
}

// Rights are the rights of a person whose data are logged.
type Rights struct {
	InStream
	Letters     string // of Article 6(1), from the streams' legal bases
	Lines       bool   // some stream keeps lines
	ByAddress   bool   // some lines have the address or its pseudonym
	ByUser      bool   // some lines have the user's name or its hash
	FromBrowser bool   // browsers send the data; else they are a server's report of an error
}

// Running identifies the configuration that the processes of the log run.
type Running struct {
	InStream
	Digest string // SHA-256 of the policy or of the flags, in hexadecimal
}

// Input is the log that the lines come from. Its fields are as in policy.Policy.
type Input struct {
	InStream
	Format    string // as in --format
	Client    string // "": the one that the web server knows
	Proxies   []string
	JSONKeys  []string
	UserField string
}

// Lines describes which lines go to a stream.
type Lines struct {
	InStream
	Where, Unless policy.Condition
	Events        []Event // those in Where and Unless, and those that the lines name
}

// Event is an event of the policy, of ready-made sets, or of both.
type Event struct {
	Name  string
	Title policy.Text        // nil if the policy has none
	Own   []policy.Condition // the policy's alternatives; any one of them suffices
	Sets  []string           // ready-made sets with this event
}

// Nothing claims that a stream writes and counts nothing.
type Nothing struct{ InStream }

// Fields claims that these fields of a line are written and nothing else. It leaves out fields
// that the format lacks.
type Fields struct {
	InStream
	List []Field
	// Whole: lines are written whole, also those in an unknown format. List then names the
	// fields that lines usually have, or, if Known, those of the format.
	Whole, Known bool
	Events       []Event // that the field event can name, unless Lines has them all
	Format       string  // LogFormat of the output, "" for the input's
}

// Field is a row of the table of fields.
type Field struct {
	// Name is one of policy.FieldNames, or "method" (method and protocol of the request), or
	// "identity"; with Other, it is a directive or a JSON key.
	Name  string
	Other bool
	policy.Treatment
}

// Addresses describes how addresses elsewhere in a line, and secrets, are treated.
type Addresses struct {
	InStream
	Client policy.Treatment
	Redact []string // one --redact each
}

// Group is the number of people who share each readable line.
type Group struct {
	InStream
	Fields []string // "client", "user"
	Least  int
}

// Gate is what an agreement requires before a stream writes, and what was decided.
type Gate struct {
	InStream
	policy.Gate
	Active *policy.Active // without Reason and For; nil if the gate is closed
}

// Period is the retention of lines.
type Period struct {
	InStream
	Keep     policy.Keep
	Workdays string // the calendar, for hours of workdays
	Holidays []civil.Day
	Settled  []civil.Day
}

// Keys is the use and the life of the keys of the day.
type Keys struct {
	InStream
	Client policy.Kind // policy.Ipcrypt or Pfx, or another if addresses get no pseudonyms
	Hashes []Field     // fields that are hashed
	Counts bool        // to count, fingerprints of addresses are kept under them
	Hits   bool        // to count traffic, requests are kept under them too
	Lines  bool        // the stream that owns the keys keeps lines
	Days   int         // life of keys that streams share, in days; 0: that of the lines of their day
	Linked string      // the stream that owns the keys; "" for this one
}

// Figures is what is counted.
type Figures struct {
	InStream
	Rooms   []string // presets
	URLs    []string
	Hash    string            // "sha1" or "hmac"
	CountV6 int               // in bits, 1…128
	Lines   bool              // the stream also keeps lines
	Traffic *Traffic          // nil if pages, visits and the like are not counted
	Whole   bool              // clients are told apart by whole addresses, although lines keep less
	Left    *policy.Treatment // clients are told apart by what this leaves of the address; nil: by all of it
}

// Traffic describes how pages and visits are counted.
type Traffic struct {
	Least     int           // networks that must request a name before figures show it
	Sitemap   bool          // names on the operator's list are always shown
	Countries bool          // hits and visitors are counted by country
	Groups    []string      // URL patterns; figures are kept for each value of {group}
	ByAddress bool          // the address alone tells visitors apart; else the address and the user agent
	Timeout   time.Duration // a visit ends after so long without a page
	Own       []string      // hosts whose links are internal
	Ignore    []string      // networks and parts of user agents whose requests do not count
	MaxVisits int           // visitors of a day, 0 for the default limit
	MaxNames  int           // names of pages of a day, 0 for the default limit
}

// Joining claims that lines of two streams can be joined.
type Joining struct {
	InStream
	With   string
	By     []string // names of fields; empty: by the order of lines
	Linked bool
}

// Backups describes what backup programs leave out.
type Backups struct {
	InStream
	Lines  bool // lines are kept
	Tagged bool // the whole directory is left out; else only its keys and journals
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
