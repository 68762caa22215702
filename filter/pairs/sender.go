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
	// batchSize is how many pairs are sent at once, over all parts.
	batchSize = 20_000
	// renewal is how often the engine is asked whether it has what was sent.
	renewal = time.Minute
	// lateLines is how long after midnight late lines of the day before still come.
	lateLines = 10 * time.Minute
	// maxValid bounds the positions that may or may not hold.
	maxValid = 64
)

// Engine is what a Sender asks of an engine.
type Engine interface {
	Add(engine.Batch) (before string, err error)
	Claim(key, field, value string, expire time.Time) (held string, err error)
	Put(key, field, value, claimed string, expire time.Time) (held string, err error)
	Field(keys []string, field string) (values []string, err error)
	Members(key string) (members []string, err error)
	Expire(keys []string, at time.Time) error
	Check(now time.Time) (persists []string, err error)
}

// SenderConfig is what a Sender needs to know.
type SenderConfig struct {
	Path, Keys  string // DIR, and the key directory, "" for DIR/keys
	Fleet, Host string // their names
	Confined    string // what the kernel keeps this process from, in words
	Open        func() (Engine, error)
	Now         func() time.Time
	Log         func(topic, line string)
}

// Sender brings the pairs in the journals of a DIR to the engine. It serves one goroutine.
type Sender struct {
	cfg      SenderConfig
	run      string // what positions of this process begin with
	engine   Engine // nil: not connected
	days     map[civil.Day]*sending
	renewed  time.Time // when the engine was asked last whether it has all
	twins    twins
	reported map[civil.Day]bool // that these cannot be sent
	resends  int
	keep     calendar.Period // for which all that the engine has was bounded; 0: not yet
}

// NewSender returns a Sender, which does nothing yet.
func NewSender(cfg SenderConfig) *Sender {
	return &Sender{cfg: cfg, run: dir.RandomHex(), days: map[civil.Day]*sending{}, reported: map[civil.Day]bool{}}
}

// sending is a day that is being sent.
type sending struct {
	code       *code
	expire     time.Time
	tail       *counts.Tail
	overflow   *rooms.Counts // what journals tell to be left out
	foreign    bool          // there are records in them that are none
	parts      [parts]part
	incomplete bool   // not all journals could be read when parts were sent again
	claim      string // the engine's day is that of this fleet, by this seal, which no other has; "": not asked
	lastRecord record // what was put last
}

// part is what is known of the position in a part.
type part struct {
	lastSent uint64   // the number of the last position that was sent
	valid    []string // those by which the engine has all pairs; nil: none was acknowledged yet
	lost     bool     // the engine had another one: all pairs are to be sent again
}

// Step sends what is new. Call it each second. After an error, what was not acknowledged is
// sent again.
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
	d, err := dir.Open(s.cfg.Path, dir.Options{Keys: s.cfg.Keys, Create: true, Notify: func(msg string) { s.cfg.Log(msg, msg) }})
	if err != nil {
		return err
	}
	defer d.Close()
	today := civil.DayOf(now)
	m, err := join(d, today)
	if err != nil {
		return err
	}
	renew := now.Sub(s.renewed).Abs() >= renewal
	if renew {
		persists, err := s.engine.Check(now)
		if err != nil {
			return err
		}
		for _, line := range persists {
			s.cfg.Log("fleet-persists "+line, fmt.Sprintf("the engine keeps on its disk what is to go with the day's key: %s; hint: turn that off, the hosts send all again", line))
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
	// Of a day without a line, too, the host is to be heard of, and to close it.
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
			s.renewed = time.Time{} // the engine may be back without what it had
			errs = append(errs, err)
			break // the other days would come to the same
		} else if isOwn && (day >= today || !s.reported[day]) { // of a day that is over it is said once
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

// member is by what the engine knows a DIR, and from which day on its pairs are sent: those
// of days before were counted under keys that the fleet does not have.
type member struct {
	id    string
	since civil.Day
}

// join returns what DIR/fleet has of it, and makes it on the first day. A copy of DIR has the
// same.
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

// dayError is of a day that cannot be sent, for want of the key that the fleet has or since
// its journals cannot be read. Others can.
type dayError struct{ error }

// day sends what is new of a day.
func (s *Sender) day(d *dir.Dir, m member, day civil.Day, keep calendar.Period, now time.Time, renew bool) error {
	of := s.days[day]
	if of == nil {
		key, err := fleetKey(d, day)
		if err != nil {
			return dayError{err}
		}
		of = &sending{code: newCode(s.cfg.Fleet, day, key), tail: counts.NewTail(day), overflow: rooms.NewCounts(rooms.NoLimits)}
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
			return dayError{fmt.Errorf("%s: what the engine has of %s %w, or under another key; nothing of that day is sent; hint: did this host make its own key of that day, or is another fleet of this name there?", s.cfg.Path, day, err)}
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
	if of.anyLost() && !renew { // other parts may be lost as well
		if err := s.compare(of, m.id); err != nil {
			return err
		}
	}
	if err := s.sendAgain(d, of, m.id, day, renew); err != nil {
		return err
	}
	if unread != nil || of.anyLost() {
		return unread // it is told nothing of what it may not have
	}
	held, err := s.putRecord(d, of, m, day, now, renew)
	if err != nil || held == of.claim {
		return err
	}
	of.claim = "" // the engine was wiped since
	if renew {
		return nil // the next step tries again
	}
	return s.day(d, m, day, keep, now, true)
}

func (of *sending) anyLost() bool {
	return slices.ContainsFunc(of.parts[:], func(p part) bool { return p.lost })
}

// fleetKey returns the key of a day that all hosts of the fleet have: that which the state
// makes, or once this has moved on the one that lies there.
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

// compare looks whether the engine has the positions that it was given.
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

// checkPosition tells from the position that the engine has of a part whether it has all pairs.
func (s *Sender) checkPosition(p *part, position string) {
	if p.valid == nil || slices.Contains(p.valid, position) {
		return
	}
	p.lost, p.valid = true, []string{position} // on which what is sent again goes
	if run, _, _ := strings.Cut(position, ":"); position != "" && run != s.run {
		s.twins.detected = true
	}
}

// send sends what tail has, of the parts that are wanted.
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
				batch[i][*hash] = append(batch[i][*hash], max(fp, 1)) // as rooms.Counts has it
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
		if err != nil { // what could be read is sent
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
		// It may have been done. Before anything was acknowledged, all will be sent anyway.
		if p.valid != nil {
			p.valid = append(p.valid, b.Position)
		}
		if len(p.valid) > maxValid { // at worst, it is sent again
			p.valid = slices.Delete(p.valid, 1, 2)
		}
		return err
	}
	s.checkPosition(p, before)
	p.valid = []string{b.Position}
	return nil
}

// decimals returns fingerprints as the engine keeps them best.
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

// sendAgain sends all of the parts that the engine has lost: where a journal cannot be read,
// what can be, and all once more each minute, until it can.
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
	// Before: what is lost while they are sent is found by the next transaction.
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

// twins tells when another process writes as the same host: a copy of its DIR.
type twins struct {
	detected bool // since the last step
	times    int  // in a row
	last     time.Time
	quiet    time.Time // nothing is sent until then
}

// step returns what is to be said where it is to be waited.
func (t *twins) step(now time.Time) (line string) {
	if now.Sub(t.last).Abs() > time.Hour {
		t.times = 0
	}
	t.detected, t.last = false, now
	// Once it may have been an engine that went back to what an earlier process sent.
	if t.times++; t.times == 1 {
		return ""
	}
	wait := min(time.Minute<<min(t.times-2, 10), 16*time.Minute)
	t.quiet = now.Add(wait)
	return fmt.Sprintf("another hushpipe fleet ship sends as this host, pairs wait for %v; hint: is it a copy of another machine? there, remove %s/%s", wait, dir.Fleet, dir.HostName)
}

// putRecord puts the record of the host, where it changed, and each minute, and returns by whose
// claim the engine has the day.
func (s *Sender) putRecord(d *dir.Dir, of *sending, m member, day civil.Day, now time.Time, renew bool) (held string, err error) {
	r := record{Name: s.cfg.Host, Seen: now.Truncate(time.Second), Since: m.since.String(), Keep: int(s.keep), Pairs: of.tail.Pairs(), Overflow: of.overflow.Recorded(), Resends: s.resends, Confined: s.cfg.Confined, Claim: claimID(of.claim),
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

// oldestKey returns the day of the oldest key that lies there, "" for none.
func oldestKey(d *dir.Dir) (string, error) {
	names, err := d.Names(dir.Keys) // sorted, and so by day
	for _, name := range names {
		if day, ok := dir.OwnDay(dir.Keys, name); ok {
			return day.String(), err
		}
	}
	return "", err
}
