package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLogrotate: if logrotate rotates hushpipe's files by mistake, hushpipe reports it,
// and no line is lost except those that copytruncate itself may lose between copying
// and truncating.
func TestLogrotate(t *testing.T) {
	t.Parallel()
	logrotate := need.Program(t, "logrotate", "logrotate")
	for mode, said := range map[string]string{
		"copytruncate":           "access-%s.log: another program has cut off at least [0-9]+ bytes; hint: leave DIR out of its configuration, such as logrotate's\n",
		"create":                 "access-%s.log: another program has moved it to access-%[1]s.log.[0-9]+, and lines go to a new file; hint: leave DIR out of its configuration, such as logrotate's\n",
		"nocreate":               "access-%s.log: another program has moved it to access-%[1]s.log.[0-9]+, and lines go to a new file; hint: ",
		"create\ncompress":       "access-%s.log: another program has moved it to access-%[1]s.log.[0-9]+.gz, and lines go to a new file; hint: ",
		"create\ndateext":        "access-%s.log: another program has moved it to access-%[1]s.log-[0-9]+, and lines go to a new file; hint: ",
		"create\nolddir OLD":     "access-%s.log: another program has moved it to where hushpipe does not delete it, and lines go to a new file; hint: move it back or delete it, and leave DIR out",
		"copytruncate\ncompress": "access-%s.log: another program has cut off ",
	} {
		t.Run(mode, func(t *testing.T) {
			base, dir := t.TempDir(), filepath.Join(t.TempDir(), "log")
			old := filepath.Join(base, "old") // on the same disk
			require.NoError(t, os.Mkdir(old, 0o755))
			l := startLogger(t, dir)
			rounds := 4
			for round := range rounds {
				for i := range 50 {
					l.write("192.0.2.1", fmt.Sprintf("/?n=%d.", round*50+i))
				}
				await(t, func() bool { return bytes.Contains([]byte(written(dir)), fmt.Appendf(nil, "?n=%d.", round*50+49)) }, "the lines of a round")
				if round == rounds-1 {
					break
				}
				conf := fmt.Sprintf("%s/access-*.log {\nrotate 9\nmissingok\ndateformat -%%Y%%m%%d%d\n%s\n}\n", dir, round, strings.ReplaceAll(mode, "OLD", old))
				require.NoError(t, os.WriteFile(base+"/conf", []byte(conf), 0o644))
				out, err := exec.Command(logrotate, "-f", "-s", base+"/state", base+"/conf").CombinedOutput()
				require.NoError(t, err, "%s", out)
			}
			require.Equal(t, 0, l.end())
			assert.Regexp(t, "^hushpipe: warning: .*/"+fmt.Sprintf(said, time.Now().Format(time.DateOnly)), l.said.String())

			text, err := exec.Command("sh", "-c", "zcat -f $(ls "+dir+"/access-*.log* "+old+"/* 2>/dev/null)").Output()
			require.NoError(t, err)
			for n := range rounds * 50 {
				assert.Equal(t, 1, bytes.Count(text, fmt.Appendf(nil, "?n=%d.", n)), "line %d", n)
			}
			if strings.Contains(mode, "olddir") {
				return // status and find know nothing of it
			}
			status, err := exec.Command(hushpipeBinary(t), "status", dir).CombinedOutput()
			require.NoError(t, err)
			assert.Regexp(t, `access-\S+\.log[.-]\d\S*: was made by another program, which rotates the lines: find and reveal do not look there: leave `+dir+` out`,
				strings.Join(strings.Fields(string(status)), " "))
			found, err := exec.Command(hushpipeBinary(t), "find", dir, "--address", "192.0.2.1").CombinedOutput()
			require.Error(t, err, "the answer is not complete")
			assert.Regexp(t, `hushpipe: error: access-\S+\.log[.-]\d\S* was not searched`, string(found))
		})
	}
}
