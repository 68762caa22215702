package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// skew is the tolerated difference between an engine's clock and ours. Keys expire by its
// clock.
const skew = time.Hour

// Check returns an error if a server would silently lose data: because it evicts keys when
// its memory is full, or because its clock is wrong. persists lists the servers that write
// to a disk, where data may outlive the day's key.
func (e *Engine) Check(now time.Time) (persists []string, err error) {
	if e.stale {
		if err := e.locate(); err != nil {
			return nil, err
		}
	}
	for address := range e.nodes {
		of, err := e.check(address, now)
		if e.spans != nil && !slices.ContainsFunc(e.spans, func(s span) bool { return s.address == address }) {
			err = nil // a replica, or a server that has left: it gets no data
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", address, err)
		}
		if of != "" {
			persists = append(persists, address+": "+of)
		}
	}
	slices.Sort(persists)
	return persists, nil
}

func (e *Engine) check(address string, now time.Time) (persists string, err error) {
	answers, err := e.ask(address, []command{{"INFO", "memory"}, {"INFO", "persistence"}, {"TIME"}})
	if err != nil {
		return "", err
	}
	for _, a := range answers {
		if refused, ok := a.(redis.Error); ok {
			return "", explain(refused)
		}
	}
	memory, disk := parseInfo(answers[0]), parseInfo(answers[1])
	if policy := memory["maxmemory_policy"]; policy != "noeviction" {
		return "", fmt.Errorf("the engine's maxmemory-policy is %.40q, which evicts pairs; hint: set it to noeviction", policy)
	}
	clock, err := redis.Int64s(answers[2], nil)
	if err != nil || len(clock) == 0 {
		return "", fmt.Errorf("the engine does not return the time")
	}
	if off := time.Unix(clock[0], 0).Sub(now); off.Abs() > skew {
		return "", fmt.Errorf("the engine's clock is %v away from this host's; hint: set it", off.Abs().Round(time.Minute))
	}
	switch {
	case disk["aof_enabled"] == "1":
		return "appendonly is on", nil
	case disk["rdb_bgsave_in_progress"] == "1" || disk["rdb_last_bgsave_time_sec"] != "-1":
		return "it writes dumps (save), or feeds a replica from its disk", nil
	}
	return "", nil
}

func parseInfo(answer any) map[string]string {
	text, _ := redis.String(answer, nil)
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[name] = value
	}
	return fields
}
