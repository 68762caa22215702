package store

import (
	"fmt"
	"sync"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/keyring"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/traffic"
	"hushpipe/filter/trafficlog"
	"hushpipe/format/civil"
)

// hits is the state of a Store's traffic figures except the journals, which belong to work.
type hits struct {
	files  *trafficlog.Files
	killed killedBefore
}

// killedBefore holds what killed processes had counted just before this one started:
// their last lines may come again.
type killedBefore struct {
	known chan struct{} // closed once found is final

	mu         sync.Mutex // guards what follows
	askedEarly bool       // Repeats gave up waiting for known once
	// doubtful are the days that Repeats answered before found was known.
	doubtful map[civil.Day]bool
	found    *trafficlog.Killed // nil: nothing
}

// initTraffic sets up the traffic figures for newStore.
func (s *Store) initTraffic() {
	s.hits.killed.known, s.hits.killed.doubtful = make(chan struct{}), map[civil.Day]bool{}
	cfg := s.cfg.traffic(s.counted, s.report, s.keys.Known)
	cfg.Key, cfg.Forget = s.lineKey, s.forget
	journals, files := trafficlog.New(cfg)
	if s.hits.files = files; s.cfg.Traffic != nil {
		s.hitJournals = journals
	}
}

// traffic returns the configuration of the traffic figures.
func (cfg Config) traffic(window func() calendar.Window, report *dir.Reporter, known func(*dir.Dir, civil.Day) (*pseudonym.Key, error)) trafficlog.Config {
	c := trafficlog.Config{Path: cfg.Path, Now: cfg.Now, Window: window, Known: known, Report: report}
	if cfg.Traffic != nil {
		c.Options = *cfg.Traffic
	}
	return c
}

// lineKey returns the key of a day whose lines were written, nil if the day is past its
// retention: for such a day the ring only has a key that is never stored.
func (s *Store) lineKey(day civil.Day) *pseudonym.Key {
	_, placement := s.Place(day, true)
	if placement == calendar.Expired {
		return nil
	}
	key := s.keys.Key(day, placement)
	if _, placement = s.Place(day, true); placement == calendar.Expired { // expired meanwhile, so the key may be a new one
		return nil
	}
	return key
}

// reseal returns the function that re-encrypts typed payloads when journals are folded;
// see trafficlog.Files.Resealed.
func (cfg Config) reseal(known func(*dir.Dir, civil.Day) (*pseudonym.Key, error)) func(*dir.Dir, civil.Day, []byte) []byte {
	_, files := trafficlog.New(cfg.traffic(nil, nil, known))
	return files.Resealed
}

// knownOnDisk is keyring.Ring.Known for a process without a Ring.
func knownOnDisk(d *dir.Dir, day civil.Day) (*pseudonym.Key, error) {
	key, err := keyring.ReadKey(d, day)
	return (*pseudonym.Key)(&key), err
}

// Hit adds the traffic of a batch to the figures of a day; see filter.HitSink.
func (s *Store) Hit(day civil.Day, part traffic.Part, hits []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hitJournals == nil {
		return
	}
	var d *dir.Dir
	if p := s.dir.Load(); p != nil {
		d = p.Dir
	}
	s.hitJournals.Add(d, day, part, hits)
}

// Repeats returns the lines of a day that a killed process has counted already, nil for
// none. It waits for the disk as long as for a key.
func (s *Store) Repeats(day civil.Day) *traffic.Repeats {
	k := &s.hits.killed
	k.mu.Lock()
	late := k.askedEarly
	k.mu.Unlock()
	if !late {
		select {
		case <-k.known:
		case <-time.After(s.keys.Patience):
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.known:
	default:
		k.askedEarly = true
		k.doubtful[day] = true
	}
	return k.found.Repeats(day)
}

// readKilled reads, once, what killed processes counted last.
func (s *Store) readKilled(d *place) {
	k := &s.hits.killed
	select {
	case <-k.known: // done already: this is a reopened DIR
		return
	default:
	}
	var of *trafficlog.Killed
	if s.hitJournals != nil && s.lines.afterKill {
		of = s.hits.files.ReadKilled(d.Dir)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.known: // another call was faster, since the disk was slow
		return
	default:
	}
	for day := range k.doubtful {
		if of.Repeats(day) != nil { // Repeats removes them from of
			s.report.Log("traffic-doubt", fmt.Sprintf("%s: the disk did not answer when the first lines came; if a process was killed, the traffic of its last lines may be counted twice", s.cfg.Path))
		}
	}
	k.found = of
	close(k.known)
}

func (s *Store) flushTraffic(d *place) error {
	if s.hitJournals == nil {
		return nil
	}
	return s.hitJournals.Flush(d.Dir)
}

// refreshTraffic updates the days' files, if this process is the one that writes them.
func (s *Store) refreshTraffic(d *place) error {
	if s.hitJournals == nil {
		return nil
	}
	return s.hits.files.Update(d.Dir)
}

// finishTraffic is refreshTraffic at the end of the process, after the journals are
// closed.
func (s *Store) finishTraffic(d *place) error {
	if s.hitJournals == nil {
		return nil
	}
	return s.hits.files.Finish(d.Dir, s.cfg.Finish)
}

// expireTraffic updates the files of the days before first, whose journals are about to
// be deleted, even if this process counts no traffic.
func (s *Store) expireTraffic(d *place, first civil.Day) {
	expireTraffic(d.Dir, s.hits.files, first, s.report, s.cfg.Path)
}

// expireTraffic reads for at most expirePatience.
func expireTraffic(d *dir.Dir, files *trafficlog.Files, first civil.Day, report *dir.Reporter, path string) {
	done, ok := d.Use()
	if !ok {
		return
	}
	if !dir.WaitFor(expirePatience, func() {
		defer done()
		files.Expiring(d, first)
	}) {
		report.Log("traffic-expiring", fmt.Sprintf("%s: the journals of expired days were not read in time; their traffic figures may be too small", path))
	}
}

// expirePatience is how long the journals of expired days are read.
const expirePatience = 2 * time.Second

// forgetTraffic drops from memory the days that were erased or purged by name.
func (s *Store) forgetTraffic(days map[civil.Day]bool) {
	if s.hitJournals != nil {
		s.hitJournals.Forget(days)
	}
	s.hits.files.Forget(days)
}

// closeTraffic closes the journals.
func (s *Store) closeTraffic() error {
	if s.hitJournals == nil {
		return nil
	}
	return s.hitJournals.Close()
}

// KeepTraffic writes the traffic figures of days that have no journals; nil means none.
// A day's existing file stays, unless anew is set: then days holds all lines of the
// day.
func (s *Store) KeepTraffic(days *traffic.Days, anew bool) error {
	if days == nil {
		return nil
	}
	if err := s.tryLock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	d := s.usable()
	if d == nil {
		return s.lines.openErr
	}
	return s.hits.files.Keep(d.Dir, days, anew)
}
