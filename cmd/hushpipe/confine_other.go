//go:build !linux

package main

// confine is for Linux only.
func confine(dir, keys string, shared ...string) string {
	return "not confined: only Linux has landlock"
}

// confineReplay is for Linux only.
func confineReplay(dir, keys string, paths []string) string { return confine(dir, keys) }

// confineReader is for Linux only.
func confineReader(paths []string, shared string) string { return confine("", "") }

// hideMemory has nothing to do: without a core file the memory is hidden.
func hideMemory() {}
