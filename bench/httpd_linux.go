package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const httpdUsage = `usage: go run ./bench httpd [flags]

Start a real Apache httpd (event MPM) for each logger in turn, and print what a
request costs: CPU time of the logger and of httpd, the wait for the answer, and
the time from the answer until the line is in the file. With -attack, print how
clients fare, and how many are counted, while another one sends requests of
24 KB that are chosen to cost most. With -loggers, print the memory and threads
of the loggers of N virtual hosts, idle and with a line a second each. With
-streams, the loggers are hushpipe with no policy, one stream, and four.

  -attack       others beside an attacker
  -duration D   time for each logger at each rate (default 1s; 2s with -attack,
                10s with -loggers)
  -json         print one JSON object
  -loggers N    virtual hosts with a logger each
  -rounds N     rounds of all loggers in turn (default 3)
  -streams      loggers with a policy

Example:
  go run ./bench httpd -attack -rounds 1 -json | jq '.attacks[].counted'
`

// httpd measures loggers behind a real httpd.
func httpd(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench httpd", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {}
	underAttack := flags.Bool("attack", false, "")
	duration := flags.Duration("duration", 0, "")
	asJSON := flags.Bool("json", false, "")
	hosts := flags.Int("loggers", 0, "")
	rounds := flags.Int("rounds", 3, "")
	streams := flags.Bool("streams", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, err := io.WriteString(stdout, httpdUsage)
		return err
	case err != nil || flags.NArg() > 0:
		io.WriteString(stderr, httpdUsage)
		return errUsage
	case *rounds < 1:
		return errors.New("at least 1 round")
	case *duration < 0:
		return errors.New("the time is too short")
	case *hosts < 0 || *hosts > 1000:
		return errors.New("1 to 1000 loggers")
	case *hosts > 0 && *underAttack || *streams && (*hosts > 0 || *underAttack):
		return errors.New("-attack, -loggers and -streams are a measurement each")
	case *duration == 0 && *hosts > 0:
		*duration = 10 * time.Second
	case *duration == 0 && *underAttack:
		*duration = 2 * time.Second
	case *duration == 0:
		*duration = time.Second
	}
	h, err := newHarness(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(h.dir)
	h.rounds, h.duration, h.stderr = *rounds, *duration, stderr
	r := report{
		Machine: machine(), Cores: runtime.NumCPU(), Go: runtime.Version(), Hushpipe: h.version,
		HTTPD: program{pkg: "apache2-bin"}.version(), Rounds: *rounds, Seconds: duration.Seconds(), LoadBefore: loadAverage(),
	}
	switch {
	case *underAttack:
		r.Attacks, err = h.attacks(ctx)
	case *hosts > 0:
		r.Memories, err = h.memories(ctx, *hosts)
	case *streams:
		r.Base = streamLoggers[1].name
		r.Costs, err = h.costs(ctx, streamLoggers, r.Base)
	default:
		r.Base = "rotatelogs"
		r.Costs, err = h.costs(ctx, loggers, r.Base)
	}
	if err != nil {
		return err
	}
	r.LoadAfter = loadAverage()
	if *asJSON {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "\t")
		return out.Encode(r)
	}
	_, err = io.WriteString(stdout, r.String())
	return err
}

// report is the measurements behind httpd.
type report struct {
	Machine    string  `json:"machine"`
	Cores      int     `json:"cores"`
	LoadBefore string  `json:"load_average_before"` // over 1, 5 and 15 minutes
	LoadAfter  string  `json:"load_average_after"`
	Go         string  `json:"go"`
	Hushpipe   string  `json:"hushpipe"`
	HTTPD      string  `json:"httpd"`
	Rounds     int     `json:"rounds"`
	Seconds    float64 `json:"seconds"` // for each logger, rate and round

	Base     string         `json:"costs_to,omitempty"` // the logger that the ratios of Costs refer to
	Costs    []costBehind   `json:"costs,omitempty"`
	Attacks  []attackBehind `json:"attacks,omitempty"`
	Memories []memoryBehind `json:"memories,omitempty"`
}

// costBehind is the cost of a logger at a rate.
type costBehind struct {
	Logger   string `json:"logger"`
	Rate     int    `json:"rate"` // requests a second; 0 for as many as httpd answers
	Requests span   `json:"requests_per_second"`
	CPU      span   `json:"logger_cpu_us"` // a request
	Ratio    *span  `json:"logger_cpu_ratio,omitempty"`
	HTTPD    span   `json:"httpd_cpu_us"` // a request
	Answer   times  `json:"answer_ms"`
	Line     *times `json:"line_after_answer_ms,omitempty"`
}

// span is the median of the rounds, with the extremes.
type span struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spanOf(v []float64) span { return span{median(v), slices.Min(v), slices.Max(v)} }

// times are quantiles over all rounds, in milliseconds.
type times struct {
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
}

func timesOf(v []time.Duration) times {
	slices.Sort(v)
	ms := func(q float64) float64 { return float64(v[int(q*float64(len(v)-1)+0.5)]) / float64(time.Millisecond) }
	return times{ms(0.5), ms(0.99)}
}

// logger is a destination for httpd's lines.
type logger struct {
	name string
	// to is the first argument of CustomLog; DIR is replaced by the logger's own directory, and
	// BIN by the program. "" is for no log.
	to  string
	bin string
	// lines is a pattern for the files with the lines, below DIR.
	lines  string
	policy string // content of DIR/policy.toml
}

var loggers = []logger{
	{name: "none"},
	{name: "file", to: "DIR/log", lines: "log"},
	{name: "cat", to: "|$exec BIN >>DIR/log", bin: "cat", lines: "log"},
	{name: "rotatelogs", to: "|BIN DIR/access-%Y-%m-%d.log 86400", bin: "rotatelogs", lines: "access-*.log"},
	{name: "hushpipe", to: "|BIN filter DIR/log", lines: "log/access-????-??-??.log"},
}

// streamLoggers write each line to one file; the last one, to four.
var streamLoggers = []logger{
	{name: "no policy", to: "|BIN filter --format combined --rooms none DIR/log", lines: "log/access-????-??-??.log"},
	{name: "1 stream", to: "|BIN filter --policy DIR/policy.toml DIR/log", policy: onePolicy, lines: "log/*/access-????-??-??.log"},
	{name: "4 streams", to: "|BIN filter --policy DIR/policy.toml DIR/log", policy: fourByClient, lines: "log/*/access-????-??-??.log"},
	{name: "4, all in each", to: "|BIN filter --policy DIR/policy.toml DIR/log", policy: policyOf("", "", "", ""), lines: "log/s1/access-????-??-??.log"},
}

// rates are in requests a second; 0 is as many as httpd answers.
var rates = []int{0, 5000, 500, 20}

// connections is the number of open connections when costs are measured.
const connections = 16

// harness measures loggers in turn.
type harness struct {
	dir      string // in memory
	hushpipe string // path
	version  string // of hushpipe
	rounds   int
	duration time.Duration
	stderr   io.Writer
}

// newHarness builds hushpipe in a new directory, which the caller removes.
func newHarness(ctx context.Context) (h harness, err error) {
	if h.dir, err = ramDir(); err != nil {
		return h, err
	}
	if err = os.Chmod(h.dir, 0o755); err == nil { // for httpd's user
		h.hushpipe, h.version, err = build(ctx, h.dir)
	}
	if err != nil {
		os.RemoveAll(h.dir)
	}
	return h, err
}

// behind is a logger with its own server and load.
type behind struct {
	logger
	server *server
	load   *load
	dir    string // of the log
	runs   map[int]*atRate
}

// atRate is the measurements at one rate.
type atRate struct {
	requests, cpu, httpd []float64 // by round
	answers, lines       []time.Duration
}

// costs measures all loggers at all rates. Their servers run side by side, all but one idle.
func (h harness) costs(ctx context.Context, loggers []logger, base string) ([]costBehind, error) {
	requests, err := requestsOf(20_000)
	if err != nil {
		return nil, err
	}
	var all []*behind
	defer func() {
		for _, b := range all {
			b.end()
		}
	}()
	for _, l := range loggers {
		b, err := h.start(ctx, l, requests)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	for round := range h.rounds {
		fmt.Fprintf(h.stderr, "bench: round %d of %d\n", round+1, h.rounds)
		for _, rate := range rates {
			for _, b := range all {
				if err := b.measure(ctx, rate, h.duration); err != nil {
					return nil, fmt.Errorf("%s: %w", b.name, err)
				}
			}
		}
	}
	for _, b := range all {
		if err := b.finish(); err != nil {
			return nil, fmt.Errorf("%s: %w", b.name, err)
		}
	}
	return costsOf(all, base), nil
}

// start starts a server that logs to l, and warms it up.
func (h harness) start(ctx context.Context, l logger, requests []request) (*behind, error) {
	b := &behind{logger: l, dir: filepath.Join(h.dir, "httpd-"+strings.NewReplacer(" ", "-", ",", "").Replace(l.name), "logger"), runs: map[int]*atRate{}}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return nil, err
	}
	if l.policy != "" {
		if err := os.WriteFile(filepath.Join(b.dir, "policy.toml"), []byte(l.policy), 0o644); err != nil {
			return nil, err
		}
	}
	directive, err := h.customLog(l, b.dir, "combined")
	if err != nil {
		return nil, err
	}
	if b.server, err = startServer(filepath.Dir(b.dir), "RemoteIPHeader X-Forwarded-For", directive); err != nil {
		return nil, err
	}
	if b.load, err = newLoad(ctx, b.server, "127.0.0.1", connections, requests); err != nil {
		b.server.kill()
		return nil, err
	}
	if _, err := b.load.run(ctx, 0, 300*time.Millisecond); err != nil {
		b.end()
		return nil, fmt.Errorf("%s: %w", l.name, err)
	}
	return b, nil
}

// end stops everything.
func (b *behind) end() {
	b.load.close()
	b.server.kill()
}

// customLog returns the directive that sends lines of the LogFormat to l.
func (h harness) customLog(l logger, dir, logFormat string) (string, error) {
	if l.to == "" {
		return "", nil
	}
	bin := h.hushpipe
	if l.bin != "" {
		path, err := exec.LookPath(l.bin)
		if err != nil {
			return "", fmt.Errorf("%s is missing: apt-get install apache2-utils coreutils", l.bin)
		}
		bin = path
	}
	return fmt.Sprintf("CustomLog \"%s\" %s", strings.NewReplacer("DIR", dir, "BIN", bin).Replace(l.to), logFormat), nil
}

// measure loads the server twice: once for the costs, and once, at half the length, for the
// delay of the lines, since watching a file slows its writer.
func (b *behind) measure(ctx context.Context, rate int, d time.Duration) error {
	if b.runs[rate] == nil {
		b.runs[rate] = &atRate{}
	}
	r := b.runs[rate]
	httpdBefore, loggerBefore, err := b.server.cpu()
	if err != nil {
		return err
	}
	start := now()
	taken, err := b.load.run(ctx, rate, d)
	if err != nil {
		return err
	}
	took := now() - start
	time.Sleep(30 * time.Millisecond) // include what is logged after the answers
	httpdAfter, loggerAfter, err := b.server.cpu()
	if err != nil {
		return err
	}
	n := float64(len(taken))
	r.requests = append(r.requests, n/took.Seconds())
	r.cpu = append(r.cpu, float64((loggerAfter-loggerBefore).Nanoseconds())/1000/n)
	r.httpd = append(r.httpd, float64((httpdAfter-httpdBefore).Nanoseconds())/1000/n)
	for _, x := range taken {
		r.answers = append(r.answers, x.answered-x.sent)
	}
	if b.lines == "" || b.policy == fourByClient { // with several files, each has only some of the lines
		return nil
	}
	w, err := watch(b.newest())
	if err != nil {
		return err
	}
	taken, err = b.load.run(ctx, rate, d/2)
	time.Sleep(30 * time.Millisecond)
	came, watchErr := w.end()
	if err := errors.Join(err, watchErr); err != nil {
		return err
	}
	for _, x := range taken {
		if at, ok := came[x.id]; ok {
			r.lines = append(r.lines, max(0, at-x.answered))
		}
	}
	if len(r.lines) == 0 {
		return errors.New("no line came within 30 ms")
	}
	return nil
}

// files returns the files with the lines.
func (b *behind) files() []string {
	names, _ := fs.Glob(os.DirFS(b.dir), b.lines) // the pattern is right
	return names
}

// newest returns the file that is being written.
func (b *behind) newest() string {
	names := b.files()
	if len(names) == 0 {
		return filepath.Join(b.dir, b.lines)
	}
	return filepath.Join(b.dir, names[len(names)-1])
}

// finish stops the server, and checks that all lines arrived.
func (b *behind) finish() error {
	if err := b.server.stop(); err != nil || b.lines == "" {
		return err
	}
	n := 0
	for _, name := range b.files() {
		some, err := countLines(filepath.Join(b.dir, name))
		if err != nil {
			return err
		}
		n += some
	}
	if sent := int(b.load.last.Load()); n != sent {
		return fmt.Errorf("%d lines of %d requests", n, sent)
	}
	return nil
}

func costsOf(all []*behind, base string) (costs []costBehind) {
	at := slices.IndexFunc(all, func(b *behind) bool { return b.name == base })
	for _, rate := range rates {
		for _, b := range all {
			r := b.runs[rate]
			c := costBehind{Logger: b.name, Rate: rate, Requests: spanOf(r.requests), CPU: spanOf(r.cpu), HTTPD: spanOf(r.httpd), Answer: timesOf(r.answers)}
			if len(r.lines) > 0 {
				t := timesOf(r.lines)
				c.Line = &t
			}
			if len(b.server.loggers) > 0 {
				var ratios []float64
				for i, cpu := range r.cpu {
					ratios = append(ratios, cpu/all[at].runs[rate].cpu[i])
				}
				s := spanOf(ratios)
				c.Ratio = &s
			}
			costs = append(costs, c)
		}
	}
	return costs
}

// tail records when lines arrive in a file.
type tail struct {
	stop chan struct{}
	done chan error
	came map[int64]time.Duration // by the ID of the request; complete after end
}

// watch starts to follow a file from its current end.
func watch(path string) (*tail, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err == nil {
		_, err = unix.InotifyAddWatch(fd, path, unix.IN_MODIFY)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekEnd)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch log: %w", err), unix.Close(fd), file.Close())
	}
	w := &tail{stop: make(chan struct{}), done: make(chan error), came: map[int64]time.Duration{}}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := w.read(fd, file)
		w.done <- errors.Join(err, unix.Close(fd), file.Close())
	}()
	return w, nil
}

// end stops following, and returns the arrival times of lines by request ID.
func (w *tail) end() (map[int64]time.Duration, error) {
	close(w.stop)
	err := <-w.done
	return w.came, err
}

func (w *tail) read(fd int, file *os.File) error {
	events, buf := make([]byte, 4096), make([]byte, 1<<20)
	begun := 0 // bytes of an incomplete line
	for {
		select {
		case <-w.stop:
			return nil
		default:
		}
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 20)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("watch log: %w", err)
		}
		if ready < 1 {
			continue
		}
		if _, err := unix.Read(fd, events); err != nil {
			return fmt.Errorf("watch log: %w", err)
		}
		for {
			n, err := file.Read(buf[begun:])
			if err == io.EOF {
				break
			}
			if err != nil {
				return fmt.Errorf("watch log: %w", err)
			}
			at := now()
			lines := buf[:begun+n]
			for {
				line, rest, whole := bytes.Cut(lines, []byte("\n"))
				if !whole {
					break
				}
				if id, ok := idOf(line); ok {
					w.came[id] = at
				}
				lines = rest
			}
			begun = copy(buf, lines)
		}
	}
}

// idOf returns the ID of the request in a line.
func idOf(line []byte) (id int64, ok bool) {
	_, digits, ok := bytes.Cut(line, []byte(idName))
	if !ok {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			break
		}
		id = 10*id + int64(c-'0')
	}
	return id, true
}

// loadAverage returns the load of the machine over 1, 5 and 15 minutes.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], " ")
}
