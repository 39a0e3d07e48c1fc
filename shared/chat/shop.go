package chat

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/terms"
	"github.com/lapak-id/lapak/shared/wallet"
)

// Shop is what the stores sell: catalog.Service.
type Shop interface {
	Categories(ctx context.Context, store string) ([]catalog.Category, error)
	Category(ctx context.Context, store, category string) (catalog.Category, error)
	Shelf(ctx context.Context, store, category string, at catalog.Place) ([]catalog.Offer, bool, error)
	Offer(ctx context.Context, store, product string) (catalog.Offer, error)
	Search(ctx context.Context, store, words string, limit int) ([]catalog.Offer, error)
	Popular(ctx context.Context, store string, limit int) ([]catalog.Offer, error)
	Wish(ctx context.Context, of catalog.WishOf) error
}

// Orders are what people buy: order.Service.
type Orders interface {
	Quote(ctx context.Context, request order.Request) (order.Quote, error)
	Place(ctx context.Context, request order.Request) (order.Order, error)
	Get(ctx context.Context, which order.Ref) (order.Order, error)
	Turn(ctx context.Context, store string, user int64, at catalog.Place) ([]order.Order, bool, error)
	Check(ctx context.Context, which order.Ref, cause string) error
	Report(ctx context.Context, which order.Ref, task order.Task, paid order.Receipt) error
	Prove(ctx context.Context, which order.Ref, picture string) (order.Order, error)
	Cancel(ctx context.Context, which order.Ref, reason string) (order.Order, error)
	Resend(ctx context.Context, which order.Ref, cause string) error
	Resume(ctx context.Context, store string, user int64, cause string) error
}

// Wallets are people's balances: wallet.Ledger.
type Wallets interface {
	Balance(ctx context.Context, store string, user int64) (money.Amount, error)
	Statement(ctx context.Context, store string, user int64, after string, limit int) ([]wallet.Posting, bool, error)
}

// Till tells how an amount can be paid: payment.Gateways.
type Till interface {
	Options(ctx context.Context, of store.Store, amount money.Amount) ([]payment.Option, error)
}

// Terms keep what buyers answer: terms.Service.
type Terms interface {
	Submit(ctx context.Context, given terms.Submission, cause string, keep time.Duration) error
	// Read gives an answer to staff, and records that they have read it.
	Read(ctx context.Context, which terms.Which, by catalog.Editor) (terms.Submission, error)
}

// trades reports whether orders can be looked after here, also those of a shop
// that has closed since.
func (c *Chat) trades() bool { return c.Orders != nil }

// selling reports whether the store sells now.
func (c *Chat) selling(r *request) bool { return c.trades() && r.store.Sells() }

// What the buttons of the shop say.
const (
	tapCategories = "cats:" // a page of the shelves, by its number
	tapShelf      = "shelf:"
	tapProduct    = "p:"    // PRODUCT:COUNT
	tapWish       = "wish:" // a product that is sold out
)

// shopButtons lead to the screens of the shop from home.
func (c *Chat) shopButtons(ctx context.Context, r *request) [][]message.Button {
	purse := r.words.open("wallet.button", "wallet")

	balance, err := c.Wallets.Balance(ctx, r.storeID, r.from.ID)
	if err != nil {
		slog.WarnContext(ctx, "balance not told", "error", err)
	} else {
		purse.Text = r.words.plain("wallet.button_balance", errs.Args{"Balance": r.words.money(balance)})
	}

	return [][]message.Button{
		{r.words.open("shop.button", "shop"), r.words.open("shop.button_cart", "cart")},
		{r.words.open("orders.button", "orders"), purse},
	}
}

// closed says that nothing is sold for now, where somebody taps or types their
// way into a shop that is not open.
func (c *Chat) closed(ctx context.Context, r *request) error {
	if r.tap == nil {
		return c.guide(ctx, r, r.words.html("shop.closed", nil))
	}

	r.toast = r.words.plain("shop.closed", nil)

	return c.home(ctx, r)
}

// shop shows the shelves. What is typed next is searched for.
func (c *Chat) shop(ctx context.Context, r *request) error { return c.categories(ctx, r, 1) }

func (c *Chat) turnCategories(ctx context.Context, r *request) error {
	number, err := strconv.Atoi(r.value(tapCategories))
	if err != nil || number < 1 {
		return c.oldTap(ctx, r)
	}

	return c.categories(ctx, r, number)
}

func (c *Chat) categories(ctx context.Context, r *request, number int) error {
	if !c.selling(r) {
		return c.closed(ctx, r)
	}

	all, err := c.Shop.Categories(ctx, r.storeID)
	if err != nil {
		return errs.Context(err, "list the categories for user %d", r.from.ID)
	}

	if len(all) == 0 {
		return c.show(ctx, r, message.Text{
			HTML: r.words.html("shop.empty", nil), Buttons: [][]message.Button{r.words.backTo("home")},
		})
	}

	c.expect(r, "search", nil)

	pages := (len(all) + pageItems - 1) / pageItems
	number = min(number, pages)
	shown := all[(number-1)*pageItems : min(number*pageItems, len(all))]

	var rows [][]message.Button

	for at, category := range shown {
		if at%columns == 0 {
			rows = append(rows, nil)
		}

		label, _ := fit(category.Name.In(r.words.language), maxLabelUnits)
		rows[len(rows)-1] = append(rows[len(rows)-1], message.Button{Text: label, Data: tapShelf + category.ID + ":1"})
	}

	var turn []message.Button
	if number > 1 {
		turn = append(turn, message.Button{Text: r.words.plain("shop.button_previous", nil), Data: tapCategories + strconv.Itoa(number-1)})
	}

	if number < pages {
		turn = append(turn, message.Button{Text: r.words.plain("shop.button_next", nil), Data: tapCategories + strconv.Itoa(number+1)})
	}

	if turn != nil {
		rows = append(rows, turn)
	}

	html := r.words.html("shop.categories", errs.Args{"Store": r.store.Name})
	if pages > 1 {
		html += "\n" + r.words.html("shop.page_of", errs.Args{"Page": number, "Pages": pages})
	}

	return c.show(ctx, r, message.Text{HTML: html, Buttons: append(rows,
		[]message.Button{r.words.open("shop.button_popular", "popular"), r.words.open("shop.button_cart", "cart")},
		r.words.backTo("home"),
	)})
}

// maxLabelUnits is how much of a name a button has room for.
const maxLabelUnits = 30

// turnShelf shows a page of a category.
func (c *Chat) turnShelf(ctx context.Context, r *request) error {
	category, at, _ := strings.Cut(r.value(tapShelf), ":")

	page, ok := readPlace(at)
	if !ok {
		return c.oldTap(ctx, r)
	}

	if !c.selling(r) {
		return c.closed(ctx, r)
	}

	of, err := c.Shop.Category(ctx, r.storeID, category)
	if errs.Is(err, errs.NotFound) {
		r.toast = r.words.plain("shop.gone", nil)

		return c.shop(ctx, r)
	}

	if err != nil {
		return errs.Context(err, "show category %s to user %d", category, r.from.ID)
	}

	return c.shelf(ctx, r, of, page)
}

func (c *Chat) shelf(ctx context.Context, r *request, of catalog.Category, page place) error {
	offers, more, err := c.Shop.Shelf(ctx, r.storeID, of.ID, page.turn())
	if err != nil {
		return errs.Context(err, "show category %s to user %d", of.ID, r.from.ID)
	}

	if page.astray(len(offers), more) {
		return c.shelf(ctx, r, of, place{number: 1})
	}

	html := r.words.html("shop.shelf", errs.Args{"Name": of.Name.In(r.words.language)})
	if len(offers) == 0 {
		return c.show(ctx, r, message.Text{
			HTML: r.words.html("shop.empty", nil), Buttons: [][]message.Button{r.words.backTo("shop")},
		})
	}

	rows := r.words.offerButtons(offers)
	html += page.line(r.words, more)

	if turn := page.turns(r.words, tapShelf+of.ID+":", offers[0].ID, offers[len(offers)-1].ID, more); turn != nil {
		rows = append(rows, turn)
	}

	return c.show(ctx, r, message.Text{HTML: html, Buttons: append(rows, r.words.backTo("shop"))})
}

// turn asks for the page.
func (p place) turn() catalog.Place {
	return catalog.Place{From: p.job, Back: p.newer, Limit: pageItems}
}

// astray reports whether a page turned out to be the first one, or what is left
// of it: that one is shown instead, for it is a full one.
func (p place) astray(found int, more bool) bool {
	return p.job != "" && (found == 0 || p.newer && (!more || p.number == 1))
}

// line says which page it is, where there are several.
func (p place) line(w Words, more bool) string {
	if p.job == "" && !more {
		return ""
	}

	return "\n" + w.html("shop.page", errs.Args{"Page": p.number})
}

// turns are the buttons to the pages before and behind, which lie next to the
// first and the last of the members shown.
func (p place) turns(w Words, tap, first, last string, more bool) []message.Button {
	var turn []message.Button
	if p.job != "" {
		turn = append(turn, place{max(p.number-1, 1), true, first}.button(tap, w.plain("shop.button_previous", nil)))
	}

	if more || p.newer {
		turn = append(turn, place{p.number + 1, false, last}.button(tap, w.plain("shop.button_next", nil)))
	}

	return turn
}

// offerButtons lead to products: name and price, or that it is sold out.
func (w Words) offerButtons(offers []catalog.Offer) [][]message.Button {
	var rows [][]message.Button

	for _, offer := range offers {
		name, cut := fit(offer.Name.In(w.language), maxLabelUnits)
		if cut {
			name += "…"
		}

		label := w.plain("shop.offer", errs.Args{"Name": name, "Price": w.money(offer.Price)})
		if offer.SoldOut() {
			label = w.plain("shop.offer_sold_out", errs.Args{"Name": name})
		}

		rows = append(rows, []message.Button{{Text: label, Data: tapProduct + offer.ID + ":1"}})
	}

	return rows
}

// popular shows what sells best.
func (c *Chat) popular(ctx context.Context, r *request) error {
	if !c.selling(r) {
		return c.closed(ctx, r)
	}

	offers, err := c.Shop.Popular(ctx, r.storeID, pageItems)
	if err != nil {
		return errs.Context(err, "list what is popular for user %d", r.from.ID)
	}

	html := r.words.html("shop.popular", nil)
	if len(offers) == 0 {
		html = r.words.html("shop.popular_none", nil)
	}

	return c.show(ctx, r, message.Text{HTML: html, Buttons: append(r.words.offerButtons(offers), r.words.backTo("shop"))})
}

// search looks for what was typed behind the command, or asks for it.
func (c *Chat) search(ctx context.Context, r *request) error {
	if !c.selling(r) {
		return c.closed(ctx, r)
	}

	if r.message != nil {
		if words := argumentIn(r.message.Text); words != "" {
			return c.searched(ctx, r, words)
		}
	}

	c.expect(r, "search", nil)

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("shop.search", nil), Buttons: [][]message.Button{r.words.backTo("shop")},
	})
}

// searchTyped takes what a person types in the shop for words to look for. A
// file or a picture is no search.
func (c *Chat) searchTyped(ctx context.Context, r *request) error {
	if !c.selling(r) || r.message.Text == "" {
		r.settled()

		return c.route(ctx, r)
	}

	return c.searched(ctx, r, r.message.Text)
}

// maxSearchUnits is how much of a search is looked at and shown.
const maxSearchUnits = 100

func (c *Chat) searched(ctx context.Context, r *request, words string) error {
	words, _ = fit(strings.Join(strings.Fields(words), " "), maxSearchUnits)

	offers, err := c.Shop.Search(ctx, r.storeID, words, pageItems)
	if err != nil {
		return errs.Context(err, "search for user %d", r.from.ID)
	}

	c.expect(r, "search", nil)

	if len(offers) == 0 {
		return c.show(ctx, r, message.Text{
			HTML:    r.words.html("shop.not_found", errs.Args{"Words": words}),
			Buttons: [][]message.Button{{r.words.open("shop.button_popular", "popular")}, r.words.backTo("shop")},
		})
	}

	return c.show(ctx, r, message.Text{
		HTML:    r.words.html("shop.found", errs.Args{"Words": words}),
		Buttons: append(r.words.offerButtons(offers), r.words.backTo("shop")),
	})
}
