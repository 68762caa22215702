package fleet

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/journal"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

const settings = "ip=ipcrypt;rooms=jitsi;room-hash=sha1;count-v6=128;"

var today = civil.NewDay(2026, 11, 22)

func at(day civil.Day, hour, minute int) time.Time {
	year, month, mday := day.Date()
	return time.Date(year, time.Month(month), mday, hour, minute, 0, 0, time.UTC)
}

// place is where the DIRs of a test lie.
type place struct {
	*testing.T
	path string
	said []string
}

func newPlace(t *testing.T) *place { return &place{T: t, path: t.TempDir()} }

// write adds a journal to the DIR of a host: under a key, a room and its addresses, each
// a letter.
func (p *place) write(host string, day civil.Day, key byte, room, addresses string) string {
	p.Helper()
	path := filepath.Join(p.path, host, dir.Journal, dir.NewJournal(day))
	require.NoError(p, os.MkdirAll(filepath.Dir(path), 0o700))
	f, err := os.Create(path)
	require.NoError(p, err)
	defer f.Close()
	w, err := journal.NewWriter(f, [8]byte{key}, []byte(settings))
	require.NoError(p, err)
	hash := sha1.Sum([]byte(room))
	for _, a := range []byte(addresses) {
		pair := sha1.Sum([]byte{key, room[0], a})
		fp := uint64(0)
		for _, b := range pair[:8] {
			fp = fp<<8 | uint64(b)
		}
		require.NoError(p, w.Append(rooms.AppendRecord(nil, &hash, fp)))
	}
	return path
}

// lived writes the record of a host's process at a time.
func (p *place) lived(host string, now time.Time, days ...civil.Day) {
	p.Helper()
	record := map[string]any{"written": now, "days": map[string]any{civil.DayOf(now).String(): map[string]any{}}}
	for _, day := range days {
		record["days"].(map[string]any)[day.String()] = map[string]any{}
	}
	text, err := json.Marshal(record)
	require.NoError(p, err)
	path := filepath.Join(p.path, host, dir.Status, "00000000000000aa.json")
	require.NoError(p, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(p, os.WriteFile(path, text, 0o600))
}

func (p *place) merge(now time.Time, hosts ...string) (Result, error) {
	p.Helper()
	var paths []string
	for _, host := range hosts {
		paths = append(paths, filepath.Join(p.path, host))
	}
	from, err := Name(paths)
	require.NoError(p, err)
	return Merge(Config{Out: filepath.Join(p.path, "all"), From: from, Now: now,
		Log: func(_, line string) { p.said = append(p.said, line) }})
}

// counted returns the counts of a day by room, and its roster without times.
func (p *place) counted(day civil.Day, names string) (counted, roster string) {
	p.Helper()
	text, err := os.ReadFile(filepath.Join(p.path, "all", dir.Rooms, dir.RoomFile(day)))
	require.NoError(p, err)
	entries, err := roomfile.Parse(text)
	require.NoError(p, err)
	for _, name := range strings.Fields(names) {
		for _, e := range entries {
			if e.Hash == sha1.Sum([]byte(name)) {
				counted += fmt.Sprintf("%s %d, ", name, e.Count)
			}
		}
	}
	text, err = os.ReadFile(filepath.Join(p.path, "all", dir.Rooms, dir.HostsFile(day)))
	require.NoError(p, err)
	hosts, err := roomfile.ParseRoster(text)
	require.NoError(p, err)
	roster = fmt.Sprint("keys ", len(hosts.Keys))
	for _, h := range hosts.Hosts {
		roster += fmt.Sprintf(", %s %s %d", h.State, h.Name, h.Pairs)
	}
	return strings.TrimSuffix(counted, ", "), roster
}

func (p *place) isPartial(day civil.Day) bool {
	_, err := os.Stat(filepath.Join(p.path, "all", dir.Rooms, dir.PartialMark(day)))
	return err == nil
}

// everything returns each file below path, with its contents, mode and time.
func everything(t *testing.T, path string) map[string]string {
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		st, err := d.Info()
		require.NoError(t, err)
		text := []byte{}
		if st.Mode().IsRegular() {
			text, err = os.ReadFile(name)
			require.NoError(t, err)
		}
		all[name] = fmt.Sprintf("%s %s %s", st.Mode(), st.ModTime(), text)
		return nil
	}))
	return all
}

func TestMerge(t *testing.T) {
	p := newPlace(t)
	p.write("web1", today, 1, "a", "abc")
	p.write("web1", today, 1, "b", "x")
	p.write("web1", today-1, 1, "a", "a")
	p.write("web2", today, 1, "a", "bcd")
	p.write("web2", today-1, 2, "a", "a")
	p.lived("web1", at(today, 12, 0), today-1)
	p.lived("web2", at(today, 0, 5), today-1)
	before := [2]map[string]string{everything(t, p.path+"/web1"), everything(t, p.path+"/web2")}
	r, err := p.merge(at(today, 12, 0), "web1", "web2", "web3")
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.Equal(t, []civil.Day{today - 1}, r.UpperBound)
	assert.Empty(t, r.LowerBound)
	assert.Empty(t, r.Mixed)
	assert.Equal(t, before, [2]map[string]string{everything(t, p.path+"/web1"), everything(t, p.path+"/web2")})

	counted, roster := p.counted(today, "a b")
	assert.Equal(t, "a 4, b 1", counted)
	assert.Equal(t, "keys 1, open web1 4, open web2 3, missing web3 0", roster)
	counted, roster = p.counted(today-1, "a")
	assert.Equal(t, "a 2", counted, "an upper bound")
	assert.Equal(t, "keys 2, closed web1 1, open web2 1, missing web3 0", roster)

	// Again, and in another order: nothing changes.
	first := everything(t, p.path+"/all")
	_, err = p.merge(at(today, 12, 0), "web3", "web2", "web1")
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.Equal(t, first, everything(t, p.path+"/all"))
	assert.Empty(t, p.said)
}

// TestRosterOfADay: the state of web2's DIR today, as successive merges see it.
func TestRosterOfADay(t *testing.T) {
	journals := func(addresses string) func(*place) {
		return func(p *place) { p.write("web2", today, 1, "a", addresses) }
	}
	lived := func(now time.Time, days ...civil.Day) func(*place) {
		return func(p *place) { p.lived("web2", now, days...) }
	}
	exists := func(p *place) { os.MkdirAll(p.path+"/web2", 0o700) }
	deleted := func(p *place) { os.RemoveAll(p.path + "/web2/" + dir.Journal) }
	tomorrow := today + 1
	for name, tt := range map[string]struct {
		steps []func(*place)
		want  string // of each merge, the line of web2
	}{
		"the day goes on, and ends": {[]func(*place){lived(at(today, 1, 0)), journals("ab"), journals("c"), lived(at(tomorrow, 0, 9), today), lived(at(tomorrow, 0, 11), today)},
			"open web2 0, open web2 2, open web2 3, open web2 3, closed web2 3"},
		"its zone":                   {[]func(*place){journals("a"), lived(at(today, 23, 0).In(time.FixedZone("", 14*3600)), today)}, "open web2 1, closed web2 1"},
		"another zone":               {[]func(*place){journals("a"), lived(at(tomorrow, 11, 0).In(time.FixedZone("", -12*3600)), today)}, "open web2 1, open web2 1"},
		"nothing comes":              {[]func(*place){exists, lived(at(today-1, 23, 0)), lived(at(today, 0, 1))}, "missing web2 0, missing web2 0, open web2 0"},
		"nobody came":                {[]func(*place){lived(at(tomorrow, 1, 0), today)}, "closed web2 0"},
		"it joined later":            {[]func(*place){lived(at(tomorrow, 1, 0))}, ""},
		"it was off":                 {[]func(*place){lived(at(today-1, 1, 0)), lived(at(tomorrow, 1, 0))}, "missing web2 0, missing web2 0"},
		"it comes late":              {[]func(*place){lived(at(today-1, 1, 0)), journals("ab"), lived(at(tomorrow, 1, 0), today)}, "missing web2 0, open web2 2, closed web2 2"},
		"deleted after it was whole": {[]func(*place){journals("ab"), lived(at(tomorrow, 1, 0), today), deleted}, "open web2 2, closed web2 2, closed web2 2"},
		"deleted before":             {[]func(*place){journals("ab"), deleted, lived(at(tomorrow, 1, 0), today)}, "open web2 2, open web2 2, open web2 2"},
		"deleted before any merge": {[]func(*place){func(p *place) {
			lived(at(tomorrow, 1, 0), today)(p)
			path := p.path + "/web2/" + dir.Rooms + "/" + dir.RoomFile(today)
			require.NoError(p, os.MkdirAll(filepath.Dir(path), 0o700))
			require.NoError(p, os.WriteFile(path, roomfile.Append(nil, []roomfile.Entry{{Count: 1}}), 0o600))
		}}, "missing web2 0"},
		"a damaged journal": {[]func(*place){func(p *place) {
			path := p.write("web2", today, 1, "a", "ab")
			text, err := os.ReadFile(path)
			require.NoError(p, err)
			text[len(text)-50] ^= 1
			require.NoError(p, os.WriteFile(path, text, 0o600))
		}, lived(at(tomorrow, 1, 0), today)}, "open web2 1, open web2 1"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.write("web1", today, 1, "b", "z")
			var got []string
			for _, step := range tt.steps {
				step(p)
				_, err := p.merge(at(tomorrow, 12, 0), "web1", "web2")
				require.NoError(t, err)
				_, roster := p.counted(today, "a")
				if _, line, ok := strings.Cut(roster, "web1 1, "); ok {
					got = append(got, line)
				}
			}
			assert.Equal(t, tt.want, strings.Join(got, ", "))
			assert.False(t, p.isPartial(today))
		})
	}
}

// TestDeletedJournals: counts that can no longer be united become a lower bound, which is
// reported; a room file never shrinks.
func TestDeletedJournals(t *testing.T) {
	p := newPlace(t)
	p.write("web1", today, 1, "a", "abcd")
	p.lived("web2", at(today-1, 1, 0))
	_, err := p.merge(at(today, 12, 0), "web1", "web2")
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(p.path+"/web1/"+dir.Journal))
	_, err = p.merge(at(today, 12, 0), "web1", "web2")
	require.NoError(t, err)
	assert.False(t, p.isPartial(today), "nothing was lost yet")
	p.write("web2", today, 1, "a", "cde")
	r, err := p.merge(at(today, 12, 0), "web1", "web2")
	require.NoError(t, err)
	assert.Equal(t, []civil.Day{today}, r.LowerBound)
	assert.True(t, p.isPartial(today))
	counted, roster := p.counted(today, "a")
	assert.Equal(t, "a 4", counted)
	assert.Equal(t, "keys 1, open web1 4, open web2 3", roster)

	// A host that is asked for no more stays in the roster.
	_, err = p.merge(at(today, 12, 0), "web2")
	require.NoError(t, err)
	_, roster = p.counted(today, "a")
	assert.Equal(t, "keys 1, open web1 4, open web2 3", roster)
}

// TestIncompleteMerge: what was away for a while leaves no mark for good, in any order.
func TestIncompleteMerge(t *testing.T) {
	p := newPlace(t)
	p.write("web1", today, 1, "a", "abcd")
	_, err := p.merge(at(today, 12, 0), "web1")
	require.NoError(t, err)
	require.NoError(t, os.Rename(p.path+"/web1/"+dir.Journal, p.path+"/away"))
	p.write("web2", today, 1, "a", "cde")
	p.lived("web1", at(today, 13, 0))
	r, err := p.merge(at(today, 13, 0), "web1", "web2")
	require.NoError(t, err)
	assert.Equal(t, []civil.Day{today}, r.LowerBound)
	assert.True(t, p.isPartial(today))
	_, err = p.merge(at(today, 13, 0), "web1", "web2")
	require.NoError(t, err)
	assert.True(t, p.isPartial(today), "it stays while they are away")
	require.NoError(t, os.Rename(p.path+"/away", p.path+"/web1/"+dir.Journal))
	_, err = p.merge(at(today, 14, 0), "web2")
	require.NoError(t, err)
	assert.True(t, p.isPartial(today), "web1 was not asked for")
	r, err = p.merge(at(today, 14, 0), "web2", "web1")
	require.NoError(t, err)
	assert.Empty(t, r.LowerBound)
	assert.False(t, p.isPartial(today))
	counted, _ := p.counted(today, "a")
	assert.Equal(t, "a 5", counted)
}

// TestOverflowStays: a bound left pairs out, and that is known when the journals are gone.
func TestOverflowStays(t *testing.T) {
	p := newPlace(t)
	p.write("web1", today, 1, "a", "ab")
	path := p.write("web2", today, 1, "a", "")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(t, err)
	defer f.Close()
	w, err := journal.NewWriter(f, [8]byte{1}, []byte(settings))
	require.NoError(t, err)
	require.NoError(t, w.Append(rooms.AppendRecord(nil, &[20]byte{19: 7}, 3)))
	r, err := p.merge(at(today, 12, 0), "web1", "web2")
	require.NoError(t, err)
	assert.Equal(t, []civil.Day{today}, r.Overflow)
	assert.True(t, p.isPartial(today))
	require.NoError(t, os.RemoveAll(p.path+"/web2/"+dir.Journal))
	_, err = p.merge(at(today, 12, 0), "web1", "web2")
	require.NoError(t, err)
	assert.True(t, p.isPartial(today))
}

// TestHostBeginsAnew: a host that lost its DIR in the middle of a day counts other pairs
// since, under another key or under the same.
func TestHostBeginsAnew(t *testing.T) {
	for name, tt := range map[string]struct {
		key     byte
		since   string
		counted string
		roster  string
	}{
		"fewer pairs":                    {1, "ef", "a 4", "keys 1, open web1 4"},
		"fewer pairs, another key":       {2, "ef", "a 4", "keys 2, open web1 4"},
		"more pairs, another key":        {2, "efghi", "a 5", "keys 2, open web1 5"},
		"as many pairs, and another key": {2, "efgh", "a 4", "keys 2, open web1 4"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.write("web1", today, 1, "a", "abcd")
			_, err := p.merge(at(today, 12, 0), "web1")
			require.NoError(t, err)
			assert.False(t, p.isPartial(today))
			require.NoError(t, os.RemoveAll(p.path+"/web1/"+dir.Journal))
			p.write("web1", today, tt.key, "a", tt.since)
			for range 2 {
				r, err := p.merge(at(today, 13, 0), "web1")
				require.NoError(t, err)
				assert.Equal(t, tt.key != 1, len(r.UpperBound) > 0)
				assert.True(t, p.isPartial(today))
				counted, roster := p.counted(today, "a")
				assert.Equal(t, tt.counted, counted)
				assert.Equal(t, tt.roster, roster)
			}
		})
	}
}

// TestRosterComesLast: a roster has no more than the room file and its mark.
func TestRosterComesLast(t *testing.T) {
	for _, name := range []string{dir.RoomFile(today), dir.PartialMark(today)} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.write("web1", today, 1, "a", "abcd")
			_, err := p.merge(at(today, 12, 0), "web1")
			require.NoError(t, err)
			roster := everything(t, p.path+"/all/"+dir.Rooms)
			require.NoError(t, os.RemoveAll(p.path+"/web1/"+dir.Journal))
			p.write("web2", today, 1, "a", "efghi")
			in := filepath.Join(p.path, "all", dir.Rooms, name)
			require.NoError(t, os.RemoveAll(in))
			require.NoError(t, os.Mkdir(in, 0o700)) // it cannot be replaced
			require.NoError(t, os.WriteFile(in+"/x", nil, 0o600))
			_, err = p.merge(at(today, 12, 0), "web1", "web2")
			require.Error(t, err)
			hosts := filepath.Join(p.path, "all", dir.Rooms, dir.HostsFile(today))
			assert.Equal(t, roster[hosts], everything(t, p.path+"/all/"+dir.Rooms)[hosts])
			require.NoError(t, os.RemoveAll(in))
			r, err := p.merge(at(today, 12, 0), "web1", "web2")
			require.NoError(t, err)
			assert.Equal(t, []civil.Day{today}, r.LowerBound)
			assert.True(t, p.isPartial(today))
		})
	}
}

// TestDamagedRoster: without it nobody knows what was counted before.
func TestDamagedRoster(t *testing.T) {
	p := newPlace(t)
	p.write("web1", today, 1, "a", "abcd")
	_, err := p.merge(at(today, 12, 0), "web1")
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(p.path+"/web1/"+dir.Journal))
	p.write("web2", today, 1, "a", "ef")
	require.NoError(t, os.WriteFile(filepath.Join(p.path, "all", dir.Rooms, dir.HostsFile(today)), []byte("x"), 0o600))
	_, err = p.merge(at(today, 12, 0), "web2")
	require.ErrorContains(t, err, "is not a list of hosts")
	for range 2 {
		assert.True(t, p.isPartial(today))
		_, err = p.merge(at(today, 12, 0), "web2")
		require.NoError(t, err)
	}
}

func TestSettingsDiffer(t *testing.T) {
	p := newPlace(t)
	p.write("web1", today, 1, "a", "a")
	path := p.write("web2", today, 1, "a", "b")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	_, err = journal.NewWriter(f, [8]byte{1}, []byte(strings.Replace(settings, "128", "64", 1)))
	require.NoError(t, err)
	r, err := p.merge(at(today, 12, 0), "web1", "web2")
	require.NoError(t, err)
	assert.Equal(t, []civil.Day{today}, r.Mixed)
}

// TestClonedHost: journals of two hosts may have one name.
func TestClonedHost(t *testing.T) {
	p := newPlace(t)
	path := p.write("web1", today, 1, "a", "a")
	other := p.write("web2", today, 1, "a", "bcd")
	require.NoError(t, os.Rename(other, filepath.Join(filepath.Dir(other), filepath.Base(path))))
	_, err := p.merge(at(today, 12, 0), "web1", "web2")
	require.NoError(t, err)
	counted, _ := p.counted(today, "a")
	assert.Equal(t, "a 4", counted)
}

func TestOut(t *testing.T) {
	p := newPlace(t)
	p.write("web1", today, 1, "a", "a")
	p.write("all", today, 1, "a", "a")
	_, err := p.merge(at(today, 12, 0), "web1")
	assert.EqualError(t, err, p.path+"/all: a filter writes there; hint: give the counts a directory of their own")
	_, err = p.merge(at(today, 12, 0), "web1", "all")
	assert.EqualError(t, err, p.path+"/all: is the directory of a host; hint: give the counts a directory of their own")
}

func TestStreams(t *testing.T) {
	p := newPlace(t)
	p.write("web1/jitsi", today, 1, "a", "a")
	_, err := p.merge(at(today, 12, 0), "web1")
	assert.EqualError(t, err, p.path+"/web1: has no journals, but its streams have; hint: give the directory of a stream of each host, as "+p.path+"/web1/jitsi")
}

func TestName(t *testing.T) {
	for paths, want := range map[string]string{
		"/srv/web1 /srv/web2/":                "web1 web2",
		"/srv/web1/jitsi /srv/web2/jitsi":     "web1 web2",
		"/srv/web1/a/jitsi /srv/web2/a/jitsi": "web1 web2",
		"/var/log/hushpipe":                   "hushpipe",
		"/srv/web1 /mnt/web2/log":             "web1 log",
		"/a/web1 /b/web1":                     "a b",
		"/srv/web1 /srv/web1":                 "/srv/web1: is given twice",
		"/srv/web1 /mnt/web1 /mnt/web2":       "/srv/web1 and /mnt/web1: both belong to a host web1; hint: name each directory after its host",
		"/srv/w%b":                            "/srv/w%b: is not a host name; hint: use letters, digits, and . _ - : @",
	} {
		hosts, err := Name(strings.Fields(paths))
		if err != nil {
			assert.EqualError(t, err, want)
			continue
		}
		var names []string
		for _, h := range hosts {
			names = append(names, h.Name)
		}
		assert.Equal(t, want, strings.Join(names, " "))
	}
}
