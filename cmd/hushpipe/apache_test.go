package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestApache compares what hushpipe writes behind a real httpd with a raw log that
// httpd writes of the same requests.
func TestApache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	h := startHTTPD(t, combined, remoteIP, "CustomLog raw.log combined",
		fmt.Sprintf(`CustomLog "|%s filter %s" combined`, hushpipeBinary(t), dir))
	tr := &visitors{h: h, answered: map[string]bool{}}

	var long sync.WaitGroup
	socket := tr.begin(t, h.client("127.0.0.2"), "/xmpp-websocket?room=Standup&hold=socket", http.NoBody)
	body, rest := io.Pipe()
	long.Go(func() {
		tr.do(h.client("127.0.0.3"), "POST", "/http-bind?room=standup", body)
	})
	io.WriteString(rest, "<body")

	stop, busy := make(chan struct{}), sync.WaitGroup{}
	for i, src := range []string{"127.0.0.4", "127.0.0.5", "127.0.0.250", "::1"} {
		busy.Go(func() { tr.browse(i, src, stop) })
	}
	for range 2 {
		tr.await(t, 40)
		h.Graceful()
	}
	tr.await(t, 40)
	close(stop)
	busy.Wait()

	h.release("socket")
	socket()
	io.WriteString(rest, "/>")
	rest.Close()
	long.Wait()

	for _, r := range oddRequests {
		h.raw("127.0.0.6", r)
	}
	h.Stop()

	raw := lines(t, filepath.Join(h.Root, "raw.log"))
	written := map[string][]string{} // by day
	for _, name := range glob(t, filepath.Join(dir, "access-????-??-??.log")) {
		written[name[len(name)-14:len(name)-4]] = lines(t, name)
	}
	require.NotEmpty(t, tr.answered)
	assertEveryRequestOnce(t, tr.answered, raw, written)
	assertOnlyAddressesDiffer(t, raw, written)
	assertNoAddressBelow(t, dir, clients(t, raw))
	assertRooms(t, raw, dir)

	newest, err := os.Readlink(filepath.Join(dir, "access.log"))
	require.NoError(t, err)
	assert.Equal(t, "access-"+dayOf(raw[len(raw)-1])+".log", filepath.Base(newest))
}

// TestApacheFormats runs hushpipe behind logs of other formats of one httpd, including
// the error log.
func TestApacheFormats(t *testing.T) {
	base := t.TempDir()
	mine := `%v:%p %a %l %u %t \"%r\" %>s %O %{X-Forwarded-For}i`
	directives := []string{remoteIP, combined, vhostCombined, common, jsonFormat, `LogFormat "` + mine + `" mine`, "CustomLog raw.log combined"}
	flags := map[string]string{"combined": "", "vhost_combined": "", "common": "", "json": "", "mine": "--format '" + mine + "' "}
	for name, flag := range flags {
		directives = append(directives, fmt.Sprintf(`CustomLog "|%s filter %s%s" %s`, hushpipeBinary(t), flag, filepath.Join(base, name), name))
	}
	directives = append(directives, fmt.Sprintf("<VirtualHost *>\nLogLevel core:info\nErrorLog \"|%s filter --format error %s\"\n</VirtualHost>",
		hushpipeBinary(t), filepath.Join(base, "error")))
	h := startHTTPD(t, directives...)
	tr := &visitors{h: h, answered: map[string]bool{}}
	stop, busy := make(chan struct{}), sync.WaitGroup{}
	for i, src := range []string{"127.0.0.4", "127.0.0.5", "::1"} {
		busy.Go(func() { tr.browse(i, src, stop) })
	}
	tr.await(t, 100)
	close(stop)
	busy.Wait()
	for _, r := range oddRequests {
		h.raw("127.0.0.6", r)
	}
	errors := filepath.Join(base, "error")
	await(t, func() bool { return strings.Contains(written(errors), "client denied") }, "the error log is not written")
	h.Stop()
	require.NotContains(t, h.ErrorLog(), "hushpipe:", "every line fits its format, and nothing is reported")

	raw := lines(t, filepath.Join(h.Root, "raw.log"))
	assertNoAddressBelow(t, base, clients(t, raw))
	for name := range flags {
		total := 0
		for _, day := range glob(t, filepath.Join(base, name, "access-????-??-??.log")) {
			total += len(lines(t, day))
		}
		assert.Equal(t, len(raw), total, "lines in %s", name)
		assertRooms(t, raw, filepath.Join(base, name))
	}
	for _, line := range lines(t, filepath.Join(errors, "access.log")) {
		if strings.Contains(line, "client denied") {
			require.Regexp(t, `\[client [0-9a-f:]+:\d+\] AH01630: client denied`, line)
		}
	}
}

// TestReadmeApache runs the directives of the README and the manual verbatim, except
// for paths and the user. Two of them share a directory, one as root.
func TestReadmeApache(t *testing.T) {
	base := t.TempDir()
	policyFile := filepath.Join(base, "policy.toml")
	example, err := os.ReadFile("../../testdata/policy.toml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(policyFile, example, 0o644))
	paths := strings.NewReplacer("/usr/bin/hushpipe", hushpipeBinary(t),
		"/etc/hushpipe/policy.toml \\\n  /var/log/hushpipe", policyFile+" "+base+"/hushpipe-policy", "/var/log/", base+"/",
		"--user hushpipe", "--user "+anotherUser(t))
	directives := []string{combined}
	var blocks []string
	for _, text := range manual(t) {
		blocks = append(blocks, codeBlocks(text, "apache")...)
	}
	for _, block := range blocks {
		// A directive may continue on the next line.
		for _, directive := range regexp.MustCompile(`(?m)^(?:.*\\\n)*.*\n`).FindAllString(paths.Replace(block), -1) {
			if strings.HasPrefix(directive, "ErrorLog") { // the main one is the harness's
				directive = "<VirtualHost *>\nLogLevel info\n" + directive + "</VirtualHost>\n"
			}
			directives = append(directives, directive)
		}
	}
	require.GreaterOrEqual(t, len(directives), 4)
	h := startHTTPD(t, directives...)
	h.raw("127.0.0.6", "GET /denied/ HTTP/1.0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
	for _, name := range []string{"hushpipe", "hushpipe-mine", "hushpipe-error"} {
		await(t, func() bool { return strings.Contains(written(filepath.Join(base, name)), "/denied/") }, name+" does not write")
	}
	events := filepath.Join(base, "hushpipe-policy", "events")
	await(t, func() bool { return strings.Contains(written(events), "denied") }, "no event is written")
	h.Stop()
	require.NotContains(t, h.ErrorLog(), "hushpipe:")
	requireOwner(t, anotherUser(t), filepath.Join(base, "hushpipe"))
	for _, name := range []string{"hushpipe", "hushpipe-mine", "hushpipe-error", "hushpipe-policy/events", "hushpipe-policy/load"} {
		text := written(filepath.Join(base, name))
		require.NotContains(t, text, "127.0.0.6", name)
		require.NotContains(t, text, "192.0.2.1", name)
	}
}

// visitors makes requests that are identified in the logs by an id.
type visitors struct {
	h        *httpd
	sent     atomic.Int64
	mu       sync.Mutex
	answered map[string]bool // id → httpd has answered, so the log must have it
}

// request returns a request for target, with an id in its query.
func (tr *visitors) request(method, target string, body io.Reader) (*http.Request, string) {
	id := fmt.Sprintf("r%d", tr.sent.Add(1))
	sep := "?"
	if strings.Contains(target, "?") {
		sep = "&"
	}
	req, err := http.NewRequestWithContext(context.Background(), method, tr.h.URL+target+sep+"id="+id, body)
	if err != nil {
		panic(err)
	}
	return req, id
}

// finish reads the answer. A request that a restart cuts may or may not be logged; the
// raw log decides.
func (tr *visitors) finish(id string, resp *http.Response, err error) {
	if err != nil {
		return
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.answered[id] = true
}

func (tr *visitors) do(c *http.Client, method, target string, body io.Reader, header ...string) {
	req, id := tr.request(method, target, body)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	tr.finish(id, resp, err)
}

// begin returns when httpd has begun to answer; the returned function reads the rest.
func (tr *visitors) begin(t *testing.T, c *http.Client, target string, body io.Reader) (end func()) {
	t.Helper()
	req, id := tr.request("GET", target, body)
	resp, err := c.Do(req)
	require.NoError(t, err)
	_, err = io.ReadFull(resp.Body, make([]byte, 1))
	require.NoError(t, err)
	return func() { tr.finish(id, resp, nil) }
}

// await returns when n more requests have been sent.
func (tr *visitors) await(t *testing.T, n int64) {
	t.Helper()
	n += tr.sent.Load()
	await(t, func() bool { return tr.sent.Load() >= n }, "httpd does not answer")
}

// browse makes the requests of the people behind one connection address until stop is
// closed. i varies the rooms and the addresses in X-Forwarded-For.
func (tr *visitors) browse(i int, src string, stop <-chan struct{}) {
	c := tr.h.client(src)
	rooms := []string{"Standup", "caf%C3%A9", "caf%25C3%25A9", "PetersKonferenz", "a%20b", "198.51.100.1"}
	for n := i; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		room := rooms[n%len(rooms)]
		v4, v6 := fmt.Sprintf("198.51.100.%d", n%7+1), fmt.Sprintf("2001:db8:%x::%x", n%3, n%5+1)
		body := func() io.Reader { return strings.NewReader("<body rid='1'/>") }
		tr.do(c, "POST", "/http-bind?room="+room, body())
		tr.do(c, "POST", "/verein/http-bind?room="+room, body(), "X-Forwarded-For", v4)
		tr.do(c, "GET", "/xmpp-websocket?room="+room, nil, "X-Forwarded-For", v6)
		tr.do(c, "POST", "/http-bind?status=503&room=failed", body(), "X-Forwarded-For", v6)
		tr.do(c, "GET", "/app.js", nil, "Referer", "https://meet.example.org/"+room,
			"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/124.0.0.0 Safari/537.36")
		tr.do(c, "GET", "/?from="+v4+"&via="+url.QueryEscape(v6), nil,
			"X-Forwarded-For", v6, "Referer", "http://"+v4+"/?client="+v6, "User-Agent", "probe of "+v6)
		tr.do(c, "GET", "/denied/", nil, "X-Forwarded-For", v4)
	}
}

// oddRequests are requests of broken and of hostile clients.
var oddRequests = []string{
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS hello\r\n\r\n",
	"garbage\r\n\r\n",
	"\r\n\r\n",
	"GET  /?id=o1 HTTP/1.0\r\n\r\n",
	"GET /?id=o2\r\n",
	"GET /?id=o3 HTTP/1.1\r\n\r\n",
	"BREW /?id=o4 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	"CONNECT 127.0.0.4:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"GET http://127.0.0.5/?id=o5 HTTP/1.0\r\n\r\n",
	"GET /?id=o6 HTTP/1.0\r\nReferer:\r\nUser-Agent:\r\n\r\n",
	"GET /?id=o7 HTTP/1.0\r\nUser-Agent: \"quoted\" back\\slash \xe9\xff tab\there \\\"\r\n\r\n",
	"GET /\"quoted\"\\?id=o8 HTTP/1.0\r\nReferer: http://example.org/\" 200 1 \"\r\n\r\n",
	"GET /caf\xc3\xa9?id=o9 HTTP/1.0\r\n\r\n",
	"GET /private/?id=o10 HTTP/1.0\r\nAuthorization: Basic bWFyeSBhbm4gW3hdICIxIjpw\r\n\r\n", // mary ann [x] "1":p
	"GET /private/?id=o11 HTTP/1.0\r\nAuthorization: Basic OnA=\r\n\r\n",                     // :p
	"GET /private/?id=o12 HTTP/1.0\r\n\r\n",
	"GET /?id=o13&fill=" + strings.Repeat("x", 8000) + " HTTP/1.0\r\n\r\n",
	"GET /?id=o14&fill=" + strings.Repeat("\xff", 2000) + " HTTP/1.0\r\n\r\n",
	"GET /?id=o15&fill=" + strings.Repeat("y", 9000) + " HTTP/1.0\r\n\r\n",
	"GET /?id=o16 HTTP/1.0\r\nX-Forwarded-For: no address\r\n\r\n",
	"GET /?id=o17 HTTP/1.0\r\nX-Forwarded-For: ::ffff:198.51.100.1\r\n\r\n",
}

var idParam = regexp.MustCompile(`[?&]id=([a-z]\d+)`)

// assertEveryRequestOnce compares the ids in hushpipe's files with those in the raw
// log, and these with the requests that httpd answered.
func assertEveryRequestOnce(t *testing.T, answered map[string]bool, raw []string, written map[string][]string) {
	t.Helper()
	inRaw, inWritten, total := ids(raw), map[string]int{}, 0
	for _, day := range written {
		total += len(day)
		for id, n := range ids(day) {
			inWritten[id] += n
		}
	}
	assert.Equal(t, len(raw), total, "lines")
	for id := range answered {
		assert.Equal(t, 1, inRaw[id], "request %s in the raw log", id)
	}
	for id, n := range inRaw {
		assert.Equal(t, n, inWritten[id], "request %s", id)
	}
}

func ids(lines []string) map[string]int {
	n := map[string]int{}
	for _, line := range lines {
		if m := idParam.FindStringSubmatch(line); m != nil {
			n[m[1]]++
		}
	}
	return n
}

// decoded removes what may surround or encode a replaced address in a URL: brackets and
// percent-encoding.
var decoded = strings.NewReplacer("%3A", ":", "%3a", ":", "%2E", ".", "[", "", "]", "")

var addressLike = regexp.MustCompile(`[0-9A-Fa-f.:]+`)

// assertOnlyAddressesDiffer learns each day's pseudonyms from the client fields of
// lines with an id, and then expects every line to be the raw one with each address
// replaced by its pseudonym.
func assertOnlyAddressesDiffer(t *testing.T, raw []string, written map[string][]string) {
	t.Helper()
	client := map[string]netip.Addr{}
	for _, line := range raw {
		if m := idParam.FindStringSubmatch(line); m != nil {
			client[m[1]] = clientOf(t, line)
		}
	}
	for day, got := range written {
		pseudonym, address := map[netip.Addr]string{}, map[string]netip.Addr{}
		for _, line := range got {
			m := idParam.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			a, p := client[m[1]], line[:strings.IndexByte(line, ' ')]
			if known, ok := pseudonym[a]; ok {
				assert.Equal(t, known, p, "one address, one pseudonym")
			}
			if known, ok := address[p]; ok {
				assert.Equal(t, known, a, "one pseudonym, one address")
			}
			clientOf(t, line)
			pseudonym[a], address[p] = p, a
		}
		var want []string
		for _, line := range raw {
			if dayOf(line) == day {
				want = append(want, addressLike.ReplaceAllStringFunc(decoded.Replace(line), func(s string) string {
					host, port := s, ""
					if ap, err := netip.ParseAddrPort(s); err == nil {
						host, port = ap.Addr().String(), fmt.Sprintf(":%d", ap.Port())
					}
					if addr, err := netip.ParseAddr(host); err == nil && pseudonym[addr] != "" {
						return pseudonym[addr] + port
					}
					return s
				}))
			}
		}
		got = slices.Clone(got)
		for i := range got {
			got[i] = decoded.Replace(got[i])
		}
		slices.Sort(want)
		slices.Sort(got)
		assert.Equal(t, want, got, "lines of %s", day)
	}
}

// assertNoAddressBelow searches every file below dir for every address, as text and,
// unless the bytes could be numbers, as bytes.
func assertNoAddressBelow(t *testing.T, dir string, addrs map[netip.Addr]bool) {
	t.Helper()
	require.NotEmpty(t, addrs)
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		texts := map[netip.Addr]bool{}
		for _, s := range addressLike.FindAllString(decoded.Replace(string(data)), -1) {
			if addr, err := netip.ParseAddr(s); err == nil {
				texts[addr] = true
			}
		}
		for addr := range addrs {
			assert.False(t, texts[addr], "%s is in %s", addr, path)
			if !addr.IsLoopback() {
				assert.False(t, bytes.Contains(data, addr.AsSlice()), "the bytes of %s are in %s", addr, path)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.NotZero(t, files)
}

// clients returns the addresses in the client fields of raw lines.
func clients(t *testing.T, raw []string) map[netip.Addr]bool {
	addrs := map[netip.Addr]bool{}
	for _, line := range raw {
		addrs[clientOf(t, line)] = true
	}
	return addrs
}

// clientOf returns the address that a line starts with.
func clientOf(t *testing.T, line string) netip.Addr {
	t.Helper()
	host, _, _ := strings.Cut(line, " ")
	addr, err := netip.ParseAddr(host)
	require.NoError(t, err)
	return addr
}

var roomRequest = regexp.MustCompile(`^(\S+) .*? "\S+ (?:/([^/? ]+))?/(?:http-bind|xmpp-websocket)\?(?:[^ ]*&)?room=([^& ]*)[^"]*" [123]\d\d `)

// assertRooms compares the room files of DIR with the raw log.
func assertRooms(t *testing.T, raw []string, dir string) {
	t.Helper()
	for day, want := range roomFiles(t, raw) {
		got, err := os.ReadFile(filepath.Join(dir, "rooms", "rooms-"+day+".log"))
		require.NoError(t, err)
		assert.Equal(t, want, string(got), "rooms of %s", day)
	}
}

// roomFiles counts the rooms of each day in the raw log in the simplest way, and
// returns the room files to expect.
func roomFiles(t *testing.T, raw []string) map[string]string {
	t.Helper()
	users := map[string]map[string]map[string]bool{} // day → hash → client
	for _, line := range raw {
		day := dayOf(line)
		if users[day] == nil {
			users[day] = map[string]map[string]bool{}
		}
		m := roomRequest.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		room := m[3]
		for range 2 {
			var err error
			room, err = url.PathUnescape(room)
			require.NoError(t, err)
		}
		if m[2] != "" {
			room = m[2] + "/" + room
		}
		hash := fmt.Sprintf("%x", sha1.Sum([]byte(strings.ToLower(room))))
		if users[day][hash] == nil {
			users[day][hash] = map[string]bool{}
		}
		users[day][hash][m[1]] = true
	}
	files := map[string]string{}
	for day, rooms := range users {
		var want strings.Builder
		hashes := make([]string, 0, len(rooms))
		for hash := range rooms {
			hashes = append(hashes, hash)
		}
		slices.Sort(hashes)
		for _, hash := range hashes {
			fmt.Fprintf(&want, "%d %s\n", len(rooms[hash]), hash)
		}
		files[day] = want.String()
	}
	return files
}

var timeStamp = regexp.MustCompile(` \[(\d\d/[A-Z][a-z]{2}/\d{4}):`)

// dayOf returns the date of a line's time stamp as in 2026-11-22.
func dayOf(line string) string {
	day, err := time.Parse("02/Jan/2006", timeStamp.FindStringSubmatch(line)[1])
	if err != nil {
		panic(err)
	}
	return day.Format(time.DateOnly)
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.HasSuffix(data, []byte("\n")), "%s ends with a newline", path)
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, names, pattern)
	return names
}
