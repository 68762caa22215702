package filter

import (
	"bytes"

	"hushpipe/format"
)

// appendErrorLine is appendPlanned for a line of an error log. The numbers of processes and
// ports, which have no name in a policy, become 0. They are not left out, since the end of an
// IPv6 address would be unknown without them.
func (w *rewriter) appendErrorLine(dst, line []byte) []byte {
	line = line[:len(line)+1]
	at, keeps, left := w.line.Start, w.plan.Of(&format.Field{Role: format.RoleMessage}).IsWhole(), false
	client := w.plan.Of(&format.Field{Role: format.RoleClient}) != nil
	for i := range w.line.Fields {
		field := &w.line.Fields[i]
		text := line[field.Start:field.End]
		if field.Role == format.RoleMessage && !keeps {
			if !left {
				dst = append(dst, line[at:field.Start]...)
			}
			switch before := i+1 == w.line.Client; { // httpd writes the text of an error before the client
			case left:
			case before && !bytes.HasSuffix(text, nginxClient):
			default:
				left = true
				if len(text) > 0 && text[0] == ' ' {
					dst = append(dst, ' ')
				}
				if dst = append(dst, '-'); before && client {
					dst = append(dst, nginxClient...)
				}
			}
			at = field.End
			continue
		}
		if left && i == w.line.Client && !client { // nginx's, in the message
			w.seeClient(line)
			at = field.End
			continue
		}
		dst = append(dst, line[at:field.Start]...)
		switch at = field.End; {
		case field.Role == format.RoleOther && field.Kind == format.Plain:
			dst = appendZeros(dst, text)
		default:
			dst = w.appendTreated(dst, line, i)
		}
	}
	return append(dst, line[at:]...)
}

var nginxClient = []byte(", client: ")

// appendZeros appends a text with 0 for each number.
func appendZeros(dst, text []byte) []byte {
	for i, c := range text {
		if c-'0' > 9 {
			dst = append(dst, c)
		} else if i == 0 || text[i-1]-'0' > 9 {
			dst = append(dst, '0')
		}
	}
	return dst
}
