package traffic

// types are the types of files by number: pages, feeds, other, and the extensions of
// assets.
var types = func() []string {
	all := []string{"other", "page", "feed"}
	for _, ext := range assets {
		all = append(all, ext[1:])
	}
	return all
}()

const (
	typeOther uint8 = iota
	typePage
	typeFeed
)
