package registry

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func FuzzSettings(f *testing.F) {
	f.Add(Settings{Started: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Flags: []string{"--ip=mask=20/44", "--format=%h \"%r\"\n=", "--user="}}.text())
	f.Add("hushpipe settings 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := parseSettings(text); err == nil {
			assert.Equal(t, text, s.text())
		}
	})
}
