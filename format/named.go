package format

import (
	"fmt"
	"strings"
	"time"
)

// The formats of httpd's documentation. Debian's have %O for %b, which looks the same.
const (
	commonFormat   = `%h %l %u %t "%r" %>s %b`
	combinedFormat = commonFormat + ` "%{Referer}i" "%{User-Agent}i"`

	vhostCommonFormat   = `%v ` + commonFormat
	vhostCombinedFormat = `%v:%p ` + combinedFormat

	combinedIOFormat = combinedFormat + ` %I %O`
	// mod_ssl's, from the configuration of Fedora and others.
	sslRequestFormat = `%t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x "%r" %b`
	// The format main in nginx's default configuration.
	mainFormat = combinedFormat + ` "%{X-Forwarded-For}i"`
)

// namedFormats are the LogFormat strings by name.
var namedFormats = map[string]string{
	"combined":        combinedFormat,
	"combinedio":      combinedIOFormat,
	"common":          commonFormat,
	"vhost_combined":  vhostCombinedFormat,
	"vhost_common":    vhostCommonFormat,
	"ssl_request_log": sslRequestFormat,
	"main":            mainFormat,
}

// Names lists the format names that New accepts, for messages.
const Names = "auto, combined, common, combinedio, vhost_combined, vhost_common, ssl_request_log, main, json, error"

// IsError reports whether a format is one of an error log: "error", or "error:" and an
// ErrorLogFormat string.
func IsError(spec string) bool { return spec == "error" || strings.HasPrefix(spec, errorPrefix) }

const errorPrefix = "error:"

// IsUsual reports whether a LogFormat string equals a named format, so that "auto" reads its
// lines. The check of a server's configuration uses it.
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

// New returns the Parser for spec: one of Names, a LogFormat string, which contains a percent
// sign, or "error:" and an ErrorLogFormat string. A named format is also read inside a log
// service's wrapper, see wrapperLen. Epoch times are dated in loc. jsonKeys are further keys of
// JSON lines, see Options. An error is a *FormatError, a *JSONKeyError, or names the formats
// that exist.
func New(spec string, loc *time.Location, jsonKeys []string) (Parser, error) {
	return NewWith(spec, loc, Options{JSONKeys: jsonKeys})
}

// Options refine a format.
type Options struct {
	JSONKeys []string // entries such as client=srcaddr: ROLE=KEY, see newKeyedJSON

	// Client names the field of the client if there are several: the argument of a directive,
	// such as X-Forwarded-For, or a JSON key; "" for the format's own. For "auto" and JSON, a
	// line without that field has no client.
	Client string

	// User names the field of the user if the server does not know it: a directive such as
	// %{X-User}o, or a JSON key; "" for the server's own.
	User string

	// Proxies makes the Parser report the peer separately from whom a proxy names, which is
	// field Client or else the first list; see Line.Peer. A line that does not name the peer
	// then has no client. A format whose lines can never name both is a *ProxiesError.
	Proxies bool
}

// NewWith is New with Options. It also returns a *ClientError or a *ProxiesError.
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

// ClientError reports why a field cannot be the client.
type ClientError struct {
	Field  string
	Reason string
}

func (e *ClientError) Error() string { return fmt.Sprintf("client %q: %s", e.Field, e.Reason) }

// ProxiesError reports why no line of a format can name whom a proxy asked for.
type ProxiesError struct{ Reason string }

func (e *ProxiesError) Error() string { return e.Reason }
