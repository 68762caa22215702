package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestStructs: no struct has more than about a dozen fields or more than one lock.
//
// The fields of an anonymous struct count for the struct around it. Those of an embedded
// type do not: it has a name, a comment and methods, and is checked by itself. Its lock
// does count, because the methods of the outer type use it as their own. An embedded
// pointer leads to another object, which has its own lock. A struct may have a few more
// fields if some are exported, and a record of exported fields only may have any number:
// they are for others to fill in or read, however many they need.
//
// A lock is a sync.Mutex or sync.RWMutex, a type of this module with the methods Lock and
// Unlock, or a channel of empty structs that is used as one.
func TestStructs(t *testing.T) {
	t.Parallel()
	const most, mostExported = 12, 16
	seen := 0
	all := packagesOf(t, filepath.Join("..", ".."))
	lockers := map[string]bool{"sync.Mutex": true, "sync.RWMutex": true}
	for _, p := range all {
		maps.Copy(lockers, p.lockers())
	}
	for _, p := range all {
		for name, s := range p.structs() {
			seen++
			own, exported, locks := p.measure(s, lockers)
			assert.LessOrEqual(t, own, most, "fields of %s: is it two types?", name)
			if own > 0 {
				assert.LessOrEqual(t, own+exported, mostExported, "fields of %s: is it two types?", name)
			}
			assert.LessOrEqual(t, len(locks), 1, "locks of %s: %s", name, locks)
		}
	}
	assert.Greater(t, seen, 500)
}

// TestStructsSees checks what TestStructs counts.
func TestStructsSees(t *testing.T) {
	t.Parallel()
	const source = `package p
type turn chan struct{}
func (t turn) Lock() { t <- struct{}{} }
func (t turn) Unlock() { <-t }
type guarded struct { mu sync.RWMutex; a, b int }
type wakes struct { wake chan struct{} }
func (w *wakes) signal() { select { case w.wake <- struct{}{}: default: } }
func (w *wakes) wait() { <-w.wake }
type waits struct { busy chan struct{} }
func (w *waits) lock() { select { case w.busy <- struct{}{}: case <-w.other: } }
type tries struct { work chan struct{} }
func (t *tries) try() { select { case t.work <- struct{}{}: <-t.work; default: } }
type ends struct { done chan struct{} }
func (e *ends) end() { e.done <- struct{}{}; close(e.done) }
type commented struct {
	ours chan struct{} // full while somebody is at it
}
`
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.ParseComments|parser.SkipObjectResolution)
	require.NoError(t, err)
	p := &goPackage{files: map[string]*ast.File{"p.go": file}}
	lockers := map[string]bool{"sync.Mutex": true, "sync.RWMutex": true}
	maps.Copy(lockers, p.lockers())
	for of, want := range map[string]struct{ own, exported, locks int }{
		`A, B int`:                                       {0, 2, 0},
		`a, B int; c *int; _ bool`:                       {3, 1, 0},
		`Mu sync.Mutex; B *turn`:                         {0, 2, 2},
		`mu, nu sync.Mutex`:                              {2, 0, 2},
		`mu *sync.Mutex; nu *sync.RWMutex`:               {2, 0, 2},
		`sync.RWMutex; mu sync.Mutex`:                    {2, 0, 2},
		`in struct { mu sync.Mutex; a, B int }; C int`:   {2, 2, 1},
		`in *struct { a int; in struct { b, c int } }`:   {3, 0, 0},
		`guarded; mu sync.Mutex`:                         {2, 0, 2},
		`*guarded; mu sync.Mutex`:                        {2, 0, 1},
		`of guarded; mu sync.Mutex`:                      {2, 0, 1},
		`mu sync.Mutex; each []struct { mu sync.Mutex }`: {2, 0, 1},
		`a turn; b p.turn`:                               {2, 0, 2},
		`wakes; ends; waits`:                             {3, 0, 1},
		`tries; commented`:                               {2, 0, 2},
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "", "package p; type t struct {"+of+"}", 0)
		require.NoError(t, err, of)
		s := file.Decls[0].(*ast.GenDecl).Specs[0].(*ast.TypeSpec).Type.(*ast.StructType)
		own, exported, locks := p.measure(s, lockers)
		assert.Equal(t, want.own, own, of)
		assert.Equal(t, want.exported, exported, of)
		assert.Len(t, locks, want.locks, of)
	}
}

// goPackage is the files of a package by their paths, those for other systems too, but no tests.
type goPackage struct {
	files        map[string]*ast.File
	used, closed map[string]bool // names of fields; see usedAsLock
}

// packagesOf returns the packages below root.
func packagesOf(t *testing.T, root string) map[string]*goPackage {
	t.Helper()
	all := map[string]*goPackage{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.Dir(path)
		if all[dir] == nil {
			all[dir] = &goPackage{files: map[string]*ast.File{}}
		}
		all[dir].files[path] = file
		return nil
	}))
	return all
}

// lockers returns the types with the methods Lock and Unlock, with the name of their package.
func (p *goPackage) lockers() map[string]bool {
	methods := map[string][]string{}
	for _, file := range p.files {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
				of := file.Name.Name + "." + nameOf(f.Recv.List[0].Type)
				methods[of] = append(methods[of], f.Name.Name)
			}
		}
	}
	found := map[string]bool{}
	for of, names := range methods {
		if slices.Contains(names, "Lock") && slices.Contains(names, "Unlock") {
			found[of] = true
		}
	}
	return found
}

// structs returns all struct types by the file and name of their declaration, anonymous ones too.
func (p *goPackage) structs() map[string]*ast.StructType {
	all := map[string]*ast.StructType{}
	for path, file := range p.files {
		within := ""
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				within = n.Name.Name
			case *ast.TypeSpec:
				within = n.Name.Name
			case *ast.StructType:
				name := path + ": " + within
				for all[name] != nil {
					name += "'"
				}
				all[name] = n
			}
			return true
		})
	}
	return all
}

// declared returns the struct type of a name, an empty one for none.
func (p *goPackage) declared(name string) *ast.StructType {
	s := &ast.StructType{Fields: &ast.FieldList{}}
	for _, file := range p.files {
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == name {
				if of, ok := spec.Type.(*ast.StructType); ok {
					s = of
				}
			}
			return true
		})
	}
	return s
}

// measure counts the fields of a struct, the exported ones by themselves, and returns the names of
// its locks.
func (p *goPackage) measure(s *ast.StructType, lockers map[string]bool) (own, exported int, locks []string) {
	for _, f := range s.Fields.List {
		of := nameOf(f.Type)
		isLock := lockers[of] || lockers[p.name()+"."+of]
		if inner, ok := deref(f.Type).(*ast.StructType); ok {
			innerOwn, innerExported, found := p.measure(inner, lockers)
			own, exported, locks = own+innerOwn, exported+innerExported, append(locks, found...)
			continue
		}
		if f.Names == nil {
			own++
			if isLock {
				locks = append(locks, of)
			} else if _, pointer := f.Type.(*ast.StarExpr); !pointer {
				_, _, found := p.measure(p.declared(of), lockers)
				locks = append(locks, found...)
			}
		}
		for _, name := range f.Names {
			if name.IsExported() {
				exported++
			} else {
				own++
			}
			if isLock || isSignal(f.Type) && (p.usedAsLock(name.Name) || strings.Contains(f.Comment.Text(), "full while")) {
				locks = append(locks, name.Name)
			}
		}
	}
	return own, exported, locks
}

func (p *goPackage) name() string {
	for _, file := range p.files {
		return file.Name.Name
	}
	return ""
}

// usedAsLock reports whether a goroutine waits until it can send to a channel in a field of that
// name, or a function sends to it and receives from it. Nobody closes a lock.
func (p *goPackage) usedAsLock(field string) bool {
	if p.used == nil {
		p.used, p.closed = map[string]bool{}, map[string]bool{}
		for _, file := range p.files {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok {
					p.noteUses(f)
				}
			}
		}
	}
	return p.used[field] && !p.closed[field]
}

func (p *goPackage) noteUses(f *ast.FuncDecl) {
	patient, sent, received := map[*ast.SendStmt]bool{}, map[string]bool{}, map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectStmt: // comes before its clauses
			others := slices.ContainsFunc(n.Body.List, func(c ast.Stmt) bool { return c.(*ast.CommClause).Comm == nil })
			for _, c := range n.Body.List {
				if send, ok := c.(*ast.CommClause).Comm.(*ast.SendStmt); ok {
					patient[send] = !others
				}
			}
		case *ast.SendStmt:
			of, ok := n.Chan.(*ast.SelectorExpr)
			if !ok {
				break
			}
			if waits, selected := patient[n]; waits || !selected {
				p.used[of.Sel.Name] = true
			}
			sent[of.Sel.Name] = true
		case *ast.CallExpr:
			if name, ok := n.Fun.(*ast.Ident); ok && name.Name == "close" {
				if of, ok := n.Args[0].(*ast.SelectorExpr); ok {
					p.closed[of.Sel.Name] = true
				}
			}
		case *ast.UnaryExpr:
			if of, ok := n.X.(*ast.SelectorExpr); ok && n.Op == token.ARROW {
				received[of.Sel.Name] = true
			}
		}
		return true
	})
	for name := range sent {
		if received[name] {
			p.used[name] = true
		}
	}
}

// deref returns what a pointer of type e points to, or e.
func deref(e ast.Expr) ast.Expr {
	if p, ok := e.(*ast.StarExpr); ok {
		return p.X
	}
	return e
}

// nameOf returns the name of a type, or of what it points to; "" for another that has none.
func nameOf(e ast.Expr) string {
	switch e := deref(e).(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if of, ok := e.X.(*ast.Ident); ok {
			return of.Name + "." + e.Sel.Name
		}
	case *ast.IndexExpr: // of one type parameter
		return nameOf(e.X)
	}
	return ""
}

// isSignal reports whether e is a channel of empty structs.
func isSignal(e ast.Expr) bool {
	c, ok := e.(*ast.ChanType)
	if !ok {
		return false
	}
	of, ok := c.Value.(*ast.StructType)
	return ok && of.Fields.NumFields() == 0
}
