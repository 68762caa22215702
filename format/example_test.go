package format_test

import (
	"fmt"
	"time"

	"hushpipe/format"
)

// A Parser finds the fields of a line that need treatment.
func ExampleNew() {
	parser, err := format.New("%h %l %u %t \"%r\" %>s %b", time.UTC, nil)
	if err != nil {
		panic(err)
	}
	text := []byte(`192.0.2.7 - - [22/Nov/2026:10:00:00 +0000] "GET /room HTTP/1.1" 200 5`)
	var line format.Line
	if parser.Parse(text, &line) {
		client := line.Fields[line.Client]
		fmt.Printf("%s\n", text[client.Start:client.End])
		fmt.Println(line.Day, line.Status, string(line.Target))
	}
	// Output:
	// 192.0.2.7
	// 2026-11-22 200 /room
}
