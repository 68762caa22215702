package pairs

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/dirtest"
	"hushpipe/format/civil"
)

// TestShorterKeep: when the period of the keys is shortened, nothing in the engine outlives
// it: neither days that are still being sent, nor those whose key is gone, nor data of a
// host that is down, whether the service runs on or is restarted.
func TestShorterKeep(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		m := newMeet(t, "web1", "web2")
		h := m.hosts[0]
		keep := func(days string) { dirtest.Put(t, m.dir("web1"), dir.Keys+"/"+dir.RuleName, days+"\n") }
		keep("30d")
		first := m.today()
		for range 3 {
			m.logAll(300)
			m.step()
			m.now = m.now.AddDate(0, 0, 1)
			for _, h := range m.hosts {
				require.NoError(t, m.shippers[h.name].Step())
				h.writer = nil
			}
		}
		keep("2d")
		if restarted {
			m.restart(h)
		}
		m.try(h.Step) // and web2 is down
		assert.Empty(t, m.said)
		ofDay := map[civil.Day]int{}
		for name := range strings.Lines(m.engine.Do("EVAL", `local all = ""
			for _, key in ipairs(redis.call("KEYS", "hp:*")) do
				all = all .. string.sub(key, 10, 19) .. " " .. redis.call("EXPIRETIME", key) .. "\n"
			end
			return all`, "0")) {
			date, at, _ := strings.Cut(strings.TrimSpace(name), " ")
			if date == "" {
				continue
			}
			day, ok := civil.ParseDay(date)
			require.True(t, ok, date)
			seconds, err := strconv.ParseInt(at, 10, 64)
			require.NoError(t, err)
			require.Equal(t, expiry(day, calendar.Period(2)).UTC(), time.Unix(seconds, 0).UTC(), date)
			ofDay[day]++
		}
		assert.Greater(t, ofDay[first], 100, "its key is gone or going, and the engine's clock is not there yet")
		assert.Greater(t, ofDay[first+2], 100)
	}
}
