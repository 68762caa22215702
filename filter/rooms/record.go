package rooms

import (
	"encoding/binary"
	"fmt"
)

// RecordSize is the length of a record: the room's hash and the fingerprint of
// the pair, big-endian. A payload of a journal is one or more records. Each
// stands for itself, so that a lost one loses only itself, and may be applied
// any number of times.
const RecordSize = 20 + 8

// AppendRecord appends the record of a pair.
func AppendRecord(dst []byte, hash *[20]byte, fp uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, hash[:]...), fp)
}

// Apply adds the records of a payload. One that is not made of whole records
// is refused, and none of it is added.
func (c *Counts) Apply(payload []byte) error {
	if len(payload)%RecordSize != 0 {
		return fmt.Errorf("payload of %d bytes is not made of records of %d", len(payload), RecordSize)
	}
	for ; len(payload) > 0; payload = payload[RecordSize:] {
		c.Add((*[20]byte)(payload), binary.BigEndian.Uint64(payload[20:]))
	}
	return nil
}
