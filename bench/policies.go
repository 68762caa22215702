package main

import (
	"fmt"
	"strings"
)

// onePolicy has one stream with all fields of combined.
var onePolicy = policyOf("")

// fourPolicy has four streams with these fields; each line goes to one of them.
var fourPolicy = policyOf(
	`where = { status = "400-599" }`,
	`where = { status = "100-399", url = ["/http-bind*", "/xmpp-websocket*"] }`,
	`where = { status = "300-399" }`+"\n"+`unless = { url = ["/http-bind*", "/xmpp-websocket*"] }`,
	`where = { status = "100-299" }`+"\n"+`unless = { url = ["/http-bind*", "/xmpp-websocket*"] }`,
)

// fourByClient is fourPolicy, split by parts of the address space.
var fourByClient = policyOf(
	`where = { client = "0.0.0.0/1" }`,
	`where = { client = "128.0.0.0/1" }`,
	`where = { client = "2000::/6" }`,
	`unless = { client = ["0.0.0.0/0", "2000::/6"] }`,
)

// policyOf returns a policy with a stream for each condition, with all fields of combined.
func policyOf(conditions ...string) string {
	var b strings.Builder
	b.WriteString("format = \"combined\"\n")
	for i, condition := range conditions {
		fmt.Fprintf(&b, "[[stream]]\nname = \"s%d\"\npurpose = \"a measurement\"\nkeep = \"14d\"\n%s\n", i+1, condition)
		b.WriteString(`fields = { client = "ipcrypt", user = "keep", time = "keep", url = "keep", status = "keep", size = "keep", referer = "keep", agent = "keep" }` + "\n")
	}
	return b.String()
}
