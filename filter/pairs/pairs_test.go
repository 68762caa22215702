package pairs

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/filter/engine"
	"hushpipe/filter/engine/enginetest"
	"hushpipe/filter/fleet"
	"hushpipe/filter/journal"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// meet is a fleet whose hosts and collector are in this process, with one clock.
type meet struct {
	*testing.T
	engine    *enginetest.Server
	path      string
	now       time.Time
	seed      []byte
	hosts     []*host
	count     *Collector
	said      []string
	truth     map[civil.Day]map[string]map[uint64]bool // of each room
	settle    string
	shippers  map[string]*fleet.Shipper
	addresses []string // of the engine
}

// host is one with its journals.
type host struct {
	*Sender
	name, path string
	file       *os.File
	writer     *journal.Writer
}

const settings = "ip=ipcrypt;rooms=jitsi;room-hash=sha1;count-v6=128;"

func newMeet(t *testing.T, names ...string) *meet {
	m := &meet{T: t, path: t.TempDir(),
		truth: map[civil.Day]map[string]map[uint64]bool{}, settle: settings, shippers: map[string]*fleet.Shipper{}}
	// The engine's clock is that of the machine: the test's is near it.
	m.now = time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
	m.engine = enginetest.Start(t)
	m.addresses = []string{m.engine.Socket}
	m.seed = fleet.NewSeed("meet", m.now).AppendText(nil)
	for _, name := range names {
		m.join(name)
	}
	m.count = NewCollector(CollectorConfig{Path: m.dir("count"), Fleet: "meet", Now: m.clock, Log: m.say,
		Open: func() (Counter, error) { return m.open() }})
	m.keys("count")
	return m
}

func (m *meet) clock() time.Time       { return m.now }
func (m *meet) today() civil.Day       { return civil.DayOf(m.now) }
func (m *meet) say(_, line string)     { m.said = append(m.said, line) }
func (m *meet) dir(name string) string { return filepath.Join(m.path, name) }

// open connects, with the clock of the test for that of the engine.
func (m *meet) open() (*checked, error) {
	e, err := engine.Open(engine.Config{Addresses: m.addresses})
	return &checked{e}, err
}

// checked is an engine whose clock is that of the test.
type checked struct{ *engine.Engine }

func (e *checked) Check(time.Time) ([]string, error) { return e.Engine.Check(time.Now()) }

// keys has a host take part.
func (m *meet) keys(name string) {
	require.NoError(m, os.MkdirAll(m.dir(name), 0o750))
	dirtest.Put(m.T, m.dir(name), dir.SeedName, string(m.seed))
	s := fleet.NewShipper(fleet.ShipConfig{Path: m.dir(name), Fleet: "meet", Now: m.clock, Log: m.say})
	require.NoError(m, s.Step())
	m.shippers[name] = s
}

func (m *meet) join(name string) *host {
	m.keys(name)
	h := &host{name: name, path: m.dir(name)}
	m.restart(h)
	m.hosts = append(m.hosts, h)
	return h
}

// restart starts over, as after a kill.
func (m *meet) restart(h *host) {
	h.Sender = NewSender(SenderConfig{Path: h.path, Fleet: "meet", Host: h.name, Now: m.clock, Log: m.say,
		Open: func() (Engine, error) { return m.open() }})
}

// begin has a host write another journal.
func (m *meet) begin(h *host) {
	if h.file != nil {
		h.file.Close()
	}
	require.NoError(m, os.MkdirAll(filepath.Join(h.path, dir.Journal), 0o700))
	var err error
	h.file, err = os.Create(filepath.Join(h.path, dir.Journal, dir.NewJournal(m.today())))
	require.NoError(m, err)
	m.Cleanup(func() { h.file.Close() })
	h.writer, err = journal.NewWriter(h.file, [8]byte{1}, []byte(m.settle))
	require.NoError(m, err)
}

// log has a host count n addresses, of few, in rooms of all parts.
func (m *meet) log(h *host, n int) {
	if h.writer == nil {
		m.begin(h)
	}
	of := m.truth[m.today()]
	if of == nil {
		of = map[string]map[uint64]bool{}
		m.truth[m.today()] = of
	}
	var payload []byte
	for range n {
		room := fmt.Sprintf("r%d", rand.IntN(600))
		hash := sha1.Sum([]byte(room))
		sum := sha1.Sum(fmt.Append(nil, room, " ", rand.IntN(50)))
		fp := binary.BigEndian.Uint64(sum[:])
		if of[room] == nil {
			of[room] = map[uint64]bool{}
		}
		of[room][fp] = true
		payload = rooms.AppendRecord(payload, &hash, fp)
	}
	require.NoError(m, h.writer.Append(payload))
}

// logAll has all hosts count.
func (m *meet) logAll(n int) {
	for _, h := range m.hosts {
		m.log(h, n)
	}
}

// step makes all hosts send new pairs. Broken connections are detected by the first host
// that uses them, and renewed for the next.
func (m *meet) step() {
	m.Helper()
	for _, h := range m.hosts {
		m.try(h.Step)
	}
}

func (m *meet) try(step func() error) {
	m.Helper()
	err := step()
	for range 4 {
		if err != nil {
			err = step()
		}
	}
	require.NoError(m, err)
}

// counted is an independent count of a day.
func (m *meet) counted(day civil.Day) (entries []roomfile.Entry) {
	for room, fps := range m.truth[day] {
		entries = append(entries, roomfile.Entry{Hash: sha1.Sum([]byte(room)), Count: uint64(len(fps))})
	}
	slices.SortFunc(entries, func(a, b roomfile.Entry) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	return entries
}

func (m *meet) file(at string, day civil.Day) []roomfile.Entry {
	m.Helper()
	entries, err := roomfile.Parse([]byte(dirtest.Read(m.T, m.dir(at), "rooms/"+dir.RoomFile(day))))
	require.NoError(m, err)
	return entries
}

func (m *meet) roster(day civil.Day) string {
	m.Helper()
	return dirtest.Read(m.T, m.dir("count"), "rooms/"+dir.HostsFile(day))
}

// same requires that the engine has what merge makes of the journals, and an independent
// count.
func (m *meet) same() {
	m.Helper()
	m.try(m.count.Step)
	var from []fleet.Source
	for _, h := range m.hosts {
		from = append(from, fleet.Source{Name: h.name, Path: h.path})
	}
	_, err := fleet.Merge(fleet.Config{Out: m.dir("merged"), From: from, Now: m.now, Log: m.say})
	require.NoError(m, err)
	for day := range m.truth {
		want := m.counted(day)
		require.Equal(m, want, m.file("merged", day))
		require.Equal(m, want, m.file("count", day))
		e, err := m.open()
		require.NoError(m, err)
		defer e.Close()
		asked := NewCollector(m.count.cfg)
		asked.engine = e
		inEngine, err := asked.rooms(m.count.codes[day], day)
		require.NoError(m, err)
		require.Equal(m, want, inEngine, "the file only grows, and the engine may have less")
	}
	require.NoFileExists(m, filepath.Join(m.dir("count"), "rooms", dir.PartialMark(m.today())))
}

// TestFaults: whatever the engine loses, what it counts is an independent count as soon as
// the hosts have asked it, which they do once a minute without new pairs too.
func TestFaults(t *testing.T) {
	m := newMeet(t, "web1", "web2", "web3")
	m.logAll(1000)
	m.step()
	m.same()
	assert.Empty(t, m.said)
	assert.Regexp(t, `^roster 1\nkeys 0100000000000000\noverflow 0\nopen web1 \S+T12:00:00Z 1000\nopen web2 \S+ 1000\nopen web3 \S+ 1000\n$`, m.roster(m.today()))
	for _, fault := range []struct {
		name   string
		do     func()
		resent int // hosts that send again
	}{
		{"no fault", func() {}, 0},
		{"FLUSHALL", func() { m.engine.Do("FLUSHALL") }, 3},
		{"a kill", func() {
			m.engine.Kill()
			m.now = m.now.Add(time.Minute)
			for _, h := range m.hosts {
				require.Error(t, h.Step())
			}
			m.engine.Run()
		}, 3},
		{"a kill of a host's service", func() { m.restart(m.hosts[0]) }, 0},
		{"another journal", func() { m.begin(m.hosts[1]) }, 0},
		{"a wipe of one part", func() { m.engine.Do("DEL", m.count.codes[m.today()].positions(3), m.count.codes[m.today()].index(3)) }, 3},
	} {
		for _, idle := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, idle=%v", fault.name, idle), func(t *testing.T) {
				m.said = nil
				fault.do()
				if !idle {
					m.logAll(1000)
				}
				m.now = m.now.Add(time.Minute)
				m.step()
				m.same()
				m.step() // has nothing to send again
				resent := 0
				for _, line := range m.said {
					if strings.HasSuffix(line, ": the engine has lost pairs of "+m.today().String()+"; they are sent again") {
						resent++
					}
				}
				assert.Equal(t, fault.resent, resent, "%s", m.said)
			})
		}
	}
}
