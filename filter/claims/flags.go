package claims

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"hushpipe/filter/pseudonym"
	"hushpipe/format/policy"
	"hushpipe/format/statement"
)

// OfFlags returns the claims of a DIR without a policy. p describes the input and a single
// nameless stream as the flags define them; ip is the mode of --ip. Rooms are counted by
// whole addresses in every mode.
func OfFlags(p *policy.Policy, ip pseudonym.Mode) []statement.Claim {
	client := treatmentOf(ip)
	p.Streams[0].Figures.Full = true
	sum := sha256.Sum256([]byte(p.Digest() + " ip=" + ip.String()))
	return of(p, hex.EncodeToString(sum[:]), client)
}

// treatmentOf converts a mode to the treatment in policies.
func treatmentOf(ip pseudonym.Mode) (t policy.Treatment) {
	if n, _ := fmt.Sscanf(ip.String(), "mask=%d/%d", &t.Bits4, &t.Bits6); n == 2 {
		t.Kind = policy.Mask
		return t
	}
	t.Kind = map[string]policy.Kind{"ipcrypt": policy.Ipcrypt, "pfx": policy.Pfx, "keep": policy.Whole, "drop": policy.Drop}[ip.String()]
	return t
}
