package pipeline

import (
	"fmt"
	"reflect"
	"strings"
)

// OptionType is what an option takes.
type OptionType string

// The option types. An input is a path relative to the file that names it and
// must exist; an output is a path relative to the working directory.
const (
	TypeString  OptionType = "string"
	TypeInteger OptionType = "integer"
	TypeBoolean OptionType = "boolean"
	TypeInput   OptionType = "input"
	TypeOutput  OptionType = "output"
	TypeStrings OptionType = "strings" // a list of strings
	TypeMap     OptionType = "map"     // names to strings

	TypeExpression OptionType = "expression" // over row and rows, see Template
	TypeIdentity   OptionType = "identity"   // a header or an expression, see Identity
	TypeGroup      OptionType = "group"      // options of their own
)

// Option declares one key of a connector: for decoding, defaults, help and the
// editor's schema.
type Option struct {
	Name     string
	Doc      string
	Type     OptionType
	Default  any // nil: none
	Required bool
	Values   []string // the only ones allowed, where there are any
	Max      int64    // of an integer; 0 is no bound
	Tuning   bool     // it changes how records are fetched, and never which
	Secret   bool     // it may be a secret, which nobody is shown
	Group    []Option // of a group
}

// Options are the decoded options of one connector by name: string, int64,
// bool, []string, map[string]string, *Template, *Identity or, of a group, Options.
// What the mapping leaves out has its default, or is missing.
type Options map[string]any

// String is a text option, or empty.
func (o Options) String(name string) string { s, _ := o[name].(string); return s }

// Int is an integer option, or 0.
func (o Options) Int(name string) int64 { n, _ := o[name].(int64); return n }

// OptionsOf declares the exported fields of defaults, a struct whose values
// are the defaults:
//
//	type Options struct {
//		Path      string `option:"path,output,required" doc:"file to write, - for stdout"`
//		Delimiter string `option:"delimiter" doc:"one character between cells"`
//		Mode      string `option:"mode" values:"replace,append,merge" doc:"…"`
//		Token     string `option:"token,secret" doc:"…"`
//		More      *More  `option:"more" doc:"a group of options"`
//	}
//	OptionsOf(Options{Delimiter: ","})
//
// It panics where the struct is not of that form: that is a mistake of the
// connector's author, found by the first test.
func OptionsOf(defaults any) []Option {
	v := reflect.ValueOf(defaults)
	var out []Option
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag := strings.Split(f.Tag.Get("option"), ",")
		opt := Option{Name: tag[0], Doc: f.Tag.Get("doc"), Type: typeOf(f.Type)}
		for _, word := range tag[1:] {
			switch word {
			case "required":
				opt.Required = true
			case "secret":
				opt.Secret = true
			case "input":
				opt.Type = TypeInput
			case "output":
				opt.Type = TypeOutput
			default:
				panic(fmt.Sprintf("option %s: unknown word %q in its tag", opt.Name, word))
			}
		}
		if opt.Type == TypeGroup {
			opt.Group = OptionsOf(reflect.Zero(f.Type.Elem()).Interface())
		}
		if s := f.Tag.Get("values"); s != "" {
			opt.Values = strings.Split(s, ",")
		}
		if fv := v.Field(i); !fv.IsZero() || fv.Kind() == reflect.Bool {
			opt.Default = plain(fv)
		}
		out = append(out, opt)
	}
	return out
}

// Decode puts options into the struct that into points at, of the form that
// OptionsOf takes.
func (o Options) Decode(into any) {
	v := reflect.ValueOf(into).Elem()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("option"), ",")
		set, ok := o[name]
		if !ok {
			continue
		}
		if group, ok := set.(Options); ok {
			made := reflect.New(v.Field(i).Type().Elem())
			group.Decode(made.Interface())
			v.Field(i).Set(made)
			continue
		}
		v.Field(i).Set(reflect.ValueOf(set).Convert(v.Field(i).Type()))
	}
}

func typeOf(t reflect.Type) OptionType {
	switch {
	case t.Kind() == reflect.String:
		return TypeString
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		return TypeInteger
	case t.Kind() == reflect.Bool:
		return TypeBoolean
	case t == reflect.TypeFor[[]string]():
		return TypeStrings
	case t == reflect.TypeFor[map[string]string]():
		return TypeMap
	case t == reflect.TypeFor[*Template]():
		return TypeExpression
	case t == reflect.TypeFor[*Identity]():
		return TypeIdentity
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct:
		return TypeGroup
	}
	panic(fmt.Sprintf("no option type for %v", t))
}

func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Int, reflect.Int64:
		return v.Int()
	default:
		return v.Interface()
	}
}
