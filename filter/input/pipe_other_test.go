//go:build !linux

package input

func plain(in Reader) Reader { return in }
