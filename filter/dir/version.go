package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Version is that of the layout which layout.go describes. It grows when an earlier
// hushpipe would do harm in a DIR as a later one leaves it: lose a count, keep a line too
// long. What an earlier one merely does not know needs no new version.
const Version = 1

var errVersion = errors.New("contains no version; hint: remove it, unless a newer hushpipe wrote here")

// WriteVersion writes the version into a DIR that has none, for the processes that write
// lines. Where that fails, so does more, which is reported.
func (d *Dir) WriteVersion() {
	if _, err := d.ReadFile("", VersionName); errors.Is(err, fs.ErrNotExist) {
		_ = d.ReplaceFile("", VersionName, fmt.Appendln(nil, Version))
	}
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
