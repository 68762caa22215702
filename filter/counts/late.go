package counts

import "hushpipe/format/civil"

// lateRecords are those that waited in memory until their day was deleted: its
// journals were refused, or its lines came too late. They go to the room file, which
// is for good.
type lateRecords struct {
	records []byte
	erased  bool // the day was deleted on purpose, not by its age
}

// countLate keeps the records of a day that has no journal any more. counting is as
// in journalID.
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

// deliverLate adds late records to the union of their day, once the journals of that
// day have been read, which are deleted next. The caller holds l.mu.
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

// addLate counts late records, and keeps them for the union that takes the place of
// this one.
func (u *union) addLate(records []byte) {
	u.late = append(u.late, records...)
	u.counts.Apply(records) // whole ones: they are this process's own
}

// inherit takes over what is only in memory of the union before, nil for none.
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

// ReadUntil notes that the journals of days before first were read, as far as they
// could be.
func (l *Ledger) ReadUntil(first civil.Day) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readTo = max(l.readTo, first)
}
