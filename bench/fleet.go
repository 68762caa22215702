package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"hushpipe/filter/dir"
	"hushpipe/filter/engine"
	"hushpipe/filter/fleet"
	"hushpipe/filter/journal"
	"hushpipe/filter/pairs"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

const (
	roomSize = 50    // addresses in each room
	busiest  = 8     // an hour with three times the average load has 1/8 of a day's pairs
	alone    = 1_000 // pairs sent one by one
)

// fleetBench ships made-up journals of several hosts to a redis-server: first all of them, then
// those of an hour in which the engine was away, then everything again after the engine was
// wiped, then some pairs one by one. It checks the final counts.
func fleetBench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench fleet", flag.ContinueOnError)
	flags.SetOutput(stderr)
	hosts := flags.Int("hosts", 3, "number of hosts")
	each := flags.Int("pairs", 1_000_000, "pairs of room and address of each host")
	if flags.Parse(args) != nil {
		return errUsage
	}
	path, err := os.MkdirTemp("", "fleet")
	if err != nil {
		return err
	}
	defer os.RemoveAll(path)
	socket := filepath.Join(path, "socket")
	server := exec.CommandContext(ctx, "redis-server", "--port", "0", "--unixsocket", socket, "--dir", path, "--save", "")
	if err := server.Start(); err != nil {
		return err
	}
	defer server.Wait()
	defer server.Process.Kill()
	open := func() (*engine.Engine, error) { return engine.Open(engine.Config{Addresses: []string{socket}}) }
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		e, err := open()
		if err == nil {
			e.Close()
			break
		}
		if time.Since(began) > time.Minute {
			return err
		}
	}
	now := time.Now()
	if civil.DayOf(now.Add(time.Minute)) != civil.DayOf(now) {
		now = now.Add(-time.Minute) // stay on one day, as the run ends a minute later
	}
	seed := fleet.NewSeed("bench", now).AppendText(nil)
	say := func(_, line string) { fmt.Fprintln(stderr, line) }
	join := func(name string) (string, error) {
		at := filepath.Join(path, name)
		err := errors.Join(os.MkdirAll(filepath.Join(at, dir.Journal), 0o700), os.WriteFile(filepath.Join(at, dir.SeedName), seed, 0o600))
		if err != nil {
			return at, err
		}
		return at, fleet.NewShipper(fleet.ShipConfig{Path: at, Fleet: "bench", Now: func() time.Time { return now }, Log: say}).Step()
	}
	var senders []*pairs.Sender
	var dirs []string
	for i := range *hosts {
		name := fmt.Sprintf("web%d", i)
		at, err := join(name)
		if err != nil {
			return err
		}
		if err := writeJournal(filepath.Join(at, dir.Journal, dir.NewJournal(civil.DayOf(now))), i**each, *each); err != nil {
			return err
		}
		dirs = append(dirs, at)
		senders = append(senders, pairs.NewSender(pairs.SenderConfig{Path: at, Fleet: "bench", Host: name, Now: func() time.Time { return now }, Log: say,
			Open: func() (pairs.Engine, error) { return open() }}))
	}
	counts, err := join("counts")
	if err != nil {
		return err
	}
	total := *hosts * *each
	empty, err := readStats(socket)
	if err != nil {
		return err
	}
	step := func() error {
		for _, s := range senders {
			if err := s.Step(); err != nil {
				return err
			}
		}
		return nil
	}
	// ship makes all hosts send n pairs, and prints the cost.
	ship := func(what string, n int, all func() error) error {
		before, err := readStats(socket)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := all(); err != nil {
			return err
		}
		took := time.Since(began)
		after, err := readStats(socket)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "%s: %d pairs: %.1f s, %.0f pairs/s, %.1f bytes a pair on the wire, %.1f in the engine, peak memory of this process %d MiB\n",
			what, n, took.Seconds(), float64(n)/took.Seconds(), float64(after.wire-before.wire)/float64(n),
			float64(after.memory-empty.memory)/float64(total), peakMemory())
		return err
	}
	fmt.Fprintf(stdout, "%d hosts, rooms of %d\n", *hosts, roomSize)
	if err := ship("a new engine", total, step); err != nil {
		return err
	}
	hour := *each / busiest
	for i, at := range dirs {
		if err := writeJournal(filepath.Join(at, dir.Journal, dir.NewJournal(civil.DayOf(now))), total+i*hour, hour); err != nil {
			return err
		}
	}
	total += *hosts * hour
	if err := ship("an hour later", *hosts*hour, step); err != nil {
		return err
	}
	if out, err := exec.Command("redis-cli", "-s", socket, "FLUSHALL").CombinedOutput(); err != nil {
		return fmt.Errorf("redis-cli: %w: %s", err, out)
	}
	now = now.Add(time.Minute) // the time at which senders check that the engine has everything
	if err := ship("a wiped engine", total, step); err != nil {
		return err
	}
	total += alone
	if err := ship("one by one, of one host", alone, func() error {
		w, f, err := newJournal(filepath.Join(dirs[0], dir.Journal, dir.NewJournal(civil.DayOf(now))))
		if err != nil {
			return err
		}
		defer f.Close()
		for i := range alone {
			if err := errors.Join(w.Append(appendPair(nil, total+i*roomSize)), senders[0].Step()); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	c := pairs.NewCollector(pairs.CollectorConfig{Path: counts, Fleet: "bench", Now: func() time.Time { return now }, Log: say,
		Open: func() (pairs.Counter, error) { return open() }})
	if err := c.Step(); err != nil {
		return err
	}
	return checkRooms(filepath.Join(counts, dir.Rooms, dir.RoomFile(civil.DayOf(now))), total)
}

func newJournal(path string) (*journal.Writer, *os.File, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, err
	}
	w, err := journal.NewWriter(f, [8]byte{1}, []byte("rooms=jitsi;"))
	return w, f, err
}

// appendPair appends pair number i.
func appendPair(dst []byte, i int) []byte {
	var hash [20]byte
	binary.BigEndian.PutUint64(hash[:], uint64(i/roomSize)+1)
	return rooms.AppendRecord(dst, &hash, uint64(i+1)*0x9e3779b97f4a7c15)
}

// writeJournal writes n pairs, beginning with number from.
func writeJournal(path string, from, n int) error {
	w, f, err := newJournal(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var payload []byte
	for i := from; i < from+n; i++ {
		payload = appendPair(payload, i)
		if len(payload) > 32<<10 || i == from+n-1 {
			if err := w.Append(payload); err != nil {
				return err
			}
			payload = payload[:0]
		}
	}
	return nil
}

// checkRooms returns an error unless the counts of rooms add up to want.
func checkRooms(path string, want int) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	entries, err := roomfile.Parse(text)
	if err != nil {
		return err
	}
	var n uint64
	for _, e := range entries {
		n += e.Count
	}
	if n != uint64(want) {
		return fmt.Errorf("%d pairs were sent, %d are counted", want, n)
	}
	return nil
}

// engineStats is what an engine reports about itself, in bytes.
type engineStats struct {
	memory int
	wire   int // in both directions
}

func readStats(socket string) (a engineStats, err error) {
	out, err := exec.Command("redis-cli", "-s", socket, "INFO", "everything").Output()
	if err != nil {
		return a, err
	}
	number := func(name string) int {
		found := regexp.MustCompile(name + `:(\d+)`).FindSubmatch(out)
		if found == nil {
			err = errors.New("the engine does not tell " + name)
			return 0
		}
		n, _ := strconv.Atoi(string(found[1]))
		return n
	}
	a.memory = number("used_memory")
	a.wire = number("total_net_input_bytes") + number("total_net_output_bytes")
	return a, err
}

// peakMemory returns the peak memory of this process in MiB, 0 if the system does not report it.
func peakMemory() int {
	text, _ := os.ReadFile("/proc/self/status")
	found := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	kib, _ := strconv.Atoi(string(found[1]))
	return kib >> 10
}
