//go:build !linux

package main

import (
	"context"
	"errors"
	"io"
	"time"
)

type measurement struct {
	wall, cpu time.Duration
	peak      int64
}

func measure(context.Context, program, string, string) (measurement, error) {
	return measurement{}, errors.New("the comparison needs Linux: it runs in a tmpfs, and becomes a subreaper")
}

func httpd(context.Context, []string, io.Writer, io.Writer) error {
	return errors.New("the comparison behind httpd needs Linux: it reads the clocks of processes")
}

func machine() string { return "" }
