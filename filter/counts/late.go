package counts

import "hushpipe/format/civil"

// lateRecords are records of a day that was deleted while they waited in memory,
// because its journals were refused or its lines arrived too late. They go to the room
// file, which is kept forever.
type lateRecords struct {
	records []byte
	erased  bool // by name, not because the day expired
}

// countLate keeps the records of a day that has no journals any more.
func (l *Ledger) countLate(id journalID, records []byte, erased bool) {
	if !l.cfg.Counting || !id.counting {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	late := l.late[id]
	if late == nil {
		late = &lateRecords{erased: erased}
		l.late[id] = late
	}
	late.records = append(late.records, records...)
}

// deliverLate adds late records to the union of their day, once that day's journals
// have been read; they are deleted next. The caller holds l.mu.
func (l *Ledger) deliverLate(unions map[civil.Day]*union) {
	for id, late := range l.late {
		if id.day >= l.readTo && !late.erased {
			continue
		}
		u := unions[id.day]
		if u == nil {
			u = newUnion(id.day, l.cfg.Limits)
			unions[id.day] = u
		}
		u.hasLate = true
		u.keys[id.keyID] = true
		u.addLate(late.records)
		l.dirty[id.day] = true
		delete(l.late, id)
	}
}

// addLate counts late records, and keeps them for the union that replaces this one.
func (u *union) addLate(records []byte) {
	u.late = append(u.late, records...)
	u.counts.Apply(records) // no error: they are this process's own, so they are whole
}

// inherit takes over late records from the previous union, which may be nil.
func (u *union) inherit(old *union) {
	if old == nil || !old.hasLate {
		return
	}
	u.hasLate = true
	for id := range old.keys {
		u.keys[id] = true
	}
	u.addLate(old.late)
}

// ReadUntil records that the journals of days before first have been read, as far as
// that was possible.
func (l *Ledger) ReadUntil(first civil.Day) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readTo = max(l.readTo, first)
}
