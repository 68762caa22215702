package main

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sys/unix"

	"hushpipe/filter/archive"
)

// clearLine clears the current line of a terminal.
const clearLine = "\r\033[K"

// noWrap and wrap switch off automatic wrapping (DECAWM) while a bar is drawn: on a
// narrow terminal it is cut off instead of leaving a line behind each time.
const noWrap, wrap = "\033[?7l", "\033[?7h"

// drawEvery is the interval at which a progress bar is drawn.
const drawEvery = 250 * time.Millisecond

// progress shows how much of the files in has read, and the lines per second, until
// stop is called. It does nothing unless stderr is a terminal.
func (l *messageLog) progress(what string, files []*archive.File, in *archive.Reader, lines func() uint64) (stop func()) {
	total := int64(0)
	for _, f := range files {
		if f.Size() < 0 {
			total = -1 // unknown
			break
		}
		total += f.Size()
	}
	return l.progressOf(what, total, in.Progress, lines)
}

// progressOf is progress for a total number of bytes, -1 if it is unknown.
func (l *messageLog) progressOf(what string, total int64, at func() int64, lines func() uint64) (stop func()) {
	if l.terminal == nil {
		return func() {}
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(barWriter{l}),
		progressbar.OptionSetWidth(20),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowTotalBytes(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetDescription(what))
	bar.StartWithoutRender()
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		start := time.Now()
		tick := time.NewTicker(drawEvery)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				if lines != nil {
					bar.Describe(fmt.Sprintf("%s, %.0f lines/s", what, float64(lines())/now.Sub(start).Seconds()))
				}
				bar.Set64(at())
			case <-quit:
				l.clearBar()
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}

// barWriter writes a progress bar to the message log.
type barWriter struct{ m *messageLog }

func (b barWriter) Write(p []byte) (int, error) {
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	b.m.bar = true
	b.m.send(noWrap + string(p) + wrap)
	return len(p), nil
}

func (l *messageLog) clearBar() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bar = false
	l.send(clearLine)
}

// hasWidth reports whether f is a terminal.
func hasWidth(f *os.File) bool {
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil
}
