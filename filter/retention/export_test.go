package retention

// NewestKey returns the day of the newest key.
var NewestKey = newestKey

// Locks is the directory with the leases of what is ruled.
func (r Ruled) Locks() string { return r.locks() }
