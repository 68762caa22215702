package treatment

import (
	"fmt"
	"strings"
)

// DefaultRedact lists the query parameters that usually contain secrets or mail addresses,
// in the order of the manual.
const DefaultRedact = "token,access_token,id_token,refresh_token,token_auth,requesttoken,sessiontoken,jwt,auth,code,state,otp," +
	"password,passwd,pwd,key,api_key,apikey,secret,client_secret,sig,signature,checksum,X-Amz-Signature," +
	"X-Amz-Security-Token,X-Goog-Signature,session,sessionid,session_id,sid,PHPSESSID,JSESSIONID,email"

// Redact is a set of parameter names whose values are replaced, in the query of a URL, its
// fragment and its path (;name=value). Names are compared after percent-decoding, ignoring
// case. The part before the @ of a URL's host, a person's name and password (RFC 3986,
// 3.2.1), is always replaced.
type Redact struct {
	names [][]string // by length
}

// Has reports whether the values of a parameter are redacted; name is in lower case and
// decoded.
func (r *Redact) Has(name []byte) bool {
	if len(name) >= len(r.names) {
		return false
	}
	for _, n := range r.names[len(name)] {
		if n[0] == name[0] && n == string(name) {
			return true
		}
	}
	return false
}

// NewRedact returns the names in DefaultRedact and in lists, which are comma-separated. Each
// list adds names; one that begins with "=" replaces all names before it.
func NewRedact(lists ...string) (*Redact, error) {
	r := &Redact{}
	for i, list := range append([]string{"=" + DefaultRedact}, lists...) {
		if only, ok := strings.CutPrefix(list, "="); ok {
			r.names = nil
			list = only
		}
		for name := range strings.SplitSeq(list, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if name == "" {
				continue
			}
			if strings.ContainsAny(name, "=&?;#%@/[] ") {
				return nil, fmt.Errorf("redact %q is not valid; hint: give plain parameter names, separated by commas", lists[i-1])
			}
			for len(r.names) <= len(name) {
				r.names = append(r.names, nil)
			}
			r.names[len(name)] = append(r.names[len(name)], name)
		}
	}
	return r, nil
}
