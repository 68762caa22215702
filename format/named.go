package format

import (
	"fmt"
	"strings"
	"time"
)

// The formats of the httpd documentation. Debian's differ in %O for %b, which
// looks the same.
const (
	commonFormat   = `%h %l %u %t "%r" %>s %b`
	combinedFormat = commonFormat + ` "%{Referer}i" "%{User-Agent}i"`

	vhostCommonFormat   = `%v ` + commonFormat
	vhostCombinedFormat = `%v:%p ` + combinedFormat
)

// New returns the Parser that spec asks for: auto, combined, common,
// vhost_combined, vhost_common, json, error, or a LogFormat string, which is
// told by its percent sign. Epoch times are dated in loc; jsonKeys are further
// keys of JSON lines, as in NewJSON.
func New(spec string, loc *time.Location, jsonKeys []string) (Parser, error) {
	switch spec {
	case "auto":
		return newAuto(loc, jsonKeys)
	case "combined":
		return Compile(combinedFormat, loc)
	case "common":
		return Compile(commonFormat, loc)
	case "vhost_combined":
		return Compile(vhostCombinedFormat, loc)
	case "vhost_common":
		return Compile(vhostCommonFormat, loc)
	case "json":
		return NewJSON(loc, jsonKeys)
	case "error":
		return &ErrorLog{}, nil
	}
	if strings.Contains(spec, "%") {
		return Compile(spec, loc)
	}
	return nil, fmt.Errorf("unknown format %q: use auto, combined, common, vhost_combined, vhost_common, json, error, "+
		"or a LogFormat string such as '%%h %%l %%u %%t \"%%r\" %%>s %%b'", spec)
}
