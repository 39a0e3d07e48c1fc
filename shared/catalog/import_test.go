package catalog_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
)

func TestParseImport(t *testing.T) {
	t.Parallel()

	long := strings.Repeat("x", catalog.MaxUnitBytes+1)

	for name, of := range map[string]struct {
		file, content string
		want          []string
		refused       []catalog.Refusal
	}{
		"text":           {"a.txt", "one\ntwo\n", []string{"one", "two"}, nil},
		"windows":        {"a.TXT", "\ufeffone\r\n\r\n  two  \r\nthree", []string{"one", "two", "three"}, nil},
		"text is no CSV": {"a.txt", "a,\"b\n", []string{"a,\"b"}, nil},
		"text, bad lines": {
			"a.txt", "one\n" + long + "\n\xff\nx\x01y\nlast",
			[]string{"one", "last"},
			[]catalog.Refusal{{2, "catalog.import_line_long"}, {3, "catalog.import_line_text"}, {4, "catalog.import_line_text"}},
		},
		"CSV with header": {
			"a.csv", "email,password,note\na@x.id,p1,\nb@x.id,\"p,2\",baru\n",
			[]string{"email: a@x.id\npassword: p1", "email: b@x.id\npassword: p,2\nnote: baru"},
			nil,
		},
		"CSV of Indonesia": {
			"a.csv", "\ufeffEmail;Kata Sandi\r\na@x.id;r4hasia\r\n", []string{"Email: a@x.id\nKata Sandi: r4hasia"}, nil,
		},
		"CSV by tabs":        {"a.csv", "user\tpass\nu1\tp,1\n", []string{"user: u1\npass: p,1"}, nil},
		"CSV without header": {"a.csv", "a@x.id,p1\nb@x.id,p2\n", []string{"a@x.id\np1", "b@x.id\np2"}, nil},
		"CSV of one column":  {"a.csv", "key\nAAA-1\nBBB-2\n", []string{"AAA-1", "BBB-2"}, nil},
		"CSV of keys":        {"a.csv", "ABCDE\nFGHIJ\n", []string{"ABCDE", "FGHIJ"}, nil},
		"CSV, same names":    {"a.csv", "key,Key\n", []string{"key\nKey"}, nil},
		"CSV, quoted lines": {
			"a.csv", "user,note\nu1,\"two\nlines\"\n\nu2,x\n", []string{"user: u1\nnote: two\nlines", "user: u2\nnote: x"}, nil,
		},
		"CSV, short record":  {"a.csv", "user,pass\nu1\n", []string{"user: u1"}, nil},
		"CSV, empty records": {"a.csv", "user,pass\n,\n , \nu1,p1\n", []string{"user: u1\npass: p1"}, nil},
		"CSV, too many columns": {
			"a.csv", "user,pass\nu1,p1,x\nu2,p2\n",
			[]string{"user: u2\npass: p2"},
			[]catalog.Refusal{{2, "catalog.import_line_columns"}},
		},
		"CSV, bad quotes": {
			"a.csv", "user,pass\nu\"1,p1\nu2,p2\nu3,\"p3\n",
			[]string{"user: u2\npass: p2"},
			[]catalog.Refusal{{2, "catalog.import_line_quotes"}, {4, "catalog.import_line_quotes"}},
		},
		"JSON texts": {"a.json", `["one", " two ", "", 3, true]`, []string{"one", "two", "3", "true"}, nil},
		"JSON objects": {
			"a.json", `[{"pass": "p1", "email": "a@x.id", "pin": 12, "none": null, "empty": ""}]`,
			[]string{"pass: p1\nemail: a@x.id\npin: 12"},
			nil,
		},
		"JSON, bad ones": {
			"a.json", `["a", null, ["b"], {"c": {"d": "e"}}, {"f": ["g"]}, "` + "x\\u0000y" + `", "h"]`,
			[]string{"a", "h"},
			[]catalog.Refusal{
				{2, "catalog.import_line_value"},
				{3, "catalog.import_line_value"},
				{4, "catalog.import_line_value"},
				{5, "catalog.import_line_value"},
				{6, "catalog.import_line_text"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			units, refused, err := catalog.ParseImport(of.file, []byte(of.content))
			require.NoError(t, err)

			var texts []string
			for _, unit := range units {
				texts = append(texts, string(unit))
			}

			assert.Equal(t, of.want, texts)
			assert.Equal(t, of.refused, refused)
		})
	}
}

func TestParseImportRefuses(t *testing.T) {
	t.Parallel()

	for name, of := range map[string]struct {
		file    string
		content []byte
		key     string
	}{
		"UTF-16":         {"a.csv", []byte("\xff\xfea\x00,\x00b\x00"), "catalog.import_encoding"},
		"UTF-16, big":    {"a.txt", []byte("\xfe\xff\x00a"), "catalog.import_encoding"},
		"no text":        {"a.txt", []byte("PK\x03\x04\x00\x00"), "catalog.import_encoding"},
		"spreadsheet":    {"a.xlsx", []byte("PK"), "catalog.import_type"},
		"no name":        {"", []byte("a"), "catalog.import_type"},
		"too large":      {"a.txt", make([]byte, catalog.MaxImportBytes+1), "catalog.import_size"},
		"too many":       {"a.txt", bytes.Repeat([]byte("a\n"), catalog.MaxUnits+1), "catalog.import_units"},
		"too many, JSON": {"a.json", []byte("[" + strings.Repeat("1,", catalog.MaxUnits) + "1]"), "catalog.import_units"},
		"empty":          {"a.txt", []byte("\n \r\n"), "catalog.import_empty"},
		"only a header":  {"a.csv", []byte("user,pass\n"), "catalog.import_empty"},
		"empty list":     {"a.json", []byte("[]"), "catalog.import_empty"},
		"no list":        {"a.json", []byte(`{"a": "tok-123"}`), "catalog.import_json"},
		"broken list":    {"a.json", []byte(`["tok-123`), "catalog.import_json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, _, err := catalog.ParseImport(of.file, of.content)
			assert.Equal(t, errs.Invalid, errs.CodeOf(err))
			assert.NotContains(t, err.Error(), "tok-123")

			key, _, _ := errs.Sentence(err)
			assert.Equal(t, of.key, key)
		})
	}
}

// TestImportTakesWhatWasWritten writes units as CSV and JSON and reads them back.
func TestImportTakesWhatWasWritten(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[a-z0-9@.,;"' \n-]{0,9}[a-z0-9]`)
		records := rapid.SliceOfN(rapid.SliceOfN(value, 2, 2), 1, 9).Draw(t, "records")

		var (
			file bytes.Buffer
			want []string
			all  []map[string]string
		)

		writer := csv.NewWriter(&file)
		require.NoError(t, writer.Write([]string{"user", "pass"}))

		for _, record := range records {
			require.NoError(t, writer.Write(record))

			unit := "user: " + strings.TrimSpace(record[0]) + "\npass: " + strings.TrimSpace(record[1])
			want = append(want, unit)
			all = append(all, map[string]string{"entry": unit})
		}

		writer.Flush()

		read := func(name string, content []byte) []string {
			units, refused, err := catalog.ParseImport(name, content)
			require.NoError(t, err)
			require.Empty(t, refused)

			var texts []string
			for _, unit := range units {
				texts = append(texts, strings.TrimPrefix(string(unit), "entry: "))
			}

			return texts
		}

		require.Equal(t, want, read("a.csv", file.Bytes()))

		list, err := json.Marshal(all)
		require.NoError(t, err)
		require.Equal(t, want, read("a.json", list))
	})
}

func FuzzParseImport(f *testing.F) {
	for at, content := range []string{
		"one\r\ntwo", "\ufeffemail;sandi\na;b", "a,\"b\nc\",d\n\"", `["a",{"b":1},[2],null]`, "\xff\xfea\x00", "user,pass\n\"x",
	} {
		f.Add(uint8(at), []byte(content))
	}

	f.Fuzz(func(t *testing.T, form uint8, content []byte) {
		name := []string{"a.txt", "a.csv", "a.json"}[form%3]

		units, refused, err := catalog.ParseImport(name, content)
		if err != nil {
			_, _, ok := errs.Sentence(err)
			assert.True(t, ok, "the person is told what is wrong")
			assert.Equal(t, errs.Invalid, errs.CodeOf(err))

			return
		}

		assert.LessOrEqual(t, len(units), catalog.MaxUnits)
		assert.Positive(t, len(units)+len(refused))

		for _, unit := range units {
			assert.NotEmpty(t, unit)
			assert.LessOrEqual(t, len(unit), catalog.MaxUnitBytes)
			assert.True(t, utf8.Valid(unit))
			assert.NotContains(t, string(unit), "\r")
			assert.NotContains(t, string(unit), "\x00")
		}

		last := 0
		for _, line := range refused {
			assert.GreaterOrEqual(t, line.Line, last)
			assert.Positive(t, line.Line)
			assert.NotEmpty(t, line.Key)
			last = line.Line
		}
	})
}
