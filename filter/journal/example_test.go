package journal_test

import (
	"bytes"
	"fmt"

	"hushpipe/filter/journal"
)

// A last frame cut short by a kill does not affect those before it.
func ExampleRead() {
	var file bytes.Buffer
	w, err := journal.NewWriter(&file, [8]byte{1}, []byte("ip=ipcrypt;"))
	if err != nil {
		panic(err)
	}
	w.Append([]byte("first"))
	w.Append([]byte("second"))
	torn := bytes.NewReader(file.Bytes()[:file.Len()-1])
	info, err := journal.Read(torn, 0, func(payload []byte) error {
		fmt.Printf("%s\n", payload)
		return nil
	})
	fmt.Println(info.Torn, info.Damaged, err)
	// Output:
	// first
	// true 0 <nil>
}
