package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
)

// What fields take.
const (
	MaxName        = 60          // characters: it stands on a button
	MaxDescription = 700         // characters: with its price it stands below a photo, which takes 1,024
	MaxTerms       = 3000        // characters: they are one message
	MaxPrice       = 100_000_000 // rupiah for one
	MaxStars       = 100_000     // Stars for one
	MaxWarranty    = 3650        // days
	MaxCount       = 1_000_000   // of units in limits and thresholds
)

// idForm is what may name a category or a product.
var idForm = regexp.MustCompile(`^[0-9A-Za-z-]{1,32}$`)

// SaveCategory creates (Version 0) or changes a category, with its audit row. Invalid with
// a sentence for the person where its name cannot be; Conflict where somebody else changed
// it meanwhile: nothing is overwritten, and the owner is told. Saving the same again
// changes nothing.
func (s *Service) SaveCategory(ctx context.Context, store string, category Category, by Editor) error {
	of, err := rowsOf(store)
	if err != nil {
		return err
	}

	if err := category.validate(); err != nil {
		return errs.Context(err, "save category %s of %s", category.ID, store)
	}

	return s.save(ctx, saving{
		store: store, by: by, key: of.category(category.ID, itemPart), version: category.Version,
		action: "save_category", target: "category " + category.ID,
		decode: func(row table.Row) (any, Text, error) {
			present, err := table.Decode[Category](row)

			return present, present.Name, err
		},
	}, category)
}

// saving says which row is written, for whom, over which version.
type saving struct {
	store          string
	by             Editor
	key            table.Key
	version        int64
	action, target string
	// decode gives what a row holds, and what people call it.
	decode func(row table.Row) (any, Text, error)
}

// save writes one row with its audit row, unless it says so already.
func (s *Service) save(ctx context.Context, to saving, value any) error {
	present, err := s.state.Get(ctx, to.key)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return errs.Context(err, "save %s of %s", to.target, to.store)
	}

	var (
		was  any
		name Text
	)

	if present.Version > 0 {
		if was, name, err = to.decode(present); err != nil {
			return err
		}
	}

	before, after := changes(was, value)
	if present.Version > 0 && before == after {
		return nil
	}

	if present.Version != to.version {
		return s.metMeanwhile(ctx, to.store, name, to.target, to.by)
	}

	body, err := table.Encode(value)
	if err != nil {
		return err
	}

	record, err := s.record(to.store, to.by, to.action, to.target, before, after)
	if err != nil {
		return err
	}

	err = s.state.Write(ctx, table.Put(table.Row{Key: to.key, Version: to.version, Body: body}), record)
	if errs.Is(err, errs.Conflict) {
		return s.metMeanwhile(ctx, to.store, name, to.target, to.by)
	}

	s.snapshots.drop(to.store)

	return errsContext(err, "save %s of %s", to.target, to.store)
}

func (c Category) validate() error {
	if !idForm.MatchString(c.ID) {
		return errs.New(errs.Invalid, "category id %q: use up to 32 letters, digits and hyphens", c.ID)
	}

	return validName(c.Name)
}

// SaveProduct creates (Version 0) or changes a product, with its audit row. Invalid with a
// sentence for the person where a field cannot be, NotFound where its category is not
// there; Conflict where somebody else changed it meanwhile: nothing is overwritten, and the
// owner is told. Saving the same again changes nothing.
func (s *Service) SaveProduct(ctx context.Context, store string, product Product, by Editor) error {
	if err := product.validate(); err != nil {
		return errs.Context(err, "save product %s of %s", product.ID, store)
	}

	if _, err := s.Category(ctx, store, product.Category); err != nil {
		return errs.Context(err, "save product %s of %s", product.ID, store)
	}

	err := pastRivals(func(int) (bool, error) { return s.saveProduct(ctx, store, product, by) })
	if err != nil {
		return errs.Context(err, "save product %s of %s", product.ID, store)
	}

	s.snapshots.drop(store)

	return nil
}

// saveProduct tries once; again where only the counters of a product that
// leaves its shelf have moved meanwhile.
func (s *Service) saveProduct(ctx context.Context, store string, product Product, by Editor) (bool, error) {
	of, err := rowsOf(store)
	if err != nil {
		return false, err
	}

	present, byPart, err := s.offer(ctx, store, product.ID)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return false, err
	}

	var was any
	if present.Version > 0 {
		was = present.Product
	}

	before, after := changes(was, product)
	if present.Version > 0 && before == after {
		return false, nil
	}

	if present.Version != product.Version {
		return false, s.metMeanwhile(ctx, store, present.Name, "product "+product.ID, by)
	}

	product.UpdatedBy, product.UpdatedAt = by.User, s.clock.Now()
	product.CreatedAt = product.UpdatedAt

	if present.Version > 0 {
		product.CreatedAt = present.CreatedAt
	}

	body, err := table.Encode(product)
	if err != nil {
		return false, err
	}

	record, err := s.record(store, by, "save_product", "product "+product.ID, before, after)
	if err != nil {
		return false, err
	}

	ops := []table.Op{table.Put(table.Row{
		Key: of.product(product.ID, itemPart), Version: product.Version, Body: body,
		Index: of.onShelf(product, itemPart),
	}), record}
	ops = append(ops, shelve(of, present.Product, product, byPart)...)

	if told, ok := byPart[lowPart]; ok && present.LowStock != product.LowStock {
		ops = append(ops, table.Delete(told.Key, told.Version)) // TellLow may speak again
	}

	err = s.state.Write(ctx, ops...)

	return errs.Is(err, errs.Conflict), err
}

// shelve gives the operations that put the counters of a product next to it,
// and count it on its shelf.
func shelve(of rows, before, after Product, byPart map[string]table.Row) []table.Op {
	var ops []table.Op

	was, is := shelved(before), shelved(after)
	if before.ID != "" && was == is {
		return nil
	}

	for _, part := range []string{stockPart, soldPart} {
		row := byPart[part]
		row.Key, row.Index = of.product(after.ID, part), of.onShelf(after, part)
		ops = append(ops, table.Put(row))
	}

	if was != "" {
		ops = append(ops, table.Add(of.category(was, shelfPart), onSale, -1, 0, plenty))
	}

	if is != "" {
		ops = append(ops, table.Add(of.category(is, shelfPart), onSale, 1, 0, plenty))
	}

	return ops
}

// shelved gives the category on whose shelf a product stands; empty: none.
func shelved(product Product) string {
	if product.Hidden {
		return ""
	}

	return product.Category
}

func (p Product) validate() error {
	if !idForm.MatchString(p.ID) {
		return errs.New(errs.Invalid, "product id %q: use up to 32 letters, digits and hyphens", p.ID)
	}

	if err := validName(p.Name); err != nil {
		return err
	}

	for _, check := range []struct {
		wrong bool
		key   string
		args  errs.Args
	}{
		{p.Description.longest() > MaxDescription, "catalog.description_long", errs.Args{"Limit": MaxDescription}},
		{p.Terms.longest() > MaxTerms, "catalog.terms_long", errs.Args{"Limit": MaxTerms}},
		{p.Price.Currency != money.Rupiah || outside(p.Price.Value, 1, MaxPrice), "catalog.price", errs.Args{"Limit": MaxPrice}},
		{outside(p.Stars, 0, MaxStars), "catalog.price_stars", errs.Args{"Limit": MaxStars}},
		{outside(int64(p.Warranty), 0, MaxWarranty), "catalog.warranty", errs.Args{"Limit": MaxWarranty}},
		{outside(p.PerBuyer, 0, MaxCount) || outside(p.LowStock, 0, MaxCount), "catalog.count", errs.Args{"Limit": MaxCount}},
		{p.Policy != Units && p.Policy != File && p.Policy != Manual, "catalog.policy", nil},
		{p.Policy == File && (p.File == nil || p.File.FileID == ""), "catalog.file_missing", nil},
	} {
		if check.wrong {
			return errs.New(errs.Invalid, "a field cannot be so").Tell(check.key, check.args)
		}
	}

	return nil
}

func validName(name Text) error {
	if name.In("") == "" {
		return errs.New(errs.Invalid, "it has no name").Tell("catalog.name_missing", nil)
	}

	if name.longest() > MaxName {
		return errs.New(errs.Invalid, "its name is over %d characters", MaxName).
			Tell("catalog.name_long", errs.Args{"Limit": MaxName})
	}

	return nil
}

func outside(value, low, high int64) bool { return value < low || value > high }

// longest gives the characters of the longest of the texts.
func (t Text) longest() int {
	most := 0
	for _, text := range t {
		most = max(most, utf8.RuneCountInString(text))
	}

	return most
}

// metMeanwhile gives the Conflict for an edit that came second, and has the
// owner told of it, once for each such edit.
func (s *Service) metMeanwhile(ctx context.Context, store string, name Text, target string, by Editor) error {
	met := errs.New(errs.Conflict, "save %s of %s: somebody else changed it meanwhile; read it again", target, store).
		Tell("catalog.edited_meanwhile", nil)

	told := notice{
		Store: store, May: user.Settings, Text: "catalog.edited_notice",
		Args: errs.Args{"Name": name.In(textLanguage), "User": strconv.FormatInt(by.User, 10)},
	}

	op, err := told.op(id.Derive("edited meanwhile", store, target, by.Cause), s.clock.Now())
	if err == nil {
		err = s.state.Write(ctx, op)
	}

	if err != nil && !errs.Is(err, errs.Conflict) { // Conflict: the owner was told of this edit before
		return errors.Join(met, errs.Context(err, "tell the owner of %s of two edits of %s", store, target))
	}

	return met
}

// record gives the audit row of a change.
func (s *Service) record(store string, by Editor, action, target, before, after string) (table.Op, error) {
	return audit.Op(audit.Entry{
		ID: id.Derive(store, by.Cause, action, target), Store: store, By: by.User, Role: by.Role,
		Action: action, Target: target, Before: before, After: after, At: s.clock.Now(),
	})
}

// changes gives the fields that differ, as JSON, before and after, alike where
// none does: what an audit row shows. Who changed it and when stand in the row itself; the names
// by which Telegram hands out files stay out of it.
func changes(before, after any) (string, string) {
	was, is := fields(before), fields(after)
	for name, value := range was {
		if other, ok := is[name]; ok && bytes.Equal(value, other) {
			delete(was, name)
			delete(is, name)
		}
	}

	return text(was), text(is)
}

func fields(of any) map[string]json.RawMessage {
	found := map[string]json.RawMessage{}

	body, err := json.Marshal(of)
	if err == nil {
		err = json.Unmarshal(body, &found)
	}

	if err != nil {
		panic(err) // our own types of texts and numbers always encode
	}

	for _, name := range []string{"updated_by", "created_at", "updated_at"} {
		delete(found, name)
	}

	return found
}

func text(fields map[string]json.RawMessage) string {
	if fields == nil {
		return ""
	}

	body, err := json.Marshal(fields)
	if err != nil {
		panic(err) // as above
	}

	return string(body)
}
