//go:build !purego

package machine

//go:noescape
func prefetch(p *byte)
