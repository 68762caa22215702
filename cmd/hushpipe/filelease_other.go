//go:build !linux

package main

import "os"

// isOpenElsewhere is for Linux only: other systems have no leases.
func isOpenElsewhere(*os.File) bool { return false }
