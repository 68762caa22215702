package dir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Version is that of the layout which layout.go describes. It grows when an earlier
// hushpipe would do harm in a DIR as a later one leaves it: lose a count, keep a line too
// long. What an earlier one merely does not know needs no new version.
const Version = 2

// plainVersion is that of a DIR which an earlier hushpipe does no harm in: one without
// other bounds on its lines than a period, and without held lines, which version 2 has.
const plainVersion = 1

var errVersion = errors.New("contains no version; hint: remove it, unless a newer hushpipe wrote here")

// WriteVersion writes the version into a DIR that has none, for the processes that write
// lines. Where that fails, so does more, which is reported.
func (d *Dir) WriteVersion() {
	if _, err := d.ReadFile("", VersionName); errors.Is(err, fs.ErrNotExist) {
		_ = d.ReplaceFile("", VersionName, fmt.Appendln(nil, plainVersion))
	}
}

// RaiseVersion writes the last version into a DIR that has an earlier one, or none.
func (d *Dir) RaiseVersion() error {
	want := fmt.Appendln(nil, Version)
	if text, err := d.ReadFile("", VersionName); err == nil && bytes.Equal(text, want) {
		return nil
	}
	return d.ReplaceFile("", VersionName, want)
}

// checkVersion returns an error where a newer hushpipe laid DIR out.
func (d *Dir) checkVersion() error {
	text, err := d.ReadFile("", VersionName)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission): // who may not read it, reads no line either
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
