package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hushpipe/filter/audit"
)

// auditOf runs hushpipe audit --json on dir, checks that it changes nothing there, and
// returns its result and exit status.
func auditOf(t *testing.T, dir string, flags ...string) (a audit.Audit, exit int) {
	t.Helper()
	before := untouched(t, dir)
	cmd := exec.Command(hushpipeBinary(t), append(append([]string{"audit", "--json"}, flags...), dir)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	require.Equal(t, before, untouched(t, dir))
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &a), "%s%s", &stdout, &stderr)
	for _, secret := range plantedValues {
		require.NotContains(t, stdout.String()+stderr.String(), secret)
	}
	return a, cmd.ProcessState.ExitCode()
}

// untouched lists the names, sizes, modes and times of everything below a directory.
func untouched(t *testing.T, dir string) (list []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			list = append(list, fmt.Sprint(path, info.Size(), info.Mode(), info.ModTime()))
		}
		return err
	}))
	return list
}

// plantedValues must not appear in the output of any audit.
var plantedValues = []string{"192.0.2.77", "2001:db8::77", "client.example.org", "s3cret"}

// auditLog returns a log of 40 lines of today.
func auditLog() string {
	var log strings.Builder
	for i := range 40 {
		client := fmt.Sprintf("192.0.2.%d", i+1)
		if i%3 == 0 {
			client = fmt.Sprintf("2001:db8::%x", i+1)
		}
		fmt.Fprintf(&log, "%s - - [%s] \"GET /a?token=s3cret&from=198.51.100.%d HTTP/1.1\" 200 5 \"http://www.example.org/x\" \"Mozilla/5.0 Chrome/124.0.0.0\"\n",
			client, time.Now().Format("02/Jan/2006:15:04:05 -0700"), i)
	}
	return log.String()
}

// filterLog runs hushpipe filter on a log.
func filterLog(t *testing.T, log string, args ...string) {
	t.Helper()
	cmd := exec.Command(hushpipeBinary(t), append([]string{"filter"}, args...)...)
	cmd.Stdin = strings.NewReader(log)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func brokenRows(a audit.Audit) (names []string) {
	for _, r := range a.Rows {
		if r.Verdict == audit.Broken {
			names = append(names, r.Stream+":"+r.Claim)
		}
	}
	return names
}

// TestAuditClean: what hushpipe itself writes breaks no claim, in any mode.
func TestAuditClean(t *testing.T) {
	for _, mode := range []string{"ipcrypt", "pfx", "mask", "drop"} {
		t.Run(mode, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			filterLog(t, auditLog()+"garbage 192.0.2.1 of client.example.org\n", "--ip", mode, dir)
			a, exit := auditOf(t, dir)
			assert.Empty(t, brokenRows(a))
			assert.Zero(t, exit)
			assert.Equal(t, 41, a.Lines)
			for _, r := range a.Rows {
				provable := r.Claim != "other-logs" && !(r.Claim == "addresses" && mode == "pfx")
				assert.Equal(t, provable, r.Verdict == audit.Holds, "%s: %s", r.Claim, r.Why)
			}
		})
	}
	t.Run("keep", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "log")
		filterLog(t, strings.ReplaceAll(auditLog(), "192.0.2.77", "192.0.2.7"), "--ip", "keep", dir)
		a, exit := auditOf(t, dir)
		assert.Equal(t, []string{":addresses"}, brokenRows(a))
		assert.Equal(t, exitFailure, exit)
	})
}

// TestAuditFinds: each way to break a claim is reported with file and line.
func TestAuditFinds(t *testing.T) {
	t.Parallel()
	today := time.Now().Format(time.DateOnly)
	yesterday := time.Now().AddDate(0, 0, -1)
	name := "access-" + today + ".log"
	// change rewrites a line of today's file.
	change := func(line int, do func(string) string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			lines := strings.SplitAfter(read(t, path), "\n")
			lines[line-1] = do(lines[line-1])
			require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "")), 0o640))
		}
	}
	client := func(c string) func(string) string {
		return func(line string) string { return c + line[strings.IndexByte(line, ' '):] }
	}
	replace := func(old, by string) func(string) string {
		return func(line string) string {
			require.Contains(t, line, old)
			return strings.Replace(line, old, by, 1)
		}
	}
	// put writes today's lines to a file of another name.
	put := func(other string, mode os.FileMode, zip bool) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			text := []byte(read(t, filepath.Join(dir, name)))
			if zip {
				var z bytes.Buffer
				w := gzip.NewWriter(&z)
				w.Write(text)
				require.NoError(t, w.Close())
				text = z.Bytes()
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, other), text, mode))
		}
	}
	key := filepath.Join("keys", today+".key")
	old := "2026-01-05"
	for _, test := range []struct {
		name  string
		plant func(*testing.T, string)
		claim string
		file  string
		line  int
	}{
		{"an IPv4 client", change(7, client("192.0.2.77")), "addresses", name, 7},
		{"an IPv4 client as an IPv6 server has it", change(7, client("::ffff:192.0.2.77")), "addresses", name, 7},
		{"an IPv6 client", change(1, client("2001:db8::77")), "addresses", name, 1},
		{"a host name", change(40, client("client.example.org")), "addresses", name, 40},
		{"an address in a URL", change(3, replace("GET /a", "GET /192.0.2.77")), "addresses", name, 3},
		{"an escaped address in a referrer", change(3, replace("/x\"", "/?a=192%2E0%2E2%2E77\"")), "addresses", name, 3},
		{"an address in a user agent", change(9, replace("Mozilla/5.0", "x (192.0.2.77)")), "addresses", name, 9},
		{"an address in a malformed line", change(9, func(string) string { return "what 192.0.2.77 is this\n" }), "addresses", name, 9},
		{"an address in a copy", func(t *testing.T, dir string) {
			put(name+"~", 0o640, false)(t, dir)
			text := "192.0.2.77 - -" + read(t, filepath.Join(dir, name+"~"))
			require.NoError(t, os.WriteFile(filepath.Join(dir, name+"~"), []byte(text), 0o640))
		}, "addresses", name + "~", 1},
		{"an address in the last line of a copy, without a newline", func(t *testing.T, dir string) {
			put(name+".bak", 0o640, false)(t, dir)
			text := read(t, filepath.Join(dir, name+".bak")) + "192.0.2.77 - - [" + time.Now().Format("02/Jan/2006")
			require.NoError(t, os.WriteFile(filepath.Join(dir, name+".bak"), []byte(text), 0o640))
		}, "addresses", name + ".bak", 41},
		{"an address in a file of another program", func(t *testing.T, dir string) {
			text := strings.SplitAfter(read(t, filepath.Join(dir, name)), "\n")
			text[3] = client("192.0.2.77")(text[3])
			require.NoError(t, os.WriteFile(filepath.Join(dir, "access.log.1"), []byte(strings.Join(text, "")), 0o640))
		}, "addresses", "access.log.1", 4},
		{"an old line in a directory of another program", func(t *testing.T, dir string) {
			require.NoError(t, os.Mkdir(filepath.Join(dir, "old"), 0o750))
			text := strings.ReplaceAll(read(t, filepath.Join(dir, name)), time.Now().Format("[02/Jan/2006"), "[05/Jan/2026")
			require.NoError(t, os.WriteFile(filepath.Join(dir, "old", "a"), []byte(text[:strings.IndexByte(text, '\n')]), 0o640))
		}, "period", filepath.Join("old", "a"), 1},
		{"a name in a compressed room file", func(t *testing.T, dir string) {
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			fmt.Fprintln(w, "3 client.example.org")
			require.NoError(t, w.Close())
			require.NoError(t, os.WriteFile(filepath.Join(dir, "rooms", "rooms-"+old+".log.gz"), z.Bytes(), 0o640))
		}, "figures", filepath.Join("rooms", "rooms-"+old+".log.gz"), 1},
		{"a secret in a URL", change(5, replace("token=-", "token=s3cret")), "fields", name, 5},
		{"an old file", put("access-"+old+".log", 0o640, false), "period", "access-" + old + ".log", 0},
		{"an old copy", put("access-"+old+".log.gz", 0o640, true), "period", "access-" + old + ".log.gz", 0},
		{"an old line in a young file", change(8, replace(time.Now().Format("[02/Jan/2006"), yesterday.Format("[02/Jan/2006"))), "period", name, 8},
		{"an old line in a compressed copy", func(t *testing.T, dir string) {
			text := read(t, filepath.Join(dir, name))
			change(2, replace(time.Now().Format("[02/Jan/2006"), yesterday.Format("[02/Jan/2006")))(t, dir)
			put(name+".gz", 0o640, true)(t, dir)
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640))
		}, "period", name + ".gz", 2},
		{"a key that others can read", func(t *testing.T, dir string) {
			require.NoError(t, os.Chmod(filepath.Join(dir, key), 0o644))
		}, "keys", key, 0},
		{"a second link to a key", func(t *testing.T, dir string) {
			require.NoError(t, os.Link(filepath.Join(dir, key), filepath.Join(filepath.Dir(dir), "link")))
		}, "keys", key, 0},
		{"a key of a deleted day", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "keys", old+".key"), bytes.Repeat([]byte{7}, 32), 0o600))
		}, "keys", filepath.Join("keys", old+".key"), 0},
		{"a key of another length", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "keys", yesterday.Format(time.DateOnly)+".key"), []byte("short"), 0o600))
		}, "keys", filepath.Join("keys", yesterday.Format(time.DateOnly)+".key"), 0},
		{"equal keys of two days", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "keys", yesterday.Format(time.DateOnly)+".key"), []byte(read(t, filepath.Join(dir, key))), 0o600))
		}, "keys", key, 0},
		{"a name in a room file", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "rooms", "rooms-"+yesterday.Format(time.DateOnly)+".log"),
				[]byte("5 d8dd82b4a3161d0eac8543b4867c2758533643b5\n3 client.example.org\n"), 0o640))
		}, "figures", filepath.Join("rooms", "rooms-"+yesterday.Format(time.DateOnly)+".log"), 2},
		{"an address in a roster", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "rooms", "rooms-"+old+".hosts"), []byte("client.example.org 192.0.2.1\n"), 0o640))
		}, "figures", filepath.Join("rooms", "rooms-"+old+".hosts"), 0},
		{"keys that backups take along", func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "keys", "CACHEDIR.TAG")))
		}, "backups", "keys", 0},
		{"what makes a fleet's keys, and backups take along", func(t *testing.T, dir string) {
			require.NoError(t, os.Mkdir(filepath.Join(dir, "fleet"), 0o700))
		}, "backups", "fleet", 0},
		{"lines that everybody can read", func(t *testing.T, dir string) {
			require.NoError(t, os.Chmod(filepath.Join(dir, name), 0o644))
		}, "access", name, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			filterLog(t, auditLog(), dir)
			test.plant(t, dir)
			a, exit := auditOf(t, dir)
			assert.Equal(t, exitFailure, exit)
			assert.Equal(t, []string{":" + test.claim}, brokenRows(a))
			i := slices.IndexFunc(a.Rows, func(r audit.Row) bool { return r.Claim == test.claim })
			require.NotEmpty(t, a.Rows[i].Faults)
			for _, f := range a.Rows[i].Faults {
				assert.Equal(t, filepath.Join(dir, test.file), f.File, f.What)
				assert.Equal(t, test.line, f.Line, f.What)
			}
		})
	}
}

// TestAuditFlags: lines are checked against the flags with which they were written,
// even if the flags have changed since.
func TestAuditFlags(t *testing.T) {
	log := auditLog()
	fieldsOf := func(dir string) audit.Row {
		a, _ := auditOf(t, dir)
		i := slices.IndexFunc(a.Rows, func(r audit.Row) bool { return r.Claim == "fields" })
		return a.Rows[i]
	}
	for name, later := range map[string][]string{
		"a parameter more":  {"--redact", "from"},
		"other parameters":  {"--redact", "=from"},
		"where a policy is": {"--policy", filepath.Join("..", "..", "testdata", "policy.toml")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "log")
			filterLog(t, log, "--redact", "x", dir)
			filterLog(t, log, append(later, dir)...)
			if later[0] == "--policy" {
				a, _ := auditOf(t, dir)
				assert.Empty(t, brokenRows(a))
				return
			}
			r := fieldsOf(dir)
			assert.Equal(t, audit.Holds, r.Verdict, "%s %v", r.Why, r.Faults)
			assert.Contains(t, r.Looked, "some were written under other flags")

			// A line is a fault if it fits none of the flags.
			path := filepath.Join(dir, "access-"+time.Now().Format(time.DateOnly)+".log")
			require.NoError(t, os.WriteFile(path, []byte(strings.Replace(read(t, path), "token=-", "token=s3cret", 1)), 0o640))
			r = fieldsOf(dir)
			if later[len(later)-1] != "=from" {
				assert.Equal(t, audit.Broken, r.Verdict)
			}

			// An earlier version kept no log of flags, so the flags of a line are
			// unknown.
			require.NoError(t, os.Remove(filepath.Join(dir, "flags.log")))
			r = fieldsOf(dir)
			assert.Equal(t, audit.NotProvable, r.Verdict)
			assert.Contains(t, r.Why, "under other flags, which nothing records")
			require.NoError(t, os.WriteFile(path, []byte("192.0.2.77 - -"+read(t, path)), 0o640))
			a, _ := auditOf(t, dir)
			assert.Equal(t, []string{":addresses"}, brokenRows(a), "an address is one under any flags")
		})
	}
}

// TestAuditAfterReplay: the flags of a replay do not excuse lines that it did not
// write.
func TestAuditAfterReplay(t *testing.T) {
	t.Parallel()
	day := func(ago int) time.Time { return time.Now().AddDate(0, 0, -ago) }
	line := func(words string, at time.Time, request, behind string) string {
		return fmt.Sprintf("%s - - [%s] \"%s\" 200 5%s\n", words, at.Format("02/Jan/2006:15:04:05 -0700"), request, behind)
	}
	for _, test := range []struct {
		name, format string
		ago          int    // days, of the line that is replayed
		words        string // that it begins with
		planted      func(client string) string
		claim        string
	}{
		{"a host name", "common", 3, "192.0.2.9", func(string) string {
			return line("client.example.org", day(0), "GET /", ` "-" "-"`)
		}, "addresses"},
		{"a host name, on the day of the replay", "common", 0, "192.0.2.9", func(string) string {
			return line("client.example.org", day(0), "GET /", ` "-" "-"`)
		}, "addresses"},
		{"a secret", "common", 3, "192.0.2.9", func(client string) string {
			return line(client, day(0), "GET /?password=s3cret HTTP/1.1", ` "-" "-"`)
		}, "fields"},
		{"a secret, on the day of the replay", "common", 0, "192.0.2.9", func(client string) string {
			return line(client, day(0), "GET /?password=s3cret HTTP/1.1", ` "-" "-"`)
		}, "fields"},
		{"an address that would be the name of a server", `%v %h %l %u %t "%r" %>s %b`, 3, "www.example.org 192.0.2.9", func(client string) string {
			return line("192.0.2.77 "+client, day(0), "GET / HTTP/1.1", "")
		}, "addresses"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			filterLog(t, auditLog(), dir)
			old := filepath.Join(t.TempDir(), "old.log")
			require.NoError(t, os.WriteFile(old, []byte(line(test.words, day(test.ago), "GET /b HTTP/1.1", "")), 0o640))
			out, err := exec.Command(hushpipeBinary(t), "replay", "--append", "--format", test.format, dir, old).CombinedOutput()
			require.NoError(t, err, "%s", out)
			a, exit := auditOf(t, dir)
			assert.Empty(t, brokenRows(a))
			assert.Zero(t, exit)

			path := filepath.Join(dir, "access-"+day(0).Format(time.DateOnly)+".log")
			text := read(t, path)
			client := text[:strings.IndexByte(text, ' ')]
			require.NoError(t, os.WriteFile(path, []byte(text+test.planted(client)), 0o640))
			a, exit = auditOf(t, dir)
			assert.Equal(t, []string{":" + test.claim}, brokenRows(a))
			assert.Equal(t, exitFailure, exit)
		})
	}
}

// TestAuditAfterPolicy: a policy without a client that ran earlier on the same day does
// not excuse host names.
func TestAuditAfterPolicy(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	for _, client := range []string{"", `client = "ipcrypt", `} {
		path := filepath.Join(t.TempDir(), "policy.toml")
		require.NoError(t, os.WriteFile(path, []byte(fmt.Sprintf("format = \"combined\"\n[[stream]]\nname = \"web\"\npurpose = \"b\"\nkeep = \"3d\"\n"+
			"fields = { %stime = \"keep\", url = \"keep\", status = \"keep\" }\n", client)), 0o600))
		filterLog(t, auditLog(), "--policy", path, dir)
	}
	a, exit := auditOf(t, dir)
	assert.Empty(t, brokenRows(a))
	assert.Zero(t, exit)

	path := filepath.Join(dir, "web", "access-"+time.Now().Format(time.DateOnly)+".log")
	require.NoError(t, os.WriteFile(path, []byte(read(t, path)+fmt.Sprintf("client.example.org - - [%s] \"GET /x HTTP/1.1\" 200 - \"-\" \"-\"\n",
		time.Now().Format("02/Jan/2006:15:04:05 -0700"))), 0o640))
	a, exit = auditOf(t, dir)
	assert.Equal(t, []string{"web:addresses"}, brokenRows(a))
	assert.Equal(t, exitFailure, exit)
}

// TestAuditUnread: claims about files that cannot be read are not reported to hold.
func TestAuditUnread(t *testing.T) {
	name := "access-" + time.Now().Format(time.DateOnly) + ".log"
	put := func(name string, text func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			lines := read(t, filepath.Join(dir, "access-"+time.Now().Format(time.DateOnly)+".log"))
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), text([]byte(lines)), 0o640))
		}
	}
	zipped := func(text []byte) []byte {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(text)
		w.Close()
		return z.Bytes()
	}
	scrambled := func(text []byte) []byte { // as if compressed or encrypted
		out := make([]byte, len(text))
		for i, c := range text {
			out[i] = c*37 ^ byte(i*i>>3)*91
		}
		return out
	}
	begun := func(magic string) func([]byte) []byte {
		return func(text []byte) []byte { return append([]byte(magic), scrambled(text)...) }
	}
	of := []string{"fields", "addresses", "period"}
	for _, test := range []struct {
		name   string
		plant  func(*testing.T, string)
		claims []string // that are not provable
		why    string
	}{
		{"a copy that was cut off", put(name+".gz", func(b []byte) []byte { z := zipped(b); return z[:len(z)/2] }), of, name + ".gz could not be read"},
		{"a copy that lacks its last byte", put(name+".gz", func(b []byte) []byte { z := zipped(b); return z[:len(z)-1] }), of, name + ".gz could not be read"},
		{"lzma", put(name+".lzma", begun("\x5d\x00\x00\x80")), of, name + ".lzma could not be read"},
		{"compress", put(name+".Z", begun("\x1f\x9d\x90")), of, name + ".Z could not be read"},
		{"xz", put(name+".xz", begun("\xfd7zXZ\x00")), of, name + ".xz could not be read"},
		{"what is not known", put(name+".br", scrambled), of, name + ".br could not be read"},
		{"a key is needed", put(name+".asc", func(b []byte) []byte { return append([]byte("-----BEGIN PGP MESSAGE-----\n"), b...) }), of, name + ".asc could not be read"},
		{"a copy whose last line is cut off", put(name+"~", func(b []byte) []byte { return b[:len(b)-40] }), nil, ""},
		{"a copy whose last client is cut off", put(name+"~", func(b []byte) []byte {
			last := bytes.LastIndexByte(b[:len(b)-1], '\n') + 1
			return append(b, b[last:last+bytes.IndexByte(b[last:], ' ')-1]...)
		}), nil, ""},
		{"lines of another program", put("access.log.1", func(b []byte) []byte { return b }), of[2:], "access.log.1 has lines, and is another program's"},
		{"what another program compressed", put("access.log.1.gz", func(b []byte) []byte { z := zipped(b); return z[:len(z)/2] }), of, "access.log.1.gz could not be read"},
		{"figures of another program", put(filepath.Join("rooms", "notes"), func(b []byte) []byte { return b }), []string{"figures"}, "notes is another program's"},
		{"a text of another program", put("README", func([]byte) []byte { return []byte("Ask 192.0.2.1 about this.\n") }), nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			filterLog(t, auditLog(), dir)
			test.plant(t, dir)
			a, exit := auditOf(t, dir)
			assert.Empty(t, brokenRows(a))
			assert.Zero(t, exit)
			for _, r := range a.Rows {
				if slices.Contains(test.claims, r.Claim) {
					assert.Equal(t, audit.NotProvable, r.Verdict, r.Claim)
					assert.Contains(t, r.Why, test.why)
				}
			}
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// TestAuditBeside: an audit runs while a filter writes. An unfinished line is no fault.
func TestAuditBeside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := startLogger(t, dir)
	l.write("192.0.2.77", "/a")
	await(t, func() bool { return written(dir) != "" && strings.Contains(statusText(t, dir), "PROCESS") }, "a line and the process")
	path := filepath.Join(dir, "access-"+time.Now().Format(time.DateOnly)+".log")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteString("192.0.2.7 - - [")
	require.NoError(t, err)
	require.NoError(t, unix.Fsync(int(f.Fd())))
	a, exit := auditOf(t, dir)
	assert.Empty(t, brokenRows(a))
	assert.Zero(t, exit)
	i := slices.IndexFunc(a.Rows, func(r audit.Row) bool { return r.Claim == "running" })
	assert.Contains(t, a.Rows[i].Looked, "1 process")
	l.end()
}

func statusText(t *testing.T, dir string) string {
	t.Helper()
	out, _ := exec.Command(hushpipeBinary(t), "status", dir).Output()
	return string(out)
}

// TestRawLogs: a log with addresses in clear is found, whatever else its lines contain.
func TestRawLogs(t *testing.T) {
	dir := t.TempDir()
	line := func(client, target string) string {
		return client + ` - - [22/Nov/2026:07:23:55 +0000] "GET ` + target + ` HTTP/1.1" 200 5 "-" "curl/8"` + "\n"
	}
	for name, text := range map[string]string{
		"access.log":       line("192.0.2.1", "/a"),
		"access.log.1":     line("192.0.2.1", "/a?token=b&c=d"),
		"access.log.2":     line("-", "/a?client=192.0.2.1"),
		"access-none.log":  line("-", "/a?token=b&c=d"),
		"access-known.log": line("192.0.2.1", "/a"),
		"error.log":        line("192.0.2.1", "/a"),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	var names []string
	for _, path := range audit.RawLogs(dir, map[string]bool{filepath.Join(dir, "access-known.log"): true}, auto) {
		names = append(names, filepath.Base(path))
	}
	assert.Equal(t, []string{"access.log", "access.log.1", "access.log.2"}, names)
}
