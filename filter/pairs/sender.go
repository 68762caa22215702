package pairs

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/engine"
	"hushpipe/filter/fleet/ratchet"
	"hushpipe/filter/keyring"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

const (
	// batchSize is the number of pairs sent at once, over all parts.
	batchSize = 20_000
	// renewal is how often a Sender checks that the engine still has what it sent.
	renewal = time.Minute
	// lateLines is how long after midnight late lines of the day before still arrive.
	lateLines = 10 * time.Minute
	// maxValid bounds the positions of which each may be the engine's.
	maxValid = 64
)

// Engine is the part of an engine that a Sender uses.
type Engine interface {
	Add(engine.Batch) (before string, err error)
	Claim(key, field, value string, expire time.Time) (held string, err error)
	Put(key, field, value, claimed string, expire time.Time) (held string, err error)
	Field(keys []string, field string) (values []string, err error)
	Members(key string) (members []string, err error)
	Expire(keys []string, at time.Time) error
	Check(now time.Time) (persists []string, err error)
}

// SenderConfig configures a Sender.
type SenderConfig struct {
	Path, Keys  string // DIR, and the key directory, "" for DIR/keys
	Fleet, Host string // their names
	Confined    string // how this process is confined, in words
	Open        func() (Engine, error)
	Now         func() time.Time
	Log         func(topic, line string)
}

// Sender sends the pairs in the journals of a DIR to the engine. One goroutine uses it.
type Sender struct {
	cfg      SenderConfig
	run      string // prefix of this process's positions
	engine   Engine // nil: not connected
	days     map[civil.Day]*sending
	renewed  time.Time // the last check that the engine has everything
	twins    twins
	reported map[civil.Day]bool // days whose error was reported
	resends  int
	keep     calendar.Period // the period after which the engine's data expires; 0: not set yet
}

// NewSender returns a Sender; call Step to make it work.
func NewSender(cfg SenderConfig) *Sender {
	return &Sender{cfg: cfg, run: dir.RandomHex(), days: map[civil.Day]*sending{}, reported: map[civil.Day]bool{}}
}

// sending is a day that is being sent.
type sending struct {
	code       *code
	expire     time.Time
	tail       *counts.Tail
	overflow   *rooms.DistinctSet // pairs that the journals record as not counted
	foreign    bool               // the journals have invalid records
	parts      [parts]part
	incomplete bool   // some journals could not be read when parts were sent again
	claim      string // the sealed claim that proves that the engine's day is this fleet's; "": not checked
	lastRecord record // the last record that was put
}

// part is the state of one part's position.
type part struct {
	lastSent uint64   // number of the last position sent
	valid    []string // positions with which the engine has all pairs; nil: nothing acknowledged yet
	lost     bool     // the engine had another position: send all pairs again
}

// Step sends new pairs. Call it once a second. After an error, everything that was not
// acknowledged is sent again.
func (s *Sender) Step() error {
	now := s.cfg.Now().Round(0)
	if now.Before(s.twins.quiet) {
		return nil
	}
	if s.engine == nil {
		e, err := s.cfg.Open()
		if err != nil {
			return err
		}
		s.engine, s.renewed = e, time.Time{}
	}
	today := civil.DayOf(now)
	d, m, err := openMember(s.cfg.Path, s.cfg.Keys, today, s.cfg.Log)
	if err != nil {
		return err
	}
	defer d.Close()
	renew := now.Sub(s.renewed).Abs() >= renewal
	if renew {
		persists, err := s.engine.Check(now)
		if err != nil {
			return err
		}
		for _, line := range persists {
			s.cfg.Log("fleet-persists "+line, fmt.Sprintf("the engine writes to its disk, where data outlives the day's key: %s; hint: turn that off, since the hosts can send all data again", line))
		}
	}
	keep, err := keptFor(d)
	if err != nil {
		return err
	}
	if keep != s.keep {
		if err := s.shorten(keep, today); err != nil {
			return err
		}
		s.keep = keep
	}
	days, err := counts.Days(d)
	if err != nil {
		return err
	}
	first := max(keep.First(today), m.since)
	for day := range s.days {
		if day < first {
			delete(s.days, day)
		}
	}
	// The host also reports and closes a day without lines.
	for day, of := range s.days {
		if of.lastRecord.Pairs == 0 && !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	if !slices.Contains(days, today) {
		days = append(days, today)
	}
	if renew {
		s.renewed = now
	}
	var errs []error
	for _, day := range days {
		if day < first || day > today+1 {
			continue
		}
		err := s.day(d, m, day, keep, now, renew)
		var own dayError
		if isOwn := errors.As(err, &own); err != nil && !isOwn {
			s.renewed = time.Time{} // the engine may come back empty
			errs = append(errs, err)
			break // the other days would fail as well
		} else if isOwn && (day >= today || !s.reported[day]) { // for a past day, report it once
			s.reported[day] = true
			errs = append(errs, err)
		}
	}
	if s.twins.detected {
		if line := s.twins.step(now); line != "" {
			s.cfg.Log("fleet-twin", s.cfg.Path+": "+line)
		}
	}
	return dir.Join(errs...)
}

// member is a DIR's membership in the fleet: its id in the engine, and the first day whose
// pairs it sends. Earlier days were counted under keys that the fleet does not have.
type member struct {
	id    string
	since civil.Day
}

// openMember opens a DIR and its membership in the fleet.
func openMember(path, keys string, today civil.Day, log func(topic, line string)) (*dir.Dir, member, error) {
	d, err := dir.Open(path, dir.Options{Keys: keys, Create: true, Notify: func(msg string) { log(msg, msg) }})
	if err != nil {
		return nil, member{}, err
	}
	m, err := join(d, today)
	if err != nil {
		d.Close()
		return nil, m, err
	}
	return d, m, nil
}

// join returns the membership in DIR/fleet, creating it on the first day. A copy of DIR has
// the same.
func join(d *dir.Dir, today civil.Day) (member, error) {
	m, err := readMember(d)
	if !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	unlock, err := d.LockFleet(dir.LockPatience)
	if err != nil {
		return m, err
	}
	defer unlock()
	if m, err = readMember(d); errors.Is(err, fs.ErrNotExist) {
		m = member{dir.RandomHex(), today}
		err = d.ReplaceFile(dir.Fleet, dir.HostName, []byte(m.id+" "+today.String()+"\n"))
	}
	return m, err
}

func readMember(d *dir.Dir) (m member, err error) {
	text, err := d.ReadFile(dir.Fleet, dir.HostName)
	if err != nil {
		return m, err
	}
	id, date, _ := strings.Cut(strings.TrimSuffix(string(text), "\n"), " ")
	since, ok := civil.ParseDay(date)
	if _, err := hex.DecodeString(id); !ok || err != nil || len(id) != 16 {
		return m, d.Error("read", dir.Fleet, dir.HostName, errors.New("is damaged; hint: remove it, and all is sent again"))
	}
	return member{id, since}, nil
}

// dayError is the error of a day that cannot be sent because the fleet's key is missing or
// its journals cannot be read. Other days can be sent.
type dayError struct{ error }

// day sends new pairs of a day, and the host's record.
func (s *Sender) day(d *dir.Dir, m member, day civil.Day, keep calendar.Period, now time.Time, renew bool) error {
	of := s.days[day]
	if of == nil {
		key, err := fleetKey(d, day)
		if err != nil {
			return dayError{err}
		}
		of = &sending{code: newCode(s.cfg.Fleet, day, key), tail: counts.NewTail(day), overflow: rooms.NewDistinctSet(rooms.NoLimits)}
		s.days[day] = of
	}
	of.expire = expiry(day, keep)
	renew = renew || of.claim == ""
	if renew {
		held, err := s.engine.Claim(of.code.roster(), "", of.code.seal("", nil), of.expire)
		if err != nil {
			return err
		}
		if _, err := of.code.open("", held); err != nil {
			of.claim = ""
			return dayError{fmt.Errorf("%s: the engine's data of %s %w, or under another key; nothing of that day is sent; hint: did this host make its own key of that day, or is another fleet of this name there?", s.cfg.Path, day, err)}
		}
		of.claim = held
		if err := s.compare(of, m.id); err != nil {
			return err
		}
	}
	unread := s.send(d, of, m.id, of.tail, func(int) bool { return true })
	if own := (dayError{}); unread != nil && !errors.As(unread, &own) {
		return unread
	}
	if of.anyLost() && !renew { // other parts may be lost, too
		if err := s.compare(of, m.id); err != nil {
			return err
		}
	}
	if err := s.sendAgain(d, of, m.id, day, renew); err != nil {
		return err
	}
	if unread != nil || of.anyLost() {
		return unread // no record for data that the engine may lack
	}
	held, err := s.putRecord(d, of, m, day, now, renew)
	if err != nil || held == of.claim {
		return err
	}
	of.claim = "" // the engine was wiped meanwhile
	if renew {
		return nil // the next step tries again
	}
	return s.day(d, m, day, keep, now, true)
}

func (of *sending) anyLost() bool {
	return slices.ContainsFunc(of.parts[:], func(p part) bool { return p.lost })
}

// fleetKey returns the key of a day that all hosts of the fleet share: derived from the
// fleet's state, or once that has advanced, the stored one.
func fleetKey(d *dir.Dir, day civil.Day) ([32]byte, error) {
	chain, err := ratchet.Read(d)
	if state, none := chain.At(day); none == nil {
		return state.Key(), nil
	}
	key, keyErr := keyring.ReadKey(d, day)
	if keyErr != nil {
		return key, dir.Join(err, keyErr)
	}
	return key, nil
}

// compare checks whether the engine has this host's positions.
func (s *Sender) compare(of *sending, id string) error {
	names := make([]string, parts)
	for i := range names {
		names[i] = of.code.positions(i)
	}
	positions, err := s.engine.Field(names, id)
	if err != nil {
		return err
	}
	for i, position := range positions {
		s.checkPosition(&of.parts[i], position)
	}
	return nil
}

// checkPosition checks the engine's position of a part, and marks the part as lost if it is
// not valid.
func (s *Sender) checkPosition(p *part, position string) {
	if p.valid == nil || slices.Contains(p.valid, position) {
		return
	}
	p.lost, p.valid = true, []string{position} // pairs sent again continue from it
	if run, _, _ := strings.Cut(position, ":"); position != "" && run != s.run {
		s.twins.detected = true
	}
}

// send sends the pairs that tail has in the wanted parts.
func (s *Sender) send(d *dir.Dir, of *sending, id string, tail *counts.Tail, wanted func(part int) bool) error {
	for {
		var batch [parts]map[[20]byte][]uint64
		n := 0
		tokens := map[[20]byte]string{}
		more, err := tail.Next(d, func(payload []byte) bool {
			of.foreign = of.overflow.ApplyTo(payload, func(hash *[20]byte, fp uint64) {
				token, ok := tokens[*hash]
				if !ok {
					token = of.code.token(hash)
					tokens[*hash] = token
				}
				i := partOf(token)
				if !wanted(i) {
					return
				}
				if batch[i] == nil {
					batch[i] = map[[20]byte][]uint64{}
				}
				batch[i][*hash] = append(batch[i][*hash], max(fp, 1)) // as rooms.DistinctSet does
				n++
			}) != nil || of.foreign
			return n < batchSize && len(tokens) < batchSize
		})
		for i, pairs := range batch {
			if pairs == nil {
				continue
			}
			if err := s.add(of, id, i, pairs, tokens); err != nil {
				tail.Rollback()
				return err
			}
		}
		tail.Commit()
		if err != nil { // everything readable has been sent
			return dayError{err}
		}
		if !more {
			return nil
		}
	}
}

// add sends pairs of one part.
func (s *Sender) add(of *sending, id string, i int, pairs map[[20]byte][]uint64, tokens map[[20]byte]string) error {
	p := &of.parts[i]
	p.lastSent++
	b := engine.Batch{Positions: of.code.positions(i), Host: id, Position: s.run + ":" + strconv.FormatUint(p.lastSent, 10),
		Index: of.code.index(i), Expire: of.expire}
	for hash, fps := range pairs {
		token := tokens[hash]
		b.Tokens = append(b.Tokens, token)
		b.Sets = append(b.Sets, engine.Set{Key: of.code.set(token), Members: decimals(fps)})
	}
	before, err := s.engine.Add(b)
	if err != nil {
		// The engine may have executed it. If nothing was acknowledged before, everything is
		// sent again anyway.
		if p.valid != nil {
			p.valid = append(p.valid, b.Position)
		}
		if len(p.valid) > maxValid { // at worst, the part is sent again
			p.valid = slices.Delete(p.valid, 1, 2)
		}
		return err
	}
	s.checkPosition(p, before)
	p.valid = []string{b.Position}
	return nil
}

// decimals returns fingerprints in the form that the engine stores most compactly.
func decimals(fps []uint64) []string {
	text := make([]byte, 0, 20*len(fps))
	ends := make([]int, len(fps))
	for i, fp := range fps {
		text = strconv.AppendInt(text, int64(fp), 10)
		ends[i] = len(text)
	}
	all, from := string(text), 0
	members := make([]string, len(fps))
	for i, end := range ends {
		members[i], from = all[from:end], end
	}
	return members
}

// sendAgain sends all pairs of lost parts. If a journal cannot be read, it sends the others,
// and everything again once a minute until it can.
func (s *Sender) sendAgain(d *dir.Dir, of *sending, id string, day civil.Day, renew bool) error {
	if !of.anyLost() || of.incomplete && !renew {
		return nil
	}
	var lost [parts]bool
	for i := range of.parts {
		lost[i] = of.parts[i].lost
	}
	if !of.incomplete {
		s.resends++
	}
	s.cfg.Log("fleet-resend", fmt.Sprintf("%s: the engine has lost pairs of %s; they are sent again", s.cfg.Path, day))
	// Reset before sending: losses from now on are detected by the next transaction.
	for i := range of.parts {
		of.parts[i].lost = false
	}
	err := s.send(d, of, id, counts.NewTail(day), func(part int) bool { return lost[part] })
	if err != nil {
		for i := range of.parts {
			of.parts[i].lost = of.parts[i].lost || lost[i]
		}
	}
	of.incomplete = errors.As(err, &dayError{})
	return err
}

// twins detects another process that sends as the same host, from a copy of its DIR.
type twins struct {
	detected bool // since the last step
	times    int  // in a row
	last     time.Time
	quiet    time.Time // send nothing until then
}

// step is called after a detection, and returns a message if the Sender has to pause.
func (t *twins) step(now time.Time) (line string) {
	if now.Sub(t.last).Abs() > time.Hour {
		t.times = 0
	}
	t.detected, t.last = false, now
	// The first time, the engine may have gone back to what an earlier process sent.
	if t.times++; t.times == 1 {
		return ""
	}
	wait := min(time.Minute<<min(t.times-2, 10), 16*time.Minute)
	t.quiet = now.Add(wait)
	return fmt.Sprintf("another hushpipe fleet ship sends as this host, pairs wait for %v; hint: is it a copy of another machine? there, remove %s/%s", wait, dir.Fleet, dir.HostName)
}

// putRecord puts the host's record if it has changed, and once a minute, and returns the
// engine's claim of the day.
func (s *Sender) putRecord(d *dir.Dir, of *sending, m member, day civil.Day, now time.Time, renew bool) (held string, err error) {
	r := record{Name: s.cfg.Host, Seen: now.Truncate(time.Second), Since: m.since.String(), Keep: int(s.keep), Pairs: of.tail.Pairs(), Overflow: of.overflow.RecordedOverflow(), Resends: s.resends, Confined: s.cfg.Confined, Claim: claimID(of.claim),
		Closed: civil.DayOf(now.Add(-lateLines)) > day && !of.tail.Flawed() && !of.foreign}
	if !renew && of.lastRecord.Name != "" && r.Closed == of.lastRecord.Closed && (r.Closed || r.Pairs == of.lastRecord.Pairs) {
		return of.claim, nil
	}
	ids, settings := of.tail.Origins()
	for _, id := range ids {
		r.Keys = append(r.Keys, hex.EncodeToString(id[:]))
	}
	slices.Sort(r.Keys)
	r.Settings = settings
	oldest, err := oldestKey(d)
	if err != nil {
		return "", err
	}
	r.Oldest = oldest
	held, err = s.engine.Put(of.code.roster(), m.id, of.code.seal(m.id, r.text()), "", of.expire)
	if err != nil {
		return "", err
	}
	of.lastRecord = r
	return held, nil
}

// oldestKey returns the day of the oldest key in DIR, "" if there is none.
func oldestKey(d *dir.Dir) (string, error) {
	names, err := d.Names(dir.Keys) // sorted, and so by day
	for _, name := range names {
		if day, ok := dir.OwnDay(dir.Keys, name); ok {
			return day.String(), err
		}
	}
	return "", err
}
