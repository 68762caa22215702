package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter"
	"hushpipe/filter/audit"
	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/groups"
	"hushpipe/filter/journal"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/reveal"
	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
	"hushpipe/filter/where"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
	"hushpipe/format/statement"
)

const groupLog = `%h %l %u %t "%r" %>s %b`

// groupPolicy is a stream that releases lines of three people.
const groupPolicy = `
format = '` + groupLog + `'
[[stream]]
name = "g"
purpose = "x"
fields = { client = "mask=24/48", user = "words=2", time = "keep", url = "keep" }
group = ["client", "user"]
least = 3
keep = "14d"
`

// groupBed is a DIR of a stream with groups.
type groupBed struct {
	*bed
	kind   groupKind
	policy *policy.Policy
	stream *policy.Stream
	n      int // lines so far
}

// groupKind is what lines a DIR has, and for how long.
type groupKind struct {
	json    bool
	hours   int         // of any day; 0: lines go by the day
	settled []civil.Day // a day after these; nil: never
}

func newGroupBed(t *testing.T, text string) *groupBed { return newGroupBedOf(t, text, groupKind{}) }

func newGroupBedOf(t *testing.T, text string, kind groupKind) *groupBed {
	if kind.json {
		text = strings.Replace(text, "'"+groupLog+"'", "'json'", 1)
	}
	p, mistakes := policy.Parse([]byte(text))
	require.Empty(t, mistakes)
	b := &groupBed{bed: newBed(t), kind: kind, policy: p, stream: &p.Streams[0]}
	b.cfg.Counting, b.cfg.Least = false, b.stream.Least
	if kind.hours > 0 {
		b.cfg.Keep = 1000 // longer than any hours
		b.cfg.Bounds = &calendar.Bounds{Hours: kind.hours, PeriodImplied: true}
	}
	if kind.settled != nil {
		b.cfg.Bounds = &calendar.Bounds{After: 1, Settled: kind.settled}
	}
	return b
}

// worker is a process.
type worker struct {
	s     *Store
	f     *filter.Streams
	queue *filter.Queue
	sink  *mortal
}

// mortal is the Sink of a process that is killed after some steps: it does nothing more.
type mortal struct {
	*Store
	steps int
	dead  bool
}

func (m *mortal) lives() bool {
	m.steps--
	m.dead = m.dead || m.steps < 0
	return !m.dead
}

func (m *mortal) Append(day civil.Day, lines []byte) (int, error) {
	if !m.lives() {
		return len(lines), nil
	}
	return m.Store.Append(day, lines)
}

func (m *mortal) AppendHour(day civil.Day, hour int, lines []byte) (int, error) {
	if !m.lives() {
		return len(lines), nil
	}
	return m.Store.AppendHour(day, hour, lines)
}

func (m *mortal) CountPeople(day civil.Day, keyID [8]byte, records []byte) {
	if m.lives() {
		m.Store.CountPeople(day, keyID, records)
	}
}

func (m *mortal) Hold(day civil.Day, hour int, lines []byte) ([]byte, error) {
	if !m.lives() {
		return nil, nil
	}
	return m.Store.Hold(day, hour, lines)
}

func (m *mortal) Tick() time.Duration { return time.Hour }

func (b *groupBed) worker() *worker {
	s := b.open()
	parser, err := format.NewWith(b.policy.Format, time.UTC, format.Options{})
	require.NoError(b, err)
	plan, err := treatment.Compile(b.stream, parser)
	require.NoError(b, err)
	by := b.groups()
	by.Open = s.Groups()
	f := filter.New(filter.Config{Parser: parser, Plan: plan, Mode: plan.Mode, Limits: b.cfg.Limits, CountV6: 128, Hours: b.kind.hours > 0,
		Groups: by}, s)
	w := &worker{s: s, sink: &mortal{Store: s}}
	w.f = filter.NewStreams(filter.Config{Parser: parser}, where.New(b.policy), []filter.Stream{{Filter: f, Get: func() *filter.Batch { return w.queue.Get() }}})
	return w
}

// groups is what lines are grouped by.
func (b *groupBed) groups() *filter.Groups {
	return &filter.Groups{Rule: b.stream.GroupRule(), Least: b.stream.Least,
		Client: slices.Contains(b.stream.Group, "client"), User: slices.Contains(b.stream.Group, "user")}
}

// feed has a process treat lines, and reports whether it came to their end.
func (w *worker) feed(t testing.TB, text string, steps int) bool {
	w.sink.steps = steps
	w.queue = filter.NewQueue(w.sink, 1<<30)
	fan := filter.NewFan([]*filter.Queue{w.queue})
	require.NoError(t, w.f.Run(strings.NewReader(text), fan))
	require.Equal(t, []bool{true}, fan.Close(context.Background()))
	return !w.sink.dead
}

func (w *worker) round(t testing.TB) {
	if d := w.s.dir.Load(); d != nil {
		require.NoError(t, w.s.Groups().Round(d.Dir))
	}
}

// person is the sender of a line, and the expected result.
type person struct {
	addr, user string
	status     int
}

// line is a line of a day, with a number.
func (b *groupBed) line(day civil.Day, p person) string { return b.lineAt(day, 10, p) }

func (b *groupBed) lineAt(day civil.Day, hour int, p person) string {
	y, m, d := day.Date()
	b.n++
	if b.kind.json {
		return fmt.Sprintf(`{"status":%d,"user":%q,"request":"GET /%d HTTP/1.1","time":"%sT%02d:00:00Z","client":%q,"more":7}`+"\n", p.status, p.user, b.n, day, hour, p.addr)
	}
	return fmt.Sprintf("%s - %s [%02d/%s/%d:%02d:00:00 +0000] \"GET /%d HTTP/1.1\" %d 5\n", p.addr, p.user, d, time.Month(m).String()[:3], y, hour, b.n, p.status)
}

// treated is the expected line in the file.
func treated(line string) string {
	if line[0] == '{' {
		var l struct {
			Status              int
			User, Client        string
			Request, Time, More json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			panic(err)
		}
		c, u := combination(person{l.Client, l.User, l.Status})
		return fmt.Sprintf(`{"user":%q,"request":%s,"time":%s,"client":%q}`, u, l.Request, l.Time, c)
	}
	words := strings.SplitN(line, " [", 2)
	status := strings.Fields(line[strings.LastIndex(line, `" `)+2:])[0]
	who := strings.SplitN(words[0], " - ", 2)
	rest, _, _ := strings.Cut(words[1], `" `)
	c, u := combination(person{who[0], who[1], atoi(status)})
	return fmt.Sprintf("%s - %s [%s\" - -", c, u, rest)
}

func atoi(s string) (n int) {
	fmt.Sscan(s, &n)
	return n
}

// combination is what is left of client and user: the plain reference.
func combination(p person) (client, user string) {
	addr := netip.MustParseAddr(p.addr)
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	net, _ := addr.Prefix(bits)
	words := strings.Fields(p.user)
	user = strings.Join(words[:min(2, len(words))], " ")
	if p.status == 401 {
		user = "-"
	}
	return net.Addr().String(), user
}

// oracle reads all lines, and counts people.
type oracle struct {
	lines map[civil.Day][]oracleLine
	least int
}

type oracleLine struct {
	person
	text string
	late bool // it came when the day was over
	// erased: it was, while it waited.
	erased bool
}

// released returns the lines of a day that are to be in its file, and how many are not.
func (o *oracle) released(day civil.Day) (lines []string, withheld int) {
	clients, users := map[[2]string]map[netip.Addr]bool{}, map[[2]string]map[string]bool{}
	group := func(l oracleLine) [2]string { c, u := combination(l.person); return [2]string{c, u} }
	for _, l := range o.lines[day] {
		if l.late {
			continue
		}
		g := group(l)
		if clients[g] == nil {
			clients[g], users[g] = map[netip.Addr]bool{}, map[string]bool{}
		}
		addr := netip.MustParseAddr(l.addr)
		if addr.Is6() {
			net, _ := addr.Prefix(64)
			addr = net.Addr()
		}
		clients[g][addr] = true
		if l.status != 401 && l.user != "-" {
			users[g][l.user] = true
		}
	}
	for _, l := range o.lines[day] {
		if g := group(l); !l.erased && min(len(clients[g]), len(users[g])) >= o.least {
			lines = append(lines, treated(l.text))
		} else {
			withheld++
		}
	}
	slices.Sort(lines)
	return lines, withheld
}

// script gives the choices of a scenario, 0 at its end.
type script struct{ bytes []byte }

func (s *script) next(n int) int {
	if len(s.bytes) == 0 {
		return 0
	}
	b := s.bytes[0]
	s.bytes = s.bytes[1:]
	return int(b) % n
}

// anybody returns one of some people, whose names may be spelled in several ways.
func (s *script) anybody() person {
	p := person{addr: fmt.Sprintf("10.0.%d.%d", s.next(2), s.next(5)), user: fmt.Sprintf("ZS %c %d", 'A'+s.next(2), s.next(4)), status: 200}
	switch s.next(8) {
	case 0:
		p.addr = fmt.Sprintf("2001:db8:1:%d::%d", s.next(4), s.next(200))
	case 1:
		p.status = 401
	case 2:
		p.user = "-"
	}
	return p
}

// erase erases a line that waits for its group, and reports whether it did.
func (b *groupBed) erase(day civil.Day, line string) (erased bool) {
	_, url, _ := strings.Cut(line, `"`)
	url, _, _ = strings.Cut(url, "HTTP")
	r, err := reveal.Open(b.cfg.Path, "", func(_, line string) { b.Error(line) })
	require.NoError(b, err)
	defer r.Close()
	all, err := r.Search(day, reveal.Wanted{Text: []byte(url), Is: func(line []byte) bool { return bytes.Contains(line, []byte(url)) }})
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	require.NoError(b, err)
	for _, found := range all {
		defer found.Close()
		if found.Lines > 0 && !found.Held() {
			return false // by a process that was killed, one that was released is held as well
		}
	}
	for _, found := range all {
		n, err := found.EraseHeld()
		require.NoError(b, err)
		require.Equal(b, found.Lines, n)
		erased = erased || n > 0
	}
	return erased
}

// audit finds of each line that was released that its group has its people.
func (b *groupBed) audit() (group audit.Row) {
	b.Helper()
	way := func(cipher *pseudonym.Cipher, day civil.Day, isOpen func(pseudonym.Group) bool) (audit.Proof, error) {
		parser, err := format.NewWith(b.policy.Format, time.UTC, format.Options{})
		require.NoError(b, err)
		plan, err := treatment.Compile(b.stream, parser)
		require.NoError(b, err)
		p := filter.NewProof(filter.Config{Parser: parser, Plan: plan, Mode: plan.Mode}, parser, cipher, day)
		p.Grouped(b.groups(), isOpen)
		return p, nil
	}
	mode, err := pseudonym.ParseMode(b.stream.Treatment("client").String())
	require.NoError(b, err)
	a, err := audit.New(context.Background(), audit.Subject{Path: b.cfg.Path, Now: b.cfg.Now(), Read: &atomic.Int64{}, Total: func(int64) {},
		Streams: []audit.Stream{{Path: b.cfg.Path, Ways: []audit.Way{way}, Mode: mode}}, Claims: []statement.Claim{statement.Group{Least: b.stream.Least}}})
	require.NoError(b, err)
	for _, r := range a.Rows {
		if r.Claim == statement.KindGroup.String() {
			group = r
		}
	}
	require.Equal(b, audit.Holds, group.Verdict, "%v", group)
	return group
}

// runGroups starts, ends, kills and reloads processes while lines arrive for several days,
// and compares the files with the oracle.
func runGroups(t *testing.T, kind groupKind, choices []byte) {
	b := newGroupBedOf(t, groupPolicy, kind)
	o := &oracle{lines: map[civil.Day][]oracleLine{}, least: b.stream.Least}
	s := &script{choices}
	all := []*worker{b.worker()}
	live := slices.Clone(all)
	killed := false
	over := func(day civil.Day) bool { return !b.cfg.Now().Before(groups.Deadline(day, time.UTC)) }
	for len(s.bytes) > 0 {
		at := s.next(len(live))
		w := live[at]
		switch op := s.next(17); {
		case op < 8: // lines come
			var text strings.Builder
			for range 1 + s.next(6) {
				day := civil.DayOf(b.cfg.Now()) - civil.Day(max(0, s.next(5)-2))
				p := s.anybody()
				line := b.line(day, p)
				text.WriteString(line)
				o.lines[day] = append(o.lines[day], oracleLine{person: p, text: line, late: over(day)})
			}
			steps := 1 << 30
			if s.next(12) == 1 {
				steps = s.next(7)
			}
			if !w.feed(t, text.String(), steps) { // the next process reads it again
				killed = true
				b.kill(w.s)
				live[at] = b.worker()
				all = append(all, live[at])
				require.True(t, live[at].feed(t, text.String(), 1<<30))
			}
		case op < 11:
			w.round(t)
		case op < 12: // a reload
			next := b.worker()
			live, all = append(live, next), append(all, next)
		case op < 13 && len(live) > 1:
			require.NoError(t, w.s.Close())
			live = slices.Delete(live, at, at+1)
		case op < 14:
			_, err := Purge(b.cfg.Directory, 0, false)
			require.NoError(t, err)
		case op < 15:
			b.set(b.cfg.Now().Add(time.Duration(1+s.next(5)) * time.Hour))
		case op < 16:
			b.tick(w.s)
			b.audit()
		default: // a person's line is erased
			for _, day := range slices.Sorted(maps.Keys(o.lines)) {
				lines := o.lines[day]
				if i := s.next(256); i < len(lines) && !lines[i].erased {
					o.lines[day][i].erased = b.erase(day, lines[i].text)
				}
			}
		}
	}
	for _, w := range live {
		require.NoError(t, w.s.Close())
	}
	b.set(b.cfg.Now().Add(14 * time.Hour))
	last := b.worker() // a machine that was off
	for range 3 {      // an hour after the midnights of three zones at least
		b.tick(last.s)
		last.round(t)
		b.set(b.cfg.Now().Add(12 * time.Hour))
	}
	last.round(t)
	all = append(all, last)
	assert.Equal(t, []string{"CACHEDIR.TAG"}, append(b.names(dir.Held), "CACHEDIR.TAG")[:1])
	var withheld, count uint64
	for _, w := range all {
		withheld += w.s.registry.Counters().Withheld
	}
	for day := range o.lines {
		want, not := o.released(day)
		count += uint64(not)
		text := b.written(day)
		got := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if len(text) == 0 {
			got = nil
		}
		slices.Sort(got)
		if killed {
			got = slices.Compact(got)
		}
		require.Equal(t, strings.Join(want, "\n"), strings.Join(got, "\n"), "%s: %v %s", day, b.names(""), b.heard())
	}
	b.audit()
	if !killed {
		require.LessOrEqual(t, withheld, count) // purge is no process and counts nothing
	}
	require.NoError(t, last.s.Close())
}

// TestGroupsAgainstOracle: whatever happens to the processes, those lines stand in the
// files whose groups have their people, and no others.
func TestGroupsAgainstOracle(t *testing.T) {
	n := 6
	if testing.Short() {
		n = 3
	}
	for i, kind := range groupKinds {
		for seed := range max(n-4*i, 2) {
			t.Run(fmt.Sprintf("%d/%d", i, seed), func(t *testing.T) {
				random := rand.New(rand.NewPCG(uint64(seed), uint64(i)+1))
				choices := make([]byte, 1200)
				for i := range choices {
					choices[i] = byte(random.Uint32())
				}
				runGroups(t, kind, choices)
			})
		}
	}
}

func FuzzGroups(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, byte(0))
	f.Fuzz(func(t *testing.T, choices []byte, kind byte) {
		runGroups(t, groupKinds[int(kind)%len(groupKinds)], choices[:min(len(choices), 400)])
	})
}

// groupKinds are those for which the oracle is right: no line reaches a bound meanwhile.
var groupKinds = []groupKind{{}, {json: true}, {hours: 8760}, {json: true, hours: 8760}}

// written is the lines of a day, of all its files.
func (b *groupBed) written(day civil.Day) (text string) {
	for _, l := range dir.Logs(b.names("")) {
		if l.Day == day {
			text += b.read(l.Name())
		}
	}
	return text
}

// people returns lines of so many people of one unit, from one network.
func (b *groupBed) people(day civil.Day, from, to int) (text string) {
	for i := from; i <= to; i++ {
		text += b.line(day, person{fmt.Sprintf("10.0.0.%d", i), fmt.Sprintf("ZS A %d", i), 200})
	}
	return text
}

func (w *worker) all(t testing.TB, text string) { require.True(t, w.feed(t, text, 1<<30)) }

// TestHeldModes: nothing of a group that is not open can be read by the group of DIR, and
// what others could read is shut.
func TestHeldModes(t *testing.T) {
	b := newGroupBed(t, groupPolicy)
	w := b.worker()
	w.all(t, b.people(today, 1, 2))
	check := func() {
		t.Helper()
		info, err := os.Stat(b.path(dir.Held))
		require.NoError(t, err)
		assert.EqualValues(t, 0o700, info.Mode().Perm())
		entries, err := os.ReadDir(b.path(dir.Held))
		require.NoError(t, err)
		require.Len(t, entries, 2, "lines of one group, and the cache tag")
		for _, e := range entries {
			info, err := e.Info()
			require.NoError(t, err)
			assert.EqualValues(t, 0o600, info.Mode().Perm(), e.Name())
		}
	}
	check()
	require.NoError(t, os.Chmod(b.path(dir.Held), 0o755))
	for _, name := range b.names(dir.Held) {
		require.NoError(t, os.Chmod(b.path(dir.Held, name), 0o640))
	}
	b.pass(w.s, time.Hour)
	check()
	assert.Contains(t, b.heard(), "others could read this directory (mode 0755): set to 0700")
	// Nothing readable outside reveals whose lines are held.
	require.NoError(t, filepath.WalkDir(b.dir, func(path string, e os.DirEntry, err error) error {
		require.NoError(t, err)
		if path == b.path(dir.Held) {
			return filepath.SkipDir
		}
		if e.Type().IsRegular() {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.NotRegexp(t, `10\.0\.0|ZS`, string(text), path)
		}
		return nil
	}))
	version, err := os.ReadFile(b.path(dir.VersionName))
	require.NoError(t, err)
	assert.Equal(t, "2\n", string(version), "an earlier version would leave held lines where they are")
	require.NoError(t, w.s.Close())
}

// TestReleaseKilled: a process that is killed between the release of lines and their
// removal may have them twice, which is reported. Lines that are still held are not lost.
func TestReleaseKilled(t *testing.T) {
	b := newGroupBed(t, groupPolicy)
	w := b.worker()
	w.all(t, b.people(today, 1, 2))
	name := b.names(dir.Held)[0]
	held := b.read(dir.Held, name)
	w.all(t, b.people(today, 3, 3))
	w.round(t)
	assert.Equal(t, 3, b.lines(today))
	assert.Empty(t, b.names(dir.Held))
	b.heard()
	// As it was in between: the lines were appended, and not removed.
	require.NoError(t, os.WriteFile(b.path(dir.Held, name+dir.MovingSuffix), []byte(held), 0o600))
	b.kill(w.s)
	next := b.worker()
	next.round(t)
	assert.Equal(t, 5, b.lines(today))
	assert.Empty(t, b.names(dir.Held))
	assert.Contains(t, b.heard(), "a process was killed while it released lines of groups; some may be twice in the file of 2026-11-22")
	assert.EqualValues(t, 1, next.s.registry.Counters().Repeated)
	require.NoError(t, next.s.Close())
}

// TestReleaseBeforeTheKill: the process was killed before a line was released. Nothing is
// written twice, and no repetition is reported.
func TestReleaseBeforeTheKill(t *testing.T) {
	b := newGroupBed(t, groupPolicy)
	w := b.worker()
	w.all(t, b.people(today, 1, 3))
	b.kill(w.s)
	next := b.worker()
	next.round(t)
	assert.Equal(t, 3, b.lines(today))
	assert.NotContains(t, b.heard(), "twice")
	require.NoError(t, next.s.Close())
}

// TestHeldOverMidnight: lines of yesterday open their groups until an hour after midnight.
// Then any process deletes the held lines, and later lines are admitted only by the open
// groups.
func TestHeldOverMidnight(t *testing.T) {
	for _, test := range []struct {
		name string
		come func(b *groupBed, w *worker)
	}{
		{"a process that lives", func(b *groupBed, w *worker) { w.round(b) }},
		{"a machine that was off", func(b *groupBed, w *worker) {
			b.kill(w.s)
			require.NoError(b, b.worker().s.Close())
		}},
		{"purge", func(b *groupBed, w *worker) {
			b.kill(w.s)
			done, err := Purge(b.cfg.Directory, 0, false)
			require.NoError(b, err)
			require.Len(b, done.Deleted, 1)
			assert.Regexp(b, `^held/2026-11-22\.[0-9a-f]{2}\.held$`, done.Deleted[0])
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newGroupBed(t, groupPolicy)
			w := b.worker()
			w.all(t, b.people(today, 1, 2)+b.line(today, person{"10.9.9.9", "ZS Z 1", 200}))
			b.set(time.Date(2026, 11, 23, 0, 59, 59, 0, time.UTC))
			w.round(t)
			held := 0
			for _, name := range b.names(dir.Held) { // two groups can have one file
				held += strings.Count(b.read(dir.Held, name), "\n")
			}
			assert.Equal(t, 3, held, "it is not time")
			w.all(t, b.people(today, 3, 3))
			w.round(t)
			assert.Equal(t, 3, b.lines(today))
			b.set(time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC))
			require.Len(t, b.names(dir.Held), 1)
			test.come(b, w)
			assert.Empty(t, b.names(dir.Held))

			late := b.worker()
			late.all(t, b.people(today, 4, 4)+b.line(today, person{"10.9.9.8", "ZS Z 2", 200})+b.line(today, person{"10.9.9.7", "ZS Z 3", 200}))
			late.round(t)
			assert.Equal(t, 4, b.lines(today))
			assert.Empty(t, b.names(dir.Held))
			assert.EqualValues(t, 2, late.s.registry.Counters().Withheld)
			require.NoError(t, late.s.Close())
		})
	}
}

// TestClockInDoubt: a clock that leaps deletes no held line before it is believed.
func TestClockInDoubt(t *testing.T) {
	b := newGroupBed(t, groupPolicy)
	w := b.worker()
	w.all(t, b.people(today, 1, 2))
	b.set(noon.AddDate(0, 0, 5))
	b.tick(w.s)
	w.round(t)
	assert.Len(t, b.names(dir.Held), 1)
	b.set(noon.Add(time.Minute))
	b.tick(w.s)
	w.all(t, b.people(today, 3, 3))
	w.round(t)
	assert.Equal(t, 3, b.lines(today))
	require.NoError(t, w.s.Close())
}

// TestGroupBounds: past a bound of memory people open nothing, which is reported, and
// their lines are deleted with the others.
func TestGroupBounds(t *testing.T) {
	b := newGroupBed(t, groupPolicy)
	b.cfg.Limits = rooms.Limits{Rooms: 3, Pairs: 100} // one group has two: of clients, and of users
	w := b.worker()
	var text string
	for i := range 4 {
		for _, unit := range []string{"A", "B", "C"} {
			text += b.line(today, person{fmt.Sprintf("10.0.0.%d", i), fmt.Sprintf("ZS %s %d", unit, i), 200})
		}
	}
	w.all(t, text)
	w.round(t)
	assert.Equal(t, 4, b.lines(today))
	assert.Contains(t, b.heard(), "too many groups or people on 2026-11-22; those past the bound open nothing")
	b.set(time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC))
	w.round(t)
	assert.EqualValues(t, 8, w.s.registry.Counters().Withheld)
	require.NoError(t, w.s.Close())
}

// TestPeople: each group in a file has its people in the journals, as an audit sees them;
// journals of types that nobody knows are passed over, and stay when journals become one.
func TestPeople(t *testing.T) {
	b := newGroupBed(t, groupPolicy)
	for i := range 3 { // three processes
		w := b.worker()
		w.all(t, b.people(today, i+1, i+1))
		require.NoError(t, w.s.Close())
	}
	d := b.openDir()
	defer d.Close()
	var unknown []string
	for i := range 2 {
		require.NoError(t, d.CreateFile(dir.Journal, dir.NewTypedJournal(today), func(f *os.File) error {
			w, err := journal.NewWriter(f, [8]byte{1}, []byte("x"))
			require.NoError(t, err)
			unknown = append(unknown, fmt.Sprintf("tunknown %d", i))
			return w.Append([]byte(unknown[i]))
		}))
	}
	check := func(files int) {
		t.Helper()
		day := groups.DayOf(d, today)
		require.NoError(t, day.Refresh())
		assert.Equal(t, 3, day.Least())
		assert.Equal(t, 3, day.Most())
		key := pseudonym.Key([]byte(b.key(today)))
		assert.True(t, day.IsUnder(key.ID()))
		assert.False(t, day.IsUnder([8]byte{}))
		names := 0
		var kept []string
		for _, name := range b.names(dir.Journal) {
			if _, ok := dir.TypedDay(name); !ok {
				continue
			}
			names++
			f, err := os.Open(b.path(dir.Journal, name))
			require.NoError(t, err)
			_, err = journal.Read(f, 0, func(payload []byte) error {
				if payload[0] == 't' {
					kept = append(kept, string(payload))
				}
				return nil
			})
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}
		slices.Sort(kept)
		assert.Equal(t, unknown, kept)
		assert.LessOrEqual(t, names, files)
	}
	check(5) // or less: the start of a process makes one of others
	_, err := Purge(b.cfg.Directory, 0, false)
	require.NoError(t, err)
	check(2) // one for each header
	assert.Equal(t, 3, b.lines(today))
	b.heard()
}

// TestErasedGroups: a day that is deleted on purpose takes its held lines along.
func TestErasedGroups(t *testing.T) {
	b := newGroupBed(t, groupPolicy)
	w := b.worker()
	w.all(t, b.people(today, 1, 2))
	b.set(time.Date(2026, 11, 23, 0, 30, 0, 0, time.UTC))
	require.Len(t, b.names(dir.Held), 1)
	_, _, err := PurgeDay(b.cfg.Directory, today)
	require.NoError(t, err)
	assert.Empty(t, b.names(dir.Held))
	w.round(t)
	assert.Equal(t, none, b.read(logFile(today)))
	require.NoError(t, w.s.Close())
}

// TestHeldWithoutLock: a process that was stopped with the lock of held lines delays no
// line of others, and loses none.
func TestHeldWithoutLock(t *testing.T) {
	b := newGroupBed(t, groupPolicy)
	w := b.worker()
	w.all(t, b.people(today, 1, 1))
	d := b.openDir()
	defer d.Close()
	unlock, err := d.LockHeld(0)
	require.NoError(t, err)
	w.all(t, b.people(today, 2, 2))
	w.all(t, b.people(today, 3, 3))
	assert.Len(t, b.names(dir.Held), 3)
	unlock()
	w.round(t)
	assert.Equal(t, 3, b.lines(today))
	assert.Empty(t, b.names(dir.Held))
	require.NoError(t, w.s.Close())
}

// TestTornHeldLine: a partial line of a killed process is removed, since it is read again.
func TestTornHeldLine(t *testing.T) {
	b := newGroupBed(t, groupPolicy)
	w := b.worker()
	w.all(t, b.people(today, 1, 2))
	name := b.path(dir.Held, b.names(dir.Held)[0])
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("00112233 10.0.0.0 - ZS")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	w.all(t, b.people(today, 3, 3))
	w.round(t)
	assert.Equal(t, 3, b.lines(today))
	assert.NotContains(t, b.read(logFile(today)), "0011")
	require.NoError(t, w.s.Close())
}
