package serverconf

import (
	"regexp"
	"strings"
)

// logDirective matches a directive of a LogFormat string (parse_log_item in mod_log_config.c).
var logDirective = regexp.MustCompile(`%[<>!,0-9]*(?:\{([^}]*)\})?[<>!,0-9]*(%|\^?[a-zA-Z]{1,3})`)

// values are what httpd writes for a directive; other letters are numbers.
var values = map[string]string{
	"a": "192.0.2.1", "h": "192.0.2.1", "A": "192.0.2.2", "l": "-", "u": "-", "v": "www.example.org", "V": "www.example.org",
	"t": "[22/Nov/2026:06:46:00 +0000]", "r": "GET / HTTP/1.1", "U": "/", "q": "", "m": "GET", "H": "HTTP/1.1", "s": "200",
	"X": "+", "f": "/srv/index.html", "R": "-", "L": "-", "C": "-", "e": "-", "i": "-", "o": "-", "n": "-", "x": "-", "c": "-", "%": "%",
}

// Sample returns a line as httpd may write it in a format, from client 192.0.2.1. It reports
// false for a format with another form of time, or with unknown directives.
func Sample(logFormat string) (line string, ok bool) {
	ok = true
	logFormat = strings.NewReplacer(`\"`, `"`, `\t`, "\t", `\\`, `\`).Replace(logFormat)
	rest := logFormat
	line = logDirective.ReplaceAllStringFunc(logFormat, func(found string) string {
		m := logDirective.FindStringSubmatch(found)
		arg, letter := m[1], m[2]
		more := ""
		if letter[0] != '^' { // a letter and the text behind it
			letter, more = letter[:1], letter[1:]
		}
		value, known := values[letter]
		switch {
		case letter == "t" && arg != "":
			ok = false
		case letter == "i" && strings.EqualFold(arg, "User-Agent"):
			value = "Mozilla/5.0"
		case letter == "i" && strings.Contains(strings.ToLower(arg), "forwarded-for"):
			value = "192.0.2.1"
		case !known && strings.Contains("bBDIOPSTkp", letter):
			value = "80"
		case !known:
			ok = false
		}
		return value + more
	})
	return line, ok && strings.Contains(rest, "%")
}

// NginxErrorSample is a line of nginx's error log (ngx_http_log_error in
// http/ngx_http_request.c), about client 192.0.2.1.
const NginxErrorSample = `2026/11/22 06:46:00 [error] 7#7: *1 open() "/srv/x" failed (2: No such file or directory), ` +
	`client: 192.0.2.1, server: www.example.org, request: "GET /x HTTP/1.1", host: "www.example.org"`

// nginxValues are what nginx writes for its variables.
var nginxValues = map[string]string{
	"remote_addr": "192.0.2.1", "realip_remote_addr": "192.0.2.1", "proxy_protocol_addr": "192.0.2.1",
	"http_x_forwarded_for": "192.0.2.1", "proxy_add_x_forwarded_for": "192.0.2.1", "http_x_real_ip": "192.0.2.1",
	"time_local": "22/Nov/2026:06:46:00 +0000", "time_iso8601": "2026-11-22T06:46:00+00:00", "msec": "1795329960.000",
	"request": "GET / HTTP/1.1", "request_method": "GET", "request_uri": "/", "uri": "/", "document_uri": "/",
	"server_protocol": "HTTP/1.1", "scheme": "https", "status": "200", "body_bytes_sent": "80", "bytes_sent": "80",
	"bytes_received": "80", "request_length": "80", "request_time": "0.001", "session_time": "0.001",
	"host": "www.example.org", "http_host": "www.example.org", "server_name": "www.example.org", "hostname": "www",
	"server_addr": "192.0.2.2", "server_port": "443", "remote_port": "50000", "protocol": "TCP", "pid": "7",
	"connection": "1", "connection_requests": "1", "pipe": ".", "http_user_agent": "Mozilla/5.0",
	"upstream_response_time": "0.001", "upstream_connect_time": "0.001", "upstream_header_time": "0.001",
	"upstream_status": "200", "upstream_response_length": "80", "upstream_bytes_sent": "80", "upstream_bytes_received": "80",
	"content_length": "80", "gzip_ratio": "3.27", "connection_time": "0.001",
}

// NginxSample returns a line as nginx may write it in a log_format, from client 192.0.2.1. For
// an unknown variable it has the hyphen that nginx writes for one without a value
// (ngx_http_log_variable in http/modules/ngx_http_log_module.c).
func NginxSample(logFormat string) string {
	logFormat = strings.NewReplacer(`\t`, "\t", `\r`, "\r", `\n`, "\n").Replace(logFormat)
	return nginxVariable.ReplaceAllStringFunc(logFormat, func(found string) string {
		if value, known := nginxValues[strings.Trim(found, "${}")]; known {
			return value
		}
		return "-"
	})
}
