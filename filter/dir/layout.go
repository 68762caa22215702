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
	Keys    = "keys"    // DATE.key, deleted with their day; it may lie elsewhere
	Rooms   = "rooms"   // rooms-DATE.log, kept for good
	Journal = "journal" // DATE.RANDOM.journal, deleted with their day
	Traffic = "traffic" // traffic-DATE.txt, kept for good; names, the strings that stand by name
	Status  = "status"  // ID.json and ID.lock, what processes say of themselves
	Erased  = "erased"  // DATE: days that were deleted on purpose
	// Policies has the texts of the policies that ran, DIGEST.toml, with mode 0700 and files
	// of 0600: they say whom a decision is about.
	Policies = "policies"
	// Held has the lines of groups that are not released yet, with mode 0700 and files of
	// 0600: DATE.BB.held, where BB are the first two digits of the groups, DATETHH.BB.held
	// where lines go by the hour.
	Held = "held"
	// Fleet has what the hosts of a fleet share, DATE.state, with mode 0700 and files of
	// 0600.
	Fleet = "fleet"

	// Locks are the directories of locks, with mode 0700 and files of 0600: flock(2)
	// asks for an open file only, so whoever can read a file can hold its lock for good.
	Locks    = ".lock"
	KeyLocks = Keys + "/" + Locks
)

// directories are all of them, DIR first.
var directories = []string{"", Locks, KeyLocks, Keys, Rooms, Journal, Traffic, Status, Erased, Policies, Held, Fleet}

// The files that bear no day.
const (
	LinkName        = "access.log"   // in DIR, a symbolic link to the newest lines
	ClockName       = "clock"        // in DIR, the last time that was believed
	RuleName        = "keep"         // in DIR and Keys, the period of what lies there
	BoundsName      = "bounds"       // in DIR, what bounds the lines beside their period
	SettingsName    = "settings"     // in DIR, the flags of the last start without a fault
	FlagsLogName    = "flags.log"    // in DIR, by which flags lines were treated since when
	KeyDirsName     = "keydirs"      // in DIR, the key directories of earlier --keys
	RoomSecretName  = "room-secret"  // in DIR, the secret of --room-hash hmac
	ActsLogName     = "acts.log"     // in DIR, who revealed, found or erased how many
	RevealLogName   = "reveal.log"   // in DIR, the same, of earlier versions
	PoliciesLogName = "policies.log" // in DIR, which policy began to run when
	VersionName     = "version"      // in DIR, the version of this layout
	NamesName       = "names"        // in Traffic, what may stand by name
	EndedName       = "ended.json"   // in Status, the sum of processes that have ended
	SeedName        = "fleet-seed"   // in DIR, what this host joins a fleet by
	FleetName       = "name"         // in Fleet, that of the fleet
	HostName        = "host"         // in Fleet, by which its engine knows this DIR
	CacheTagName    = "CACHEDIR.TAG"
)

// The locks: those of DIR in Locks, that of a rule in KeyLocks as well.
const (
	LinesLock    = "lines"    // whoever appends lines
	roomsLock    = "rooms"    // whoever replaces room files
	statusLock   = "status"   // whoever adds up the records of ended processes
	LinkLock     = "link"     // whoever makes the link
	RuleLock     = "keep"     // whoever changes a rule
	WriterLock   = "writer"   // the process that writes the room files
	TrafficLock  = "traffic"  // the process that writes the traffic files
	expiringLock = "expiring" // whoever reads the journals that are deleted next
	actsLock     = "acts"     // whoever writes the log of acts
	flagsLock    = "flags"    // whoever writes the log of flags
	HeldLock     = "held"     // whoever changes a file in Held
	fleetLock    = "fleet"    // whoever changes a file in Fleet
)

const (
	// RecordSuffix ends the names in Status of records.
	RecordSuffix = ".json"
	// LockSuffix ends the names in Status of files that a process holds the lock of
	// for as long as it lives.
	LockSuffix = ".lock"
	// ExposedSuffix is what MarkExposed adds to the name of a secret.
	ExposedSuffix = ".exposed"
	// DamagedSuffix ends the names of what was kept aside because not all of it
	// could be read. It is deleted with its day, also where the file itself is not.
	DamagedSuffix = ".damaged"
	// PartialSuffix ends the names of the empty files beside room files and traffic files
	// whose figures are a lower bound.
	PartialSuffix = ".partial"
	// HostsSuffix ends the names of the rosters beside room files and traffic files that
	// are made of the journals of several hosts.
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
	// tempPrefix begins the names of files in the making; 16 hexadecimal digits
	// follow.
	tempPrefix = ".hushpipe-"
)

// Log says which lines a file of DIR has.
type Log struct {
	Day     civil.Day
	Hour    int // of the day, 0 to 23; AllDay
	Segment int // ascending numbers from 1 on; 0: the file is no segment
}

// AllDay means no hour.
const AllDay = -1

// Name returns the name in DIR: access-2026-11-22.log, of an hour
// access-2026-11-22T15.log, of a segment access-2026-11-22.0007.log.
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

// Compare orders files from the oldest to the newest: those that are no segments by their
// time, then segments by their numbers.
func (l Log) Compare(o Log) int {
	return cmp.Or(cmp.Compare(l.Segment, o.Segment), cmp.Compare(l.Day, o.Day), cmp.Compare(l.Hour, o.Hour))
}

// ParseLog reads such a name. behind is "" for the file itself, and what stands behind
// the name of a copy, see DayOf.
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

// number reads decimal digits, nine at most.
func number(digits string) (n int, ok bool) {
	for i := range len(digits) {
		if digits[i]-'0' > 9 || i == 9 {
			return 0, false
		}
		n = 10*n + int(digits[i]-'0')
	}
	return n, digits != ""
}

// Logs returns the files of lines among names, copies left out, the oldest first.
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

// PolicyFile returns the name in Policies of a policy's text.
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

// NewJournal returns a name in Journal that no other has, 2026-11-22.RANDOM.journal.
func NewJournal(day civil.Day) string { return day.String() + "." + RandomHex() + journalSuffix }

// NewTypedJournal returns a name in Journal that no other has, for records with types:
// 2026-11-22.RANDOM.journal.typed. An earlier version, which cannot read it, takes it for
// a copy: it deletes the file with its day, and leaves it alone until then.
func NewTypedJournal(day civil.Day) string { return NewJournal(day) + typedSuffix }

// TypedDay returns the day of a journal of records with types.
func TypedDay(name string) (civil.Day, bool) {
	day, behind, ok := DayOf(Journal, name)
	return day, ok && behind == typedSuffix
}

// StateFile returns the name in Fleet of what its hosts share of a day, 2026-11-22.state.
func StateFile(day civil.Day) string { return day.String() + stateSuffix }

// HeldFile returns the name in Held of the lines that go to a file of DIR, and whose groups
// begin with first.
func HeldFile(to Log, first byte) string {
	return fmt.Sprintf("%s.%02x%s", heldTime(to), first, heldSuffix)
}

// heldTime is 2026-11-22, or 2026-11-22T15 of an hour.
func heldTime(to Log) string {
	if to.Hour == AllDay {
		return to.Day.String()
	}
	return fmt.Sprintf("%sT%02d", to.Day, to.Hour)
}

// NewHeldFile returns such a name that no other has, 2026-11-22.a7.RANDOM.held.
func NewHeldFile(to Log, first byte) string {
	return fmt.Sprintf("%s.%02x.%s%s", heldTime(to), first, RandomHex(), heldSuffix)
}

// MovingSuffix is what the name of a held file has behind it while its lines are being
// released.
const MovingSuffix = ".moving"

// ParseHeld returns what the name of a held file says.
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

// NewLease returns a name in a directory of locks that no other has,
// keep-14d-RANDOM: the lease of a process that keeps files for that period.
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

// IsTemp reports whether name is that of a file in the making.
func IsTemp(name string) bool {
	digits, ok := strings.CutPrefix(name, tempPrefix)
	return ok && isRandom(digits)
}

// RandomHex returns 16 random hexadecimal digits, which make a name unique.
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

// DayOf returns the day of a file of sub that bears a name which hushpipe gives,
// and what stands behind that name: "" for the file itself, ".gz" for a copy that an
// operator's tools made, access-2026-11-22.log.gz. Of Rooms, where copies of other
// kinds stay as well, it is all behind the date that is not ".log". Any other file is
// somebody else's, access-2026-11-22.tar.gz as well.
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

// IsRotated reports whether a file of DIR has a name that a program like logrotate gives
// to a day's lines: access-2026-11-22.log.1, access-2026-11-22.log-20261123.gz.
func IsRotated(name string) bool {
	_, behind, ok := DayOf("", name)
	return ok && len(behind) > 1 && (behind[0] == '.' || behind[0] == '-') && '0' <= behind[1] && behind[1] <= '9'
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c >= 0x80
}

// OwnDay returns the day of a file of sub that is hushpipe's own, no copy.
func OwnDay(sub, name string) (civil.Day, bool) {
	day, behind, ok := DayOf(sub, name)
	return day, ok && behind == ""
}

// ExpiryDay returns the day that a file of sub is deleted with: its own, and copies
// as well. Of Rooms these are only the damaged ones that were kept aside.
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

// IsUndated reports whether name is one that hushpipe gives in sub to a file or a
// directory that bears no day.
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

// IsOwn reports whether name is one that hushpipe gives in sub, to copies as well.
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

// KeyPath returns the path of the key directory of the DIR at path: keys, or where
// that is "", the one in DIR.
func KeyPath(path, keys string) string { return cmp.Or(keys, filepath.Join(path, Keys)) }
