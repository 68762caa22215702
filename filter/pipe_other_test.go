//go:build !linux

package filter

func plain(in Input) Input { return in }
