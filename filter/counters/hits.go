package counters

// Hits are what is counted of the hits of one class of clients, see package traffic. They
// are no part of Values: the day's files have them for good.
type Hits struct{ Hits, Pages, Bytes uint64 }

// Add adds o.
func (h *Hits) Add(o Hits) {
	h.Hits += o.Hits
	h.Pages += o.Pages
	h.Bytes += o.Bytes
}

// OfHits declares the metrics of Hits, each with a value for each class.
var OfHits = [...]struct {
	Of           func(*Hits) uint64
	Metric, Help string
}{
	{func(h *Hits) uint64 { return h.Hits }, "traffic_hits_total", "Hits, by class: person, or what a robot is for."},
	{func(h *Hits) uint64 { return h.Pages }, "traffic_pages_total", "Pages, by class."},
	{func(h *Hits) uint64 { return h.Bytes }, "traffic_bytes_total", "Bytes of answers, by class."},
}
