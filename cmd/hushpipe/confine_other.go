//go:build !linux

package main

// confine is for Linux only.
func confine(dir, keys string) string { return "not confined: only Linux has landlock" }

// hideMemory has nothing to do: without a core file the memory is hidden.
func hideMemory() {}
