package main

import (
	"bufio"
	"context"
	"crypto/sha1"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/trafficfile"
)

// loadLog returns the directives that a load needs, and that pipe the log of its
// requests to hushpipe.
func loadLog(program, dir string, flags ...string) string {
	return strings.Join([]string{remoteIP, combined,
		"RedirectMatch 204 ^/load/http-bind$", // an answer without the cost of a CGI script
		"RedirectMatch 204 ^/control$",
		fmt.Sprintf(`CustomLog "|%s filter %s %s" combined "expr=%%{REQUEST_URI} != '/control'"`,
			program, strings.Join(flags, " "), dir)}, "\n")
}

// load is a client that asks httpd for rooms, from several addresses and over several
// connections, and records the result of each request. Their ids are l0, l1, … All
// requests but one in a hundred are sent at a fixed rate; httpd gets the next one of a
// connection only after it has answered the last.
//
// httpd answers a request before it logs it, so a log that blocks delays the next
// request of the same connection, or the connection's end. One more connection asks for
// what is not logged: its longest wait is due to the machine alone.
type load struct {
	h       *httpd
	first   int // of the addresses in X-Forwarded-For
	each    int // requests until there is a new room
	began   time.Time
	stopped chan struct{}
	busy    sync.WaitGroup // connections that go on until stop
	held    sync.WaitGroup // held requests

	stopServer func() // and its loggers

	mu      sync.Mutex
	asked   []loadRequest
	answers int
	control time.Duration // longest wait for what is not logged
}

// loadRequest is a request.
type loadRequest struct {
	room   string
	client netip.Addr
	at     time.Time
	status int           // of the answer; 0 if there is none yet, or it was cut
	wait   time.Duration // until the answer was complete; 0 for a held request
}

const (
	loadConns   = 6   // half of them are kept alive
	loadClients = 40  // addresses in X-Forwarded-For
	roomAfter   = 100 // requests until there is a new room: counts grow all the time
)

// startLoad starts to send rate requests a second.
func startLoad(h *httpd, rate int) *load { return startLoadOf(h, rate, 1, roomAfter) }

// startLoadOf is startLoad with the clients from first on, and a new room after each so
// many requests.
func startLoadOf(h *httpd, rate, first, each int) *load {
	l := &load{h: h, first: first, each: each, began: time.Now(), stopped: make(chan struct{}), stopServer: h.Stop}
	pace := time.Second * loadConns / time.Duration(rate)
	for i := range loadConns {
		l.busy.Go(func() { l.send(fmt.Sprintf("127.0.2.%d", i+1), i%2 == 0, pace) })
	}
	l.busy.Go(func() { l.sendControl(20 * time.Millisecond) })
	h.t.Cleanup(l.stop)
	return l
}

// stop ends the load and waits for its last answers; held requests go on.
func (l *load) stop() {
	l.mu.Lock()
	select {
	case <-l.stopped:
	default:
		close(l.stopped)
	}
	l.mu.Unlock()
	l.busy.Wait()
}

// await returns when n more requests were answered.
func (l *load) await(n int) {
	l.h.t.Helper()
	n += l.answered()
	await(l.h.t, func() bool { return l.answered() >= n }, "httpd does not answer")
}

func (l *load) answered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answers
}

// sent returns the number of requests sent, which is the id of the next.
func (l *load) sent() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.asked)
}

// longestSince returns the longest wait for an answer from the request id on.
func (l *load) longestSince(id int) (longest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.asked[id:] {
		longest = max(longest, a.wait)
	}
	return longest
}

// hold begins a request that lasts until h.release(name), and returns when httpd has
// begun to answer it.
func (l *load) hold(name string) {
	l.h.t.Helper()
	client := netip.MustParseAddr("127.0.3.1")
	id, room := l.ask(client)
	conn, err := l.h.dial(context.Background(), client.String())
	require.NoError(l.h.t, err)
	fmt.Fprintf(conn, "GET /load/xmpp-websocket?room=%s&id=l%d&hold=%s HTTP/1.1\r\nHost: localhost\r\n\r\n", room, id, name)
	in := bufio.NewReader(conn)
	conn.SetReadDeadline(time.Now().Add(waitLimit))
	_, err = in.Peek(1)
	require.NoError(l.h.t, err)
	conn.SetReadDeadline(time.Time{})
	l.held.Go(func() {
		defer conn.Close()
		if status, _, err := readAnswer(in); err == nil {
			l.answer(id, status, 0)
		}
	})
}

// heldAnswers counts the held requests that were answered.
func (l *load) heldAnswers() (n int) {
	for _, a := range l.asked {
		if a.status == http.StatusOK {
			n++
		}
	}
	return n
}

// send sends requests from src until the load is stopped.
func (l *load) send(src string, keepAlive bool, pace time.Duration) {
	c := &loadConn{l: l, src: src, keepAlive: keepAlive}
	defer c.close()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-l.stopped:
			return
		case <-tick.C:
		}
		client, header := netip.MustParseAddr(src), ""
		if n%8 != 0 {
			client = netip.MustParseAddr(fmt.Sprintf("2001:db8:77::%x", l.first+(n*loadConns+int(src[len(src)-1]))%loadClients))
			header = fmt.Sprintf("X-Forwarded-For: %s\r\nReferer: http://[%s]/\r\n", client, client)
		}
		id, room := l.ask(client)
		began := time.Now()
		status, _ := c.request(fmt.Sprintf("/load/http-bind?room=%s&id=l%d&from=%s", room, id, client), header)
		l.answer(id, status, time.Since(began))
	}
}

// sendControl sends requests that are not logged.
func (l *load) sendControl(pace time.Duration) {
	c := &loadConn{l: l, src: "127.0.2.100", keepAlive: true}
	defer c.close()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-l.stopped:
			return
		case <-tick.C:
		}
		began := time.Now()
		c.request("/control", "")
		l.mu.Lock()
		l.control = max(l.control, time.Since(began))
		l.mu.Unlock()
	}
}

// ask makes up a request.
func (l *load) ask(client netip.Addr) (id int, room string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id = len(l.asked)
	room = fmt.Sprintf("Room%d", id/l.each)
	l.asked = append(l.asked, loadRequest{room: room, client: client, at: time.Now()})
	return id, room
}

func (l *load) answer(id, status int, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[id].status, l.asked[id].wait = status, wait
	if status != 0 {
		l.answers++
	}
}

// loadConn is a connection. Unlike net/http it never sends a request again when the
// server closes an idle connection: one id is one request.
type loadConn struct {
	l         *load
	src       string
	keepAlive bool
	conn      net.Conn
	in        *bufio.Reader
}

// request returns the status of the answer, 0 if it was cut.
func (c *loadConn) request(target, header string) (status int, err error) {
	if c.conn == nil {
		if c.conn, err = c.l.h.dial(context.Background(), c.src); err != nil {
			c.conn = nil
			return 0, err
		}
		c.in = bufio.NewReader(c.conn)
	}
	if !c.keepAlive {
		header += "Connection: close\r\n"
	}
	c.conn.SetDeadline(time.Now().Add(waitLimit))
	end := true
	if _, err = fmt.Fprintf(c.conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n%s\r\n", target, header); err == nil {
		status, end, err = readAnswer(c.in)
	}
	if end || err != nil {
		if err == nil {
			io.Copy(io.Discard, c.conn) // httpd closes it when the request is logged
		}
		c.close()
	}
	return status, err
}

func (c *loadConn) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// readAnswer reads a whole answer; end means that the connection ends with it.
func readAnswer(in *bufio.Reader) (status int, end bool, err error) {
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, true, err
	}
	defer resp.Body.Close()
	if _, err = io.Copy(io.Discard, resp.Body); err != nil {
		return 0, true, err
	}
	return resp.StatusCode, resp.Close, nil
}

// loadResult is the result of comparing a load with DIR.
type loadResult struct {
	Sent       int
	Answered   int
	Found      int // different ids in the files
	Lost       int // answered, and not in the files
	Duplicated duplicates
	Hits       map[string]int // different ids, by day
	Longest    time.Duration  // longest wait for an answer
	Control    time.Duration  // longest wait for what is not logged
}

func (c loadResult) String() string {
	return fmt.Sprintf("%d lines sent, %d answered, %d found, %d lost, %s, longest wait %s (of what is not logged %s)",
		c.Sent, c.Answered, c.Found, c.Lost, c.Duplicated,
		c.Longest.Round(time.Millisecond), c.Control.Round(time.Millisecond))
}

// requireNoStall fails the test if a client waited longer for the log than the machine
// and a new connection explain.
func (c loadResult) requireNoStall(t *testing.T) {
	t.Helper()
	require.Less(t, c.Longest, c.Control+2*time.Second)
}

// duplicates describes the lines that are in the files more than once.
type duplicates struct {
	Lines   int
	Runs    int // sequences of such lines: a batch that is written again is one
	Longest int // bytes of a run
}

// duplicateFinder finds duplicates line by line.
type duplicateFinder struct {
	found map[string]bool
	again duplicates
	run   map[string]bool // ids of the run that goes on: after two kills there can be two on end
	size  int             // its bytes
}

func newReading() *duplicateFinder {
	return &duplicateFinder{found: map[string]bool{}, run: map[string]bool{}}
}

// add takes the next line of a file.
func (r *duplicateFinder) add(id, line string) {
	if !r.found[id] || r.run[id] {
		clear(r.run)
		r.size = 0
	}
	if !r.found[id] {
		r.found[id] = true
		return
	}
	if len(r.run) == 0 {
		r.again.Runs++
	}
	r.again.Lines++
	r.run[id] = true
	r.size += len(line) + 1
	r.again.Longest = max(r.again.Longest, r.size)
}

func (d duplicates) String() string {
	return fmt.Sprintf("%d duplicated in %d runs of at most %d bytes", d.Lines, d.Runs, d.Longest)
}

// longestBatch bounds what a logger reads at once, as it is written: pseudonyms are
// longer than addresses, but no line of these tests doubles in length.
const longestBatch = 2 * 64 << 10

// requireOneBatchEach fails the test if more is duplicated than one batch for each
// kill.
func (d duplicates) requireOneBatchEach(t *testing.T, kills int) {
	t.Helper()
	require.LessOrEqual(t, d.Runs, kills)
	require.LessOrEqual(t, d.Longest, longestBatch)
}

// finish ends load and server, and compares the answers with DIR: no address is in it,
// and the room files have the exact number of clients. The caller judges what is lost
// or duplicated. A request without an answer may or may not be logged. Held requests
// must have been released.
func (l *load) finish(t *testing.T, dir string) loadResult {
	t.Helper()
	l.stop()
	l.held.Wait()
	l.settle(dir)
	l.stopServer()

	c, days := l.count(t, dir)
	addrs := map[netip.Addr]bool{}
	for _, a := range l.asked {
		addrs[a.client] = true
	}
	assertNoAddressBelow(t, dir, addrs)
	for day, rooms := range days {
		got, err := os.ReadFile(filepath.Join(dir, "rooms", "rooms-"+day+".log"))
		require.NoError(t, err)
		assert.Equal(t, roomLines(rooms), string(got), "rooms of %s", day)
	}
	c.checkHits(t, dir, l.h.ErrorLog())
	return c
}

// checkHits compares the traffic figures, if there are any, with the lines found: each
// counts once, even if it is in a file twice after a kill. If hushpipe cannot know, it
// reports that.
func (c loadResult) checkHits(t *testing.T, dir, said string) {
	t.Helper()
	files, _ := os.ReadDir(filepath.Join(dir, "traffic"))
	if !slices.ContainsFunc(files, func(f os.DirEntry) bool { return f.Name() != "lost+found" }) {
		return // a test's disk is there whether hushpipe counts or not
	}
	got := hitsIn(t, dir)
	if strings.Contains(said, "may be counted twice") {
		t.Log("hushpipe does not know whether a batch was counted before")
		for day, n := range c.Hits {
			assert.GreaterOrEqual(t, got[day], n, "hits of %s", day)
			assert.LessOrEqual(t, got[day], n+c.Duplicated.Lines, "hits of %s", day)
		}
		return
	}
	assert.Equal(t, c.Hits, got, "hits by day")
}

// hitsIn returns the hits in the traffic figures of DIR, by day.
func hitsIn(t *testing.T, dir string) map[string]int {
	t.Helper()
	hits := map[string]int{}
	names, err := filepath.Glob(filepath.Join(dir, "traffic", "traffic-*.txt")) // none without --traffic
	require.NoError(t, err)
	for _, name := range names {
		day, err := trafficfile.Parse([]byte(copyOf(t, name)))
		require.NoError(t, err, name)
		for _, c := range day.Cells {
			if c.Kind == "total" && (c.Key == "people" || c.Key == "robots") {
				hits[day.Day.String()] += int(c.Numbers[1])
			}
		}
	}
	return hits
}

// settle waits until DIR has all that was answered, or gets nothing new for a while:
// httpd logs after it answers, and stopping it earlier would lose the last lines.
func (l *load) settle(dir string) {
	l.h.t.Helper()
	const rest = 8 * time.Second // without a new line
	var last int64
	quiet := time.Now()
	await(l.h.t, func() bool {
		found, size := map[string]bool{}, int64(0)
		names, _ := filepath.Glob(filepath.Join(dir, "access-????-??-??.log"))
		for _, name := range names {
			data, _ := os.ReadFile(name)
			size += int64(len(data))
			for _, m := range idParam.FindAllSubmatch(data, -1) {
				found[string(m[1])] = true
			}
		}
		if size != last {
			last, quiet = size, time.Now()
		}
		return l.missing(found) == 0 || time.Since(quiet) > rest
	}, "the files do not come to rest")
}

// missing counts the answered requests that are not in found.
func (l *load) missing(found map[string]bool) (n int) {
	for id, a := range l.asked {
		if a.status != 0 && !found["l"+strconv.Itoa(id)] {
			n++
		}
	}
	return n
}

// count reads all day files. It also returns the clients of each day's rooms: those of
// the lines found, and of lines that were lost although answered, which count too.
func (l *load) count(t *testing.T, dir string) (loadResult, map[string]roomClients) {
	t.Helper()
	c := loadResult{Sent: len(l.asked), Hits: map[string]int{}, Longest: l.longestSince(0), Control: l.control}
	days, read, seen := map[string]roomClients{}, newReading(), map[int]bool{}
	add := func(day string, a loadRequest, status int) {
		if days[day] == nil {
			days[day] = roomClients{}
		}
		if status < 400 {
			days[day].add("load/"+strings.ToLower(a.room), a.client)
		}
	}
	for _, name := range glob(t, filepath.Join(dir, "access-????-??-??.log")) {
		for _, line := range lines(t, name) {
			m := loadLine.FindStringSubmatch(line)
			require.NotNil(t, m, "no line of the load: %s", line)
			id, _ := strconv.Atoi(m[2])
			status, _ := strconv.Atoi(m[3])
			read.add("l"+m[2], line)
			if m[1] == "" {
				// Threads of a new child share a formatted time while one of them
				// writes it (mod_log_config.c, log_request_time): in one of some
				// hundred thousand lines %t is empty, and the line malformed.
				t.Logf("httpd wrote no time: %s", line)
				continue
			}
			if !seen[id] {
				seen[id] = true
				c.Hits[dayOf(line)]++
			}
			add(dayOf(line), l.asked[id], status)
		}
	}
	c.Found, c.Lost, c.Duplicated = len(read.found), l.missing(read.found), read.again
	for id, a := range l.asked {
		if a.status != 0 {
			c.Answered++
			if !read.found["l"+strconv.Itoa(id)] {
				add(a.at.Format(time.DateOnly), a, a.status)
			}
		}
	}
	return c, days
}

// roomClients are the clients of a day's rooms.
type roomClients map[string]map[netip.Addr]bool

func (r roomClients) add(room string, client netip.Addr) {
	if r[room] == nil {
		r[room] = map[netip.Addr]bool{}
	}
	r[room][client] = true
}

// roomLines are the lines of the room file.
func roomLines(rooms roomClients) string {
	all := make([]string, 0, len(rooms))
	for room, clients := range rooms {
		all = append(all, fmt.Sprintf("%x %d", sha1.Sum([]byte(room)), len(clients)))
	}
	slices.Sort(all)
	var text strings.Builder
	for _, line := range all {
		hash, n, _ := strings.Cut(line, " ")
		fmt.Fprintf(&text, "%s %s\n", n, hash)
	}
	return text.String()
}

var loadLine = regexp.MustCompile(`^[0-9a-f:]+ - - (\[[^]]+\])? "\S+ /load/\S*[?&]id=l(\d+)\S* HTTP/1\.1" (\d{3}) `)

// TestLoad: without faults every line is there exactly once.
func TestLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	h := startHTTPD(t, loadLog(hushpipeBinary(t), dir))
	l := startLoad(h, 500)
	l.hold("one")
	l.await(1000)
	h.release("one")
	c := l.finish(t, dir)
	t.Log(c)
	require.Zero(t, c.Lost)
	require.Zero(t, c.Duplicated)
	require.GreaterOrEqual(t, c.Answered, 1000)
	require.NotRegexp(t, "hushpipe:.* lost", h.ErrorLog())
}
