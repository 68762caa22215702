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

// roomSize is how many addresses use each room.
const roomSize = 50

// fleetBench ships made-up journals of several hosts to a redis-server, one after the other,
// again after the engine was wiped, and checks what it counts.
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
		now = now.Add(-time.Minute) // it ends a minute later, on the same day
	}
	seed := fleet.NewSeed("bench", now).AppendText(nil)
	say := func(_, line string) { fmt.Fprintln(stderr, line) }
	join := func(name string) (string, error) {
		at := filepath.Join(path, name)
		err := errors.Join(os.MkdirAll(filepath.Join(at, dir.Journal), 0o700), os.WriteFile(filepath.Join(at, dir.SeedName), seed, 0o600))
		if err != nil {
			return at, err
		}
		return at, fleet.NewShipper(fleet.ShipConfig{Path: at, Fleet: "bench", Now: func() time.Time { return now }, Say: say}).Look()
	}
	var senders []*pairs.Sender
	for i := range *hosts {
		name := fmt.Sprintf("web%d", i)
		at, err := join(name)
		if err != nil {
			return err
		}
		if err := writeJournal(filepath.Join(at, dir.Journal, dir.NewJournal(civil.DayOf(now))), i**each, *each); err != nil {
			return err
		}
		senders = append(senders, pairs.NewSender(pairs.SenderConfig{Path: at, Fleet: "bench", Host: name, Now: func() time.Time { return now }, Say: say,
			Open: func() (pairs.Engine, error) { return open() }}))
	}
	counts, err := join("counts")
	if err != nil {
		return err
	}
	before, err := usedMemory(socket)
	if err != nil {
		return err
	}
	for _, what := range []string{"a new engine", "a wiped engine"} {
		began := time.Now()
		for _, s := range senders {
			if err := s.Step(); err != nil {
				return err
			}
		}
		took := time.Since(began)
		used, err := usedMemory(socket)
		if err != nil {
			return err
		}
		total := *hosts * *each
		fmt.Fprintf(stdout, "%s: %d hosts, %d pairs in rooms of %d: %.1f s, %.0f pairs/s, %.1f bytes a pair in the engine, peak memory of this process %d MiB\n",
			what, *hosts, total, roomSize, took.Seconds(), float64(total)/took.Seconds(), float64(used-before)/float64(total), peakMemory())
		if what == "a new engine" {
			if out, err := exec.Command("redis-cli", "-s", socket, "FLUSHALL").CombinedOutput(); err != nil {
				return fmt.Errorf("redis-cli: %w: %s", err, out)
			}
			now = now.Add(time.Minute) // when they look whether it has all
		}
	}
	c := pairs.NewCollector(pairs.CollectorConfig{Path: counts, Fleet: "bench", Now: func() time.Time { return now }, Say: say,
		Open: func() (pairs.Counter, error) { return open() }})
	if err := c.Step(); err != nil {
		return err
	}
	return checkRooms(filepath.Join(counts, dir.Rooms, dir.RoomFile(civil.DayOf(now))), *hosts**each)
}

// writeJournal writes n pairs, from a number on.
func writeJournal(path string, from, n int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := journal.NewWriter(f, [8]byte{1}, []byte("rooms=jitsi;"))
	if err != nil {
		return err
	}
	var payload []byte
	for i := from; i < from+n; i++ {
		var hash [20]byte
		binary.BigEndian.PutUint64(hash[:], uint64(i/roomSize)+1)
		payload = rooms.AppendRecord(payload, &hash, uint64(i+1)*0x9e3779b97f4a7c15)
		if len(payload) > 32<<10 || i == from+n-1 {
			if err := w.Append(payload); err != nil {
				return err
			}
			payload = payload[:0]
		}
	}
	return nil
}

// checkRooms returns an error unless the rooms have so many pairs.
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

// usedMemory is what the engine takes.
func usedMemory(socket string) (int, error) {
	out, err := exec.Command("redis-cli", "-s", socket, "INFO", "memory").Output()
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`used_memory:(\d+)`).FindSubmatch(out)
	if found == nil {
		return 0, errors.New("the engine does not tell its memory")
	}
	return strconv.Atoi(string(found[1]))
}

// peakMemory is that of this process in MiB, 0 where the system does not tell it.
func peakMemory() int {
	text, _ := os.ReadFile("/proc/self/status")
	found := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	kib, _ := strconv.Atoi(string(found[1]))
	return kib >> 10
}
