//go:build !linux

package dir

// renameNoReplace renames a file to a name that must not exist (EEXIST).
func renameNoReplace(at int, from, to string) error { return linkNoReplace(at, from, to) }

// tmpfileFlag: there are no such files here.
const tmpfileFlag = 0
