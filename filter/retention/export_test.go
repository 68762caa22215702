package retention

// NewestKey returns the newest time for which a key vouches.
var NewestKey = newestKey

// Locks is the directory with the leases of what is ruled.
func (r Ruled) Locks() string { return r.locks() }
