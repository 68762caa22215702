package dir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Version is the version of the layout in layout.go. It is raised if an earlier hushpipe
// would do harm in a DIR of a later one: lose a count, or keep a line too long. If the
// earlier one merely ignores something new, it stays.
const Version = 2

// plainVersion is the version of a DIR in which an earlier hushpipe does no harm: without
// bounds other than a period, and without held lines.
const plainVersion = 1

var errVersion = errors.New("contains no version; hint: remove it, unless a newer hushpipe wrote here")

// WriteVersion writes plainVersion into a DIR without a version. Processes that write lines
// call it. It reports no error: if it fails, other calls fail too and report it.
func (d *Dir) WriteVersion() {
	if _, err := d.ReadFile("", VersionName); errors.Is(err, fs.ErrNotExist) {
		_ = d.ReplaceFile("", VersionName, fmt.Appendln(nil, plainVersion))
	}
}

// RaiseVersion raises the version of DIR to Version.
func (d *Dir) RaiseVersion() error {
	want := fmt.Appendln(nil, Version)
	if text, err := d.ReadFile("", VersionName); err == nil && bytes.Equal(text, want) {
		return nil
	}
	return d.ReplaceFile("", VersionName, want)
}

// checkVersion returns an error if a newer hushpipe laid out DIR.
func (d *Dir) checkVersion() error {
	text, err := d.ReadFile("", VersionName)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission): // whoever cannot read it cannot read lines either
		return nil
	case err != nil:
		return err
	}
	version, err := strconv.ParseUint(strings.TrimSuffix(string(text), "\n"), 10, 31)
	switch {
	case err != nil:
		return d.Error("read", "", VersionName, errVersion)
	case version > Version:
		return d.Error("read", "", VersionName, fmt.Errorf("a newer hushpipe wrote here (layout %d, this one knows %d); hint: install the newer one", version, Version))
	}
	return nil
}
