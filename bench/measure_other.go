//go:build !linux

package main

import (
	"context"
	"errors"
	"time"
)

type measurement struct {
	wall, cpu time.Duration
	peak      int64
}

func measure(context.Context, program, string, string) (measurement, error) {
	return measurement{}, errors.New("the comparison needs Linux: it runs in a tmpfs, and becomes a subreaper")
}

func machine() string { return "" }
