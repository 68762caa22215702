package retention

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzParseClock(f *testing.F) {
	f.Add([]byte("seen 2026-11-22T10:00:00Z\ndoubt 2026-12-07T10:00:00Z\nchecked 2026-12-07T10:20:00Z\n"))
	f.Add([]byte("doubt 2026-12-07T10:00:00Z\nagain 2026-12-20T10:00:00Z\n"))
	f.Add([]byte("seen 2026-11-22T10:00:00+01:00"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseClock(text)
		if err != nil {
			return
		}
		again, err := parseClock(c.appendTo(nil))
		require.NoError(t, err)
		for _, pair := range [][2]time.Time{{c.seen, again.seen}, {c.doubt, again.doubt}, {c.again, again.again}, {c.checked, again.checked}} {
			require.True(t, pair[0].Truncate(time.Second).Equal(pair[1]), "%s", text)
		}
	})
}
