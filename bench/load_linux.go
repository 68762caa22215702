package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// load sends requests to a server over persistent connections. Each of them waits for the answer
// before it sends the next request.
type load struct {
	connect func() (net.Conn, error)
	// again: a connection that httpd cuts, as it does when all workers are busy, is replaced by
	// a new one.
	again    bool
	conns    []*conn
	requests []request
	last     atomic.Int64 // ID of the last request
}

// request is the bytes before and after the ID.
type request struct{ before, after string }

// idName is the query parameter with the ID.
const idName = "bench="

type conn struct {
	net.Conn
	in    *bufio.Reader
	out   []byte
	sent  chan exchange
	taken []exchange // in this run
}

// exchange is a request and its answer, in times of function now.
type exchange struct {
	id             int64
	sent, answered time.Duration
}

// newLoad opens n connections from src.
func newLoad(ctx context.Context, s *server, src string, n int, requests []request) (*load, error) {
	l := &load{requests: requests, connect: func() (net.Conn, error) { return s.dial(ctx, src) }}
	for range n {
		c, err := l.connect()
		if err != nil {
			l.close()
			return nil, err
		}
		l.conns = append(l.conns, &conn{Conn: c, in: bufio.NewReader(c)})
	}
	return l, nil
}

func (l *load) close() {
	for _, c := range l.conns {
		c.Close()
	}
}

// requestsOf returns n requests like those of browsers to a conference server, behind a proxy
// that names the client.
func requestsOf(n int) ([]request, error) {
	g, err := newGenerator(traffic{Seed: 1, Lines: n, Day: time.Now(), Format: "common", Clients: 20_000, Rooms: 2_000})
	if err != nil {
		return nil, err
	}
	requests := make([]request, n)
	for i := range requests {
		g.AppendLine(nil)
		e := &g.entry
		sign := "?"
		if strings.Contains(e.target, "?") {
			sign = "&"
		}
		requests[i] = request{
			before: "GET " + e.target + e.param + sign + idName,
			after: " HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: " + e.addr +
				"\r\nReferer: " + e.referer + e.room + "\r\nUser-Agent: " + e.agent + "\r\n\r\n",
		}
	}
	return requests, nil
}

// run sends that many requests a second for a time, at random intervals, as independent clients
// do; rate 0 sends as many as httpd answers. It returns all exchanges.
func (l *load) run(ctx context.Context, rate int, d time.Duration) ([]exchange, error) {
	for _, c := range l.conns {
		c.taken = c.taken[:0]
		c.SetDeadline(time.Now().Add(d + patience))
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	if rate == 0 {
		l.flood(ctx, fail, now()+d)
	} else {
		l.pace(ctx, fail, rate, now()+d)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	var all []exchange
	for _, c := range l.conns {
		all = append(all, c.taken...)
	}
	if len(all) == 0 {
		return nil, errors.New("no request was sent: the time is too short for the rate")
	}
	return all, nil
}

func (l *load) flood(ctx context.Context, fail func(error), end time.Duration) {
	var busy sync.WaitGroup
	for _, c := range l.conns {
		busy.Go(func() {
			for now() < end && ctx.Err() == nil {
				x, err := l.send(c)
				if err == nil {
					err = c.receive(x)
				}
				if err != nil {
					fail(err)
				}
			}
		})
	}
	busy.Wait()
}

// pace sends from one thread, which sleeps with microsecond precision: Go's timers would release
// requests in bursts, a millisecond apart. If no connection is free, requests are late.
func (l *load) pace(ctx context.Context, fail func(error), rate int, end time.Duration) {
	free := make(chan *conn, len(l.conns))
	var busy sync.WaitGroup
	for _, c := range l.conns {
		c.sent = make(chan exchange, 1)
		free <- c
		busy.Go(func() {
			for x := range c.sent {
				if err := c.receive(x); err != nil {
					l.failed(c, err, end, fail)
				}
				free <- c
			}
		})
	}
	rnd := rand.New(rand.NewPCG(uint64(rate), 0))
	mean := float64(time.Second) / float64(rate)
	for at := now(); ctx.Err() == nil; {
		at += time.Duration(rnd.ExpFloat64() * mean)
		if at >= end {
			break
		}
		sleepUntil(at)
		c := <-free
		if now() >= end {
			break
		}
		x, err := l.send(c)
		if err != nil {
			l.failed(c, err, end, fail)
			free <- c
			continue
		}
		c.sent <- x
	}
	for _, c := range l.conns {
		close(c.sent)
	}
	busy.Wait()
}

// failed replaces a connection, if that is allowed.
func (l *load) failed(c *conn, err error, end time.Duration, fail func(error)) {
	if !l.again {
		fail(err)
		return
	}
	c.Close()
	if c.Conn, err = l.connect(); err != nil {
		fail(err)
		return
	}
	c.SetDeadline(time.Now().Add(end - now() + patience))
	c.in.Reset(c.Conn)
}

// send sends the next request.
func (l *load) send(c *conn) (exchange, error) {
	x := exchange{id: l.last.Add(1)}
	r := &l.requests[x.id%int64(len(l.requests))]
	c.out = append(c.out[:0], r.before...)
	c.out = strconv.AppendInt(c.out, x.id, 10)
	c.out = append(c.out, r.after...)
	x.sent = now()
	_, err := c.Write(c.out)
	return x, err
}

// receive reads the answer.
func (c *conn) receive(x exchange) error {
	if err := readAnswer(c.in); err != nil {
		return err
	}
	x.answered = now()
	c.taken = append(c.taken, x)
	return nil
}

// readAnswer reads an answer 200 with a Content-Length.
func readAnswer(in *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("httpd gave no answer: %w", err)
		}
		line = bytes.TrimRight(line, "\r\n")
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("httpd answered %q", line)
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return fmt.Errorf("httpd answered %q", line)
			}
		}
		if len(line) == 0 {
			break
		}
	}
	if length < 0 {
		return errors.New("httpd answered without a length")
	}
	_, err := in.Discard(length)
	return err
}

// now returns a monotonic time.
func now() time.Duration {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano())
}

// sleepUntil blocks this thread until a time of function now.
func sleepUntil(at time.Duration) {
	ts := unix.NsecToTimespec(int64(at))
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil) == unix.EINTR {
	}
}
