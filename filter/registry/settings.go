package registry

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

const (
	// settingsHead is the first line of the file; the number is its version.
	settingsHead  = "hushpipe settings "
	settingsTag   = "1"
	startedPrefix = "started "
	sumPrefix     = "sha256 "
	maxSettings   = 64 << 10
)

// Settings are a filter's flags. DIR records them at each start with valid flags, for a
// later process whose own flags are wrong. The file is text:
//
//	hushpipe settings 1
//	started 2026-11-22T12:00:00Z
//	--ip="ipcrypt"
//	…
//	sha256 HASH OF ALL BEFORE, in hexadecimal
type Settings struct {
	Started time.Time // start of the process that recorded them
	Flags   []string  // --name=value
	Owner   int       // user id of the file's owner
}

var (
	errSettings  = errors.New("is damaged; hint: start hushpipe once with flags that are right")
	errNewer     = errors.New("was recorded by a newer version of hushpipe; hint: start this one once with flags that are right")
	errPlantable = errors.New("others can write it; hint: remove it")
	errTooMany   = fmt.Errorf("the flags are longer than %d bytes", maxSettings)
)

// ReadSettings returns the settings of the DIR at path. Without any, the error is
// fs.ErrNotExist. It is also an error if other users than this one and root could have
// written them; root reads those of every user, and has to check Owner.
func ReadSettings(path string) (Settings, error) {
	d, err := dir.Open(path, dir.Options{})
	if err != nil {
		return Settings{}, err
	}
	defer d.Close()
	return readSettings(d)
}

// SettingsPath returns the path of the settings of the DIR at path.
func SettingsPath(path string) string { return filepath.Join(path, dir.SettingsName) }

func readSettings(d *dir.Dir) (Settings, error) {
	f, err := d.OpenFile("", dir.SettingsName, os.O_RDONLY)
	if err != nil {
		return Settings{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Settings{}, err
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if me := os.Geteuid(); owner != 0 && owner != me && me != 0 {
		return Settings{}, &fs.PathError{Op: "read", Path: f.Name(), Err: fmt.Errorf("belongs to another user (%d); hint: remove it", owner)}
	}
	if info.Mode()&0o022 != 0 {
		return Settings{}, &fs.PathError{Op: "read", Path: f.Name(), Err: errPlantable}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err != nil {
		return Settings{}, err
	}
	s, err := parseSettings(string(text))
	if err != nil {
		return Settings{}, &fs.PathError{Op: "read", Path: f.Name(), Err: err}
	}
	s.Owner = owner
	return s, nil
}

func (s Settings) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n%s%s\n", settingsHead, settingsTag, startedPrefix, s.Started.Format(time.RFC3339Nano))
	for _, flag := range s.Flags {
		name, value, _ := strings.Cut(flag, "=")
		fmt.Fprintf(&b, "%s=%s\n", name, strconv.Quote(value))
	}
	fmt.Fprintf(&b, "%s%x\n", sumPrefix, sha256.Sum256([]byte(b.String())))
	return b.String()
}

func parseSettings(text string) (s Settings, err error) {
	head, _, _ := strings.Cut(text, "\n")
	tag, ok := strings.CutPrefix(head, settingsHead)
	if _, err := strconv.Atoi(tag); ok && tag != settingsTag && err == nil {
		return s, errNewer
	}
	lines := strings.Split(text, "\n")
	if len(text) > maxSettings || len(lines) < 4 {
		return s, errSettings
	}
	at, ok := strings.CutPrefix(lines[1], startedPrefix)
	if s.Started, err = time.Parse(time.RFC3339Nano, at); !ok || err != nil {
		return s, errSettings
	}
	for _, line := range lines[2 : len(lines)-2] {
		name, quoted, _ := strings.Cut(line, "=")
		value, err := strconv.Unquote(quoted)
		if err != nil || !strings.HasPrefix(name, "--") {
			return s, errSettings
		}
		s.Flags = append(s.Flags, name+"="+value)
	}
	// Any difference from what text writes is damage.
	if s.text() != text {
		return s, errSettings
	}
	return s, nil
}

// RecordSettings records the flags of Config in DIR, for a process that writes no record.
func (r *Registry) RecordSettings(d *dir.Dir, now time.Time) { r.recordSettings(d, now) }

// recordSettings records the flags in DIR, once per DIR, since a process that starts later
// may have other ones. If the file cannot be replaced it is removed: after a start with
// wrong flags, outdated ones must not come back.
func (r *Registry) recordSettings(d *dir.Dir, now time.Time) {
	if r.cfg.Flags == nil || r.cfg.Replays || r.flags.in == d {
		return
	}
	if r.flags.begun.IsZero() {
		r.flags.begun = now
	}
	mine := Settings{Started: r.flags.begun, Flags: r.cfg.Flags}
	there, unread := readSettings(d)
	logged := r.logFlags(d, flagsLine{began: mine.Started, kind: filterWord}, there, unread == nil)
	same := unread == nil && slices.Equal(there.Flags, mine.Flags)
	later := unread == nil && there.Started.After(mine.Started) && !there.Started.After(now)
	if same || !later {
		if err := recordKeyDir(d, there, mine); err != nil {
			r.cfg.Report.Fault("settings", err, "; keys in an earlier --keys may stay")
			return // until that works, the settings keep its path
		}
	}
	if same || later {
		r.markRecorded(d, logged)
		return
	}
	text := mine.text()
	err := errTooMany
	if len(text) <= maxSettings {
		err = d.ReplaceFile("", dir.SettingsName, []byte(text))
	}
	if err != nil {
		if unread == nil {
			err = dir.Join(err, dir.IfExists(d.Remove("", dir.SettingsName)))
		}
		r.cfg.Report.Fault("settings", err, "; with wrong flags nothing would be written")
		return
	}
	r.markRecorded(d, logged)
}

// markRecorded records that DIR has the settings. If the log of flags lacks its line,
// everything is tried again.
func (r *Registry) markRecorded(d *dir.Dir, logged bool) {
	if logged {
		r.flags.in = d
	}
}

// NoteReplayed records the flags that a replay uses for lines of a day in DIR, before it
// writes the first of them.
func (r *Registry) NoteReplayed(d *dir.Dir, day civil.Day) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cfg.Flags == nil {
		return
	}
	if r.flags.in != d {
		r.flags.in, r.flags.replayed = d, map[civil.Day]bool{}
	}
	if r.flags.replayed[day] {
		return
	}
	if r.flags.begun.IsZero() {
		r.flags.begun = r.cfg.Now()
	}
	there, unread := readSettings(d)
	r.flags.replayed[day] = r.logFlags(d, flagsLine{began: r.flags.begun, kind: replayWord, day: day}, there, unread == nil)
}

// logFlags adds this process's flags to the log of flags. It returns false if that fails.
func (r *Registry) logFlags(d *dir.Dir, line flagsLine, before Settings, recorded bool) bool {
	var ok bool
	if line.flags, ok = shapes(r.cfg.Flags); !ok {
		return true
	}
	err := logFlags(d, line, before, recorded)
	if err != nil {
		r.cfg.Report.Fault("flagslog", err, "; an audit cannot tell by which flags lines were treated")
	}
	return err == nil
}
