package dir

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"hushpipe/filter/calendar"
	"hushpipe/format/civil"
)

// The directories below DIR; "" is DIR itself.
const (
	Keys    = "keys"    // DATE.key, deleted with their day; --keys moves it elsewhere
	Rooms   = "rooms"   // rooms-DATE.log, kept forever
	Journal = "journal" // DATE.RANDOM.journal, deleted with their day
	Traffic = "traffic" // traffic-DATE.txt, kept forever; names, the strings shown by name
	Status  = "status"  // ID.json and ID.lock, the records of processes
	Erased  = "erased"  // DATE: days that were erased or purged by name
	// Policies has the texts of the policies that ran, DIGEST.toml, with mode 0700 and files
	// of 0600, since the texts can name people.
	Policies = "policies"
	// Held has lines of groups that are not released yet, with mode 0700 and files of 0600:
	// DATE.BB.held, where BB are the first two digits of the groups, or DATETHH.BB.held if
	// lines go into hourly files.
	Held = "held"
	// Fleet has the state that the hosts of a fleet share, DATE.state, with mode 0700 and
	// files of 0600.
	Fleet = "fleet"

	// Locks are the directories of locks, with mode 0700 and files of 0600: flock(2) needs
	// only an open file, so whoever can read a file can hold its lock forever.
	Locks    = ".lock"
	KeyLocks = Keys + "/" + Locks
)

// directories lists all of them, DIR first.
var directories = []string{"", Locks, KeyLocks, Keys, Rooms, Journal, Traffic, Status, Erased, Policies, Held, Fleet}

// The files without a day in their names.
const (
	LinkName        = "access.log"   // in DIR, a symbolic link to the newest lines
	ClockName       = "clock"        // in DIR, the last time believed
	RuleName        = "keep"         // in DIR and Keys, the retention there
	BoundsName      = "bounds"       // in DIR, bounds on the lines besides their period
	SettingsName    = "settings"     // in DIR, the flags of the last start with valid ones
	FlagsLogName    = "flags.log"    // in DIR, which flags shaped lines since when
	KeyDirsName     = "keydirs"      // in DIR, the key directories of earlier --keys
	RoomSecretName  = "room-secret"  // in DIR, the secret of --room-hash hmac
	ActsLogName     = "acts.log"     // in DIR, who revealed, found or erased how many
	RevealLogName   = "reveal.log"   // in DIR, the same, of earlier versions
	PoliciesLogName = "policies.log" // in DIR, which policy began to run when
	VersionName     = "version"      // in DIR, the version of this layout
	NamesName       = "names"        // in Traffic, strings that may be shown by name
	EndedName       = "ended.json"   // in Status, the total of ended processes
	SeedName        = "fleet-seed"   // in DIR, the seed with which this host joins a fleet
	FleetName       = "name"         // in Fleet, the fleet's name
	HostName        = "host"         // in Fleet, the name by which its engine knows this DIR
	CacheTagName    = "CACHEDIR.TAG"
)

// The locks: DIR's are in Locks; KeyLocks has a RuleLock, too. Who takes them:
const (
	LinesLock    = "lines"    // to append lines
	roomsLock    = "rooms"    // to replace room files
	statusLock   = "status"   // to add up the records of ended processes
	LinkLock     = "link"     // to replace the link
	RuleLock     = "keep"     // to change a rule
	WriterLock   = "writer"   // the process that writes the room files
	TrafficLock  = "traffic"  // the process that writes the traffic files
	expiringLock = "expiring" // to read journals that are deleted next
	actsLock     = "acts"     // to write the log of acts
	flagsLock    = "flags"    // to write the log of flags
	HeldLock     = "held"     // to change a file in Held
	fleetLock    = "fleet"    // to change a file in Fleet
)

const (
	// RecordSuffix is the suffix of records in Status.
	RecordSuffix = ".json"
	// LockSuffix is the suffix of files in Status that a process keeps locked for as long as
	// it lives.
	LockSuffix = ".lock"
	// ExposedSuffix is the suffix that MarkExposed adds to the name of a secret.
	ExposedSuffix = ".exposed"
	// DamagedSuffix is the suffix of files set aside because they could not be read
	// completely. They are deleted with their day, even where the files themselves are kept.
	DamagedSuffix = ".damaged"
	// PartialSuffix is the suffix of the empty marks beside room files and traffic files
	// whose figures are a lower bound.
	PartialSuffix = ".partial"
	// HostsSuffix is the suffix of the rosters beside room files and traffic files that are
	// made from the journals of several hosts.
	HostsSuffix = ".hosts"

	logPrefix     = "access-"
	roomsPrefix   = "rooms-"
	trafficPrefix = "traffic-"
	trafficSuffix = ".txt"
	logSuffix     = ".log"
	keySuffix     = ".key"
	policySuffix  = ".toml"
	journalSuffix = ".journal"
	typedSuffix   = ".typed"
	heldSuffix    = ".held"
	stateSuffix   = ".state"
	leasePrefix   = "keep-"
	// tempPrefix begins the names of files being written; 16 hexadecimal digits follow.
	tempPrefix = ".hushpipe-"
)

// Log identifies a file of lines in DIR.
type Log struct {
	Day     civil.Day
	Hour    int // of the day, 0 to 23, or AllDay
	Segment int // ascending from 1; 0: the file is not a segment
}

// AllDay is the Hour of a daily file.
const AllDay = -1

// Name returns the name in DIR: access-2026-11-22.log; of an hour access-2026-11-22T15.log;
// of a segment access-2026-11-22.0007.log.
func (l Log) Name() string {
	name := logPrefix + l.Day.String()
	if l.Hour != AllDay {
		name += fmt.Sprintf("T%02d", l.Hour)
	}
	if l.Segment > 0 {
		name += fmt.Sprintf(".%04d", l.Segment)
	}
	return name + logSuffix
}

// Compare orders files from the oldest to the newest: first those that are not segments, by
// their time, then segments by their numbers.
func (l Log) Compare(o Log) int {
	return cmp.Or(cmp.Compare(l.Segment, o.Segment), cmp.Compare(l.Day, o.Day), cmp.Compare(l.Hour, o.Hour))
}

// ParseLog parses a name of Log.Name. behind is "" for the file itself, and the additional
// suffix for a copy; see DayOf.
func ParseLog(name string) (l Log, behind string, ok bool) {
	rest, ok := strings.CutPrefix(name, logPrefix)
	const date = len("2026-11-22")
	if !ok || len(rest) < date {
		return Log{}, "", false
	}
	if l.Day, ok = civil.ParseDay(rest[:date]); !ok {
		return Log{}, "", false
	}
	rest, l.Hour = rest[date:], AllDay
	if len(rest) > 3 && rest[0] == 'T' {
		if l.Hour, ok = number(rest[1:3]); !ok || l.Hour > 23 {
			return Log{}, "", false
		}
		rest = rest[3:]
	}
	if n := strings.Index(rest, logSuffix); n > 0 && rest[0] == '.' {
		digits := rest[1:n]
		l.Segment, ok = number(digits)
		if !ok || l.Segment == 0 || len(digits) < 4 || len(digits) > 4 && digits[0] == '0' {
			return Log{}, "", false
		}
		rest = rest[n:]
	}
	behind, ok = strings.CutPrefix(rest, logSuffix)
	if !ok || behind != "" && isWord(behind[0]) {
		return Log{}, "", false
	}
	return l, behind, true
}

// number parses up to nine decimal digits.
func number(digits string) (n int, ok bool) {
	for i := range len(digits) {
		if digits[i]-'0' > 9 || i == 9 {
			return 0, false
		}
		n = 10*n + int(digits[i]-'0')
	}
	return n, digits != ""
}

// Logs returns the files of lines among names, without copies, the oldest first.
func Logs(names []string) (logs []Log) {
	for _, name := range names {
		if l, behind, ok := ParseLog(name); ok && behind == "" {
			logs = append(logs, l)
		}
	}
	slices.SortFunc(logs, Log.Compare)
	return logs
}

// LogFile returns the name in DIR of a day's lines, access-2026-11-22.log.
func LogFile(day civil.Day) string { return Log{Day: day, Hour: AllDay}.Name() }

// KeyFile returns the name in Keys of a day's key, 2026-11-22.key.
func KeyFile(day civil.Day) string { return day.String() + keySuffix }

// RoomFile returns the name in Rooms of a day's counts, rooms-2026-11-22.log.
func RoomFile(day civil.Day) string { return roomsPrefix + day.String() + logSuffix }

// TrafficFile returns the name in Traffic of a day's figures, traffic-2026-11-22.txt.
func TrafficFile(day civil.Day) string { return trafficPrefix + day.String() + trafficSuffix }

// PolicyFile returns the name in Policies of the text of a policy.
func PolicyFile(digest string) string { return digest + policySuffix }

// IsPolicyFile reports whether a file of Policies is the text of a policy.
func IsPolicyFile(name string) bool { return strings.HasSuffix(name, policySuffix) }

// PartialMark returns the name of the empty file next to a day's room file
// whose counts are a lower bound.
func PartialMark(day civil.Day) string { return RoomFile(day) + PartialSuffix }

// HostsFile returns the name in Rooms of a day's roster, rooms-2026-11-22.hosts.
func HostsFile(day civil.Day) string { return roomsPrefix + day.String() + HostsSuffix }

// TrafficMark returns the name of the empty file next to a day's traffic figures
// that are a lower bound.
func TrafficMark(day civil.Day) string { return TrafficFile(day) + PartialSuffix }

// TrafficHosts returns the name in Traffic of a day's roster, traffic-2026-11-22.hosts.
func TrafficHosts(day civil.Day) string { return trafficPrefix + day.String() + HostsSuffix }

// NewJournal returns a unique name in Journal, 2026-11-22.RANDOM.journal.
func NewJournal(day civil.Day) string { return day.String() + "." + RandomHex() + journalSuffix }

// NewTypedJournal returns a unique name in Journal for typed records,
// 2026-11-22.RANDOM.journal.typed. An earlier version cannot read it and takes it for a
// copy: it leaves the file alone, and deletes it with its day.
func NewTypedJournal(day civil.Day) string { return NewJournal(day) + typedSuffix }

// TypedDay returns the day of a journal of typed records.
func TypedDay(name string) (civil.Day, bool) {
	day, behind, ok := DayOf(Journal, name)
	return day, ok && behind == typedSuffix
}

// StateFile returns the name in Fleet of a day's shared state, 2026-11-22.state.
func StateFile(day civil.Day) string { return day.String() + stateSuffix }

// HeldFile returns the name in Held of lines that will go to the file to; first is the first
// byte of their groups.
func HeldFile(to Log, first byte) string {
	return fmt.Sprintf("%s.%02x%s", heldTime(to), first, heldSuffix)
}

// heldTime returns 2026-11-22, or 2026-11-22T15 for an hour.
func heldTime(to Log) string {
	if to.Hour == AllDay {
		return to.Day.String()
	}
	return fmt.Sprintf("%sT%02d", to.Day, to.Hour)
}

// NewHeldFile is HeldFile for a unique name, 2026-11-22.a7.RANDOM.held.
func NewHeldFile(to Log, first byte) string {
	return fmt.Sprintf("%s.%02x.%s%s", heldTime(to), first, RandomHex(), heldSuffix)
}

// MovingSuffix is added to the name of a held file while its lines are being released.
const MovingSuffix = ".moving"

// ParseHeld parses the name of a held file.
func ParseHeld(name string) (to Log, first byte, moving, ok bool) {
	to = Log{Hour: AllDay}
	day, behind, ok := DayOf(Held, name)
	if !ok || behind != "" && behind != MovingSuffix {
		return to, 0, false, false
	}
	to.Day, name = day, name[len("2026-11-22"):]
	if name[0] == 'T' {
		to.Hour, _ = number(name[1:3])
		name = name[3:]
	}
	b, err := hex.DecodeString(name[1:3])
	return to, b[0], behind != "", err == nil
}

// NewLease returns a unique name in a directory of locks, keep-14d-RANDOM: the lease of a
// process that keeps files for that period.
func NewLease(keep calendar.Period) string {
	return fmt.Sprintf("%s%s-%s", leasePrefix, keep, RandomHex())
}

// ParseLease returns the period in the name of a lease.
func ParseLease(name string) (calendar.Period, bool) {
	rest, ok := strings.CutPrefix(name, leasePrefix)
	days, random, _ := strings.Cut(rest, "-")
	if !ok || !isRandom(random) {
		return 0, false
	}
	keep, err := calendar.ParsePeriod(days)
	return keep, err == nil
}

func tempName() string { return tempPrefix + RandomHex() }

// IsTemp reports whether name is that of a temporary file.
func IsTemp(name string) bool {
	digits, ok := strings.CutPrefix(name, tempPrefix)
	return ok && isRandom(digits)
}

// RandomHex returns 16 random hexadecimal digits, to make a name unique.
func RandomHex() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func isRandom(digits string) bool { return len(digits) == 16 && isHex(digits) }

func isHex(digits string) bool {
	_, err := hex.DecodeString(digits)
	return err == nil
}

// DayOf returns the day of a file in sub that has one of hushpipe's names, and the suffix
// after that name: "" for the file itself, ".gz" for a copy by an operator's tool,
// access-2026-11-22.log.gz. In Rooms, where other kinds of copies are kept as well, the
// suffix is everything after the date except ".log". Other files are not hushpipe's, such as
// access-2026-11-22.tar.gz.
func DayOf(sub, name string) (day civil.Day, behind string, ok bool) {
	var prefix, suffix string
	switch sub {
	case "":
		l, behind, ok := ParseLog(name)
		return l.Day, behind, ok
	case Rooms:
		prefix, suffix = roomsPrefix, logSuffix
	case Traffic:
		prefix, suffix = trafficPrefix, trafficSuffix
	case Keys:
		suffix = keySuffix
	case Fleet:
		suffix = stateSuffix
	case Journal, Erased, Held:
	default:
		return 0, "", false
	}
	rest, ok := strings.CutPrefix(name, prefix)
	const date = len("2026-11-22")
	if !ok || len(rest) < date {
		return 0, "", false
	}
	if day, ok = civil.ParseDay(rest[:date]); !ok {
		return 0, "", false
	}
	rest = rest[date:]
	if sub == Journal {
		random, dot := strings.CutPrefix(rest, ".")
		random = random[:len(random)-len(strings.TrimLeft(random, "0123456789abcdef"))]
		if !dot || random == "" {
			return 0, "", false
		}
		suffix = "." + random + journalSuffix
	}
	if sub == Held {
		if len(rest) > 3 && rest[0] == 'T' {
			if hour, ok := number(rest[1:3]); !ok || hour > 23 {
				return 0, "", false
			}
			rest = rest[3:]
		}
		if len(rest) < 3 || rest[0] != '.' || !isHex(rest[1:3]) {
			return 0, "", false
		}
		suffix = heldSuffix
		if rest = rest[3:]; len(rest) > 17 && rest[0] == '.' && isRandom(rest[1:17]) {
			rest = rest[17:]
		}
	}
	behind, ok = strings.CutPrefix(rest, suffix)
	switch {
	case ok && (behind == "" || sub != Erased && !isWord(behind[0])):
		return day, behind, true
	case sub == Rooms && len(rest) > 1 && rest[0] == '.', sub == Traffic && rest == HostsSuffix:
		return day, rest, true
	}
	return 0, "", false
}

// IsRotated reports whether a file in DIR has a name that a program like logrotate gives to
// a day's lines: access-2026-11-22.log.1, access-2026-11-22.log-20261123.gz.
func IsRotated(name string) bool {
	_, behind, ok := DayOf("", name)
	return ok && len(behind) > 1 && (behind[0] == '.' || behind[0] == '-') && '0' <= behind[1] && behind[1] <= '9'
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c >= 0x80
}

// OwnDay returns the day of a file in sub that is hushpipe's own, not a copy.
func OwnDay(sub, name string) (civil.Day, bool) {
	day, behind, ok := DayOf(sub, name)
	return day, ok && behind == ""
}

// ExpiryDay returns the day that a file in sub, or a copy of it, is deleted with. In Rooms
// only damaged files that were set aside have one.
func ExpiryDay(sub, name string) (civil.Day, bool) {
	day, behind, ok := DayOf(sub, name)
	if sub == Traffic {
		return 0, false
	}
	if sub == Rooms && !(strings.HasSuffix(behind, DamagedSuffix) && name == RoomFile(day)+behind) {
		return 0, false
	}
	return day, ok
}

// IsUndated reports whether name is hushpipe's for a file or directory in sub without a day
// in its name.
func IsUndated(sub, name string) bool {
	switch sub {
	case "":
		switch name {
		case LinkName, ClockName, RuleName, BoundsName, SettingsName, FlagsLogName, KeyDirsName, RoomSecretName, ActsLogName, RevealLogName, VersionName, PoliciesLogName, SeedName, CacheTagName:
			return true
		}
		return name != "" && slices.Contains(directories, name)
	case Keys:
		switch name {
		case RuleName, CacheTagName, Locks, ClockName: // earlier versions wrote a clock there
			return true
		}
	case Journal, Held:
		return name == CacheTagName
	case Traffic:
		return name == NamesName
	case Fleet:
		return name == FleetName || name == HostName || name == CacheTagName
	}
	return false
}

// IsOwn reports whether name is hushpipe's for a file in sub, or for a copy of one.
func IsOwn(sub, name string) bool {
	name = strings.TrimSuffix(name, ExposedSuffix)
	if IsTemp(name) || name == CacheTagName || IsUndated(sub, name) {
		return true
	}
	switch sub {
	case Locks, KeyLocks:
		return isLock(name)
	case Policies:
		return IsPolicyFile(name)
	case Status:
		return strings.HasSuffix(name, RecordSuffix) || strings.HasSuffix(name, LockSuffix)
	}
	_, _, dated := DayOf(sub, name)
	return dated
}

func isLock(name string) bool {
	switch name {
	case LinesLock, roomsLock, statusLock, LinkLock, RuleLock, WriterLock, TrafficLock, expiringLock, actsLock, flagsLock, HeldLock, fleetLock:
		return true
	}
	_, ok := ParseLease(name)
	return ok
}

// KeyPath returns the path of the key directory of the DIR at path: keys, or DIR/keys if
// that is "".
func KeyPath(path, keys string) string { return cmp.Or(keys, filepath.Join(path, Keys)) }
