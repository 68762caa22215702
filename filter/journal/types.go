package journal

// Type is the type of the records in a payload. In typed journals each payload begins with
// it. Journals of rooms have no types, since versions without types read them.
//
// A reader of a typed journal skips unknown types. Code that copies one, to fold journals of
// ended processes or to replace a deleted file, copies payloads of unknown types unchanged.
type Type byte

// Groups is the type of records of groups and their people. They have the format of room
// records: a pseudonym.Group with the number of the field that identifies people, and the
// person's fingerprint. The settings of their journals are "least=7;".
const Groups Type = 'g'

// Traffic is the type of records of traffic figures, encrypted under a key of the day; see
// package trafficlog.
const Traffic Type = 't'

// Joinable reports whether the records of a type are independent, so that payloads may be
// joined.
func (t Type) Joinable() bool { return t == Groups }

// AppendTyped appends the payload of these records: their type, then the records.
func AppendTyped(dst []byte, t Type, records []byte) []byte {
	return append(append(dst, byte(t)), records...)
}

// Records returns the records of a payload if they are of type t.
func (t Type) Records(payload []byte) (records []byte, ok bool) {
	if len(payload) == 0 || Type(payload[0]) != t {
		return nil, false
	}
	return payload[1:], true
}
