package claims

import (
	"slices"
	"time"

	"hushpipe/format"
	"hushpipe/format/policy"
)

// HiddenGroup returns the fields of a stream's groups of which its lines do not tell: those
// that its own format leaves out, or parts from others by blanks alone.
func HiddenGroup(s *policy.Stream) (hidden []string) {
	written, err := format.Compile(s.Format, time.UTC)
	if s.Format == "" || err != nil {
		return nil // that of the input, which has them
	}
	roles := map[string]format.Role{"client": format.RoleClient, "user": format.RoleUser}
	for _, field := range s.Group {
		at := slices.Index(written.Roles(), roles[field])
		blurred := slices.ContainsFunc(written.Blurred(), func(b format.Blurred) bool { return b.From == at || b.To == at })
		if at < 0 || blurred {
			hidden = append(hidden, field)
		}
	}
	return hidden
}
