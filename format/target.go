package format

import (
	"bytes"
	"strings"
)

// Target returns the target of a request line as httpd writes it, nil if there is none. The
// result is a part of the line, or decoded into scratch, which kept returns for the next call.
// Filters and traffic figures read request lines with it.
func Target(request, scratch []byte) (target, kept []byte) {
	target, _ = requestTarget(request)
	return Unescaped(target, scratch)
}

// Unescaped returns a target with httpd's escapes decoded, with scratch and kept as in Target.
func Unescaped(target, scratch []byte) (text, kept []byte) {
	if bytes.IndexByte(target, '\\') < 0 {
		return target, scratch
	}
	scratch = appendUnescaped(scratch[:0], target)
	return scratch, scratch
}

// requestTarget returns the target of a request line (RFC 9112, section 3, and HTTP/0.9, which
// has no version), or s itself if that is a target; full reports a request line. It returns nil
// for anything else, such as - or TLS sent to a plain port.
func requestTarget(s []byte) (target []byte, full bool) {
	if len(s) > 0 && s[0] == '/' {
		return s, false
	}
	if i := bytes.IndexByte(s, ' ') + 1; i > 1 {
		if end := protocolStart(s); end > i {
			return s[i:end], true
		}
		if i < len(s) && s[i] == '/' {
			return s[i:], true
		}
	}
	if bytes.Contains(s, []byte("://")) {
		return s, false
	}
	return nil, false
}

// protocolStart returns where the last " HTTP/" of s begins, -1 for none. In
// most request lines only the version follows.
func protocolStart(s []byte) int {
	const protocol = " HTTP/"
	if n := len(s) - len(" HTTP/1.1"); n >= 0 && string(s[n:n+len(protocol)]) == protocol {
		return n
	}
	return bytes.LastIndex(s, []byte(protocol))
}

// appendUnescaped appends s with httpd's escapes decoded (server/util.c, ap_escape_logitem).
func appendUnescaped(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			dst = append(dst, s[i])
			continue
		}
		i++
		switch k := strings.IndexByte("btnvfr", s[i]); {
		case k >= 0:
			dst = append(dst, "\b\t\n\v\f\r"[k])
		case s[i] == 'x' && i+2 < len(s) && hexDigit(s[i+1]) < 16 && hexDigit(s[i+2]) < 16:
			dst = append(dst, hexDigit(s[i+1])<<4|hexDigit(s[i+2]))
			i += 2
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

// SplitRequest cuts up a request line, which may lack the protocol as in HTTP/0.9, or accepts a
// bare target. It reports false for anything else: if the method has other characters than
// letters, '-' and '_', or the protocol is not HTTP.
func SplitRequest(s []byte) (method, target, protocol []byte, ok bool) {
	if len(s) > 0 && s[0] == '/' {
		return nil, s, nil, true
	}
	at := bytes.IndexByte(s, ' ') + 1
	if at <= 1 {
		return nil, s, nil, bytes.Contains(s, []byte("://"))
	}
	if method = s[:at-1]; string(method) != "GET" && string(method) != "POST" { // others are checked
		for _, c := range method {
			if (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' {
				return nil, nil, nil, false
			}
		}
	}
	target = s[at:]
	if end := protocolStart(s); end > at {
		if target, protocol = s[at:end], s[end+1:]; string(protocol) == "HTTP/1.1" || string(protocol) == "HTTP/2.0" {
			return method, target, protocol, true
		}
		for _, c := range protocol[len("HTTP/"):] {
			if c-'0' > 9 && c != '.' {
				return nil, nil, nil, false
			}
		}
		return method, target, protocol, len(protocol) <= len("HTTP/1.10")
	}
	return method, target, nil, len(target) > 0 && target[0] == '/'
}
