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

	combinedIOFormat = combinedFormat + ` %I %O`
	// mod_ssl's, in the configuration that Fedora and others ship.
	sslRequestFormat = `%t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x "%r" %b`
	// The format main of the configuration that nginx ships.
	mainFormat = combinedFormat + ` "%{X-Forwarded-For}i"`
)

// namedFormats are the LogFormat strings that have a name.
var namedFormats = map[string]string{
	"combined":        combinedFormat,
	"combinedio":      combinedIOFormat,
	"common":          commonFormat,
	"vhost_combined":  vhostCombinedFormat,
	"vhost_common":    vhostCommonFormat,
	"ssl_request_log": sslRequestFormat,
	"main":            mainFormat,
}

// Names are the names that New knows.
const Names = "auto, combined, common, combinedio, vhost_combined, vhost_common, ssl_request_log, main, json, error"

// IsError reports whether lines of a format are those of an error log.
func IsError(spec string) bool { return spec == "error" || strings.HasPrefix(spec, errorPrefix) }

const errorPrefix = "error:"

// IsUsual reports whether a LogFormat string is one that has a name here, so that auto
// knows its lines.
func IsUsual(logFormat string) bool {
	plain := func(text string) string {
		return strings.NewReplacer(`\"`, `"`, "%>s %O", "%>s %b", "%{Referer}i", "%{referer}i", "%{User-agent}i", "%{User-Agent}i").Replace(text)
	}
	for _, named := range namedFormats {
		if plain(logFormat) == plain(named) {
			return true
		}
	}
	return false
}

// New returns the Parser that spec asks for: one of Names, a LogFormat string, which is
// told by its percent sign, or "error:" and an ErrorLogFormat string. A named format is also read inside of what a
// log service wrote around it, see wrapperLen. Epoch times are dated in loc;
// jsonKeys are further keys of JSON lines, as in newJSON.
func New(spec string, loc *time.Location, jsonKeys []string) (Parser, error) {
	return NewWith(spec, loc, Options{JSONKeys: jsonKeys})
}

// Options say more of a format.
type Options struct {
	JSONKeys []string // further keys of JSON lines, as in newJSON

	// Client is the field that is the client, of several: the argument of a directive,
	// as X-Forwarded-For, or a JSON key; "" for none. Where a format is told line by
	// line, a line without that field has no client.
	Client string

	// User is the field that is the user, where the server does not know it: a directive,
	// as %{X-User}o, or a JSON key; "" for the server's own.
	User string

	// Proxies has the Parser tell who asked the server apart from whom a proxy names, which
	// is the field Client, or else the first list; see Line.Peer. A line that does
	// not say who asked has no client then. A format in which no line can say both
	// is a *ProxiesError.
	Proxies bool
}

// NewWith is New with Options.
func NewWith(spec string, loc *time.Location, opt Options) (Parser, error) {
	if client := opt.Client; client != "" {
		if strings.ContainsAny(client, "=, ") {
			return nil, &ClientError{client, "give the name of one header, variable or JSON key"}
		}
		opt.JSONKeys = append([]string{"client=" + client}, opt.JSONKeys...)
	}
	if IsError(spec) {
		if opt.Client != "" {
			return nil, &ClientError{opt.Client, "an error log has one client"}
		}
		if opt.Proxies {
			return nil, &ProxiesError{"an error log has one client"}
		}
		if errorLogFormat, ok := strings.CutPrefix(spec, errorPrefix); ok {
			return compileErrors(errorLogFormat)
		}
		return newWrapped((&errorLog{}).Parse, loc), nil
	}
	switch spec {
	case "auto":
		return newAuto(loc, opt)
	case "json":
		return newWrappedJSON(loc, opt)
	}
	if logFormat, ok := namedFormats[spec]; ok {
		p, err := compileWith(logFormat, loc, opt)
		if err == nil {
			p.wrapped = newWrapped(p.parse, loc)
		}
		return p, err
	}
	if strings.Contains(spec, "%") {
		return compileWith(spec, loc, opt)
	}
	return nil, fmt.Errorf("unknown format %q; hint: use %s, "+
		"or a LogFormat string such as '%%h %%l %%u %%t \"%%r\" %%>s %%b'", spec, Names)
}

// ClientError says why a field cannot be the client.
type ClientError struct {
	Field  string
	Reason string
}

func (e *ClientError) Error() string { return fmt.Sprintf("client %q: %s", e.Field, e.Reason) }

// ProxiesError says why no line of a format can tell for whom a proxy asked.
type ProxiesError struct{ Reason string }

func (e *ProxiesError) Error() string { return e.Reason }
