package statement

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/format/policy"
)

var verb = regexp.MustCompile(`%[a-z]`)

// texts collects all texts in a value, by path.
func texts(v reflect.Value, at string, into map[string]string) {
	switch v.Kind() {
	case reflect.String:
		into[at] = v.String()
	case reflect.Struct:
		for i := range v.NumField() {
			texts(v.Field(i), at+"."+v.Type().Field(i).Name, into)
		}
	case reflect.Array:
		for i := range v.Len() {
			texts(v.Index(i), fmt.Sprintf("%s[%d]", at, i), into)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			texts(v.MapIndex(key), fmt.Sprintf("%s[%v]", at, key), into)
		}
	}
}

// TestWords: each language has each sentence, with the same values in it.
func TestWords(t *testing.T) {
	want := map[string]string{}
	texts(reflect.ValueOf(*english), "", want)
	for _, w := range []*words{english, german, norwegian} {
		got := map[string]string{}
		texts(reflect.ValueOf(*w), "", got)
		assert.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)), w.Tag)
		for at, text := range got {
			assert.NotEmpty(t, text, "%s %s", w.Tag, at)
			assert.Equal(t, verb.FindAllString(want[at], -1), verb.FindAllString(text, -1), "%s %s", w.Tag, at)
		}
		for _, name := range append(slices.Clone(policy.FieldNames), "method", "identity") {
			assert.Contains(t, w.Fields, name)
		}
		for _, set := range policy.SetNames() {
			for _, e := range (&policy.Policy{Sets: []string{set}}).Events() {
				assert.Contains(t, w.Events, e.Name, set)
			}
		}
	}
}
