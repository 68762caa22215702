package claims

import (
	"slices"
	"time"

	"hushpipe/format"
	"hushpipe/format/policy"
)

// HiddenGroup returns the group fields of a stream of p that its lines do not show: those
// that its own format omits, or separates from others only by spaces, and a client if the
// format has no proxies.
func HiddenGroup(p *policy.Policy, s *policy.Stream) (hidden []string) {
	written, err := format.Compile(s.Format, time.UTC)
	if s.Format == "" || err != nil {
		return nil // the lines have the input's format, with these fields
	}
	roles := map[string]format.Role{"client": format.RoleClient, "user": format.RoleUser}
	for _, field := range s.Group {
		at := slices.Index(written.Roles(), roles[field])
		blurred := slices.ContainsFunc(written.Overlaps(), func(b format.Overlap) bool { return b.From == at || b.To == at })
		if at < 0 || blurred || field == "client" && len(p.TrustedProxies) > 0 {
			hidden = append(hidden, field)
		}
	}
	return hidden
}
