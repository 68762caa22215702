package journal

// Type says what the records in a payload are. In a journal of records with types, each
// payload begins with it; the journals of rooms have no types, since programs that know
// none read them.
//
// Who reads such a journal passes over the types that he does not know. Who copies one,
// because journals of processes that have ended become one, or because the file was
// deleted, takes each payload along as it is.
type Type byte

// Groups are the records of groups and their people, in the form of those of rooms: a
// pseudonym.Group with the number of the field that tells people apart, and the
// fingerprint of the person. The settings of their journals are "least=7;".
const Groups Type = 'g'

// Traffic are the records of traffic figures, encrypted under a key of the day; see
// package trafficlog.
const Traffic Type = 't'

// Joinable reports whether the records of a type do not depend on each other, so that payloads of
// the type may be joined.
func (t Type) Joinable() bool { return t == Groups }

// AppendTyped appends records with their type, which is a payload.
func AppendTyped(dst []byte, t Type, records []byte) []byte {
	return append(append(dst, byte(t)), records...)
}

// Records returns the records of a payload if they are of that type.
func (t Type) Records(payload []byte) (records []byte, ok bool) {
	if len(payload) == 0 || Type(payload[0]) != t {
		return nil, false
	}
	return payload[1:], true
}
