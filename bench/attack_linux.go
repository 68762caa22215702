package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// attack is a client that sends requests of chosen bytes.
type attack struct {
	in      string // the header with the bytes; "" for the name of a room
	pattern string
	ip      string // hushpipe's --ip
	rate    int    // requests a second
	json    bool   // lines are JSON
}

// chosenSize is how many bytes are chosen of each request.
const chosenSize = 24 << 10

// attacks are what cost most before it was bounded, and as much as a server takes.
var attacks = []attack{
	{"User-Agent", "::1g", "ipcrypt", 1500, false},
	{"User-Agent", ":::1g", "ipcrypt", 1500, false},
	{"User-Agent", "::1g", "pfx", 100, false},
	{"X-Forwarded-For", "a,", "ipcrypt", 1500, false},
	{"Forwarded", "a,", "ipcrypt", 1500, true},
	{"", "%EF%B7%BA", "ipcrypt", 1500, false},
}

func (a attack) String() string {
	where, as := a.in, ""
	if where == "" {
		where = "room"
	}
	if a.json {
		as = ", JSON"
	}
	if a.ip != "ipcrypt" {
		as += ", --ip " + a.ip
	}
	return fmt.Sprintf("`%s` in %s%s", a.pattern, where, as)
}

// request returns what the attacker sends.
func (a attack) request() request {
	chosen := strings.Repeat(a.pattern, chosenSize/len(a.pattern))
	if a.in == "" {
		return request{"GET /http-bind?" + idName, "&room=" + chosen + " HTTP/1.1\r\nHost: localhost\r\n\r\n"}
	}
	return request{"GET /?" + idName, " HTTP/1.1\r\nHost: localhost\r\n" + a.in + ": " + chosen + "\r\n\r\n"}
}

// The lines have each header that an attack is in.
const (
	chosenText = `%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\" \"%{X-Forwarded-For}i\"`
	chosenJSON = `{\"time\":\"%{%Y-%m-%dT%H:%M:%S%z}t\",\"remote_ip\":\"%a\",\"request\":\"%r\",\"status\":\"%>s\",` +
		`\"user_agent\":\"%{User-Agent}i\",\"forwarded\":\"%{Forwarded}i\"}`
)

const (
	attackConnections = 256 // twice as many as httpd serves at a time
	othersRate        = 100 // a second
	othersRoom        = "standup"
)

// attackBehind is how others fare beside an attack.
type attackBehind struct {
	Attack  string  `json:"attack"`
	Logger  string  `json:"logger"`
	Rate    float64 `json:"attacks_per_second"` // that were answered, the median of the rounds
	Answer  times   `json:"others_ms"`
	Others  int     `json:"others"`                  // each from an address of its own, in all rounds
	Counted *int    `json:"counted,omitempty"`       // of them
	Marked  bool    `json:"lower_bound,omitempty"`   // the counts are marked as one, in a round
	Disk    float64 `json:"disk_to_input,omitempty"` // in the round where it was most
	// Elsewhere is how many processors had other things to do, in the round with most.
	Elsewhere float64 `json:"processors_busy_elsewhere"`
}

// attacked is what one run of an attack came to.
type attacked struct {
	rate    float64
	answers []time.Duration // of the others
	counted int
	marked  bool // as a lower bound
	disk    float64
	// elsewhere is how many processors had other things to do.
	elsewhere float64
}

// attacks runs all attacks against cat and hushpipe in turn.
func (h harness) attacks(ctx context.Context) ([]attackBehind, error) {
	var all []attackBehind
	for i, a := range attacks {
		fmt.Fprintf(h.stderr, "bench: attack %d of %d\n", i+1, len(attacks))
		both, err := h.attack(ctx, a)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a, err)
		}
		all = append(all, both...)
	}
	return all, nil
}

// attack runs an attack, in turn against cat and hushpipe.
func (h harness) attack(ctx context.Context, a attack) ([]attackBehind, error) {
	both := []logger{named("cat"), named("hushpipe")}
	runs := make([][]attacked, len(both))
	for range h.rounds {
		for i, l := range both {
			r, err := h.underAttack(ctx, a, l)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.name, err)
			}
			runs[i] = append(runs[i], r)
		}
	}
	var out []attackBehind
	for i, l := range both {
		b := attackBehind{Attack: a.String(), Logger: l.name}
		var rates []float64
		var answers []time.Duration
		counted := 0
		for _, r := range runs[i] {
			rates = append(rates, r.rate)
			answers = append(answers, r.answers...)
			counted += r.counted
			b.Marked = b.Marked || r.marked
			b.Disk = max(b.Disk, r.disk)
			b.Elsewhere = max(b.Elsewhere, r.elsewhere)
		}
		b.Rate, b.Answer, b.Others = median(rates), timesOf(answers), len(answers)
		if l.name == "hushpipe" {
			b.Counted = &counted
		}
		out = append(out, b)
	}
	return out, nil
}

func named(name string) logger {
	for _, l := range loggers {
		if l.name == name {
			return l
		}
	}
	panic("no logger " + name)
}

// underAttack runs an attack once. A file that httpd writes of the same lines tells
// what the logger is given.
func (h harness) underAttack(ctx context.Context, a attack, l logger) (attacked, error) {
	root := filepath.Join(h.dir, "attacked")
	defer os.RemoveAll(root)
	dir := filepath.Join(root, "logger")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return attacked{}, err
	}
	lines, flags := chosenText, ` --ip `+a.ip+` --format '`+chosenText+`'`
	if a.json {
		lines, flags = chosenJSON, ` --ip `+a.ip
	}
	l.to = strings.Replace(l.to, "BIN filter", "BIN filter"+flags, 1)
	directive, err := h.customLog(l, dir, "chosen")
	if err != nil {
		return attacked{}, err
	}
	s, err := startServer(root, `LogFormat "`+lines+`" chosen`, directive, "CustomLog raw.log chosen")
	if err != nil {
		return attacked{}, err
	}
	defer s.kill()
	attacker, err := newLoad(ctx, s, "127.0.0.1", attackConnections, []request{a.request()})
	if err != nil {
		return attacked{}, err
	}
	defer attacker.close()
	attacker.again = true

	var r attacked
	var sent []exchange
	var attackErr error
	var busy sync.WaitGroup
	start, before := now(), elsewhere(s)
	busy.Go(func() {
		sent, attackErr = attacker.run(ctx, a.rate, h.duration)
		r.rate = float64(len(sent)) / (now() - start).Seconds()
	})
	var othersErr error
	r.answers, othersErr = others(ctx, s, h.duration)
	busy.Wait()
	r.elsewhere = (elsewhere(s) - before).Seconds() / (now() - start).Seconds()
	if err := errors.Join(attackErr, othersErr, s.stop()); err != nil {
		return attacked{}, err
	}
	if l.name != "hushpipe" {
		return r, nil
	}
	if r.counted, r.marked, err = countedIn(filepath.Join(dir, "log")); err != nil {
		return attacked{}, err
	}
	input, err := os.Stat(filepath.Join(root, "raw.log"))
	if err != nil {
		return attacked{}, err
	}
	written, err := sizeBelow(dir)
	r.disk = float64(written) / float64(input.Size())
	return r, err
}

// elsewhere is the time that all processors spent on others than the server, its
// loggers and us, as near as ticks of 10 ms tell.
func elsewhere(s *server) time.Duration {
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	var busy time.Duration
	for i, field := range strings.Fields(line) {
		// After "cpu": user, nice, system, idle, iowait, irq, softirq, steal.
		if n, err := strconv.Atoi(field); err == nil && i <= 8 && i != 4 && i != 5 {
			busy += time.Duration(n) * 10 * time.Millisecond
		}
	}
	var used unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &used)
	httpd, loggers, _ := s.cpu()
	return busy - time.Duration(used.Utime.Nano()+used.Stime.Nano()) - httpd - loggers
}

// others are honest clients, which come at random times, each from an address of its
// own. It returns how long each had to wait, from before it connects until httpd has
// closed the connection, which it does when the request is logged.
func others(ctx context.Context, s *server, d time.Duration) ([]time.Duration, error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var mu sync.Mutex
	var took []time.Duration
	var busy sync.WaitGroup
	rnd := rand.New(rand.NewPCG(2, 0))
	end := now() + d
	for n, at := 1, now(); ctx.Err() == nil; n++ {
		at += time.Duration(rnd.ExpFloat64() * float64(time.Second) / othersRate)
		if at >= end {
			break
		}
		sleepUntil(at)
		busy.Go(func() {
			start := now()
			if err := visit(ctx, s, fmt.Sprintf("127.1.%d.%d", n>>8, n&0xff)); err != nil {
				fail(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, now()-start)
		})
	}
	busy.Wait()
	return took, context.Cause(ctx)
}

// visit asks for the room that others are in.
func visit(ctx context.Context, s *server, src string) error {
	c, err := s.dial(ctx, src)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	_, err = fmt.Fprintf(c, "GET /http-bind?room=%s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: %s\r\nConnection: close\r\n\r\n", othersRoom, browsers[0])
	if err != nil {
		return fmt.Errorf("ask httpd: %w", err)
	}
	in := bufio.NewReader(c)
	if err := readAnswer(in); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return fmt.Errorf("httpd does not close: %w", err)
	}
	return nil
}

// countedIn returns how many clients of the others' room the room files have, and
// whether one is marked as a lower bound. Each client comes once, so that those of two
// days add up.
func countedIn(dir string) (total int, marked bool, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "rooms", "rooms-*.log"))
	if err != nil {
		return 0, false, err
	}
	room := fmt.Appendf(nil, " %x", sha1.Sum([]byte(othersRoom)))
	for _, name := range names {
		if _, err := os.Stat(name + ".partial"); err == nil {
			marked = true
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return 0, false, err
		}
		for line := range bytes.Lines(text) {
			if count, ok := bytes.CutSuffix(bytes.TrimSpace(line), room); ok {
				n, err := strconv.Atoi(string(count))
				if err != nil {
					return 0, false, fmt.Errorf("read %s: %w", filepath.Base(name), err)
				}
				total += n
			}
		}
	}
	return total, marked, nil
}
