package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// move is a server whose log another program writes, with logs of old days beside it,
// and the commands in the manual to migrate it.
type move struct {
	*httpd
	old, dir string // where the log was, and where it will be
	within   *strings.Replacer
	before   string // the lines of the old days
	visitors int
}

// moving starts the server of a section of hushpipe-migrate(7). directive is its
// CustomLog, and layout the name of an old day's log in /var/log/apache2, for
// Time.Format.
func moving(t *testing.T, directive, layout string) *move {
	t.Helper()
	h := newHTTPD(t)
	m := &move{httpd: h, old: filepath.Join(h.Root, "old"), dir: filepath.Join(h.Root, "hushpipe")}
	bin := filepath.Join(h.Root, "bin")
	require.NoError(t, os.MkdirAll(bin, 0o755))
	require.NoError(t, os.Rename(hushpipeBinary(t), bin+"/hushpipe"))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	m.within = strings.NewReplacer("/var/log/apache2", m.old, "/var/log/hushpipe", m.dir, "/etc/apache2/sites-available", h.Root+"/sites",
		"/usr/bin/hushpipe", bin+"/hushpipe", "/srv/meet-usage", h.Root+"/meet-usage", "/etc/awstats", h.Root+"/awstats")

	h.populate([]string{combined, "CustomLog raw.log combined", "Include sites/*.conf"})
	for name, text := range map[string]string{
		"sites/one.conf": m.within.Replace(directive) + "\n",
		// Debian's apache2ctl knows the machine's configuration, not this server's.
		"bin/apache2ctl": fmt.Sprintf("#!/bin/sh\ncase $1 in configtest) set -- -t ;; *) set -- -k \"$1\" ;; esac\nexec %s -f %s/httpd.conf \"$@\"\n", apache(t), h.Root),
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(h.Root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(h.Root, name), []byte(text), 0o755))
	}
	for _, age := range []int{30, 1} {
		day := time.Now().AddDate(0, 0, -age)
		var text string
		for i := range 3 {
			text += fmt.Sprintf("127.0.9.%d - - [%s:10:00:00 +0000] \"GET /http-bind?room=old%d HTTP/1.1\" 200 5 \"-\" \"-\"\n", i+1, day.Format("02/Jan/2006"), i%2)
		}
		m.before += text
		path := filepath.Join(m.old, day.Format(layout))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	h.start("-f", filepath.Join(h.Root, "httpd.conf"))
	return m
}

// visit makes requests, each from its own address, and waits for their lines below dir.
func (m *move) visit(dir string) {
	m.t.Helper()
	second := time.Now().Unix() // AWStats distinguishes lines by the second
	await(m.t, func() bool { return time.Now().Unix() > second }, "the next second")
	for range 4 {
		m.visitors++
		m.raw(fmt.Sprintf("127.0.8.%d", m.visitors), fmt.Sprintf("GET /http-bind?room=new&id=v%d HTTP/1.0\r\n\r\n", m.visitors))
	}
	last := fmt.Sprintf("id=v%d ", m.visitors)
	await(m.t, func() bool { return exec.Command("grep", "-rqF", last, dir).Run() == nil }, "no line of "+last+"below "+dir)
}

// typed types the commands of a section into a shell, line by line. After the reload,
// people visit.
func (m *move) typed(section string) string {
	m.t.Helper()
	_, text, found := strings.Cut(manualText("migrate", "7"), "\n## From "+section+"\n")
	require.True(m.t, found)
	text, _, _ = strings.Cut(text, "\n## ")
	blocks := codeBlocks(text, "")
	require.Len(m.t, blocks, 1)
	require.Equal(m.t, 5, strings.Count(blocks[0], "\n"), "five lines")
	starts := m.starts()
	out := ""
	for line := range strings.Lines(blocks[0]) {
		said, err := exec.Command("bash", "-c", m.within.Replace(line)).CombinedOutput()
		require.NoError(m.t, err, "%s%s", line, said)
		out += string(said)
		if strings.Contains(line, "graceful") {
			m.awaitStarts(starts + 1)
			m.visit(m.dir)
		}
	}
	return out
}

// end stops the server, and returns the raw log as it would have been without hushpipe.
func (m *move) end() string {
	m.t.Helper()
	m.Stop()
	require.NotContains(m.t, m.ErrorLog(), "hushpipe: error")
	return m.before + copyOf(m.t, filepath.Join(m.Root, "raw.log"))
}

// assertWhole: DIR has every line once, the counts of hushpipe on the raw log, and no
// address, and nothing of the old log remains.
func (m *move) assertWhole() {
	t := m.t
	t.Helper()
	log := m.end()
	for i := range m.visitors {
		assert.Equal(t, 1, strings.Count(written(m.dir), fmt.Sprintf("id=v%d ", i+1)), "v%d", i+1)
	}
	today, yesterday, old := daysAgo(0), daysAgo(1), daysAgo(30)
	assert.Equal(t, 3, strings.Count(copyOf(t, m.dir+"/access-"+yesterday+".log"), "room=old"))
	assert.NoFileExists(t, m.dir+"/access-"+old+".log")
	assertNoAddressBelow(t, m.dir, clients(t, strings.Split(strings.TrimSpace(log), "\n")))

	plain := filepath.Join(t.TempDir(), "plain")
	runOn(t, strings.NewReader(log), hushpipeBinary(t), "filter", plain)
	for _, day := range []string{today, yesterday, old} {
		rooms := "/rooms/rooms-" + day + ".log"
		assert.Equal(t, copyOf(t, plain+rooms), copyOf(t, m.dir+rooms), day)
	}
	assert.Empty(t, found(t, m.old))
}

// found returns the files below dir.
func found(t *testing.T, dir string) string {
	t.Helper()
	files, err := exec.Command("find", dir, "-type", "f").Output()
	require.NoError(t, err)
	return string(files)
}

func daysAgo(n int) string { return time.Now().AddDate(0, 0, -n).Format(time.DateOnly) }

// TestMigrate types the commands of hushpipe-migrate(7) while a server runs.
func TestMigrate(t *testing.T) {
	t.Run("rotatelogs", func(t *testing.T) {
		m := moving(t, `CustomLog "|`+need.Program(t, "rotatelogs", "apache2-utils")+` /var/log/apache2/access-%Y-%m-%d.log 86400" combined`, "access-2006-01-02.log")
		m.visit(m.old)
		assert.Contains(t, m.typed("rotatelogs"), "the promise holds")
		m.assertWhole()
	})

	t.Run("cronolog", func(t *testing.T) {
		m := moving(t, `CustomLog "|`+need.Program(t, "cronolog", "cronolog")+` /var/log/apache2/%Y/%m/%d/access.log" combined`, "2006/01/02/access.log")
		m.visit(m.old)
		assert.Contains(t, m.typed("cronolog"), "the promise holds")
		m.assertWhole()
	})

	t.Run("anonip", func(t *testing.T) {
		m := moving(t, `CustomLog "|`+need.Program(t, "anonip", "anonip")+` --output /var/log/apache2/access.log" combined`, "access.log.2006-01-02")
		m.visit(m.old)
		assert.Contains(t, m.typed("anonip"), "the promise holds")
		m.end()
		// The lines are there; visitors before the reload are not counted.
		assert.Equal(t, 8, strings.Count(copyOf(t, m.dir+"/access-"+daysAgo(0)+".log"), "room=new"))
		assert.Equal(t, 3, strings.Count(copyOf(t, m.dir+"/access-"+daysAgo(1)+".log"), "room=old"))
		rooms := glob(t, m.dir+"/rooms/*")
		require.Len(t, rooms, 1)
		assert.Regexp(t, `^4 [0-9a-f]{40}\n$`, copyOf(t, rooms[0]))
		assert.Empty(t, found(t, m.old))
	})

	t.Run("meet-usage", func(t *testing.T) {
		m := moving(t, `CustomLog /var/log/apache2/access.log combined`, "access.log.2006-01-02")
		for _, age := range []int{300, 1} {
			file := m.Root + "/meet-usage/meet-usage-" + daysAgo(age) + ".txt"
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, []byte("2 d8dd82b4a3161d0eac8543b4867c2758533643b5\n"), 0o644))
		}
		table := m.Root + "/crontab"
		require.NoError(t, os.WriteFile(table, []byte("55 23 * * * /usr/local/bin/meet-usage\n0 4 * * * backup\n"), 0o644))
		require.NoError(t, os.WriteFile(m.Root+"/bin/crontab",
			[]byte("#!/bin/sh\ncase $1 in -l) cat "+table+" ;; -) cat >"+table+".new; mv "+table+".new "+table+" ;; esac\n"), 0o755))
		m.visit(m.old)
		m.typed("meet-usage")
		assert.Equal(t, "0 4 * * * backup\n", copyOf(t, table))
		out, err := exec.Command("hushpipe", "report", "--csv", "--by", "year", m.Root+"/meet-usage", m.dir).CombinedOutput()
		require.NoError(t, err, "%s", out)
		// One conference 300 days ago; the room of two clients counts once yesterday,
		// and once 30 days ago.
		conferences := 0
		for _, row := range regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d,\d{4}-\d\d-\d\d,\d+,\d+,\d+,(\d+),`).FindAllStringSubmatch(string(out), -1) {
			n := 0
			fmt.Sscan(row[1], &n)
			conferences += n
		}
		assert.Equal(t, 3, conferences, "%s", out)
		require.NoError(t, os.RemoveAll(m.old), "as in the order")
		require.NoError(t, os.Mkdir(m.old, 0o755))
		m.assertWhole()
	})

	t.Run("awstats", func(t *testing.T) {
		need.Program(t, "awstats", "awstats")
		m := moving(t, `CustomLog /var/log/apache2/access.log combined`, "access.log.2006-01-02")
		conf := m.within.Replace("LogFile=\"/var/log/apache2/access.log\"\nLogFormat=1\nDNSLookup=1\nSiteDomain=\"localhost\"\nDirData=\"/etc/awstats/data\"\n")
		require.NoError(t, os.MkdirAll(m.Root+"/awstats/data", 0o755))
		require.NoError(t, os.WriteFile(m.Root+"/awstats/awstats.conf", []byte(strings.Replace(conf, "DNSLookup=1", "DNSLookup=0", 1)), 0o644))
		m.visit(m.old)
		const four = "Found 4 new qualified records."
		said := m.typed("awstats")
		assert.Equal(t, 2, strings.Count(said, four), "of the old log, and of the new one: %s", said)
		// The last days come later: they have been counted.
		runOn(t, nil, "hushpipe", "replay", "--append", m.dir, m.old+"/access.log")
		m.visit(m.dir)
		assert.Contains(t, runOn(t, nil, "awstats", "-configdir="+m.Root+"/awstats", "-config=awstats", "-update"), four, "each new line, once")
		m.end()
	})
}

// TestArchiveIsLive: for days long past, replay makes the same room files that filter
// made when they were today.
func TestArchiveIsLive(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	day := time.Now().AddDate(0, 0, -40)
	for i := range 2000 {
		fmt.Fprintf(&log, "%s - - [%s +0000] \"GET /http-bind?room=room%d HTTP/1.1\" 200 5 \"-\" \"-\"\n",
			clientNo(i*i%700), day.UTC().Add(time.Duration(i)*time.Millisecond).Format("02/Jan/2006:15:04:05"), i%90)
	}
	live := exec.Command(hushpipeWith(t, "shiftedclock"), "filter", filepath.Join(t.TempDir(), "live"))
	live.Env = append(os.Environ(), "HUSHPIPE_CLOCK=-960h")
	live.Stdin = strings.NewReader(log.String())
	said, err := live.CombinedOutput()
	require.NoError(t, err, "%s", said)
	dir := filepath.Join(t.TempDir(), "archive")
	runOn(t, strings.NewReader(log.String()), hushpipeBinary(t), "replay", dir, "-")
	want := glob(t, filepath.Join(live.Args[2], "rooms", "rooms-*.log"))
	require.NotEmpty(t, want)
	rooms := ""
	for _, file := range want {
		rooms += copyOf(t, file)
		assert.Equal(t, copyOf(t, file), copyOf(t, filepath.Join(dir, "rooms", filepath.Base(file))))
	}
	assert.Equal(t, 90, strings.Count(rooms, "\n"))
	assert.Len(t, glob(t, filepath.Join(dir, "rooms", "*")), len(want))
	assert.NotContains(t, found(t, dir), "/access-", "lines that expired are not written")
}
