package rooms

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// RecordSize is the length of a record: the room's hash and the fingerprint of the pair,
// big-endian. A payload of a journal is one or more records. Records are independent, so
// that a lost one loses only itself, and may be applied any number of times.
const RecordSize = 20 + 8

// AppendRecord appends the record of a pair.
func AppendRecord(dst []byte, hash *[20]byte, fp uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, hash[:]...), fp)
}

// A record whose hash begins with overflowMark, which is the hash of no known name, counts
// pairs that were not counted: the other 8 bytes are the overflowID of the set that
// dropped them, and the fingerprint is replaced by how many it had dropped by then. Of
// several records with one id the largest applies.
var overflowMark [12]byte

type overflowID [8]byte

// overflow counts the pairs that add did not count.
type overflow struct {
	n    uint64
	next uint64 // the next record is written once n is larger
	id   overflowID
}

// appendOverflow appends a record of the Overflow if that has grown enough since the last
// one: by one up to 64, then by a 64th, so that a client that causes it cannot fill the
// disk.
func (c *DistinctSet) appendOverflow(dst []byte) []byte {
	o := &c.overflow
	if o.n <= o.next {
		return dst
	}
	if o.next == 0 {
		rand.Read(o.id[:])
	}
	o.next = o.n + o.n/64
	dst = append(append(dst, overflowMark[:]...), o.id[:]...)
	return binary.BigEndian.AppendUint64(dst, o.n)
}

// AppendIfNew counts a pair, see add, and appends what the journal needs: the pair's record if
// it is new, nothing if it is known, an overflow record if it is past a limit.
func (c *DistinctSet) AppendIfNew(dst []byte, hash *[20]byte, fp uint64) []byte {
	if c.add(hash, fp) {
		return AppendRecord(dst, hash, fp)
	}
	return c.appendOverflow(dst)
}

// AppendDropped counts records as dropped, and appends the overflow records that the journal
// needs. Overflow records among them are kept.
func (c *DistinctSet) AppendDropped(dst, records []byte) []byte {
	for ; len(records) > 0; records = records[RecordSize:] {
		if [12]byte(records) == overflowMark {
			dst = append(dst, records[:RecordSize]...)
			continue
		}
		c.overflow.n++
		dst = c.appendOverflow(dst)
	}
	return dst
}

// Apply adds the records of a payload. It refuses a payload that does not consist of whole
// records, and then adds none of them.
func (c *DistinctSet) Apply(payload []byte) error {
	return c.ApplyTo(payload, func(hash *[20]byte, fp uint64) { c.add(hash, fp) })
}

// ApplyTo is Apply, except that pairs go to add, and c only records the overflow.
func (c *DistinctSet) ApplyTo(payload []byte, add func(hash *[20]byte, fp uint64)) error {
	if len(payload)%RecordSize != 0 {
		return fmt.Errorf("payload of %d bytes is not made of records of %d", len(payload), RecordSize)
	}
	for ; len(payload) > 0; payload = payload[RecordSize:] {
		n := binary.BigEndian.Uint64(payload[20:])
		if [12]byte(payload) == overflowMark {
			id := overflowID(payload[12:])
			if c.recorded == nil {
				c.recorded = map[overflowID]uint64{}
			}
			c.recorded[id] = max(c.recorded[id], n)
			continue
		}
		add((*[20]byte)(payload), n)
	}
	return nil
}
