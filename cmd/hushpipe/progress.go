package main

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sys/unix"

	"hushpipe/filter/archive"
)

// clearLine empties the line of a terminal that the cursor is in.
const clearLine = "\r\033[K"

// Around a bar, the terminal does not wrap (DECAWM): in a narrow one the end
// is out of sight, where else each drawing would leave a line behind.
const noWrap, wrap = "\033[?7l", "\033[?7h"

// drawEvery is how often a progress bar is drawn.
const drawEvery = 250 * time.Millisecond

// progress draws how far in has got with the files, and how many lines a second
// that are, until stop is called; only on a terminal.
func (l *messageLog) progress(what string, files []*archive.File, in *archive.Reader, lines func() uint64) (stop func()) {
	total := int64(0)
	for _, f := range files {
		if f.Size() < 0 {
			total = -1 // nobody knows
			break
		}
		total += f.Size()
	}
	return l.progressOf(what, total, in.Progress, lines)
}

// progressOf is progress up to a number of bytes, -1 for one that nobody knows.
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

// barWriter takes what a progress bar draws.
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
