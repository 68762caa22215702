package dir

// What follows is for tests that work with other packages.

var (
	ErrTooLarge = errTooLarge
	ErrNotGiven = errNotGiven
	ErrLinked   = errLinked
	ErrThrough  = errThrough
	Directories = directories
)

func (d *Dir) OpenLock(sub, name string) (int, error) { return d.openLock(sub, name) }
