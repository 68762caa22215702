// Package journal reads and writes append-only files of checksummed frames of opaque bytes.
// Reading recovers every intact frame.
//
// A file is a header followed by frames. Integers are big-endian, checksums CRC-32C:
//
//	header  "HPJ"  version  key id  length  settings  checksum
//	          3       1        8       1     length       4     bytes
//
//	frame   F1 A7  length  checksum  payload
//	          2       4        4     length    bytes
//
// The header's checksum covers all bytes before it, in every version; a frame's covers its
// length and its payload. A length is 1 to MaxPayload.
//
// Frames are independent. Where the bytes are not a frame (a torn write, a flipped bit, a
// second header), the reader searches from the next byte on for F1 A7 at the beginning of a
// frame with a valid checksum, so damage costs only the frames that it touches. The price: a
// frame inside the payload of a damaged one would be taken for a frame of the file, so a
// client must not be able to choose payloads.
package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

const (
	version    = 1
	headerBase = 3 + 1 + 8 + 1 // up to the settings
	maxHeader  = headerBase + MaxSettings + 4
	frameBase  = 2 + 4 + 4 // up to the payload

	// MaxPayload is the maximum length of a payload. It bounds the reader's memory, and its
	// work while it searches.
	MaxPayload = 64 << 10

	// MaxSettings is the maximum length of a header's settings.
	MaxSettings = 255
)

const (
	magic      = "HPJ"
	frameMagic = "\xf1\xa7"
)

// ErrVersion is returned for a file with an intact header of a version that this program
// does not read.
var ErrVersion = errors.New("journal has another version")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendHeader(dst []byte, keyID [8]byte, settings []byte) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = append(dst, version)
	dst = append(dst, keyID[:]...)
	dst = append(dst, byte(len(settings)))
	dst = append(dst, settings...)
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

func appendFrame(dst, payload []byte) []byte {
	dst = append(dst, frameMagic...)
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.BigEndian.AppendUint32(dst, frameChecksum(dst[start:], payload))
	return append(dst, payload...)
}

func frameChecksum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, payload)
}

// parsed is the result of parsing the bytes at one position.
type parsed int

const (
	whole     parsed = iota
	invalid          // no header or frame
	truncated        // valid, but the bytes end within it
)

// parseHeader returns the length of the header at the beginning of b. Headers of other
// versions are whole, too.
func parseHeader(b []byte) (int, parsed) {
	if n := min(len(b), len(magic)); string(b[:n]) != magic[:n] {
		return 0, invalid
	}
	if len(b) < headerBase {
		return 0, truncated
	}
	end := headerBase + int(b[headerBase-1])
	if len(b) < end+4 {
		return 0, truncated
	}
	if binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return 0, invalid
	}
	return end + 4, whole
}

// parseFrame returns the payload of the frame at the beginning of b.
func parseFrame(b []byte) ([]byte, parsed) {
	if n := min(len(b), len(frameMagic)); string(b[:n]) != frameMagic[:n] {
		return nil, invalid
	}
	if len(b) < 6 {
		return nil, truncated
	}
	size := binary.BigEndian.Uint32(b[2:])
	if size == 0 || size > MaxPayload {
		return nil, invalid
	}
	if len(b) < frameBase+int(size) {
		return nil, truncated
	}
	payload := b[frameBase : frameBase+int(size)]
	if binary.BigEndian.Uint32(b[6:]) != frameChecksum(b[2:6], payload) {
		return nil, invalid
	}
	return payload, whole
}
