package store

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter"
	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// noon is when the tests begin, on the day that they call today.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

var today = civil.DayOf(noon)

// bed is a DIR with a clock, and the messages about it.
type bed struct {
	*testing.T
	cfg Config
	dir string

	mu   sync.Mutex
	now  time.Time
	said []string
}

func newBed(t *testing.T) *bed {
	b := &bed{T: t, dir: filepath.Join(t.TempDir(), "log"), now: noon}
	b.cfg = Config{
		Directory: Directory{Path: b.dir,
			Now: func() time.Time {
				b.mu.Lock()
				defer b.mu.Unlock()
				return b.now
			},
			Log: func(topic, line string) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.said = append(b.said, line)
			}},
		Keep:   calendar.DefaultPeriod,
		Counts: Counts{Limits: rooms.DefaultLimits, Counting: true, Settings: "ip=ipcrypt;rooms=jitsi;"},
	}
	// Each message names a file or DIR, and none contains a part of a line.
	t.Cleanup(func() {
		b.mu.Lock() // what waited for a slow disk may speak still
		defer b.mu.Unlock()
		for _, line := range b.said {
			assert.Contains(t, line, filepath.Dir(b.dir))
			assert.NotRegexp(t, `192\.0\.2|2001:db8|GET|room=|%!`, line)
			assert.Equal(t, strings.ToLower(line[:1]), line[:1])
		}
	})
	return b
}

// open opens a Store that is not closed unless the test does: it may have been
// killed. It waits also for a slow machine.
func (b *bed) open() *Store {
	s := newStore(b.cfg)
	s.keys.Patience = time.Minute
	s.openWithin(time.Minute, time.Minute)
	s.keeper.Check()
	return s
}

// pass lets time go by, in steps of a minute as Tick wants it, up to an hour in
// one.
func (b *bed) pass(s *Store, d time.Duration) {
	for d > 0 {
		step := min(d, time.Hour)
		b.set(b.cfg.Now().Add(step))
		b.tick(s)
		d -= step
	}
}

// tick does what is due at the time that it is, beside the lines and behind them.
func (b *bed) tick(s *Store) {
	s.keeper.Check()
	s.Tick()
	s.keeper.Check() // at a DIR that Tick has made anew
}

func (b *bed) set(t time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = t
}

// slow matches the messages about a disk that answers late, as on a busy machine. No test
// expects them: those of disks that hang check what happens meanwhile.
var slow = regexp.MustCompile(`the disk does not answer|did not come in time|not read in time`)

// heard returns the messages since the last call, except those about a slow disk.
func (b *bed) heard() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := strings.Join(slices.DeleteFunc(b.said, slow.MatchString), "\n")
	b.said = b.said[:0]
	return text
}

// line is one of the combined format, in which addr uses room on day.
func line(day civil.Day, addr, room string) string {
	y, m, d := day.Date()
	return fmt.Sprintf("%s - - [%02d/%s/%d:10:00:00 +0000] \"GET /http-bind?room=%s HTTP/1.1\" 200 5 \"-\" \"-\"\n",
		addr, d, time.Month(m).String()[:3], y, room)
}

// users are lines of addresses from..to of a test network.
func users(day civil.Day, room string, from, to int) string {
	var text strings.Builder
	for i := from; i <= to; i++ {
		text.WriteString(line(day, fmt.Sprintf("192.0.2.%d", i), room))
	}
	return text.String()
}

// sink hands batches on as filter.Queue does, but at once.
type sink struct {
	t     testing.TB
	s     *Store
	batch filter.Batch
}

func (k *sink) Get() *filter.Batch { k.batch.Reset(); return &k.batch }

func (k *sink) Wait(func() bool) {}

func (k *sink) Put(b *filter.Batch) error {
	for i := range b.Parts {
		p := &b.Parts[i]
		write := k.s.Append
		if hour, ok := p.Hour(); ok {
			write = func(day civil.Day, lines []byte) (int, error) { return k.s.AppendHour(day, hour, lines) }
		}
		n, err := write(p.Day, p.Lines)
		for tries := 0; err != nil && tries < 4; tries++ {
			p.Lines = p.Lines[n:]
			n, err = write(p.Day, p.Lines)
		}
		require.NoError(k.t, err)
		k.s.Count(p.Day, p.KeyID, p.Records)
	}
	return nil
}

// newFilter returns a filter as that of a process.
func (b *bed) newFilter(cal filter.Calendar) *filter.Filter {
	parser, err := format.New("auto", time.UTC, nil)
	require.NoError(b, err)
	matcher, err := rooms.NewMatcher([]string{"jitsi"}, nil)
	require.NoError(b, err)
	redact, err := treatment.NewRedact()
	require.NoError(b, err)
	return filter.New(filter.Config{Parser: parser, Redact: redact, Rooms: matcher, Limits: b.cfg.Limits, CountV6: 128}, cal)
}

// feed passes lines to the Store through a filter.
func (b *bed) feed(f *filter.Filter, s *Store, text string) {
	require.NoError(b, f.Run(strings.NewReader(text), &sink{t: b, s: s}))
}

// process is one run of the program.
func (b *bed) process(text string) {
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, text)
	require.NoError(b, s.Expired(f.Expired()))
	require.NoError(b, s.Close())
}

func (b *bed) path(parts ...string) string {
	return filepath.Join(append([]string{b.dir}, parts...)...)
}

// names lists a directory of DIR without what is neither lines, keys, nor
// counts.
func (b *bed) names(sub string) []string {
	entries, err := os.ReadDir(b.path(sub))
	if !os.IsNotExist(err) {
		require.NoError(b, err)
	}
	dated := regexp.MustCompile(`\d{4}-\d\d-\d\d`)
	names := []string{}
	for _, e := range entries {
		if dated.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

func (b *bed) read(parts ...string) string {
	text, err := os.ReadFile(b.path(parts...))
	if os.IsNotExist(err) {
		return none
	}
	require.NoError(b, err)
	return string(text)
}

const none = "(no file)"

func logFile(day civil.Day) string { return "access-" + day.String() + ".log" }

func (b *bed) lines(day civil.Day) int { return strings.Count(b.read(logFile(day)), "\n") }

// rooms returns a room file with its hashes turned back to names.
func (b *bed) rooms(day civil.Day) string {
	return named(b.read("rooms", dir.RoomFile(day)))
}

func named(text string) string {
	for _, room := range []string{"a", "b", "c"} {
		text = strings.ReplaceAll(text, fmt.Sprintf("%x", sha1.Sum([]byte(room))), room)
	}
	return text
}

// now returns the counts as the command rooms shows them.
func (b *bed) counts(day civil.Day) dayCounts {
	c, err := counts.Read(b.dir, day)
	require.NoError(b, err)
	return dayCounts{c}
}

type dayCounts struct{ counts.Day }

func (c dayCounts) String() string { return named(string(roomfile.Append(nil, c.Rooms))) }

func (b *bed) logDays() (days []civil.Day) {
	for _, name := range b.names("") {
		day, ok := civil.ParseDay(name[len("access-") : len("access-")+10])
		require.True(b, ok, name)
		days = append(days, day)
	}
	return days
}

func span(first, last civil.Day) (days []civil.Day) {
	for d := first; d <= last; d++ {
		days = append(days, d)
	}
	return days
}

func TestLineGoesToItsDay(t *testing.T) {
	for _, tt := range []struct {
		name    string
		date    civil.Day
		want    civil.Day
		expired bool
	}{
		{"today", today, today, false},
		{"yesterday, a websocket that closes late", today - 1, today - 1, false},
		{"the first day of 14", today - 13, today - 13, false},
		{"older than the retention", today - 14, today - 14, true},
		{"of 1970", 0, 0, true},
		{"tomorrow, in a zone that is ahead", today + 1, today + 1, false},
		{"after tomorrow", today + 2, today, false},
		{"of 2099", civil.NewDay(2099, 1, 1), today, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			b.process(users(tt.date, "a", 1, 2))
			assert.Equal(t, "2 a\n", b.rooms(tt.want))
			if tt.expired {
				assert.Empty(t, b.names(""))
				assert.Empty(t, b.names(dir.Journal))
				assert.NotContains(t, b.names(dir.Keys), tt.want.String()+".key")
				return
			}
			assert.Equal(t, []string{logFile(tt.want)}, b.names(""))
			assert.Equal(t, 2, b.lines(tt.want))
			assert.Equal(t, []string{dir.RoomFile(tt.want)}, b.names(dir.Rooms))
			assert.Contains(t, b.names(dir.Keys), tt.want.String()+".key")
			assert.NotContains(t, b.read(logFile(tt.want)), "192.0.2.")
		})
	}
	t.Run("without a time", func(t *testing.T) {
		b := newBed(t)
		b.process("192.0.2.1 garbage\n")
		assert.Equal(t, 1, b.lines(today))
		assert.Equal(t, "", b.rooms(today), "a day with lines and no room gets an empty file")
	})
}

func TestDayStaysOpenAsLongAsItsKeyLives(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today, "a", 1, 1))
	first := strings.Fields(b.read(logFile(today)))[0]
	for age := 1; age <= 13; age++ {
		b.pass(s, 24*time.Hour)
		b.feed(f, s, users(today, "a", 1, age+1))
		assert.Contains(t, b.read(logFile(today)), "\n"+first, "one address, one pseudonym")
		b.tick(s)
		b.pass(s, time.Minute)
		assert.Equal(t, fmt.Sprintf("%d a\n", age+1), b.rooms(today))
	}
	assert.FileExists(t, b.path(dir.Keys, today.String()+".key"))
	b.pass(s, 24*time.Hour)
	b.feed(f, s, users(today, "a", 1, 20))
	assert.EqualValues(t, 20, f.Stats().Expired)
	b.pass(s, time.Hour)
	require.NoError(t, s.Expired(f.Expired()))
	require.NoError(t, s.Close())
	assert.NoFileExists(t, b.path(dir.Keys, today.String()+".key"))
	assert.NoFileExists(t, b.path(logFile(today)))
	assert.Empty(t, b.names(dir.Journal))
	assert.Equal(t, "14 a\n", b.rooms(today), "what was counted with the lines stays")
	assert.Contains(t, b.heard(), "one expired day has a room file already; it was left alone")
}

func TestExpiredRoomsOnlyWhereNoneWereCounted(t *testing.T) {
	b := newBed(t)
	old := today - 20
	b.process(users(old, "a", 1, 3) + users(old, "a", 1, 2) + users(old-1, "b", 1, 1))
	assert.Equal(t, "3 a\n", b.rooms(old))
	assert.Equal(t, "1 b\n", b.rooms(old-1))
	assert.Empty(t, b.heard())

	b.process(users(old, "a", 1, 9) + users(old-2, "c", 1, 1))
	assert.Equal(t, "3 a\n", b.rooms(old))
	assert.Equal(t, "1 c\n", b.rooms(old-2))
	assert.Contains(t, b.heard(), "one expired day has a room file already; it was left alone")

	b.cfg.Counting, b.cfg.Settings = false, "ip=ipcrypt;"+counts.NoRooms
	b.process(users(old-3, "c", 1, 1))
	assert.Equal(t, none, b.rooms(old-3))
}

func TestThrowAwayKey(t *testing.T) {
	b := newBed(t)
	s := b.open()
	key := s.Key(today-14, calendar.Expired)
	b.pass(s, 26*time.Hour)
	assert.Same(t, key, s.Key(today-14, calendar.Expired), "the same as long as the process lives")

	open := s.Key(today, calendar.Open)
	assert.NotEqual(t, open.ID(), s.Key(today, calendar.Expired).ID(), "also while the day's own is still there")
	assert.Same(t, open, s.Key(today, calendar.Open))
}

// With 14d, the files of today and the 13 days before exist, and tomorrow's;
// never more. The files' times do not matter.
func TestExactlyTheDaysOfTheRetention(t *testing.T) {
	for _, keep := range []calendar.Period{1, 2, 14} {
		t.Run(keep.String(), func(t *testing.T) {
			b := newBed(t)
			b.cfg.Keep = keep
			s := b.open()
			f := b.newFilter(s)
			for d := today; d < today+20; d++ {
				b.feed(f, s, users(d-1, "a", 1, 1)+users(d, "a", 1, 2)+users(d+1, "b", 1, 1))
				if d > today {
					require.NoError(t, os.Chtimes(b.path(logFile(d)), noon.AddDate(-9, 0, 0), noon.AddDate(-9, 0, 0)))
				}
				for range 4 {
					b.set(b.cfg.Now().Add(6 * time.Hour))
					b.tick(s)
				}
				first := max(today-1, d+1-civil.Day(keep)+1)
				assert.Equal(t, span(first, d+1), b.logDays())
				require.LessOrEqual(t, held(s.rounds.files.Files, "unions"), 4)
				require.LessOrEqual(t, held(s.journals, "own"), int(keep)+2)
			}
			last := today + 20
			assert.Equal(t, len(span(last-civil.Day(keep)+1, last+1)), len(b.names(dir.Keys)))
			assert.Len(t, b.names(dir.Rooms), 21+min(1, int(keep)-1), "room files are kept for good")
		})
	}
}

func TestPurgeNeedsNoInput(t *testing.T) {
	b := newBed(t)
	b.process(users(today, "a", 1, 3))
	b.set(noon.AddDate(0, 0, 13))
	s := b.open()
	assert.FileExists(t, b.path(logFile(today)))

	b.set(noon.AddDate(0, 0, 13).Add(12*time.Hour - time.Second))
	b.tick(s)
	assert.FileExists(t, b.path(logFile(today)))
	b.set(noon.AddDate(0, 0, 13).Add(12*time.Hour + time.Second))
	b.tick(s)
	assert.NoFileExists(t, b.path(logFile(today)), "at the day change")
	assert.NotContains(t, b.names(dir.Keys), today.String()+".key")
	assert.Empty(t, b.names(dir.Journal))
	assert.Equal(t, "3 a\n", b.rooms(today))

	old := b.path("access-2026-11-01.log.gz")
	require.NoError(t, os.WriteFile(old, nil, 0o640))
	b.pass(s, 59*time.Minute)
	assert.FileExists(t, old)
	b.pass(s, time.Minute)
	assert.NoFileExists(t, old, "hourly")

	require.NoError(t, os.WriteFile(old, nil, 0o640))
	b.open()
	assert.NoFileExists(t, old, "at start")
}

// What waited in memory until its day was purged is not brought back, but for its
// counts, which are for good.
func TestLinesThatWaitedTooLong(t *testing.T) {
	b := newBed(t)
	s := b.open()
	key := s.Key(today-13, calendar.Open)
	b.pass(s, 24*time.Hour)
	b.heard()
	n, err := s.Append(today-13, []byte("x\n"))
	assert.NoError(t, err)
	assert.Equal(t, 2, n)
	s.Count(today-13, key.ID(), record("a", 1))
	require.NoError(t, s.Close())
	assert.Contains(t, b.heard(), "waited past the retention of their day and were dropped")
	assert.Empty(t, b.names(""))
	assert.Empty(t, b.names(dir.Journal))
	assert.Equal(t, "1 a\n", b.rooms(today-13))
}

func TestUnusableDir(t *testing.T) {
	for _, tt := range []struct {
		name        string
		spoil, mend func(b *bed)
	}{
		{"the parent is missing",
			func(b *bed) { b.dir += "/x"; b.cfg.Path = b.dir },
			func(b *bed) { require.NoError(b, os.Mkdir(filepath.Dir(b.dir), 0o750)) }},
		{"a file lies there",
			func(b *bed) { require.NoError(b, os.WriteFile(b.dir, nil, 0o640)) },
			func(b *bed) { require.NoError(b, os.Remove(b.dir)) }},
		{"a link that is not followed",
			func(b *bed) {
				b.cfg.NoFollow = true
				require.NoError(b, os.Symlink(b.TempDir(), b.dir))
			},
			func(b *bed) { require.NoError(b, os.Remove(b.dir)) }},
		{"a newer version laid it out",
			func(b *bed) {
				require.NoError(b, os.Mkdir(b.dir, 0o750))
				require.NoError(b, os.WriteFile(b.path(dir.VersionName), fmt.Appendln(nil, dir.Version+1), 0o640))
			},
			func(b *bed) { require.NoError(b, os.Remove(b.path(dir.VersionName))) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			base := filepath.Dir(b.dir)
			tt.spoil(b)
			topics := map[string]bool{}
			say := b.cfg.Log
			b.cfg.Log = func(topic, line string) {
				b.mu.Lock()
				topics[topic] = true
				b.mu.Unlock()
				say(topic, line)
			}
			s := b.open()
			key := *s.Key(today, calendar.Open)
			assert.Equal(t, calendar.Open, second(s.Place(today-13, true)))
			assert.Equal(t, calendar.Expired, second(s.Place(today-14, true)))
			n, err := s.Append(today, []byte("x\n"))
			assert.Error(t, err, "the queue keeps the lines")
			assert.Zero(t, n)
			s.Count(today, key.ID(), record("a", 1))
			assert.LessOrEqual(t, s.Tick(), time.Second)
			assert.Contains(t, b.heard(), "; lines wait in memory")
			before := len(topics)
			s.Append(today, []byte("x\n"))
			b.tick(s)
			assert.Len(t, topics, before, "what is reported again has the same topic")
			assert.Error(t, s.Expired(map[civil.Day]rooms.DayCounts{today - 20: {}}))

			tt.mend(b)
			n, err = s.Append(today, []byte("x\n"))
			assert.NoError(t, err)
			assert.Equal(t, 2, n)
			assert.Contains(t, b.heard(), "writing lines again")
			stored, err := os.ReadFile(b.path(dir.Keys, today.String()+".key"))
			require.NoError(t, err)
			assert.True(t, bytes.Equal(key[:], stored), "the key in memory came to the disk")
			assert.Equal(t, key.ID(), s.Key(today, calendar.Open).ID())
			require.NoError(t, s.Close())
			assert.Equal(t, "1 a\n", b.rooms(today))
			b.dir = filepath.Join(base, "x")
		})
	}
	t.Run("to the end", func(t *testing.T) {
		b := newBed(t)
		require.NoError(t, os.WriteFile(b.dir, nil, 0o640))
		s := b.open()
		assert.ErrorContains(t, s.Close(), b.dir)
	})
}

func second[A, B any](_ A, b B) B { return b }

func TestDirIsDeleted(t *testing.T) {
	for _, tt := range []struct {
		name   string
		delete func(b *bed)
	}{
		{"all of it", func(b *bed) { require.NoError(b, os.RemoveAll(b.dir)) }},
		{"the journals", func(b *bed) { require.NoError(b, os.RemoveAll(b.path(dir.Journal))) }},
		{"the journals moved aside", func(b *bed) {
			for _, name := range b.names(dir.Journal) {
				require.NoError(b, os.Rename(b.path(dir.Journal, name), filepath.Dir(b.dir)+"/"+name))
			}
		}},
		{"the room files", func(b *bed) { require.NoError(b, os.RemoveAll(b.path(dir.Rooms))) }},
		{"rooms and journals", func(b *bed) {
			require.NoError(b, os.RemoveAll(b.path(dir.Rooms)))
			require.NoError(b, os.RemoveAll(b.path(dir.Journal)))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			s := b.open()
			f := b.newFilter(s)
			b.feed(f, s, users(today, "a", 1, 3)+users(today-5, "b", 1, 2))
			b.pass(s, time.Minute)
			b.feed(f, s, users(today, "a", 4, 4))
			tt.delete(b)
			b.feed(f, s, users(today, "a", 4, 6)+users(today-5, "b", 3, 3))
			b.pass(s, time.Minute)
			assert.Equal(t, "6 a\n", b.rooms(today))
			assert.Equal(t, "3 b\n", b.rooms(today-5))
			assert.Equal(t, "6 a\n", b.counts(today).String())
			assert.Len(t, b.names(dir.Journal), 2)
			assert.False(t, b.counts(today).UpperBound, "still the same key")

			// The process that comes next goes on with these counts.
			b.kill(s)
			b.process(users(today, "a", 6, 7) + users(today-5, "b", 3, 4))
			assert.Equal(t, "7 a\n", b.rooms(today))
			assert.Equal(t, "4 b\n", b.rooms(today-5))
		})
	}
	t.Run("without input", func(t *testing.T) {
		b := newBed(t)
		s := b.open()
		b.feed(b.newFilter(s), s, users(today, "a", 1, 3))
		require.NoError(t, os.RemoveAll(b.dir))
		b.pass(s, 2*time.Minute)
		assert.Equal(t, "3 a\n", b.rooms(today))
		assert.Contains(t, b.names(dir.Keys), today.String()+".key")
		assert.FileExists(t, b.path(dir.Keys, "keep"))
	})
	t.Run("with the secret", func(t *testing.T) {
		b := newBed(t)
		b.cfg.Secret = true
		s := b.open()
		f := b.newFilter(s)
		b.feed(f, s, users(today, "a", 1, 1))
		require.NoError(t, os.RemoveAll(b.dir))
		b.feed(f, s, users(today, "a", 1, 1))
		secret := b.read(dir.RoomSecretName)
		assert.Len(t, secret, 32)
		m := rooms.Match{Room: []byte("a")}
		assert.Equal(t, *rooms.NewHasher([]byte(secret)).Sum(&m), *s.Hasher().Sum(&m))
	})
}

func TestDirIsRenamed(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today, "a", 1, 1))
	require.NoError(t, os.Rename(b.dir, b.dir+"-moved"))
	b.feed(f, s, users(today, "a", 2, 2))
	b.pass(s, time.Minute)
	assert.Contains(t, b.heard(), "was renamed or replaced; lines still go to the old directory")
	assert.NoDirExists(t, b.dir)
	b.dir += "-moved"
	assert.Equal(t, 2, b.lines(today))
	assert.Equal(t, "2 a\n", b.rooms(today))
	require.NoError(t, s.Close())
}

// An archive has more days than files may be open.
func TestManyDays(t *testing.T) {
	b := newBed(t)
	b.cfg.Keep = 36500
	var text strings.Builder
	const days = 2 * maxJournals
	for round := range 2 {
		for d := civil.Day(0); d < days; d++ {
			text.WriteString(users(today-d, "a", 1+round, 2+round))
		}
	}
	s := b.open()
	f := b.newFilter(s)
	for chunk := range strings.Lines(text.String()) {
		b.feed(f, s, chunk)
		require.LessOrEqual(t, openJournals(t, b), maxJournals+3)
	}
	assert.Len(t, b.names(dir.Journal), days, "a day that comes again goes on in its journal")
	require.NoError(t, s.Close())
	for d := civil.Day(0); d < days; d++ {
		assert.Equal(t, "3 a\n", b.rooms(today-d))
	}
	assert.LessOrEqual(t, held(s.rounds.files.Files, "unions"), 3)
}

// Through the queue, with its own goroutine: what the race detector watches.
func TestBehindTheQueue(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	q := filter.NewQueue(s, 1<<20)
	for i := range 20 {
		require.NoError(t, f.Run(strings.NewReader(users(today-civil.Day(i), "a", 1, 10)), q))
		b.set(noon.Add(time.Duration(i) * 20 * time.Minute))
	}
	q.Close(t.Context())
	require.NoError(t, s.Expired(f.Expired()))
	require.NoError(t, s.Close())
	for i := range civil.Day(20) {
		assert.Equal(t, "10 a\n", b.rooms(today-i))
	}
	assert.Len(t, b.names(""), 14)
}

func record(room string, fp uint64) []byte {
	hash := sha1.Sum([]byte(room))
	return rooms.AppendRecord(nil, &hash, fp<<32|fp)
}

// Lines go on while a round takes its time: here it waits for a disk.
func TestRoundHoldsUpNoLine(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today, "a", 1, 2))
	s.rounds.patience = 0
	s.rounds.files.busy.Lock() // as a round that does not come back
	b.set(noon.Add(time.Minute))
	assert.Equal(t, retryOpen, s.Tick())
	b.feed(f, s, users(today, "a", 3, 4))
	b.set(noon.Add(3 * time.Hour))
	assert.Equal(t, retryOpen, s.Tick(), "not another one")
	assert.Equal(t, 4, b.lines(today))
	assert.Equal(t, none, b.rooms(today))
	s.rounds.files.busy.Unlock()
	s.rounds.patience = time.Minute
	assert.Equal(t, minute, s.Tick())
	assert.Equal(t, "4 a\n", b.rooms(today))
	require.NoError(t, s.Close())
}

// What the last journals did not take reaches the disk at the end also where a
// round hangs: the next process counts it.
func TestRoundHangsAtTheEnd(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	b.feed(f, s, users(today, "a", 1, 2))
	require.NoError(t, os.Rename(b.path("journal"), b.path("away")))
	require.NoError(t, os.WriteFile(b.path("journal"), nil, 0o600))
	b.feed(f, s, users(today-1, "a", 1, 3))
	require.NoError(t, os.Remove(b.path("journal")))
	require.NoError(t, os.Rename(b.path("away"), b.path("journal")))
	s.rounds.patience = 0
	s.rounds.files.busy.Lock()
	b.set(noon.Add(time.Minute))
	require.Equal(t, retryOpen, s.Tick())
	b.feed(f, s, users(today, "b", 1, 1))
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	// Only the disk shows how far Close has come.
	require.Eventually(t, func() bool { return b.counts(today-1).String() == "3 a\n" }, time.Minute, time.Millisecond)
	s.rounds.files.busy.Unlock()
	require.NoError(t, <-closed)
	assert.Equal(t, "2 a\n1 b\n", b.rooms(today))
	assert.Equal(t, "3 a\n", b.rooms(today-1))
	b.heard()
}

// A DIR that was replaced stays open for the round that uses it.
func TestRoundOfADirThatWasReplaced(t *testing.T) {
	b := newBed(t)
	s := b.open()
	f := b.newFilter(s)
	old := s.dir.Load()
	s.rounds.patience = 0
	s.rounds.files.busy.Lock()
	b.set(noon.Add(time.Minute))
	require.Equal(t, retryOpen, s.Tick())
	require.NoError(t, os.RemoveAll(b.dir))
	s.rounds.files.busy.Unlock()
	b.feed(f, s, users(today, "a", 1, 2))
	<-s.rounds.running
	assert.NotSame(t, old, s.dir.Load())
	require.NoError(t, s.Close())
	assert.Equal(t, "2 a\n", b.rooms(today))
	b.heard()
}

// TestCacheTag: DIR is left out of backups for as long as nothing in it stays for good, and
// a tag that somebody else made stays.
func TestCacheTag(t *testing.T) {
	yes, no := true, false
	for _, test := range []struct {
		name   string
		before string
		tagged *bool
		want   string
	}{
		{"made", "", &yes, "Signature: 8a477f597d28d172789f06886806bc55\n# hushpipe deletes"},
		{"removed", "made", &no, ""},
		{"another's stays", "Signature: x", &no, "Signature: x"},
		{"and is enough", "Signature: x", &yes, "Signature: x"},
		{"left alone", "made", nil, "Signature: 8a"},
		{"none of its own", "", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBed(t)
			tag := filepath.Join(b.dir, "CACHEDIR.TAG")
			if test.before == "made" {
				b.cfg.CacheTag = &yes
				require.NoError(t, Open(b.cfg).Close())
			} else if test.before != "" {
				require.NoError(t, os.Mkdir(b.dir, 0o750))
				require.NoError(t, os.WriteFile(tag, []byte(test.before), 0o640))
			}
			b.cfg.CacheTag = test.tagged
			require.NoError(t, Open(b.cfg).Close())
			text, _ := os.ReadFile(tag)
			if test.want == "" {
				require.NoFileExists(t, tag)
			}
			require.True(t, strings.HasPrefix(string(text), test.want), "%s", text)
		})
	}
}
