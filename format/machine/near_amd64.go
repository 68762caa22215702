//go:build !purego

package machine

//go:noescape
func near(p *byte)
