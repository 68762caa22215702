package pseudonym

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// permutation is one of the two reversible methods of draft-denis-ipcrypt.
type permutation interface {
	encrypt(Addr) Addr
	decrypt(Addr) Addr
}

// newAES returns AES for a key of 16 bytes.
func newAES(key []byte) cipher.Block {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only for a key of another length
	}
	return b
}

// deterministic is ipcrypt-deterministic: AES-128 of the 16 bytes. IPv4 and IPv6 addresses
// may become either; nearly all become IPv6.
type deterministic struct {
	block   cipher.Block
	in, out [16]byte // not on the stack: the calls through block would move them to the heap
}

func newDeterministic(key []byte) *deterministic {
	return &deterministic{block: newAES(key)}
}

func (d *deterministic) encrypt(a Addr) Addr {
	d.in = a
	d.block.Encrypt(d.out[:], d.in[:])
	return d.out
}

func (d *deterministic) decrypt(a Addr) Addr {
	d.in = a
	d.block.Decrypt(d.out[:], d.in[:])
	return d.out
}

// prefixPreserving is ipcrypt-pfx (draft, section 6.2): addresses that share their first n
// bits become addresses that share their first n bits, and IPv4 stays IPv4. It takes 64 AES
// calls for IPv4, 256 for IPv6.
type prefixPreserving struct {
	block1, block2 cipher.Block
	in, out1, out2 [16]byte
}

func newPrefixPreserving(key []byte) *prefixPreserving {
	// Equal halves would cancel each other out and encrypt nothing. A derived key has them
	// once in 2^128 days.
	if bytes.Equal(key[:16], key[16:]) {
		panic("pseudonym: ipcrypt-pfx key has equal halves")
	}
	return &prefixPreserving{block1: newAES(key[:16]), block2: newAES(key[16:])}
}

// An IPv6 address whose first 96 bits become ::ffff: reads as IPv4, and then decrypts to a
// wrong address. There is one such /96 in 2^96, a different one every day; the draft has the
// same flaw.
func (p *prefixPreserving) encrypt(a Addr) Addr { return p.crypt(a, 0) }

func (p *prefixPreserving) decrypt(a Addr) Addr { return p.crypt(a, 1) }

// crypt XORs each bit with one that depends on the plain bits before it. When decrypting
// (1), the plain bit is the output.
func (p *prefixPreserving) crypt(a Addr, decrypting uint64) Addr {
	first := 0
	// The plain bits so far, after a one that marks their beginning.
	hi, lo := uint64(0), uint64(1)
	if a.Is4() {
		first = 96
		hi, lo = 1<<32, 0xffff
	}
	for i := first; i < 128; i++ {
		binary.BigEndian.PutUint64(p.in[:8], hi)
		binary.BigEndian.PutUint64(p.in[8:], lo)
		p.block1.Encrypt(p.out1[:], p.in[:])
		p.block2.Encrypt(p.out2[:], p.in[:])
		pad := uint64(p.out1[15]^p.out2[15]) & 1
		bit := uint64(a[i/8]) >> (7 - i%8) & 1
		hi, lo = hi<<1|lo>>63, lo<<1|bit^pad&decrypting
		a[i/8] ^= byte(pad << (7 - i%8))
	}
	return a
}
