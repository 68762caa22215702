package traffic

import (
	"hushpipe/filter/counters"
	"hushpipe/format/agent"
)

// Totals are the hits by class of user agent, indexed by agent.Class.
type Totals [agent.NumClasses]counters.Hits

// AddTo adds the hits in d to totals.
func (d *Delta) AddTo(totals *Totals) {
	d.shared.flush(&d.cells)
	for i := range d.cells.all {
		c := &d.cells.all[i]
		class := agent.Person
		switch k := c.kind(); {
		case k == kindTotal && c.sub() == 0:
		case k == kindRobot:
			class = agent.Class(c.id())
		default:
			continue
		}
		totals[class].Add(counters.Hits{Pages: c.sums[0], Hits: c.sums[1], Bytes: c.sums[2]})
	}
}
