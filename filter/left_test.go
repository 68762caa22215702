package filter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/policy"
)

// TestCountLeft compares the counts of rooms under each treatment of the client with a plain
// count of addresses truncated by net/netip.
func TestCountLeft(t *testing.T) {
	nets := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/25"), netip.MustParsePrefix("2001:db8:1::/48")}
	shortened := func(bits4, bits6 int) func(client string) string {
		return func(client string) string {
			a, err := netip.ParseAddr(client)
			if err != nil {
				return strings.ToLower(client) // names are pseudonyms
			}
			bits := bits6
			if a = a.Unmap(); a.Is4() {
				bits = bits4
			}
			net, err := a.Prefix(bits)
			require.NoError(t, err)
			return net.String()
		}
	}
	whole := shortened(32, 128)
	for _, tt := range []struct {
		name, keys string
		left       func(client string) string
	}{
		{"mask", `fields = { client = "mask" }`, shortened(24, 48)},
		{"mask of other bits", `fields = { client = "mask=31/64", url = "path" }`, shortened(31, 64)},
		{"mask of nothing", `fields = { client = "mask=32/128" }`, whole},
		{"mask and count-v6", "fields = { client = \"mask=24/60\" }\ncount-v6 = 56", shortened(24, 56)},
		{"drop", `fields = { client = "drop", url = "keep" }`, func(string) string { return "" }},
		{"no client", `fields = { url = "keep" }`, func(string) string { return "" }},
		{"only", `fields = { client = "only=192.0.2.0/25,2001:db8:1::/48" }`, func(client string) string {
			a, _ := netip.ParseAddr(client)
			for _, net := range nets {
				if net.Contains(a.Unmap()) {
					return a.Unmap().String()
				}
			}
			return ""
		}},
		{"mask, full", "fields = { client = \"mask\" }\ncount = \"full\"", whole},
		{"drop, full", "fields = { time = \"keep\" }\ncount = \"full\"", whole},
		{"drop, full, count-v6", "fields = { time = \"keep\" }\ncount = \"full\"\ncount-v6 = 64", shortened(32, 64)},
		{"ipcrypt", `fields = { client = "ipcrypt" }`, whole},
		{"whole lines", "", whole},
	} {
		for _, keep := range []string{"14d", "none"} {
			t.Run(tt.name+", "+keep, func(t *testing.T) {
				text := fmt.Sprintf("[[stream]]\nname = \"s\"\npurpose = \"x\"\nrooms = \"jitsi\"\nkeep = %q\n%s\n", keep, tt.keys)
				p, mistakes := policy.Parse([]byte(text))
				require.Empty(t, mistakes)
				b := &Batch{}
				s := streamsOf(t, p, func(int) *Batch { return b })
				lines, want := roomLines(tt.left)
				s.renew()
				s.treatLines(&Batch{streams: make([]*Batch, 1)}, []byte(lines))
				got := map[int]int{} // rooms by their counts
				byRoom := map[string]map[string]bool{}
				for i := range b.Parts {
					for records := b.Parts[i].Records; len(records) > 0; records = records[28:] {
						room := string(records[:20])
						if byRoom[room] == nil {
							byRoom[room] = map[string]bool{}
						}
						byRoom[room][string(records[20:28])] = true
					}
				}
				for _, clients := range byRoom {
					got[len(clients)]++
				}
				assert.Equal(t, want, got)
			})
		}
	}
}

// roomLines returns lines of clients of some rooms, and the number of rooms by their number of
// different clients. left returns what a treatment keeps of a client.
func roomLines(left func(client string) string) (lines string, counts map[int]int) {
	rnd := rand.New(rand.NewPCG(21, 0))
	rooms := map[int]map[string]bool{}
	var text strings.Builder
	for range 3000 {
		room := rnd.IntN(12)
		var client string
		switch rnd.IntN(6) {
		case 0, 1:
			client = fmt.Sprintf("192.0.2.%d", rnd.IntN(256))
		case 2:
			client = fmt.Sprintf("198.51.%d.%d", rnd.IntN(4), rnd.IntN(4))
		case 3:
			client = fmt.Sprintf("2001:db8:%x:%x::%x", rnd.IntN(3), rnd.IntN(300), rnd.IntN(3))
		case 4:
			client = fmt.Sprintf("::ffff:192.0.2.%d", rnd.IntN(256))
		default:
			client = fmt.Sprintf("Host%d.example.org", rnd.IntN(9))
		}
		status := 200
		if rnd.IntN(20) == 0 {
			client = "-" // no client
		} else if rnd.IntN(20) == 0 {
			status = 404
		} else {
			if rooms[room] == nil {
				rooms[room] = map[string]bool{}
			}
			rooms[room][left(client)] = true
		}
		fmt.Fprintf(&text, "%s - - [22/Nov/2026:10:00:00 +0100] \"POST /http-bind?room=r%d HTTP/1.1\" %d 5 \"-\" \"a\"\n", client, room, status)
	}
	counts = map[int]int{}
	for _, clients := range rooms {
		counts[len(clients)]++
	}
	return text.String(), counts
}
