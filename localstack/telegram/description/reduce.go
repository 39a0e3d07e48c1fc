package description

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// fullDescription is the form of PaulSonOfLars/telegram-bot-api-spec.
type fullDescription struct {
	Version string                `json:"version"`
	Methods map[string]fullMethod `json:"methods"`
	Types   map[string]fullType   `json:"types"`
}

type fullMethod struct {
	Returns []string    `json:"returns"`
	Fields  []fullField `json:"fields"`
}

type fullType struct {
	Fields   []fullField `json:"fields"`
	Subtypes []string    `json:"subtypes"`
}

type fullField struct {
	Name        string   `json:"name"`
	Types       []string `json:"types"`
	Required    bool     `json:"required"`
	Description string   `json:"description"`
}

// onlyValue finds the one value that a description allows, as in
// `always "creator"` or `must be photo`.
var onlyValue = regexp.MustCompile(`(?:, always|, must be) ["“]?([a-z_]+)["”]?\.?$`)

// Reduce takes from a full description the named methods and every type that
// they or an Update are made of. The answer is JSON in a fixed order, so that
// equal descriptions are equal bytes.
func Reduce(full []byte, names []string) ([]byte, error) {
	var source fullDescription
	if err := json.Unmarshal(full, &source); err != nil {
		return nil, fmt.Errorf("read the full Bot API description: %w", err)
	}

	table := Table{Version: source.Version, Methods: map[string]Method{}, Types: map[string]Type{}}
	// ResponseParameters comes with errors, which no method names.
	wanted := []string{"Update", "ResponseParameters"}

	for _, name := range names {
		method, ok := source.Methods[name]
		if !ok {
			return nil, fmt.Errorf("method %s is not in %s; correct the list of methods", name, source.Version)
		}

		table.Methods[name] = Method{Fields: reduceFields(method.Fields), Returns: strings.Join(method.Returns, "|")}
		wanted = append(wanted, method.Returns...)
		wanted = append(wanted, typesOf(method.Fields)...)
	}

	for len(wanted) > 0 {
		name := strings.ReplaceAll(wanted[0], "Array of ", "")
		wanted = wanted[1:]

		known, ok := source.Types[name]
		if _, done := table.Types[name]; done || !ok {
			continue
		}

		table.Types[name] = Type{Fields: reduceFields(known.Fields), Subtypes: known.Subtypes}
		wanted = append(wanted, known.Subtypes...)
		wanted = append(wanted, typesOf(known.Fields)...)
	}

	for name := range source.Methods {
		if _, ok := table.Methods[name]; !ok {
			table.Others = append(table.Others, name)
		}
	}

	slices.Sort(table.Others)

	reduced, err := json.MarshalIndent(table, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write the reduced description: %w", err)
	}

	return append(reduced, '\n'), nil
}

func reduceFields(fields []fullField) map[string]Field {
	reduced := make(map[string]Field, len(fields))

	for _, field := range fields {
		text := strings.Join(field.Types, "|")
		if field.Required {
			text = "!" + text
		}

		if found := onlyValue.FindStringSubmatch(field.Description); found != nil && text == "!String" {
			text += "=" + found[1]
		}

		reduced[field.Name] = Field(text)
	}

	return reduced
}

func typesOf(fields []fullField) []string {
	var types []string
	for _, field := range fields {
		types = append(types, field.Types...)
	}

	return types
}
