package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

// An export is a text file of JSON, one value a line (JSON Lines):
//
//	{"lapak_export":1,"store":{…},"at":"2026-11-21T07:00:00Z"}   first: the version, and the store as registered
//	{"pk":"store#…","sk":"…","v":3,"body":{…}}                    each row of the state table; where it has them, also
//	                                                              "counters":{…}, "gpk", "gsk" (place in the index), "expires"
//	{"rows":2,"sha256":"…"}                                       last: how many rows, and the hash of all bytes before this line
//
// Rows come in no order. Goods and what buyers submitted are sealed as they are
// stored: they can be opened with the stack's KMS key only. Bot tokens and keys
// of gateways and providers are no rows, and so not in it.
const exportVersion = 1

// exportHead is the first line.
type exportHead struct {
	Version int         `json:"lapak_export"`
	Store   store.Store `json:"store"`
	At      time.Time   `json:"at"`
}

// exportRow is the line of a row.
type exportRow struct {
	PK       string           `json:"pk"`
	SK       string           `json:"sk"`
	Version  int64            `json:"v"`
	Body     json.RawMessage  `json:"body,omitempty"`
	Counters map[string]int64 `json:"counters,omitempty"`
	IndexPK  string           `json:"gpk,omitempty"`
	IndexSK  string           `json:"gsk,omitempty"`
	Expires  time.Time        `json:"expires,omitzero"`
}

// exportEnd is the last line.
type exportEnd struct {
	Rows   int    `json:"rows"`
	SHA256 string `json:"sha256"`
}

// exportStore writes a store into a new file and reads it back. The file is
// there whole or not at all.
func exportStore(ctx context.Context, from table.Scanner, of store.Store, path string) (int, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return 0, fmt.Errorf("make the export: %w", err)
	}

	rows, err := writeExport(ctx, from, of, file)
	if err == nil {
		err = file.Sync()
	}

	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}

	if err == nil {
		var read int
		if _, read, err = readExport(file, func(exportRow) error { return nil }); err == nil && read != rows {
			err = fmt.Errorf("read %d rows back of %d", read, rows)
		}
	}

	if err = errors.Join(err, file.Close()); err != nil {
		return 0, errors.Join(fmt.Errorf("export store %s to %s: %w", of.ID, path, err), os.Remove(path))
	}

	return rows, nil
}

// writeExport streams the rows of a store and gives how many they are.
func writeExport(ctx context.Context, from table.Scanner, of store.Store, to io.Writer) (int, error) {
	tenant, err := table.TenantOf(of.ID)
	if err != nil {
		return 0, err
	}

	sum := sha256.New()
	buffered := bufio.NewWriter(to)
	lines := json.NewEncoder(io.MultiWriter(buffered, sum))
	lines.SetEscapeHTML(false)

	if err := lines.Encode(exportHead{Version: exportVersion, Store: of, At: time.Now().UTC()}); err != nil {
		return 0, fmt.Errorf("write the first line: %w", err)
	}

	rows := 0

	err = eachRow(ctx, from, tenant, func(row table.Row) error {
		rows++

		return lines.Encode(exportRow{
			PK: row.Key.PK(), SK: row.Key.SK(), Version: row.Version, Body: row.Body, Counters: row.Counters,
			IndexPK: row.Index.PK(), IndexSK: row.Index.SK(), Expires: row.Expires,
		})
	})
	if err != nil {
		return 0, err
	}

	end := json.NewEncoder(buffered)
	if err := end.Encode(exportEnd{Rows: rows, SHA256: hex.EncodeToString(sum.Sum(nil))}); err != nil {
		return 0, fmt.Errorf("write the last line: %w", err)
	}

	if err := buffered.Flush(); err != nil {
		return 0, fmt.Errorf("write the export: %w", err)
	}

	return rows, nil
}

// eachRow goes through the rows of a tenant.
func eachRow(ctx context.Context, from table.Scanner, of table.Tenant, do func(table.Row) error) error {
	for cursor := ""; ; {
		page, err := from.Scan(ctx, of, cursor)
		if err != nil {
			return errs.Context(err, "go through all rows")
		}

		for _, row := range page.Rows {
			if err := do(row); err != nil {
				return fmt.Errorf("row %s: %w", row.Key, err)
			}
		}

		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// maxExportLine bounds a line: a row has 400 KB, which JSON may write longer.
const maxExportLine = 4 << 20

// errExport marks a file that is no whole export.
var errExport = errors.New("not a whole export")

// readExport gives each row of an export to a function, and at the end how many
// they were. It fails with errExport where a line is missing, changed or too
// many: what was given to the function by then is not to be trusted.
func readExport(from io.Reader, do func(exportRow) error) (exportHead, int, error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxExportLine)

	sum := sha256.New()

	var head exportHead
	if !lines.Scan() || decodeLine(lines.Bytes(), &head) != nil || head.Version != exportVersion {
		return head, 0, fmt.Errorf("%w: the first line does not say that it is one of version %d", errExport, exportVersion)
	}

	add(sum, lines.Bytes())

	for rows := 0; lines.Scan(); rows++ {
		var end exportEnd
		if decodeLine(lines.Bytes(), &end) == nil {
			if end.Rows != rows || end.SHA256 != hex.EncodeToString(sum.Sum(nil)) || lines.Scan() {
				return head, 0, fmt.Errorf("%w: its last line speaks of other rows", errExport)
			}

			return head, rows, nil
		}

		var row exportRow
		if err := decodeLine(lines.Bytes(), &row); err != nil || row.PK == "" || row.SK == "" {
			return head, 0, fmt.Errorf("%w: line %d is no row", errExport, rows+2)
		}

		add(sum, lines.Bytes())

		if err := do(row); err != nil {
			return head, 0, err
		}
	}

	if err := lines.Err(); err != nil {
		return head, 0, fmt.Errorf("read the export: %w", err)
	}

	return head, 0, fmt.Errorf("%w: it breaks off", errExport)
}

// decodeLine reads a line of which every name is known.
func decodeLine(line []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()

	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("read a line of an export: %w", err)
	}

	return nil
}

// add adds a line, as it stands in the file, to the hash.
func add(sum hash.Hash, line []byte) {
	_, _ = sum.Write(line)
	_, _ = sum.Write([]byte{'\n'})
}
