package format

import "bytes"

// parseNginxLog reads a line of nginx's error log (core/ngx_log.c, http/ngx_http_request.c,
// ngx_http_log_error_handler):
//
//	2026/11/22 06:46:00 [error] 12#34: *56 open() "/x" failed (2: …), client: 192.0.2.1, server: a.example, request: "GET /x HTTP/1.1", …
//
// The client, which the message may lack, is an address or "unix:", since nginx logs no host
// names, or "-" if hushpipe has removed the address. A line with anything else there, or with a
// server but no client, was cut or written into another one and does not match.
func parseNginxLog(line []byte, out *Line) bool {
	const stamp = len("2026/11/22 06:46:00")
	if len(line) <= stamp || line[4] != '/' || line[10] != ' ' {
		return false
	}
	day, n := parseISO(line)
	if n != stamp {
		return false
	}
	level := bracket(line, n, isLevel)
	if level < 0 || bytes.IndexByte(line[n:level], ':') >= 0 {
		return false
	}
	pos := level + 1
	process := bytes.IndexByte(line[pos:], ':')
	if process < 0 || line[pos] != ' ' {
		return false
	}
	pid, tid, both := bytes.Cut(line[pos+1:pos+process], []byte("#"))
	if !both || !allDigits(pid) || !allDigits(tid) {
		return false
	}
	out.Day, out.HasDay = day, true
	out.addAs(RoleTime, Plain, 0, stamp)
	out.addAs(RoleLevel, Plain, stamp+2, level)
	out.add(Plain, pos+1, pos+process)
	pos += process + 1
	start := pos
	for {
		i := bytes.Index(line[pos:], nginxClient)
		head := line[start:]
		if i >= 0 {
			head = line[start : pos+i]
		}
		if bytes.Contains(head, nginxServer) {
			return false // the client before it is missing
		}
		if i < 0 {
			break
		}
		pos += i + len(nginxClient)
		end := len(line)
		if comma := bytes.IndexByte(line[pos:], ','); comma >= 0 {
			end = pos + comma
		}
		if v := line[pos:end]; string(v) == "unix:" || string(v) == "-" {
			out.addAs(RoleMessage, URL, start, end)
		} else if isAddr, _ := readHost(v); isAddr {
			out.addAs(RoleMessage, URL, start, pos)
			role := RoleMessage
			if out.Client < 0 {
				out.Client, role = len(out.Fields), RoleClient
			}
			out.addAs(role, Client, pos, end)
		} else {
			return false
		}
		pos, start = end, end
		if bytes.HasPrefix(line[pos:], nginxServer) {
			pos += len(nginxServer)
			start = pos
		}
	}
	out.addAs(RoleMessage, URL, start, len(line))
	return true
}

var nginxClient, nginxServer = []byte(", client: "), []byte(", server: ")
