package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

// fill gives a store rows of every form, and another store one.
func (d *desk) fill(t *testing.T, rows int) {
	t.Helper()

	tenant, err := table.TenantOf("demo")
	require.NoError(t, err)

	other, err := table.TenantOf("demo-2")
	require.NoError(t, err)

	place := tenant.Partition("user", "7")
	for at := range rows {
		require.NoError(t, d.state.Write(t.Context(), table.Create(table.Row{
			Key: place.Key("note", fmt.Sprint(at)), Body: []byte(`{"text":"<a> & \u00e9", "sealed": "AAEC"}`),
			Index: place.Key("due", fmt.Sprint(at)),
		})))
	}

	require.NoError(t, d.state.Write(t.Context(), table.Add(place.Key("wallet"), "balance", 5000, 0, 1<<40)))
	require.NoError(t, d.state.Write(t.Context(), table.Create(table.Row{
		Key: other.Partition("user", "7").Key("profile"), Body: []byte(`{}`),
	})))
	require.NoError(t, d.scratch.Write(t.Context(), table.Create(table.Row{Key: place.Key("session"), Body: []byte(`{}`)})))
}

func TestStoreRemoveSaysWhatBecomesOfTheData(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))

	remove := func(args ...string) error { return d.storeRemove(t.Context(), append([]string{"demo"}, args...)) }

	file := filepath.Join(t.TempDir(), "demo.jsonl")
	require.ErrorContains(t, remove(), "give --export FILE, or --no-export")
	require.ErrorContains(t, remove("--export", file, "--no-export"), "give --export FILE, or --no-export")
	require.ErrorContains(t, remove("--export", file), "pause it first")
	require.ErrorContains(t, remove("--no-export", "--erase"), "pause it first")
	require.NoFileExists(t, file)
	require.NotNil(t, d.api.hook, "nothing has changed")
}

func TestStoreRemoveExportsAndErases(t *testing.T) {
	t.Parallel()

	const notes = 250 // several pages

	d := newDesk(t)
	require.NoError(t, d.add(t))
	d.fill(t, notes)
	require.NoError(t, d.storePause(t.Context(), []string{"demo"}))

	file := filepath.Join(t.TempDir(), "demo.jsonl")
	d.out.Reset()
	require.NoError(t, d.storeRemove(t.Context(), []string{"demo", "--export", file, "--erase"}))

	rows := notes + 2 // the wallet, and the audit row of the pause
	require.Equal(t, fmt.Sprintf("%d rows of store demo are in %s, read back and whole\n"+
		"store demo is removed; %d rows are erased; recordings and transcripts in the bucket go by its lifecycle\n",
		rows, file, rows+1), d.out.String())
	require.Nil(t, d.api.hook)

	_, err := d.stores.Get(t.Context(), "demo")
	require.Equal(t, errs.NotFound, errs.CodeOf(err))

	for _, row := range d.state.All() {
		require.NotContains(t, row.Key.PK(), "store#demo#")
	}

	require.NotEmpty(t, d.state.All(), "another store's rows stay")

	d.out.Reset()
	require.NoError(t, d.storeVerify(t.Context(), []string{file}))
	require.Contains(t, d.out.String(), fmt.Sprintf("a whole export of store demo (Toko Kopi) with %d rows", rows))

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(text), token[8:], "no secret is in it")

	found := map[string]exportRow{}
	_, count, err := readExport(bytes.NewReader(text), func(row exportRow) error {
		found[row.SK] = row

		return nil
	})
	require.NoError(t, err)
	require.Equal(t, rows, count)
	require.Equal(t, map[string]int64{"balance": 5000}, found["wallet"].Counters)
	require.JSONEq(t, `{"text":"<a> & é", "sealed": "AAEC"}`, string(found["note#7"].Body))
	require.Equal(t, "due#7", found["note#7"].IndexSK)
	require.EqualValues(t, 1, found["note#7"].Version)
}

func TestStoreRemoveKeepsTheDataWhereItIs(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))
	d.fill(t, 3)
	require.NoError(t, d.storeRemove(t.Context(), []string{"demo", "--no-export"}))
	require.Contains(t, d.out.String(), "store demo is removed; its data stays\n")

	kept := 0

	for _, row := range d.state.All() {
		if strings.HasPrefix(row.Key.PK(), "store#demo#") {
			kept++
		}
	}

	require.Equal(t, 4, kept)
}

// It dies with the secrets gone and the register still there: again, and it ends.
func TestStoreRemoveCanBeRepeated(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))
	require.NoError(t, d.vault.Delete(t.Context(), store.TokenName("demo")))
	require.NoError(t, d.storeRemove(t.Context(), []string{"demo", "--no-export"}))
}

func TestExportOverwritesNothing(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))
	require.NoError(t, d.storePause(t.Context(), []string{"demo"}))

	file := filepath.Join(t.TempDir(), "demo.jsonl")
	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o600))
	require.ErrorIs(t, d.storeRemove(t.Context(), []string{"demo", "--export", file}), os.ErrExist)

	_, err := d.stores.Get(t.Context(), "demo")
	require.NoError(t, err, "what is not exported is not removed")
	require.NotNil(t, d.api.hook)
}

// breaking is a table that fails while it is gone through.
type breaking struct{ stored }

func (breaking) Scan(context.Context, table.Tenant, string) (table.Page, error) {
	return table.Page{}, errs.New(errs.Unavailable, "the table is out of reach")
}

func TestExportThatFailsLeavesNoFile(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))
	require.NoError(t, d.storePause(t.Context(), []string{"demo"}))

	d.operator.state = breaking{d.operator.state}
	file := filepath.Join(t.TempDir(), "demo.jsonl")
	require.ErrorContains(t, d.storeRemove(t.Context(), []string{"demo", "--export", file}), "out of reach")
	require.NoFileExists(t, file)
}

// A file that is cut, changed or put together is found out.
func TestReadExportFindsEveryChange(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))
	d.fill(t, 3)

	of, err := d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)

	var whole bytes.Buffer

	rows, err := writeExport(t.Context(), d.state, of, &whole)
	require.NoError(t, err)
	require.Equal(t, 4, rows)

	lines := strings.SplitAfter(whole.String(), "\n")
	read := func(lines ...string) error {
		_, _, err := readExport(strings.NewReader(strings.Join(lines, "")), func(exportRow) error { return nil })

		return err
	}

	require.NoError(t, read(lines...))

	for name, changed := range map[string][]string{
		"empty":            nil,
		"no first line":    lines[1:],
		"cut":              lines[:3],
		"a row less":       append(append([]string{}, lines[:2]...), lines[3:]...),
		"a row twice":      append(append([]string{}, lines[:2]...), lines[1:]...),
		"something behind": append(append([]string{}, lines...), "{}\n"),
		"another version":  append([]string{strings.Replace(lines[0], `"lapak_export":1`, `"lapak_export":2`, 1)}, lines[1:]...),
		"a changed row":    append(append([]string{}, lines[0], strings.Replace(lines[1], "AAEC", "AAED", 1)), lines[2:]...),
		"no JSON":          append(append([]string{}, lines[0], "what?\n"), lines[2:]...),
	} {
		require.ErrorIs(t, read(changed...), errExport, name)
	}
}

func FuzzReadExport(f *testing.F) {
	f.Add([]byte(`{"lapak_export":1,"store":{},"at":"2026-11-21T07:00:00Z"}` + "\n" +
		`{"pk":"a","sk":"b","v":1}` + "\n" + `{"rows":1,"sha256":""}`))
	f.Add([]byte("{}\n{}\n"))

	f.Fuzz(func(t *testing.T, text []byte) {
		given := 0

		_, rows, err := readExport(bytes.NewReader(text), func(row exportRow) error {
			require.NotEmpty(t, row.PK)

			given++

			return nil
		})
		if err == nil {
			require.Equal(t, given, rows)
		}
	})
}
