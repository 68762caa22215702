package main

import "time"

// now is the clock of the whole program. A test build replaces it.
var now = time.Now
