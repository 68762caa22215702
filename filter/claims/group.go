package claims

import (
	"slices"
	"time"

	"hushpipe/format"
	"hushpipe/format/policy"
)

// HiddenGroup returns the fields of the groups of a stream of p of which its lines do not
// tell: those that its own format leaves out, or parts from others by blanks alone, and a
// client where it says nothing of the proxies.
func HiddenGroup(p *policy.Policy, s *policy.Stream) (hidden []string) {
	written, err := format.Compile(s.Format, time.UTC)
	if s.Format == "" || err != nil {
		return nil // that of the input, which has them
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
