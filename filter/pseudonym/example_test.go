package pseudonym_test

import (
	"fmt"

	"hushpipe/filter/pseudonym"
)

// Who has the key of the day turns a pseudonym back.
func ExampleCipher() {
	mode, err := pseudonym.ParseMode("ipcrypt")
	if err != nil {
		panic(err)
	}
	cipher := pseudonym.New(&pseudonym.Key{1, 2, 3}, mode)
	addr, _ := pseudonym.ParseAddr([]byte("192.0.2.7"))
	text := cipher.AppendAddr(nil, addr)
	again, _ := pseudonym.ParseAddr(text)
	back, ok := cipher.Reveal(again)
	fmt.Printf("%s %t\n", back.AppendTo(nil), ok)
	// Output: 192.0.2.7 true
}
