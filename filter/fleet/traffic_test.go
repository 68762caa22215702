package fleet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/keyring"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/traffic"
	"hushpipe/filter/trafficlog"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
	"hushpipe/format/trafficfile"
)

// hit is a line of the log of today, or of another day.
type hit struct {
	day    civil.Day
	second int
	client string
	path   string
}

func (h hit) line() string {
	year, month, mday := h.day.Date()
	at := time.Date(year, time.Month(month), mday, 0, 0, h.second, 0, time.UTC)
	return fmt.Sprintf("%s - - [%s] \"GET %s HTTP/1.1\" 200 100 \"https://news.example.net/\" \"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\"",
		h.client, at.Format("02/Jan/2006:15:04:05 -0700"), h.path)
}

// deltas counts lines under a key: what each adds to the figures of its day.
func deltas(t testing.TB, key pseudonym.Key, opt traffic.Options, lines []hit) (records [][]byte) {
	parser, err := format.New("combined", time.UTC, nil)
	require.NoError(t, err)
	mode, err := pseudonym.ParseMode("ipcrypt")
	require.NoError(t, err)
	counter, hits, who := traffic.NewCounter(opt), traffic.NewHits(parser, time.UTC), traffic.NewVisitors(pseudonym.New(&key, mode))
	for _, of := range lines {
		text := []byte(of.line())
		var l format.Line
		require.True(t, parser.Parse(text, &l))
		h, ok := hits.Of(text, &l)
		require.True(t, ok)
		a, ok := pseudonym.ParseAddr([]byte(of.client))
		require.True(t, ok)
		h.See(a)
		d := counter.NewDelta()
		counter.Count(d, h, who)
		records = append(records, d.AppendTo(nil))
	}
	return records
}

// keyOf is a day's key, of those that are called by a number.
func keyOf(n byte, day civil.Day) pseudonym.Key { return pseudonym.Key{n, byte(day)} }

// process has a process on the DIR of a host count lines under a key. It ends, or is killed.
func (p *place) process(host string, key byte, opt traffic.Options, killed bool, lines ...hit) {
	p.Helper()
	path := filepath.Join(p.path, host)
	d, err := dir.Open(path, dir.Options{Create: true})
	require.NoError(p, err)
	defer d.Close()
	keys := map[civil.Day]*pseudonym.Key{}
	j, _ := trafficlog.New(trafficlog.Config{Path: path, Options: opt, Now: func() time.Time { return at(today, 12, 0) },
		Window: func() calendar.Window { return calendar.Window{First: today - 13, Today: today} },
		Key: func(day civil.Day) *pseudonym.Key {
			if keys[day] == nil {
				of := keyOf(key, day)
				stored, err := keyring.PutKey(d, day, of)
				require.NoError(p, err)
				require.Equal(p, of, pseudonym.Key(stored))
				keys[day] = &of
			}
			return keys[day]
		},
		Forget: func(*dir.Dir) {},
		Report: dir.NewReporter(func(_, line string) { p.Error(line) }, time.Now)})
	for i, h := range lines {
		j.Add(d, h.day, traffic.Part{Batch: uint64(i + 1)}, deltas(p, keyOf(key, h.day), opt, []hit{h})[0])
	}
	if !killed {
		require.NoError(p, j.Close())
	}
}

// mergeTraffic merges, by the keys that each host has.
func (p *place) mergeTraffic(now time.Time, hosts ...string) Result {
	p.Helper()
	r, err := p.tryMerge(now, "", hosts...)
	require.NoError(p, err)
	return r
}

func (p *place) tryMerge(now time.Time, keys string, hosts ...string) (Result, error) {
	p.Helper()
	var paths []string
	for _, host := range hosts {
		paths = append(paths, filepath.Join(p.path, host))
	}
	from, err := Name(paths)
	require.NoError(p, err)
	FindKeys(from, keys)
	return Merge(Config{Out: filepath.Join(p.path, "all"), From: from, Now: now,
		Log: func(_, line string) { p.said = append(p.said, line) }})
}

// figures is the file of a day, "" for none.
func (p *place) figures(day civil.Day) string {
	text, err := os.ReadFile(filepath.Join(p.path, "all", dir.Traffic, dir.TrafficFile(day)))
	require.NoError(p, dir.IfExists(err))
	return string(text)
}

// total returns the figures of people in a day's file.
func (p *place) total(day civil.Day) string {
	for line := range strings.Lines(p.figures(day)) {
		if rest, ok := strings.CutSuffix(line, " people\n"); ok && strings.HasPrefix(rest, "total ") {
			n := strings.Fields(rest)
			return fmt.Sprintf("%s hits, %s visits, %s visitors", n[2], n[4], n[5])
		}
	}
	return ""
}

// trafficRoster is the roster of a day without times.
func (p *place) trafficRoster(day civil.Day) string {
	text, err := os.ReadFile(filepath.Join(p.path, "all", dir.Traffic, dir.TrafficHosts(day)))
	require.NoError(p, err)
	hosts, err := roomfile.ParseRoster(text)
	require.NoError(p, err)
	roster := fmt.Sprint("keys ", len(hosts.Keys))
	for _, h := range hosts.Hosts {
		roster += fmt.Sprintf(", %s %s %d", h.State, h.Name, h.Pairs)
	}
	return roster
}

func (p *place) isLowerBound(day civil.Day) bool {
	_, err := os.Stat(filepath.Join(p.path, "all", dir.Traffic, dir.TrafficMark(day)))
	return err == nil
}

// oracle is the files that one host would make that had seen all lines, plainly.
func oracle(t testing.TB, opt traffic.Options, lines []hit) map[civil.Day]string {
	days := traffic.NewDays(opt)
	for _, h := range lines {
		require.NoError(t, days.Add(h.day, deltas(t, keyOf(1, h.day), opt, []hit{h})[0]))
	}
	files, names := map[civil.Day]string{}, traffic.Names{}
	for _, day := range days.All() {
		files[day] = string(trafficfile.Append(nil, days.Figures(day, names)))
	}
	return files
}

// TestTraffic: however lines are spread over hosts, processes and days, under one key the
// merged figures are those of one reading of all lines; so they are the next time, and in
// another order of the hosts.
func TestTraffic(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			p, r := newPlace(t), rand.New(rand.NewPCG(seed, 1))
			opt := traffic.Defaults()
			opt.MinGroup = 3
			var all []hit
			for range 300 {
				all = append(all, hit{today - civil.Day(r.IntN(3)), r.IntN(24 * 3600), fmt.Sprintf("192.0.%d.%d", r.IntN(6), r.IntN(4)), fmt.Sprintf("/p%d", r.IntN(30))})
			}
			for rest := all; len(rest) > 0; {
				n := min(len(rest), 1+r.IntN(40))
				p.process(fmt.Sprint("web", 1+r.IntN(3)), 1, opt, r.IntN(3) == 0, rest[:n]...)
				rest = rest[n:]
			}
			found := p.mergeTraffic(at(today, 12, 0), "web1", "web2", "web3")
			assert.Equal(t, Traffic{}, found.Traffic)
			for day, want := range oracle(t, opt, all) {
				assert.Equal(t, want, p.figures(day))
			}
			first := everything(t, p.path)
			p.mergeTraffic(at(today, 12, 0), "web3", "web1", "web2")
			assert.Equal(t, first, everything(t, p.path))
			assert.Empty(t, p.said)
		})
	}
}

// TestTrafficPastBounds: the same visitors and names stay as on a host with all lines.
func TestTrafficPastBounds(t *testing.T) {
	p, r := newPlace(t), rand.New(rand.NewPCG(1, 1))
	opt := traffic.Defaults()
	opt.MinGroup, opt.MaxVisits, opt.MaxNames = 3, 12, 5
	var all []hit
	for range 150 {
		all = append(all, hit{today, r.IntN(24 * 3600), fmt.Sprintf("192.0.%d.%d", r.IntN(6), r.IntN(4)), fmt.Sprintf("/p%d", r.IntN(20))})
	}
	p.process("one", 1, opt, false, all...)
	for i, host := range []string{"web1", "web2", "web3"} {
		p.process(host, 1, opt, false, all[50*i:50*i+50]...)
	}
	d, err := dir.Open(p.path+"/one", dir.Options{Create: true})
	require.NoError(t, err)
	defer d.Close()
	_, files := trafficlog.New(trafficlog.Config{Now: func() time.Time { return at(today, 12, 0) },
		Window: func() calendar.Window { return calendar.Window{First: today - 13, Today: today} },
		Known: func(d *dir.Dir, day civil.Day) (*pseudonym.Key, error) {
			key, err := keyring.ReadKey(d, day)
			return (*pseudonym.Key)(&key), err
		},
		Report: dir.NewReporter(func(_, line string) { t.Error(line) }, time.Now)})
	require.NoError(t, files.Refresh(d))
	want, err := d.ReadFile(dir.Traffic, dir.TrafficFile(today))
	require.NoError(t, err)
	require.Contains(t, string(want), " without-visit\n")
	p.mergeTraffic(at(today, 12, 0), "web1", "web2", "web3")
	assert.Equal(t, string(want), p.figures(today))
}

// TestVisitOverHosts: a client that moves from one host to another is one visitor with one
// visit.
func TestVisitOverHosts(t *testing.T) {
	p := newPlace(t)
	p.process("web1", 1, traffic.Defaults(), false, hit{today, 1000, "192.0.2.1", "/a"}, hit{today, 3000, "192.0.2.1", "/c"})
	p.process("web2", 1, traffic.Defaults(), true, hit{today, 2000, "192.0.2.1", "/b"})
	p.mergeTraffic(at(today, 12, 0), "web1", "web2")
	assert.Equal(t, "3 hits, 1 visits, 1 visitors", p.total(today))
	assert.Contains(t, p.figures(today), "length 1 1h\n")
	assert.Equal(t, "keys 1, open web1 2, open web2 1", p.trafficRoster(today))
}

// TestTrafficSeveralKeys: a visitor of two hosts counts twice, which is reported, and names
// are not shown, since one network counts as two.
func TestTrafficSeveralKeys(t *testing.T) {
	p := newPlace(t)
	opt := traffic.Defaults()
	opt.MinGroup = 3
	all := []hit{{today, 1, "192.0.2.1", "/secret"}, {today, 2, "198.51.100.1", "/secret"}}
	p.process("web1", 1, opt, false, all...)
	p.process("web2", 2, opt, false, all...)
	r := p.mergeTraffic(at(today, 12, 0), "web1", "web2")
	assert.Equal(t, Traffic{UpperBound: []civil.Day{today}}, r.Traffic)
	assert.Equal(t, "4 hits, 4 visits, 4 visitors", p.total(today))
	assert.NotContains(t, p.figures(today), "secret")
	assert.Contains(t, p.figures(today), " min-group=6 ")
	text := p.figures(today)
	p.mergeTraffic(at(today, 12, 0), "web2", "web1")
	assert.Equal(t, text, p.figures(today))

	// Six networks under both keys are three at least.
	for i := range 4 {
		p.process("web1", 1, opt, false, hit{today, 10, fmt.Sprintf("203.0.%d.1", i), "/secret"})
	}
	p.mergeTraffic(at(today, 12, 0), "web1", "web2")
	assert.Contains(t, p.figures(today), " /secret\n")
}

// TestTrafficNeverTwice: a copy of a DIR that is given as another host adds nothing, and is
// named.
func TestTrafficNeverTwice(t *testing.T) {
	p := newPlace(t)
	p.process("web1", 1, traffic.Defaults(), false, hit{today, 1, "192.0.2.1", "/a"}, hit{today, 2, "192.0.2.2", "/a"})
	require.NoError(t, os.CopyFS(p.path+"/web2", os.DirFS(p.path+"/web1")))
	p.process("web2", 1, traffic.Defaults(), false, hit{today, 3, "192.0.2.3", "/a"})
	for _, hosts := range [][]string{{"web1", "web2"}, {"web2", "web1"}} {
		r := p.mergeTraffic(at(today, 12, 0), hosts...)
		assert.Equal(t, Traffic{Copied: []string{filepath.Join(p.path, hosts[1])}}, r.Traffic)
		assert.Equal(t, "3 hits, 3 visits, 3 visitors", p.total(today))
		assert.Equal(t, "keys 1, open web1 2, open web2 3", p.trafficRoster(today))
	}
}

// TestTrafficOfLostHosts: figures that can no longer be united become a lower bound, which
// is reported until everything is there again.
func TestTrafficOfLostHosts(t *testing.T) {
	opt := traffic.Defaults()
	begin := func(t *testing.T) *place {
		p := newPlace(t)
		p.process("web1", 1, opt, false, hit{today, 1, "192.0.2.1", "/a"}, hit{today, 2, "192.0.2.2", "/a"})
		p.process("web2", 1, opt, false, hit{today, 3, "192.0.2.1", "/a"})
		p.mergeTraffic(at(today, 12, 0), "web1", "web2")
		require.Equal(t, "3 hits, 2 visits, 2 visitors", p.total(today))
		return p
	}
	t.Run("its DIR is gone", func(t *testing.T) {
		p := begin(t)
		text := p.figures(today)
		require.NoError(t, os.Rename(p.path+"/web1/"+dir.Journal, p.path+"/away"))
		r := p.mergeTraffic(at(today, 13, 0), "web1", "web2")
		assert.Equal(t, Traffic{}, r.Traffic, "nothing was lost yet")
		assert.Equal(t, text, p.figures(today))
		p.process("web2", 1, opt, false, hit{today, 4, "192.0.2.4", "/a"})
		for range 2 {
			r = p.mergeTraffic(at(today, 13, 0), "web1", "web2")
			assert.Equal(t, "3 hits, 2 visits, 2 visitors", p.total(today), "the one that has more hits")
			assert.True(t, p.isLowerBound(today))
			assert.Equal(t, "keys 1, open web1 2, open web2 2", p.trafficRoster(today))
		}
		for i := range 5 {
			p.process("web2", 1, opt, false, hit{today, 5 + i, "192.0.2.4", "/a"})
		}
		r = p.mergeTraffic(at(today, 13, 0), "web1", "web2")
		assert.Equal(t, Traffic{LowerBound: []civil.Day{today}}, r.Traffic)
		assert.Equal(t, "7 hits, 2 visits, 2 visitors", p.total(today))
		assert.True(t, p.isLowerBound(today))
		require.NoError(t, os.Rename(p.path+"/away", p.path+"/web1/"+dir.Journal))
		r = p.mergeTraffic(at(today, 14, 0), "web1", "web2")
		assert.Equal(t, Traffic{}, r.Traffic)
		assert.Equal(t, "9 hits, 3 visits, 3 visitors", p.total(today))
		assert.False(t, p.isLowerBound(today))
	})
	t.Run("it is asked for no more", func(t *testing.T) {
		p := begin(t)
		r := p.mergeTraffic(at(today, 13, 0), "web2")
		assert.Equal(t, Traffic{}, r.Traffic)
		assert.Equal(t, "3 hits, 2 visits, 2 visitors", p.total(today))
		assert.Equal(t, "keys 1, open web1 2, open web2 1", p.trafficRoster(today))
	})
	t.Run("its journals were deleted before any merge", func(t *testing.T) {
		p := newPlace(t)
		p.process("web1", 1, opt, false, hit{today, 1, "192.0.2.1", "/a"})
		p.process("web2", 1, opt, false, hit{today - 1, 1, "192.0.2.1", "/a"})
		for _, day := range []civil.Day{today, today - 1, today - 2} {
			file := p.path + "/web2/" + dir.Traffic + "/" + dir.TrafficFile(day)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
			require.NoError(t, os.WriteFile(file, trafficfile.Append(nil, trafficfile.Day{Day: day}), 0o600))
		}
		p.mergeTraffic(at(today, 12, 0), "web1", "web2")
		assert.Equal(t, "keys 1, open web1 1, missing web2 0", p.trafficRoster(today))
		assert.Equal(t, "keys 1, missing web1 0, open web2 1", p.trafficRoster(today-1), "nothing is known of web1")
		assert.Empty(t, p.figures(today-2), "files alone cannot be united")
	})
	t.Run("it counts no traffic", func(t *testing.T) {
		p := newPlace(t)
		p.process("web1", 1, opt, false, hit{today, 1, "192.0.2.1", "/a"})
		for _, tt := range []struct{ of, want string }{{"", "closed"}, {`"lines": 3`, "missing"}, {`"lines": 3, "late": 3`, "closed"}} {
			path := filepath.Join(p.path, "web2", dir.Status, "00000000000000aa.json")
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
			require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `{"written": "%s", "days": {"%s": {%s}}}`, at(today+1, 1, 0).Format(time.RFC3339), today, tt.of), 0o600))
			require.NoError(t, os.RemoveAll(p.path+"/all"))
			p.mergeTraffic(at(today+1, 12, 0), "web1", "web2")
			assert.Equal(t, "keys 1, open web1 1, "+tt.want+" web2 0", p.trafficRoster(today), tt.of)
		}
	})
}

// TestTrafficByOtherOptions: the figures mix both, under the strictest bounds, and record that.
func TestTrafficByOtherOptions(t *testing.T) {
	p := newPlace(t)
	long := traffic.Defaults()
	long.Timeout = time.Hour
	p.process("web1", 1, traffic.Defaults(), false, hit{today, 1, "192.0.2.1", "/a"})
	p.process("web2", 1, long, false, hit{today, 2000, "192.0.2.1", "/a"})
	r := p.mergeTraffic(at(today, 12, 0), "web1", "web2")
	assert.Equal(t, Traffic{Mixed: []civil.Day{today}}, r.Traffic)
	assert.Contains(t, p.figures(today), "timeout=30m min-group=5 own= and visitor=address64+agent timeout=60m")
	assert.Equal(t, "2 hits, 1 visits, 1 visitors", p.total(today))
}

// TestTrafficJournalsThatCannotBeRead: what can be read is merged, and the host is named. A
// record that somebody forged counts nothing.
func TestTrafficJournalsThatCannotBeRead(t *testing.T) {
	begin := func(t *testing.T) (p *place, path string) {
		p = newPlace(t)
		p.process("web1", 1, traffic.Defaults(), false, hit{today, 1, "192.0.2.1", "/a"})
		p.process("web2", 1, traffic.Defaults(), false, hit{today, 1, "192.0.2.2", "/a"}, hit{today, 2, "192.0.2.2", "/a"}, hit{today, 3, "192.0.2.2", "/a"})
		p.lived("web2", at(today+1, 12, 0), today)
		journals, err := filepath.Glob(p.path + "/web2/" + dir.Journal + "/*.typed")
		require.NoError(t, err)
		require.Len(t, journals, 1)
		return p, journals[0]
	}
	forge := func(change func(payloads [][]byte) [][]byte) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			file, err := os.Open(path)
			require.NoError(t, err)
			defer file.Close()
			var payloads [][]byte
			info, err := journal.Read(file, 0, func(payload []byte) error {
				payloads = append(payloads, bytes.Clone(payload))
				return nil
			})
			require.NoError(t, err)
			require.Len(t, payloads, 5)
			forged, err := os.Create(path)
			require.NoError(t, err)
			defer forged.Close()
			w, err := journal.NewWriter(forged, info.KeyID, info.Settings)
			require.NoError(t, err)
			for _, payload := range change(payloads) {
				require.NoError(t, w.Append(payload))
			}
		}
	}
	for name, tt := range map[string]struct {
		change func(t *testing.T, path string)
		want   string
		flawed bool
	}{
		"a bit is another one": {func(t *testing.T, path string) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			text[len(text)/2] ^= 1
			require.NoError(t, os.WriteFile(path, text, 0o600))
		}, "3 hits", true},
		"a forged record, with a checksum that fits": {forge(func(all [][]byte) [][]byte { all[2][20] ^= 1; return all }), "3 hits", true},
		"a record that stands twice":                 {forge(func(all [][]byte) [][]byte { return append(all, all[1], all[2]) }), "4 hits", false},
		"nothing of it can be read": {func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("damaged "), 100), 0o600))
		}, "1 hits", true},
		"of another version": {func(t *testing.T, path string) {
			header := []byte("HPJ\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00")
			header = binary.BigEndian.AppendUint32(header, crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli)))
			require.NoError(t, os.WriteFile(path, header, 0o600))
		}, "1 hits", true},
		"one of no key": {forge(func(all [][]byte) [][]byte { return append(all, []byte{byte(journal.Traffic), 1, 2, 3}) }), "4 hits", true},
	} {
		t.Run(name, func(t *testing.T) {
			p, path := begin(t)
			tt.change(t, path)
			r := p.mergeTraffic(at(today+1, 12, 0), "web1", "web2")
			assert.Equal(t, tt.want, strings.SplitAfter(p.total(today), "hits")[0])
			if tt.flawed {
				assert.Equal(t, Traffic{Flawed: []Flawed{{p.path + "/web2", today}}}, r.Traffic)
				assert.Contains(t, p.trafficRoster(today), "open web2")
			} else {
				assert.Equal(t, Traffic{}, r.Traffic)
				assert.Contains(t, p.trafficRoster(today), "closed web2 3")
			}
		})
	}
	t.Run("kept aside", func(t *testing.T) {
		p, path := begin(t)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		text[len(text)/2] ^= 1
		require.NoError(t, os.WriteFile(path+dir.DamagedSuffix, text, 0o600))
		r := p.mergeTraffic(at(today+1, 12, 0), "web1", "web2")
		assert.Equal(t, Traffic{Flawed: []Flawed{{p.path + "/web2", today}}}, r.Traffic)
		assert.Contains(t, p.trafficRoster(today), "open web2 3")
	})
}

// TestTrafficWithoutKeys: copies have none. Where there are some, they open the journals;
// where there are none, nothing is made up.
func TestTrafficWithoutKeys(t *testing.T) {
	p := newPlace(t)
	p.process("web1", 1, traffic.Defaults(), false, hit{today, 1, "192.0.2.1", "/a"})
	p.process("web2", 1, traffic.Defaults(), false, hit{today, 2, "192.0.2.1", "/a"})
	p.process("web3", 2, traffic.Defaults(), false, hit{today, 3, "192.0.2.1", "/a"})
	for _, host := range []string{"web1", "web2", "web3"} {
		require.NoError(t, os.Rename(p.path+"/"+host+"/"+dir.Keys, p.path+"/keys-"+host))
	}
	r := p.mergeTraffic(at(today, 12, 0), "web1", "web2")
	assert.Equal(t, Traffic{Sealed: []civil.Day{today}}, r.Traffic)
	assert.NoDirExists(t, p.path+"/all/"+dir.Traffic)

	r, err := p.tryMerge(at(today, 12, 0), p.path+"/keys-web1", "web1", "web2")
	require.NoError(t, err)
	assert.Equal(t, Traffic{}, r.Traffic)
	assert.Equal(t, "2 hits, 1 visits, 1 visitors", p.total(today))

	// Another host's journals are under a key of its own.
	r, err = p.tryMerge(at(today, 12, 0), p.path+"/keys-web1", "web1", "web2", "web3")
	require.NoError(t, err)
	assert.Equal(t, Traffic{Sealed: []civil.Day{today}}, r.Traffic)
	assert.Equal(t, "2 hits, 1 visits, 1 visitors", p.total(today))
	assert.Equal(t, "keys 1, open web1 1, open web2 1, missing web3 0", p.trafficRoster(today))

	// One that has its keys opens those of all that share them.
	require.NoError(t, os.Rename(p.path+"/keys-web1", p.path+"/web1/"+dir.Keys))
	r = p.mergeTraffic(at(today, 12, 0), "web2", "web1")
	assert.Equal(t, Traffic{}, r.Traffic)
}

// TestTrafficBySitemap: pages that a host's file names by its sitemap go on standing where
// nobody knows that.
func TestTrafficBySitemap(t *testing.T) {
	p := newPlace(t)
	opt := traffic.Defaults()
	opt.Public = []string{"/a"}
	all := []hit{{today, 1, "192.0.2.1", "/a"}, {today, 2, "192.0.2.1", "/b"}}
	p.process("web1", 1, opt, false, all...)
	p.process("web2", 1, opt, false, all[1])
	file := p.path + "/web1/" + dir.Traffic + "/" + dir.TrafficFile(today)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte(oracle(t, opt, all)[today]), 0o600))
	p.mergeTraffic(at(today, 12, 0), "web1", "web2")
	assert.Equal(t, oracle(t, opt, append(all, all[1]))[today], p.figures(today))
	assert.Contains(t, p.figures(today), " /a\n")
}

// TestTrafficFilesArePrivate: until a day is over in all zones, nobody else can read how its
// figures change; and which names stand is decided then.
func TestTrafficFilesArePrivate(t *testing.T) {
	p := newPlace(t)
	for i := range 5 {
		p.process("web1", 1, traffic.Defaults(), false, hit{today, 1, fmt.Sprintf("192.0.%d.1", i), "/a"})
	}
	for _, tt := range []struct {
		now  time.Time
		mode os.FileMode
	}{{at(today, 12, 0), 0o600}, {at(today+1, 11, 59), 0o600}, {at(today+1, 12, 1), 0o640}, {at(today+1, 13, 0), 0o640}} {
		p.mergeTraffic(tt.now, "web1")
		for _, name := range []string{dir.TrafficFile(today), dir.TrafficHosts(today)} {
			st, err := os.Stat(filepath.Join(p.path, "all", dir.Traffic, name))
			require.NoError(t, err)
			assert.Equal(t, tt.mode, st.Mode().Perm(), "%s: %s", tt.now, name)
		}
		_, err := os.Stat(filepath.Join(p.path, "all", dir.Traffic, dir.NamesName))
		assert.Equal(t, tt.mode == 0o640, err == nil)
	}
	// None standing is known, too.
	q := newPlace(t)
	q.process("web1", 1, traffic.Defaults(), false, hit{today, 1, "192.0.2.1", "/a"})
	q.mergeTraffic(at(today+1, 12, 1), "web1")
	names, err := os.ReadFile(filepath.Join(q.path, "all", dir.Traffic, dir.NamesName))
	require.NoError(t, err)
	assert.Empty(t, names)
	before := everything(t, q.path)
	q.mergeTraffic(at(today+1, 12, 6), "web1")
	assert.Equal(t, before, everything(t, q.path))

	// It goes on standing, for whom there are fewer.
	p.process("web1", 1, traffic.Defaults(), false, hit{today + 1, 1, "192.0.2.1", "/a"}, hit{today + 1, 1, "192.0.2.1", "/b"})
	p.mergeTraffic(at(today+1, 13, 0), "web1")
	assert.Contains(t, p.figures(today+1), " /a\n")
	assert.NotContains(t, p.figures(today+1), " /b\n")
}

// TestTrafficRosterComesLast: a roster has no more than the file and its mark.
func TestTrafficRosterComesLast(t *testing.T) {
	for _, name := range []string{dir.TrafficFile(today), dir.TrafficMark(today)} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.process("web1", 1, traffic.Defaults(), false, hit{today, 1, "192.0.2.1", "/a"})
			p.mergeTraffic(at(today, 12, 0), "web1")
			roster := p.trafficRoster(today)
			require.NoError(t, os.RemoveAll(p.path+"/web1/"+dir.Journal))
			p.process("web2", 1, traffic.Defaults(), false, hit{today, 2, "192.0.2.2", "/a"}, hit{today, 2, "192.0.2.3", "/a"})
			in := filepath.Join(p.path, "all", dir.Traffic, name)
			require.NoError(t, os.RemoveAll(in))
			require.NoError(t, os.Mkdir(in, 0o700)) // it cannot be replaced
			require.NoError(t, os.WriteFile(in+"/x", nil, 0o600))
			_, err := p.tryMerge(at(today, 12, 0), "", "web1", "web2")
			require.Error(t, err)
			assert.Equal(t, roster, p.trafficRoster(today))
			require.NoError(t, os.RemoveAll(in))
			r := p.mergeTraffic(at(today, 12, 0), "web1", "web2")
			assert.Equal(t, Traffic{LowerBound: []civil.Day{today}}, r.Traffic)
			assert.True(t, p.isLowerBound(today))
		})
	}
}

// TestDamagedTrafficRoster: without it nobody knows what was counted before.
func TestDamagedTrafficRoster(t *testing.T) {
	p := newPlace(t)
	p.process("web1", 1, traffic.Defaults(), false, hit{today, 1, "192.0.2.1", "/a"})
	p.mergeTraffic(at(today, 12, 0), "web1")
	require.NoError(t, os.WriteFile(filepath.Join(p.path, "all", dir.Traffic, dir.TrafficHosts(today)), []byte("x"), 0o600))
	_, err := p.tryMerge(at(today, 12, 0), "", "web1")
	require.ErrorContains(t, err, "is not a list of hosts")
	assert.True(t, p.isLowerBound(today))
	p.mergeTraffic(at(today, 12, 0), "web1")
	assert.False(t, p.isLowerBound(today), "all that was counted is here")
	assert.Equal(t, "keys 1, open web1 1", p.trafficRoster(today))
}
