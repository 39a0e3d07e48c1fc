package catalog

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/errs"
)

// MaxImportBytes is how large a file of units may be.
const MaxImportBytes = 5 << 20

// Refusal is a line of an import that is no unit, and the catalog sentence
// that says why. It never holds the line.
type Refusal struct {
	Line int // from 1; of a JSON list the place in it
	Key  string
}

// Why a line is no unit.
const (
	refusedLong    = "catalog.import_line_long"
	refusedText    = "catalog.import_line_text"
	refusedQuotes  = "catalog.import_line_quotes"
	refusedColumns = "catalog.import_line_columns"
	refusedValue   = "catalog.import_line_value"
)

// ParseImport reads the units of a file, whose name says its form:
//
//   - .txt: a unit a line; empty lines are left out.
//   - .csv (RFC 4180, comma, semicolon or tab): a unit a record. Where the first
//     record names the columns, a unit of several is "column: value" lines;
//     otherwise the values, one a line. It names them if all its fields are
//     different and without digits, and one is a usual name (header lists them).
//   - .json: a list of texts, or of objects of texts, numbers and truth values,
//     which become "name: value" lines.
//
// Lines that are no unit are left out and refused by their number. Invalid with a sentence
// for the person where the file as a whole cannot be read: another form or encoding than
// UTF-8, over MaxImportBytes, over MaxUnits, or nothing in it.
func ParseImport(name string, content []byte) ([][]byte, []Refusal, error) {
	if len(content) > MaxImportBytes {
		return nil, nil, errs.New(errs.Invalid, "import %d bytes: at most %d", len(content), MaxImportBytes).
			Tell("catalog.import_size", errs.Args{"Limit": MaxImportBytes >> 20})
	}

	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	if wide(content) {
		return nil, nil, errs.New(errs.Invalid, "import: it is not UTF-8").Tell("catalog.import_encoding", nil)
	}

	var (
		found importing
		err   error
	)

	switch strings.ToLower(path.Ext(name)) {
	case ".txt":
		found.lines(content)
	case ".csv":
		err = found.records(content)
	case ".json":
		err = found.list(content)
	default:
		err = errs.New(errs.Invalid, "import: the name ends in none of .txt, .csv, .json").Tell("catalog.import_type", nil)
	}

	switch {
	case err != nil:
		return nil, nil, err
	case len(found.units) > MaxUnits:
		return nil, nil, errs.New(errs.Invalid, "import %d units: at most %d", len(found.units), MaxUnits).
			Tell("catalog.import_units", errs.Args{"Limit": MaxUnits})
	case len(found.units) == 0 && len(found.refused) == 0:
		return nil, nil, errs.New(errs.Invalid, "import: no unit is in it").Tell("catalog.import_empty", nil)
	}

	return found.units, found.refused, nil
}

// wide reports whether a file is UTF-16 or UTF-32, or no text at all.
func wide(content []byte) bool {
	return bytes.HasPrefix(content, []byte{0xff, 0xfe}) || bytes.HasPrefix(content, []byte{0xfe, 0xff}) ||
		bytes.IndexByte(content, 0) >= 0
}

// importing collects what is read.
type importing struct {
	units   [][]byte
	refused []Refusal
}

func (i *importing) refuse(line int, key string) { i.refused = append(i.refused, Refusal{line, key}) }

// put takes a unit, or refuses its line; an empty one is left out.
func (i *importing) put(line int, unit string) {
	unit = strings.TrimSpace(unit)

	switch {
	case unit == "":
	case len(unit) > MaxUnitBytes:
		i.refuse(line, refusedLong)
	case !utf8.ValidString(unit) || strings.ContainsFunc(unit, unprintable):
		i.refuse(line, refusedText)
	default:
		i.units = append(i.units, []byte(unit))
	}
}

func unprintable(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// lines reads a text file.
func (i *importing) lines(content []byte) {
	line := 0
	for text := range strings.Lines(string(content)) {
		line++
		i.put(line, text)
	}
}

// records reads a CSV file.
func (i *importing) records(content []byte) error {
	reader := csv.NewReader(bytes.NewReader(content))
	reader.Comma = comma(content)
	reader.FieldsPerRecord = -1
	reader.ReuseRecord = true

	var names []string

	for first := true; ; first = false {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}

		if broken, ok := errors.AsType[*csv.ParseError](err); ok {
			i.refuse(broken.StartLine, refusedQuotes)

			continue
		}

		if err != nil {
			return errs.New(errs.Invalid, "import: the records cannot be read").Tell("catalog.import_empty", nil)
		}

		line, _ := reader.FieldPos(0)

		if first && header(record) {
			names = slices.Clone(record)

			continue
		}

		if names != nil && len(record) > len(names) {
			i.refuse(line, refusedColumns)

			continue
		}

		i.put(line, joined(names, record))
	}
}

// comma finds what separates the fields of the first line, as spreadsheets of
// different countries write it.
func comma(content []byte) rune {
	line, _, _ := bytes.Cut(content, []byte("\n"))
	quoted := false
	count := map[rune]int{}

	for _, r := range string(line) {
		if r == '"' {
			quoted = !quoted
		}

		if !quoted {
			count[r]++
		}
	}

	best := ','
	for _, other := range []rune{';', '\t'} {
		if count[other] > count[best] {
			best = other
		}
	}

	return best
}

// header reports whether a record names the columns.
func header(record []string) bool {
	usual := strings.Fields(`user username email mail login akun account nama name pass password sandi pwd key kunci kode code
		pin token serial sn lisensi license licence voucher link url profil profile catatan note keterangan expired berlaku isi
		unit content`)

	seen := map[string]bool{}
	known := false

	for _, field := range record {
		words := wordsOf(field)
		name := strings.Join(words, " ")

		if name == "" || seen[name] || strings.ContainsFunc(field, unicode.IsDigit) || strings.ContainsAny(field, "@:/") {
			return false
		}

		seen[name] = true
		known = known || slices.ContainsFunc(words, func(word string) bool { return slices.Contains(usual, word) })
	}

	return known
}

// joined makes a unit of the fields of a record; names is nil where nobody
// named them. The name of a single column says nothing.
func joined(names, record []string) string {
	var lines []string

	for at, value := range record {
		value = strings.TrimSpace(value)
		if value == "" {
			continue
		}

		if len(names) > 1 {
			value = strings.TrimSpace(names[at]) + ": " + value
		}

		lines = append(lines, value)
	}

	return strings.Join(lines, "\n")
}

// list reads a JSON file.
func (i *importing) list(content []byte) error {
	var elements []json.RawMessage
	if err := json.Unmarshal(content, &elements); err != nil {
		// The cause is left out: it may quote the file, and so a unit.
		return errs.New(errs.Invalid, "import: it is no JSON list").Tell("catalog.import_json", nil)
	}

	if len(elements) > MaxUnits {
		return errs.New(errs.Invalid, "import %d units: at most %d", len(elements), MaxUnits).
			Tell("catalog.import_units", errs.Args{"Limit": MaxUnits})
	}

	for at, element := range elements {
		unit, ok := plain(element)
		if !ok {
			unit, ok = properties(element)
		}

		if !ok {
			i.refuse(at+1, refusedValue)

			continue
		}

		i.put(at+1, unit)
	}

	return nil
}

// plain gives the text of a JSON text, number or truth value; false for others.
func plain(value json.RawMessage) (string, bool) {
	var text string
	if err := json.Unmarshal(value, &text); err == nil && string(value) != "null" {
		return text, true
	}

	// What else is no object and no list stands for itself.
	return string(value), len(value) > 0 && !strings.ContainsRune(`{["`, rune(value[0])) && string(value) != "null"
}

// properties gives the lines of a JSON object, in its order; false where it is
// none, or holds more than plain values.
func properties(object json.RawMessage) (string, bool) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return "", false
	}

	var lines []string

	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return "", false
		}

		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return "", false
		}

		if string(value) == "null" {
			continue
		}

		text, ok := plain(value)
		if !ok {
			return "", false
		}

		if name, ok := name.(string); ok && strings.TrimSpace(text) != "" {
			lines = append(lines, strings.TrimSpace(name)+": "+strings.TrimSpace(text))
		}
	}

	return strings.Join(lines, "\n"), true
}
