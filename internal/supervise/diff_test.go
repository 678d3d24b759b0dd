package supervise

import (
	"reflect"
	"testing"

	"github.com/seancehq/seance/manifest"
)

// Every field of a service and of a hook has a key in which a reload sees it
// change.
func TestAReloadSeesEveryField(t *testing.T) {
	covers(t, manifest.Service{}, func(a, b *manifest.Service) []string {
		return changedKeys(entry{service: a}, entry{service: b})
	})
	covers(t, manifest.Hook{}, func(a, b *manifest.Hook) []string {
		return changedKeys(entry{hook: a}, entry{hook: b})
	})
}

func covers[T any](t *testing.T, zero T, changed func(a, b *T) []string) {
	for i := range reflect.TypeFor[T]().NumField() {
		field := reflect.TypeFor[T]().Field(i)
		if field.Name == "Name" {
			continue // tells one from the other
		}
		other := zero
		fill(reflect.ValueOf(&other).Elem().Field(i))
		if keys := changed(&zero, &other); len(keys) != 1 {
			t.Errorf("a change of %s is a change of %q", field.Name, keys)
		}
	}
}

// fill gives a value that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		m.SetMapIndex(reflect.Zero(v.Type().Key()), reflect.Zero(v.Type().Elem()))
		v.Set(m)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Struct:
		fill(v.Field(0))
	default:
		panic("no value for " + v.Kind().String())
	}
}

func TestWhatIsEmptyIsTheSameAsWhatIsNotThere(t *testing.T) {
	a := manifest.Service{Name: "a"}
	b := manifest.Service{Name: "a", Env: map[string]string{}, Needs: []string{}, Limits: map[string]manifest.Limit{}}
	if keys := changedKeys(entry{service: &a}, entry{service: &b}); len(keys) != 0 {
		t.Errorf("they differ in %q", keys)
	}
}
