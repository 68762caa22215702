package trafficlog

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"

	"hushpipe/filter/journal"
	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
)

// A frame's payload is, after its type,
//
//	nonce  ciphertext  tag
//	 12                 16    bytes
//
// under AES-256-GCM, with the type and the date as additional data. The plaintext is
//
//	version, journal (8 bytes, random), number of the record in it,
//	number of the piece, number of pieces,
//	batch, committed, size, first (8), all (8): see traffic.Part
//	a piece of a record of package traffic
//
// with all numbers except those of 8 bytes as unsigned varints. A record with no pieces ends
// the journal of a process that was not killed. Record number 0 has the options under which
// the others were counted, see traffic.Options.Record.
const frameVersion = 1

// journalID identifies a process's journal, even after folding.
type journalID [8]byte

// head precedes a piece.
type head struct {
	journal       journalID
	number        uint64 // ascending from 1; 0: the options
	piece, pieces uint64
	traffic.Part
}

const (
	nonceSize = 12
	tagSize   = 16
	// maxPiece leaves room for a head.
	maxPiece = journal.MaxPayload - 1 - nonceSize - tagSize - 128
)

func (h *head) appendTo(dst []byte) []byte {
	dst = append(dst, frameVersion)
	dst = append(dst, h.journal[:]...)
	for _, n := range []uint64{h.number, h.piece, h.pieces, h.Batch, h.Committed, h.Size} {
		dst = binary.AppendUvarint(dst, n)
	}
	dst = binary.LittleEndian.AppendUint64(dst, h.First)
	return binary.LittleEndian.AppendUint64(dst, h.All)
}

// parseHead parses a head, and returns the piece after it.
func parseHead(text []byte) (h head, piece []byte, ok bool) {
	if len(text) < 1+len(h.journal) || text[0] != frameVersion {
		return h, nil, false
	}
	text = text[1+copy(h.journal[:], text[1:]):]
	for _, n := range []*uint64{&h.number, &h.piece, &h.pieces, &h.Batch, &h.Committed, &h.Size} {
		size := 0
		if *n, size = binary.Uvarint(text); size <= 0 {
			return h, nil, false
		}
		text = text[size:]
	}
	if len(text) < 16 {
		return h, nil, false
	}
	h.First, h.All = binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[8:])
	return h, text[16:], true
}

// sealer encrypts and decrypts the frames of a day.
type sealer struct {
	cipher.AEAD
	keyID [8]byte
	data  []byte // additional data
}

func newSealer(aead cipher.AEAD, keyID [8]byte, day civil.Day) *sealer {
	return &sealer{aead, keyID, append([]byte{byte(journal.Traffic)}, day.String()...)}
}

// appendFrame appends a payload, encrypted with a new nonce.
func (s *sealer) appendFrame(dst, text []byte) []byte {
	dst = append(dst, byte(journal.Traffic))
	var nonce [nonceSize]byte
	rand.Read(nonce[:])
	dst = append(dst, nonce[:]...)
	return s.Seal(dst, nonce[:], text, s.data)
}

// open appends the plaintext of a payload; false if another key encrypted it.
func (s *sealer) open(dst, payload []byte) ([]byte, bool) {
	sealed, ok := journal.Traffic.Records(payload)
	if !ok || len(sealed) < nonceSize+tagSize {
		return nil, false
	}
	text, err := s.Open(dst, sealed[:nonceSize], sealed[nonceSize:], s.data)
	return text, err == nil
}
