package catalog

import (
	"context"
	"errors"
	"strconv"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
)

// WishOf says who wants to hear when a product is back in stock.
type WishOf struct {
	Store, Product string
	User           int64
	Language       string // in which the product is named to the person
	Cause          string // the update that asked
}

// wish is the row of a wish: store#ID#wishes#PRODUCT / user#USER.
type wish struct {
	User     int64  `json:"user"`
	Language string `json:"language"`
	Cause    string `json:"cause"`
}

func (r rows) wishes(product string) table.Partition { return r.tenant.Partition("wishes", product) }

func (r rows) wish(product string, person int64) table.Key {
	return r.wishes(product).Key("user", strconv.FormatInt(person, 10))
}

// Wish notes that a person wants to hear when a product is back; again changes nothing.
// Conflict with a sentence where it can be bought now: the wish is written only while the
// product is sold out, so that whoever fills the shelf finds every wish.
func (s *Service) Wish(ctx context.Context, of WishOf) error {
	at, err := rowsOf(of.Store)
	if err != nil {
		return err
	}

	body, err := table.Encode(wish{User: of.User, Language: of.Language, Cause: of.Cause})
	if err != nil {
		return err
	}

	key := at.wish(of.Product, of.User)

	err = pastRivals(func(int) (bool, error) {
		offer, byPart, err := s.offer(ctx, of.Store, of.Product)
		if err != nil {
			return false, err
		}

		if !offer.SoldOut() {
			return false, errs.New(errs.Conflict, "it is in stock").Tell("catalog.in_stock", nil)
		}

		stock := byPart[stockPart]
		err = s.state.Write(ctx, table.Create(table.Row{Key: key, Body: body}), table.Check(stock.Key, stock.Version))

		if canceled, ok := errors.AsType[*table.Canceled](err); ok && canceled.Reasons[0] == table.ReasonCondition {
			return false, nil // wished before
		}

		return errs.Is(err, errs.Conflict), err
	})

	return errsContext(err, "note that %d waits for product %s of %s", of.User, of.Product, of.Store)
}

// Unwish forgets a wish, also one that there is not.
func (s *Service) Unwish(ctx context.Context, store, product string, person int64) error {
	of, err := rowsOf(store)
	if err != nil {
		return err
	}

	row, err := s.state.Get(ctx, of.wish(product, person))
	if err == nil {
		err = s.state.Write(ctx, table.Delete(row.Key, row.Version))
	}

	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Conflict) { // it was told meanwhile
		return nil
	}

	return errsContext(err, "forget that %d waits for product %s of %s", person, product, store)
}

// wishesAtOnce is how many people one write tells: two rows each.
const wishesAtOnce = table.MaxOps / 2

// Restocked tells those who wait for a product, each once, if it can be bought
// now. Stock calls it; so may whoever releases stock. After an error some may
// wait still: call it again.
func (s *Service) Restocked(ctx context.Context, store, product string) error {
	of, err := rowsOf(store)
	if err != nil {
		return err
	}

	offer, err := s.Offer(ctx, store, product)
	if err != nil || offer.Hidden || offer.SoldOut() {
		return err
	}

	for more := true; more; {
		err := pastRivals(func(int) (bool, error) {
			var err error
			more, err = s.tellSome(ctx, of, store, offer.Product)

			return errs.Is(err, errs.Conflict), err
		})
		if err != nil {
			return errs.Context(err, "tell those who wait for product %s of %s", product, store)
		}
	}

	return nil
}

// tellSome turns some wishes into messages, and reports whether there may be more.
// Conflict where somebody else told, or forgot, one of them.
func (s *Service) tellSome(ctx context.Context, of rows, store string, product Product) (bool, error) {
	page, err := s.state.Query(ctx, table.Query{Partition: of.wishes(product.ID), Limit: wishesAtOnce})
	if err != nil {
		return false, err
	}

	var ops []table.Op

	for _, row := range page.Rows {
		wished, err := table.Decode[wish](row)
		if err != nil {
			return false, err
		}

		told := notice{
			Store: store, User: wished.User, Text: "catalog.restocked_notice",
			Args: errs.Args{"Name": product.Name.In(wished.Language), "Product": product.ID},
		}

		op, err := told.op(id.Derive("restocked", store, product.ID, strconv.FormatInt(wished.User, 10), wished.Cause), s.clock.Now())
		if err != nil {
			return false, err
		}

		ops = append(ops, table.Delete(row.Key, row.Version), op)
	}

	if len(ops) == 0 {
		return false, nil
	}

	return page.Next != "", s.state.Write(ctx, ops...)
}

// TellLow tells those who stock a product that few units are left, once until
// it is stocked above the threshold again. Call it when units were sold: it
// does nothing while there are more than Product.LowStock.
func (s *Service) TellLow(ctx context.Context, store, product string) error {
	of, err := rowsOf(store)
	if err != nil {
		return err
	}

	offer, byPart, err := s.offer(ctx, store, product)
	if err != nil {
		return err
	}

	if _, told := byPart[lowPart]; told || !offer.low() {
		return nil
	}

	told := notice{
		Store: store, May: user.Stock, Text: "catalog.low_notice",
		Args: errs.Args{"Name": offer.Name.In(textLanguage), "Left": strconv.FormatInt(offer.Available, 10), "Product": product},
	}

	version := strconv.FormatInt(byPart[stockPart].Version, 10)

	op, err := told.op(id.Derive("low", store, product, version), s.clock.Now())
	if err != nil {
		return err
	}

	err = s.state.Write(ctx, table.Create(table.Row{Key: of.product(product, lowPart)}), op)
	if errs.Is(err, errs.Conflict) { // somebody else was faster
		return nil
	}

	return errsContext(err, "tell that product %s of %s runs low", product, store)
}

// low reports whether so few are left that somebody should be told.
func (o Offer) low() bool { return o.Policy == Units && o.LowStock > 0 && o.Available <= o.LowStock }

// rearm lets TellLow speak again about a product that is stocked up.
func (s *Service) rearm(ctx context.Context, store, product string) error {
	offer, byPart, err := s.offer(ctx, store, product)
	if err != nil {
		return err
	}

	told, ok := byPart[lowPart]
	if !ok || offer.low() {
		return nil
	}

	err = s.state.Write(ctx, table.Delete(told.Key, told.Version))
	if errs.Is(err, errs.Conflict) { // somebody else did
		return nil
	}

	return errsContext(err, "note that product %s of %s is stocked up", product, store)
}
