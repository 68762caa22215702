//go:build !linux

package main

// confine is for Linux only.
func confine(dir, keys string, shared ...string) string {
	return "not confined: only on Linux"
}

// confineFilter is for Linux only.
func confineFilter(dir, keys string, files []string, shared ...string) string {
	return confine(dir, keys)
}

// confineTo is for Linux only.
func confineTo(ports []uint16, socket string, disk diskAccess) string {
	return confine(disk.dir, disk.keys)
}

// confineReplay is for Linux only.
func confineReplay(dir, keys string, paths []string) string { return confine(dir, keys) }

// confineReader is for Linux only.
func confineReader(paths []string, shared string) string { return confine("", "") }

// confineMerge is for Linux only.
func confineMerge(out string, dirs []string) string { return confine("", "") }

// hideMemory does nothing: elsewhere RLIMIT_CORE suffices.
func hideMemory() {}

// memoryProtection reports to status whether core dumps are kept out.
func memoryProtection() string { return coreFiles() }

// checkThreads checks nothing: only Linux changes the user of each thread by a signal.
func checkThreads() error { return nil }
