package main

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"hushpipe/format/civil"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestPeriod: no period includes days that are not over.
func TestPeriod(t *testing.T) {
	today := civil.NewDay(2026, 3, 15)
	for _, tt := range []struct {
		o    periodFlags
		want string // from and to, where they are given
		said string
		err  string
	}{
		{o: periodFlags{}, want: "- -"},
		{o: periodFlags{last: "30d"}, want: "2026-02-13 2026-03-14"},
		{o: periodFlags{last: "1"}, want: "2026-03-14 2026-03-14"},
		{o: periodFlags{last: "365000d"}, want: "1970-01-01 2026-03-14"},
		{o: periodFlags{lastMonth: true}, want: "2026-02-01 2026-02-28"},
		{o: periodFlags{month: "2026-02"}, want: "2026-02-01 2026-02-28"},
		{o: periodFlags{month: "2024-02"}, want: "2024-02-01 2024-02-29"},
		{o: periodFlags{month: "2025-12"}, want: "2025-12-01 2025-12-31"},
		{o: periodFlags{month: "2026-03"}, want: "2026-03-01 2026-03-14", said: "--month 2026-03: the period ends on 2026-03-14: later days are not over"},
		{o: periodFlags{month: "2026-04"}, err: "--month 2026-04: none of these days is over"},
		{o: periodFlags{from: "2026-01-01"}, want: "2026-01-01 -"},
		{o: periodFlags{to: "2026-01-01"}, want: "- 2026-01-01"},
		{o: periodFlags{from: "2026-01-01", to: "2026-03-14"}, want: "2026-01-01 2026-03-14"},
		{o: periodFlags{from: "2026-03-14", to: "2026-03-15"}, want: "2026-03-14 2026-03-14", said: "--from 2026-03-14 --to 2026-03-15: the period ends on 2026-03-14: later days are not over"},
		{o: periodFlags{from: "2026-03-15"}, err: "--from 2026-03-15: none of these days is over"},
		{o: periodFlags{from: "2026-01-02", to: "2026-01-01"}, err: "--from 2026-01-02 --to 2026-01-01: the period ends before it begins; hint: give --from the earlier day"},
	} {
		var stderr bytes.Buffer
		log := newMessageLog(&stderr)
		p, err := tt.o.period(today, log)
		log.close()
		if tt.err != "" {
			var wrong usageError
			assert.ErrorAs(t, err, &wrong)
			assert.EqualError(t, err, tt.err)
			continue
		}
		require.NoError(t, err)
		spelled := func(d *civil.Day) string {
			if d == nil {
				return "-"
			}
			return d.String()
		}
		assert.Equal(t, tt.want, spelled(p.from)+" "+spelled(p.to))
		assert.Equal(t, tt.said, strings.TrimSpace(strings.TrimPrefix(stderr.String(), "hushpipe: note: ")))
	}
}

// TestReportTerminal: the report is as wide as the terminal, and in colour unless that
// is switched off.
func TestReportTerminal(t *testing.T) {
	for _, tt := range []struct {
		name    string
		columns uint16
		env     string
		color   bool
	}{
		{"wide", 120, "", true},
		{"narrow", 70, "", true},
		{"of no known width", 0, "", true},
		{"NO_COLOR", 100, "NO_COLOR=1", false},
		{"NO_COLOR that is empty", 100, "NO_COLOR=", true},
		{"dumb", 100, "TERM=dumb", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			master, terminal := openTerminal(t)
			shown := &lockedBuffer{}
			go io.Copy(shown, master)
			require.NoError(t, unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: tt.columns}))
			cmd := exec.Command(hushpipeBinary(t), "report", "--lang", "en", "../../testdata/meet-usage")
			cmd.Env = append(os.Environ(), "NO_COLOR=", "TERM=xterm", tt.env)
			cmd.Stdout = terminal
			require.NoError(t, cmd.Run())
			await(t, func() bool {
				return strings.HasSuffix(shown.String(), "\r\n") && strings.Count(shown.String(), "51+") == 2
			}, "the report")
			text := shown.String()
			assert.Equal(t, tt.color, strings.Contains(text, "\x1b[36m█"))
			assert.Equal(t, tt.color, strings.Contains(text, "\x1b"))
			widest := 0
			plain := strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[2m", "", "\x1b[36m", "", "\r\n", "\n").Replace(text)
			for line := range strings.SplitSeq(plain, "\n") {
				widest = max(widest, utf8.RuneCountInString(line))
			}
			columns := cmp.Or(int(tt.columns), screen)
			assert.LessOrEqual(t, widest, columns)
			assert.Greater(t, widest, min(columns-10, 80))
		})
	}
}
