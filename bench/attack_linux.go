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

// attack is a client that sends requests with bytes of its choice.
type attack struct {
	in      string // the header that has the bytes; "" for the name of a room
	pattern string
	ip      string // hushpipe's --ip
	rate    int    // requests a second
	json    bool   // lines are JSON
}

// chosenSize is the number of chosen bytes in each request.
const chosenSize = 24 << 10

// attacks are the inputs that cost most before their cost was bounded, at the largest size a
// server accepts.
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

// request returns the request of the attacker.
func (a attack) request() request {
	chosen := strings.Repeat(a.pattern, chosenSize/len(a.pattern))
	if a.in == "" {
		return request{"GET /http-bind?" + idName, "&room=" + chosen + " HTTP/1.1\r\nHost: localhost\r\n\r\n"}
	}
	return request{"GET /?" + idName, " HTTP/1.1\r\nHost: localhost\r\n" + a.in + ": " + chosen + "\r\n\r\n"}
}

// The formats log each header that an attack uses.
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

// attackBehind is the effect of an attack on other clients.
type attackBehind struct {
	Attack  string  `json:"attack"`
	Logger  string  `json:"logger"`
	Rate    float64 `json:"attacks_per_second"` // answered; the median of the rounds
	Answer  times   `json:"others_ms"`
	Others  int     `json:"others"`                  // each from its own address, in all rounds
	Counted *int    `json:"counted,omitempty"`       // how many of them were counted
	Marked  bool    `json:"lower_bound,omitempty"`   // counts were marked as a lower bound in some round
	Disk    float64 `json:"disk_to_input,omitempty"` // the most of all rounds
	// Elsewhere is the number of processors busy with other work, the most of all rounds.
	Elsewhere float64 `json:"processors_busy_elsewhere"`
}

// attacked is the result of one run of an attack.
type attacked struct {
	rate    float64
	answers []time.Duration // waits of the other clients
	counted int
	marked  bool // counts were marked as a lower bound
	disk    float64
	// elsewhere is the number of processors busy with other work.
	elsewhere float64
}

// attacks runs all attacks, each against cat and hushpipe in turn.
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

// attack runs an attack in all rounds, against cat and hushpipe in turn.
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

// underAttack runs an attack once. httpd also writes the lines to a file, whose size is the
// logger's input.
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

// elsewhere returns the time that all processors spent on anything but the server, its loggers
// and this process, at the resolution of ticks, 10 ms.
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

// others sends requests of honest clients, at random times, each from its own address. It
// returns how long each client waited, from before it connects until httpd closes the
// connection, which it does after it has logged the request.
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

// visit requests the room of the other clients.
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

// countedIn returns how many clients the room files have for the others' room, and whether a
// file is marked as a lower bound. Each client comes once, so the counts of two days add up.
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
