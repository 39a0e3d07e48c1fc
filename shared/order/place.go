package order

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/table"
)

// Bounds of an order. All its units are bound in one transaction of at most
// table.MaxOps operations.
const (
	MaxLines   = 10
	MaxUnits   = 50
	MinDeposit = 1_000      // rupiah
	MaxDeposit = 10_000_000 // rupiah
	maxPayIn   = 24 * time.Hour
)

// The methods of paying that need no gateway outside. payment.Method has them all.
const (
	methodStars  = "stars"
	methodWallet = "wallet"
)

// Request asks for an order.
type Request struct {
	Store    string
	User     int64
	Chat     int64
	Language string
	Kind     Kind
	Items    []Item // Purchase
	Amount   int64  // Deposit: rupiah
	Coupon   string
	Method   string
	Message  int           // the message that becomes the order's living one; 0: none yet
	Photo    bool          // it is a photo
	PayIn    time.Duration // how long the buyer has: at most 24 hours
	Cause    string        // the update that asked: the same cause is the same order
	SentAt   time.Time     // of that update's message, for the order of ids
}

// Item asks for so many of a product.
type Item struct {
	Product string `json:"product"`
	Count   int64  `json:"count"`
}

// Quote says what an order would cost, before anybody commits to anything.
type Quote struct {
	Lines    []Line
	Subtotal money.Amount
	Discount int64
	Total    money.Amount
}

// Quote prices a request. Its errors are those of Place.
func (s *Service) Quote(ctx context.Context, request Request) (Quote, error) {
	quote, _, err := s.quote(ctx, request)

	return quote, err
}

// Place takes an order: it reserves stock, counts the buyer's limits and the
// coupon, and has a bill made, in one transaction. The same request again
// gives the same order. Errors carry a sentence for the buyer: NotFound (the
// product is gone), Invalid (a count, amount or coupon that cannot be, over the
// limit per buyer, too little in the wallet), Conflict (not enough stock),
// Unavailable (too many rivals).
func (s *Service) Place(ctx context.Context, request Request) (Order, error) {
	if request.Cause == "" || request.PayIn <= 0 || request.PayIn > maxPayIn {
		return Order{}, errs.New(errs.Invalid, "place an order of user %d: give a cause, and up to %s to pay in (not %s)",
			request.User, maxPayIn, request.PayIn)
	}

	ref := Ref{
		Store: request.Store, User: request.User,
		ID: id.Dated(request.SentAt, request.Store, strconv.FormatInt(request.User, 10), request.Cause),
	}

	var failure error

	for range rivalries {
		order, err := s.tryPlace(ctx, ref, request)
		if !errors.Is(err, errRivals) {
			return order, err
		}

		failure = err
	}

	return Order{}, errs.Wrap(failure, errs.Unavailable, "place order %s: others keep taking the same stock", ref.ID).
		Tell("ordering.busy", nil)
}

// errRivals has an order placed anew: what was read has changed meanwhile.
var errRivals = errors.New("others were faster")

func (s *Service) tryPlace(ctx context.Context, ref Ref, request Request) (Order, error) {
	quote, coupon, err := s.quote(ctx, request)
	if err != nil {
		return s.placed(ctx, ref, err)
	}

	now := s.clock.Now()
	order := Order{
		ID: ref.ID, Store: ref.Store, User: ref.User, Chat: request.Chat, Language: request.Language,
		Kind: request.Kind, Lines: quote.Lines, Coupon: coupon.Code, Discount: quote.Discount, Total: quote.Total,
		Method: request.Method, State: Awaiting, Message: request.Message, Photo: request.Photo,
		Deadline: now.Add(request.PayIn), CreatedAt: now,
	}
	order.Due = firstLook(order, now)

	stock, err := s.stockOps(order, s.catalog.Reserve)
	if err != nil {
		return Order{}, err
	}

	limits, err := limitOps(order, 1)
	if err != nil {
		return Order{}, err
	}

	used, err := s.couponOps(order.Store, order.User, coupon, false)
	if err != nil {
		return Order{}, err
	}

	label, err := labelOp(order)
	if err != nil {
		return Order{}, err
	}

	needed, err := s.write(ctx, &order, effects{
		tasks: []task{{message: Message{Task: MakeBill}}},
		ops:   slices.Concat(stock, limits, []table.Op{label}),
		// Behind all others, so that a refusal of them is told apart.
		lenient: used,
	}, now)

	switch {
	case err == nil:
		return order, nil
	case table.Refused(err, 0): // it is there: the same request came before
		return s.Get(ctx, ref)
	case !inTheWay(err):
		return Order{}, errs.Context(err, "place order %s", ref.ID)
	case refusedWithin(err, needed, table.MaxOps):
		return Order{}, errs.Wrap(err, errs.Invalid, "place order %s: coupon %s is used up", ref.ID, coupon.Code).
			Tell("ordering.coupon_used", errs.Args{"Coupon": coupon.Code})
	default: // quoting again says what is missing
		return Order{}, errors.Join(errRivals, err)
	}
}

// placed gives the order that the same request has made before, where there is
// one: what it took is missing now.
func (s *Service) placed(ctx context.Context, ref Ref, refusal error) (Order, error) {
	order, err := s.Get(ctx, ref)
	if errs.Is(err, errs.NotFound) {
		return Order{}, refusal
	}

	return order, err
}

func (s *Service) quote(ctx context.Context, request Request) (Quote, catalog.Coupon, error) {
	switch request.Kind {
	case Purchase:
		return s.quotePurchase(ctx, request)
	case Deposit:
		return quoteDeposit(request)
	default:
		return Quote{}, catalog.Coupon{}, errs.New(errs.Invalid, "quote an order of kind %q: there is none such", request.Kind)
	}
}

func quoteDeposit(request Request) (Quote, catalog.Coupon, error) {
	var none catalog.Coupon

	if request.Amount < MinDeposit || request.Amount > MaxDeposit {
		return Quote{}, none, errs.New(errs.Invalid, "quote a deposit of %d rupiah: take %d to %d", request.Amount, MinDeposit,
			MaxDeposit).Tell("ordering.deposit", errs.Args{"Min": int64(MinDeposit), "Max": int64(MaxDeposit)})
	}

	if request.Method == methodStars || request.Method == methodWallet || request.Coupon != "" {
		return Quote{}, none, errs.New(errs.Invalid, "quote a deposit by %q with coupon %q: it is paid in rupiah, in full",
			request.Method, request.Coupon).Tell("ordering.deposit_method", nil)
	}

	amount := money.IDR(request.Amount)

	return Quote{Subtotal: amount, Total: amount}, none, nil
}

func (s *Service) quotePurchase(ctx context.Context, request Request) (Quote, catalog.Coupon, error) {
	var none catalog.Coupon

	items, err := merged(request.Items)
	if err != nil {
		return Quote{}, none, err
	}

	quote := Quote{Subtotal: money.Amount{Currency: money.Rupiah}}
	if request.Method == methodStars {
		quote.Subtotal.Currency = money.Stars
	}

	for _, item := range items {
		line, err := s.line(ctx, request, item)
		if err != nil {
			return Quote{}, none, err
		}

		price, err := money.Amount{Value: line.Price, Currency: quote.Subtotal.Currency}.Times(line.Count)
		if err == nil {
			quote.Subtotal, err = quote.Subtotal.Plus(price)
		}

		if err != nil {
			return Quote{}, none, errs.Context(err, "quote %d of product %s", line.Count, line.Product)
		}

		quote.Lines = append(quote.Lines, line)
	}

	coupon, err := s.coupon(ctx, request, &quote)
	if err != nil {
		return Quote{}, none, err
	}

	quote.Total = money.Amount{Value: quote.Subtotal.Value - quote.Discount, Currency: quote.Subtotal.Currency}

	return quote, coupon, s.affordable(ctx, request, quote.Total)
}

// merged gives the items with those of one product together, in their order.
func merged(items []Item) ([]Item, error) {
	var (
		together []Item
		units    int64
	)

	for _, item := range items {
		if item.Count < 1 || item.Count > MaxUnits {
			return nil, tooMany(item.Count)
		}

		units += item.Count

		at := slices.IndexFunc(together, func(other Item) bool { return other.Product == item.Product })
		if at < 0 {
			together = append(together, item)

			continue
		}

		together[at].Count += item.Count
	}

	if units == 0 {
		return nil, errs.New(errs.Invalid, "order nothing").Tell("ordering.empty", nil)
	}

	if units > MaxUnits || len(together) > MaxLines {
		return nil, tooMany(units)
	}

	return together, nil
}

func tooMany(count int64) error {
	return errs.New(errs.Invalid, "order %d units: take 1 to %d of at most %d products", count, MaxUnits, MaxLines).
		Tell("ordering.count", errs.Args{"Most": int64(MaxUnits), "Products": int64(MaxLines)})
}

// line prices an item and checks that its buyer may have it.
func (s *Service) line(ctx context.Context, request Request, item Item) (Line, error) {
	offer, err := s.catalog.Offer(ctx, request.Store, item.Product)
	if errs.Is(err, errs.NotFound) || (err == nil && offer.Hidden) {
		return Line{}, errs.Wrap(err, errs.NotFound, "order product %s of store %s: it is not on sale",
			item.Product, request.Store).Tell("ordering.gone", nil)
	}

	if err != nil {
		return Line{}, errs.Context(err, "order product %s of store %s", item.Product, request.Store)
	}

	name := offer.Name.In(request.Language)

	line := Line{
		Product: offer.ID, Name: offer.Name, Price: offer.Price.Value, Count: item.Count, Policy: offer.Policy,
		PerBuyer: offer.PerBuyer, Warranty: offer.Warranty, Terms: len(offer.Terms) > 0,
	}

	if request.Method == methodStars {
		if line.Price = offer.Stars; line.Price <= 0 {
			return Line{}, errs.New(errs.Invalid, "order product %s for Stars: it has no price in them", offer.ID).
				Tell("ordering.no_stars", errs.Args{"Product": name})
		}
	}

	if offer.Policy == catalog.Units && offer.Available < item.Count {
		return Line{}, errs.New(errs.Conflict, "order %d of product %s: %d are left", item.Count, offer.ID, offer.Available).
			Tell("ordering.sold_out", errs.Args{"Product": name, "Left": max(0, offer.Available)})
	}

	if offer.PerBuyer == 0 {
		return line, nil
	}

	had, err := s.bought(ctx, request.Store, request.User, offer.ID)
	if err != nil {
		return Line{}, err
	}

	if had+item.Count > offer.PerBuyer {
		return Line{}, errs.New(errs.Invalid, "order %d of product %s: user %d has had %d and may have %d",
			item.Count, offer.ID, request.User, had, offer.PerBuyer).
			Tell("ordering.per_buyer", errs.Args{"Product": name, "Most": offer.PerBuyer, "Had": had})
	}

	return line, nil
}

// bought counts what a person has ordered of a product and did not give up.
func (s *Service) bought(ctx context.Context, store string, user int64, product string) (int64, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return 0, err
	}

	row, err := s.state.Get(ctx, boughtKey(tenant, user, product))
	if err != nil && !errs.Is(err, errs.NotFound) { // not found: nothing yet
		return 0, errs.Context(err, "count what user %d has bought of %s", user, product)
	}

	return row.Counters[counter], nil
}

// coupon takes a coupon's discount off a quote.
func (s *Service) coupon(ctx context.Context, request Request, quote *Quote) (catalog.Coupon, error) {
	var none catalog.Coupon

	if request.Coupon == "" {
		return none, nil
	}

	coupon, used, err := s.catalog.Coupon(ctx, request.Store, request.Coupon)
	if err != nil {
		return none, errs.Context(err, "use coupon %s", request.Coupon)
	}

	args := errs.Args{"Coupon": coupon.Code}

	switch {
	case !coupon.Until.IsZero() && !s.clock.Now().Before(coupon.Until):
		return none, errs.New(errs.Invalid, "use coupon %s: it has ended", coupon.Code).Tell("ordering.coupon_ended", args)
	case coupon.Uses > 0 && used >= coupon.Uses:
		return none, errs.New(errs.Invalid, "use coupon %s: it is used up", coupon.Code).Tell("ordering.coupon_used", args)
	case coupon.Percent == 0 && quote.Subtotal.Currency != money.Rupiah:
		return none, errs.New(errs.Invalid, "use coupon %s: it takes off rupiah, not Stars", coupon.Code).
			Tell("ordering.coupon_stars", args)
	}

	quote.Discount = min(cmp.Or(quote.Subtotal.Percent(coupon.Percent).Value, coupon.Off), quote.Subtotal.Value)

	return coupon, nil
}

// affordable checks that a wallet holds what is to be paid from it. It is
// settlement that takes the money, and looks again.
func (s *Service) affordable(ctx context.Context, request Request, total money.Amount) error {
	if request.Method != methodWallet {
		return nil
	}

	holds, err := s.ledger.Balance(ctx, request.Store, request.User)
	if err != nil {
		return err
	}

	if holds.Value < total.Value {
		return errs.New(errs.Invalid, "pay %s of user %d's wallet: it holds %s", total, request.User, holds).
			Tell("ordering.balance", errs.Args{"Balance": holds.Value, "Total": total.Value})
	}

	return nil
}

// stockOps gives the operations of Reserve or Release for all lines.
func (s *Service) stockOps(
	order Order, move func(store, product string, policy catalog.Policy, count int64) ([]table.Op, error),
) ([]table.Op, error) {
	var ops []table.Op

	for _, line := range order.Lines {
		some, err := move(order.Store, line.Product, line.Policy, line.Count)
		if err != nil {
			return nil, err
		}

		ops = append(ops, some...)
	}

	return ops, nil
}

// limitOps counts (sign 1) an order towards the limits of its buyer, or takes
// it back (sign -1).
func limitOps(order Order, sign int64) ([]table.Op, error) {
	tenant, err := table.TenantOf(order.Store)
	if err != nil {
		return nil, err
	}

	var ops []table.Op

	for _, line := range order.Lines {
		if line.PerBuyer == 0 {
			continue
		}

		most := line.PerBuyer
		if sign < 0 {
			most = math.MaxInt64
		}

		ops = append(ops, table.Add(boughtKey(tenant, order.User, line.Product), counter, sign*line.Count, 0, most))
	}

	return ops, nil
}

// couponOps counts one use of a coupon, or takes it back; none for no coupon.
func (s *Service) couponOps(store string, user int64, coupon catalog.Coupon, unused bool) ([]table.Op, error) {
	if coupon.Code == "" {
		return nil, nil
	}

	return s.catalog.UseCoupon(store, coupon, user, unused)
}
