package traffic

// Steps are the upper bounds of durations.
func Steps() []uint64 { return steps }

// StepOf is stepOf.
func StepOf(micros uint64) uint32 { return stepOf(micros) }

// Plain has a Counter remember nothing of earlier lines.
func (c *Counter) Plain() {
	c.agents.cache.off, c.requests.cache.off, c.origins.cache.off = true, true, true
}
