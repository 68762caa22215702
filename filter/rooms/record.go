package rooms

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// RecordSize is the length of a record: the room's hash and the fingerprint of
// the pair, big-endian. A payload of a journal is one or more records. Each
// depends on no other, so that a lost one loses only itself, and may be applied
// any number of times.
const RecordSize = 20 + 8

// AppendRecord appends the record of a pair.
func AppendRecord(dst []byte, hash *[20]byte, fp uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, hash[:]...), fp)
}

// A record whose hash begins with 12 zero bytes, which no name can be found
// for, tells of pairs that were not counted: the other 8 are the overflowID of
// the Counts that left them out, and how often it did by then stands in place
// of the fingerprint. Of several with one id the largest holds.
var overflowMark [12]byte

type overflowID [8]byte

// overflow is how often add met a pair that was not counted.
type overflow struct {
	n    uint64
	next uint64 // a larger n is recorded
	id   overflowID
}

// appendOverflow appends the record of the Overflow, if that has grown enough
// since the last one: each of the first 64, then by a 64th, so that whoever
// provokes it does not fill the disk.
func (c *Counts) appendOverflow(dst []byte) []byte {
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

// AppendNew counts a pair, see Add, and appends what the journal has to know of
// it: its record if it is new, nothing if it is not, appendOverflow's past a
// limit.
func (c *Counts) AppendNew(dst []byte, hash *[20]byte, fp uint64) []byte {
	if c.add(hash, fp) {
		return AppendRecord(dst, hash, fp)
	}
	return c.appendOverflow(dst)
}

// AppendDropped notes of records that their pairs are not counted, and appends
// what the journal has to know of that; what tells of an Overflow itself stays.
func (c *Counts) AppendDropped(dst, records []byte) []byte {
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

// Apply adds the records of a payload. One that is not made of whole records
// is refused, and none of it is added.
func (c *Counts) Apply(payload []byte) error {
	return c.ApplyTo(payload, func(hash *[20]byte, fp uint64) { c.add(hash, fp) })
}

// ApplyTo is Apply, but that the pairs go to add, and c notes only those that the payload
// tells to be left out.
func (c *Counts) ApplyTo(payload []byte, add func(hash *[20]byte, fp uint64)) error {
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
