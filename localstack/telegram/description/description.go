// Package description holds the part of the Bot API description that the
// simulator needs: its methods with their parameters, and every type that
// these parameters, their answers and the updates are made of. It checks
// values against that description field by field.
package description

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

//go:generate sh -c "go run ./generate \"$TELEGRAM_API_JSON\" methods.txt > botapi.json.new && mv botapi.json.new botapi.json"

//go:embed botapi.json
var embedded []byte

//go:embed methods.txt
var methodNames string

// Names returns the methods that the simulator has.
func Names() []string { return ParseNames(methodNames) }

// Embedded returns the table as it is kept in the repository.
func Embedded() []byte { return append([]byte(nil), embedded...) }

// Table is a reduced description of the Bot API.
type Table struct {
	// Version is the version that the description was taken from.
	Version string `json:"version"`
	// Methods are the methods of the simulator, by name.
	Methods map[string]Method `json:"methods"`
	// Types are the types that these methods and updates use, by name.
	Types map[string]Type `json:"types"`
	// Others are the methods of the Bot API that the simulator does not have.
	Others []string `json:"others"`
}

// Method is one method of the Bot API.
type Method struct {
	Fields  map[string]Field `json:"fields,omitempty"`
	Returns string           `json:"returns"`
}

// Type is an object of the Bot API: fields, or the types that it may be.
type Type struct {
	Fields   map[string]Field `json:"fields,omitempty"`
	Subtypes []string         `json:"subtypes,omitempty"`
}

// Field is what a field may hold, written as in "!Integer|String": an
// exclamation mark when it is required, the types that it may have, and "="
// with the only value that it may have, if there is just one.
type Field string

// Required says whether the field must be there.
func (f Field) Required() bool { return strings.HasPrefix(string(f), "!") }

// Types returns the types that the field may have, such as "Integer" or
// "Array of PhotoSize".
func (f Field) Types() []string {
	types, _, _ := strings.Cut(strings.TrimPrefix(string(f), "!"), "=")

	return strings.Split(types, "|")
}

// Literal returns the only value that the field may have, or "".
func (f Field) Literal() string {
	_, literal, _ := strings.Cut(string(f), "=")

	return literal
}

// Load returns the embedded table.
func Load() (*Table, error) {
	table := new(Table)
	if err := json.Unmarshal(embedded, table); err != nil {
		return nil, fmt.Errorf("read the embedded Bot API description: %w", err)
	}

	return table, nil
}

// ParseNames reads a list of names, one a line.
func ParseNames(list string) []string { return strings.Fields(list) }

// Exists returns the proper name of a method that is written in any case, ""
// if the Bot API has none, and whether the simulator has it.
func (t *Table) Exists(method string) (string, bool) {
	for known := range t.Methods {
		if strings.EqualFold(known, method) {
			return known, true
		}
	}

	for _, known := range t.Others {
		if strings.EqualFold(known, method) {
			return known, false
		}
	}

	return "", false
}

// Problem is one way in which a value differs from its description.
type Problem struct {
	// Text names the field and says what is wrong.
	Text string
	// Unknown is set if the field is only not in the description, which
	// Telegram ignores in what it receives.
	Unknown bool
	// otherKind is set if the field that tells the kind has another value.
	otherKind bool
}

// CheckMethodResult says what is wrong with the value that a method answered,
// which must be as encoding/json decodes it with UseNumber.
func (t *Table) CheckMethodResult(method string, result any) []Problem {
	known, ok := t.Methods[method]
	if !ok {
		return []Problem{{Text: "method " + method + " is not in the description"}}
	}

	return t.checkAny(method, strings.Split(known.Returns, "|"), result)
}

// Check says what is wrong with a value of the named type, which must be as
// encoding/json decodes it with UseNumber.
func (t *Table) Check(typeName string, value any) []Problem {
	return t.check(typeName, typeName, value)
}

// CheckField says what is wrong with the value of a field.
func (t *Table) CheckField(path string, field Field, value any) []Problem {
	if literal := field.Literal(); literal != "" && value != literal {
		return []Problem{{Text: fmt.Sprintf("%s is %v, must be %q", path, value, literal), otherKind: true}}
	}

	return t.checkAny(path, field.Types(), value)
}

func (t *Table) checkAny(path string, types []string, value any) []Problem {
	if elements := elementTypes(types); len(elements) > 1 {
		return t.checkArray(path, elements, value)
	}

	var problems []Problem

	for i, typeName := range types {
		found := t.check(path, typeName, value)
		if len(found) == 0 {
			return nil
		}

		if i == 0 || distance(found) < distance(problems) {
			problems = found
		}
	}

	return problems
}

// elementTypes returns the types in arrays if all types are arrays: a list
// that may hold either is a list of either.
func elementTypes(types []string) []string {
	elements := make([]string, 0, len(types))

	for _, typeName := range types {
		element, ok := strings.CutPrefix(typeName, "Array of ")
		if !ok {
			return nil
		}

		elements = append(elements, element)
	}

	return elements
}

// distance orders the alternatives of a value: the complaint about the one
// that came nearest helps most, and one of another kind is far.
func distance(problems []Problem) int {
	const otherKind = 100

	total := len(problems)

	for _, one := range problems {
		if one.otherKind {
			total += otherKind
		}
	}

	return total
}

func (t *Table) check(path, typeName string, value any) []Problem {
	if element, ok := strings.CutPrefix(typeName, "Array of "); ok {
		return t.checkArray(path, []string{element}, value)
	}

	switch typeName {
	case "Integer":
		number, ok := value.(json.Number)
		if _, err := number.Int64(); ok && err == nil {
			return nil
		}
	case "Float":
		if _, ok := value.(json.Number); ok {
			return nil
		}
	case "String", "InputFile":
		if _, ok := value.(string); ok {
			return nil
		}
	case "Boolean":
		if _, ok := value.(bool); ok {
			return nil
		}
	default:
		return t.checkObject(path, typeName, value)
	}

	return problem("%s is %T %v, must be %s", path, value, value, typeName)
}

func (t *Table) checkArray(path string, elements []string, value any) []Problem {
	list, ok := value.([]any)
	if !ok {
		return problem("%s is %T, must be an array of %s", path, value, strings.Join(elements, " or "))
	}

	var problems []Problem
	for i, item := range list {
		problems = append(problems, t.checkAny(fmt.Sprintf("%s[%d]", path, i), elements, item)...)
	}

	return problems
}

func (t *Table) checkObject(path, typeName string, value any) []Problem {
	known, ok := t.Types[typeName]
	if !ok {
		return problem("%s: type %s is not in the description", path, typeName)
	}

	if len(known.Subtypes) > 0 {
		return t.checkAny(path, known.Subtypes, value)
	}

	object, ok := value.(map[string]any)
	if !ok {
		return problem("%s is %T, must be %s", path, value, typeName)
	}

	var problems []Problem

	for _, name := range sortedKeys(object) {
		field, ok := known.Fields[name]
		if !ok {
			problems = append(problems, Problem{
				Text: fmt.Sprintf("%s.%s is not a field of %s", path, name, typeName), Unknown: true,
			})

			continue
		}

		problems = append(problems, t.CheckField(path+"."+name, field, object[name])...)
	}

	for _, name := range sortedKeys(known.Fields) {
		if _, ok := object[name]; !ok && known.Fields[name].Required() {
			problems = append(problems, problem("%s.%s is missing", path, name)...)
		}
	}

	return problems
}

func problem(format string, args ...any) []Problem {
	return []Problem{{Text: fmt.Sprintf(format, args...)}}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}

	sort.Strings(keys)

	return keys
}
