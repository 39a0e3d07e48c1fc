package chat

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/table"
)

// What the buttons of a cart say.
const (
	tapAdd      = "add:"    // PRODUCT:COUNT more
	tapItem     = "item:"   // PRODUCT: what of it is in the cart
	tapCount    = "count:"  // PRODUCT:COUNT in the cart; 0 takes it out
	tapCoupon   = "coupon:" // what is bought: see basket
	tapNoCoupon = "nocoupon:"
)

const (
	cartFor = 7 * 24 * time.Hour
	// maxCartItems is how many products a cart holds: each has a row of buttons,
	// and a screen has eight.
	maxCartItems = 5
	cartTries    = 4
)

// cart is what a person has chosen but not ordered.
type cart struct {
	Items  []cartItem `json:"items,omitempty"`
	Coupon string     `json:"coupon,omitempty"`
	// Cause is the update that changed it last: handled again, it changes nothing.
	Cause string `json:"cause,omitempty"`
	// Ordered is the stamp of the checkout from which it was ordered last.
	Ordered string `json:"ordered,omitempty"`

	version int64
}

// cartItem keeps the name, so that a product that is gone can still be told.
type cartItem struct {
	order.Item

	Name catalog.Text `json:"name"`
}

func (c cart) items() []order.Item {
	items := make([]order.Item, 0, len(c.Items))
	for _, item := range c.Items {
		items = append(items, item.Item)
	}

	return items
}

// find gives the place of a product in the cart; -1 where it is not there.
func (c cart) find(product string) int {
	return slices.IndexFunc(c.Items, func(item cartItem) bool { return item.Product == product })
}

func cartKey(r *request) (table.Key, error) {
	tenant, err := table.TenantOf(r.storeID)
	if err != nil {
		return table.Key{}, err
	}

	return tenant.Partition("chat", strconv.FormatInt(r.from.ID, 10)).Key("cart"), nil
}

// loadCart reads the person's cart, an empty one where there is none.
func (c *Chat) loadCart(ctx context.Context, r *request) (cart, error) {
	key, err := cartKey(r)
	if err != nil {
		return cart{}, err
	}

	found, version, err := table.Read[cart](ctx, c.Scratch, key)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return cart{}, errs.Context(err, "read the cart of user %d", r.from.ID)
	}

	found.version = version

	return found, nil
}

// changeCart changes the person's cart once for each update.
func (c *Chat) changeCart(ctx context.Context, r *request, change func(*cart)) (cart, error) {
	key, err := cartKey(r)
	if err != nil {
		return cart{}, err
	}

	var found cart

	for range cartTries {
		found, err = c.loadCart(ctx, r)
		if err != nil || found.Cause == r.cause {
			return found, err
		}

		change(&found)
		found.Cause = r.cause

		var body []byte
		if body, err = table.Encode(found); err != nil {
			return cart{}, err
		}

		err = c.Scratch.Write(ctx, table.Put(table.Row{
			Key: key, Version: found.version, Body: body, Expires: c.Clock.Now().Add(cartFor),
		}))
		if !errs.Is(err, errs.Conflict) { // the same person, twice at once
			break
		}
	}

	if err != nil {
		return cart{}, errs.Context(err, "change the cart of user %d", r.from.ID)
	}

	return found, nil
}

// addToCart puts more of a product into the cart.
func (c *Chat) addToCart(ctx context.Context, r *request) error {
	product, count := readCount(r.value(tapAdd))

	offer, err := c.onSale(ctx, r, product)
	if err != nil {
		return c.unsold(ctx, r, err)
	}

	count = max(count, 1)
	r.toast = r.words.plain("cart.added", nil)

	changed, err := c.changeCart(ctx, r, func(cart *cart) {
		at := cart.find(product)

		switch {
		case at >= 0:
			cart.Items[at].Count = min(cart.Items[at].Count+count, most(offer))
		case len(cart.Items) >= maxCartItems:
			r.toast = r.words.plain("cart.full", errs.Args{"Count": r.words.number(maxCartItems)})
		default:
			cart.Items = append(cart.Items, cartItem{order.Item{Product: product, Count: min(count, most(offer))}, offer.Name})
		}
	})
	if err != nil {
		return err
	}

	return c.showCart(ctx, r, changed)
}

// cart shows what is in the cart.
func (c *Chat) cart(ctx context.Context, r *request) error {
	if !c.selling(r) {
		return c.closed(ctx, r)
	}

	found, err := c.loadCart(ctx, r)
	if err != nil {
		return err
	}

	return c.showCart(ctx, r, found)
}

func (c *Chat) showCart(ctx context.Context, r *request, found cart) error {
	if len(found.Items) == 0 {
		return c.show(ctx, r, message.Text{
			HTML: r.words.html("cart.empty", nil), Buttons: [][]message.Button{r.words.backTo("shop")},
		})
	}

	quote, refusal, err := c.quote(ctx, r, purchase{source: sourceCart, items: found.items(), coupon: found.Coupon})
	if err != nil {
		return err
	}

	lines := []string{r.words.html("cart.title", nil), ""}

	if refusal != "" {
		for _, item := range found.Items {
			lines = append(lines, "• "+escape(r.words.lineName(order.Line{Name: item.Name, Count: item.Count})))
		}

		lines = append(lines, "", refusal)
	} else {
		lines = append(lines, r.words.quoted(quote, found.Coupon)...)
	}

	var rows [][]message.Button

	for _, item := range found.Items {
		name, _ := fit(item.Name.In(r.words.language), maxLabelUnits)
		rows = append(rows, []message.Button{{
			Text: r.words.plain("cart.item", errs.Args{"Name": name, "Count": r.words.number(item.Count)}), Data: tapItem + item.Product,
		}})
	}

	next := []message.Button{r.words.couponButton(found.Coupon, sourceCart)}
	if refusal == "" {
		next = append(next, message.Button{Text: r.words.plain("cart.button_checkout", nil), Data: tapCheckout + sourceCart})
	}

	return c.show(ctx, r, message.Text{
		HTML: strings.Join(lines, "\n"), Buttons: append(rows, next, r.words.backTo("shop")),
	})
}

// quoted lists what is bought, what is taken off, and the sum.
func (w Words) quoted(quote order.Quote, coupon string) []string {
	var lines []string

	for _, line := range quote.Lines {
		sum := quote.Subtotal
		sum.Value = line.Price * line.Count
		lines = append(lines, w.html("cart.line", errs.Args{"Name": w.lineName(line), "Sum": w.money(sum)}))
	}

	if quote.Discount > 0 {
		off := quote.Subtotal
		off.Value = quote.Discount
		lines = append(lines, w.html("cart.discount", errs.Args{"Coupon": coupon, "Sum": w.money(off)}))
	}

	return append(lines, w.html("bill.total", errs.Args{"Total": w.money(quote.Total)}))
}

func (w Words) couponButton(coupon, source string) message.Button {
	if coupon != "" {
		return message.Button{Text: w.plain("cart.button_no_coupon", errs.Args{"Coupon": coupon}), Data: tapNoCoupon + source}
	}

	return message.Button{Text: w.plain("cart.button_coupon", nil), Data: tapCoupon + source}
}

// cartItem shows one product of the cart, to change how many.
func (c *Chat) cartItem(ctx context.Context, r *request) error {
	found, err := c.loadCart(ctx, r)
	if err != nil {
		return err
	}

	return c.showItem(ctx, r, found, r.value(tapItem))
}

func (c *Chat) showItem(ctx context.Context, r *request, found cart, product string) error {
	at := found.find(product)
	if at < 0 {
		return c.showCart(ctx, r, found)
	}

	item := found.Items[at]

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("cart.change", errs.Args{"Name": r.words.named(item.Name), "Count": r.words.number(item.Count)}),
		Buttons: [][]message.Button{
			{
				{Text: r.words.plain("product.button_less", nil), Data: tapCount + writeCount(product, item.Count-1)},
				{Text: r.words.plain("product.button_more", nil), Data: tapCount + writeCount(product, item.Count+1)},
			},
			{{Text: r.words.plain("button.delete", nil), Data: tapCount + writeCount(product, 0)}},
			r.words.backTo("cart"),
		},
	})
}

// setCount says how many of a product the cart holds.
func (c *Chat) setCount(ctx context.Context, r *request) error {
	product, count := readCount(r.value(tapCount))

	if count > 0 {
		offer, err := c.onSale(ctx, r, product)
		if err != nil {
			return c.unsold(ctx, r, err)
		}

		if count > most(offer) {
			count = most(offer)
			r.toast = r.words.plain("product.most", errs.Args{"Count": r.words.number(count)})
		}
	}

	changed, err := c.changeCart(ctx, r, func(cart *cart) {
		at := cart.find(product)

		switch {
		case at < 0:
		case count <= 0:
			cart.Items = slices.Delete(cart.Items, at, at+1)
		default:
			cart.Items[at].Count = count
		}
	})
	if err != nil {
		return err
	}

	return c.showItem(ctx, r, changed, product)
}

// askCoupon asks for the code of a coupon.
func (c *Chat) askCoupon(ctx context.Context, r *request) error {
	source := r.value(tapCoupon)
	c.expect(r, "coupon", map[string]string{"source": source})

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("cart.ask_coupon", nil),
		Buttons: [][]message.Button{{
			{Text: r.words.plain("button.back", nil), Data: tapCheckout + source},
		}},
	})
}

// takeCoupon tries the code that was typed on what is bought.
func (c *Chat) takeCoupon(ctx context.Context, r *request) error {
	const maxCode = 32

	source := r.session.Await.Fields["source"]
	code, _ := fit(strings.ToUpper(strings.TrimSpace(r.message.Text)), maxCode)

	bought, err := c.basket(ctx, r, source)
	if err != nil {
		return err
	}

	bought.coupon = code

	_, refusal, err := c.quote(ctx, r, bought)
	if err != nil {
		return err
	}

	if code == "" || refusal != "" {
		if refusal == "" {
			refusal = r.words.html("cart.ask_coupon", nil)
		}

		return c.show(ctx, r, message.Text{HTML: refusal, Buttons: [][]message.Button{{
			{Text: r.words.plain("cart.button_without", nil), Data: tapCheckout + source},
		}}})
	}

	r.settled()

	if _, err := c.changeCart(ctx, r, func(cart *cart) { cart.Coupon = code }); err != nil {
		return err
	}

	return c.checkout(ctx, r, source, false)
}

// dropCoupon does without the coupon.
func (c *Chat) dropCoupon(ctx context.Context, r *request) error {
	if _, err := c.changeCart(ctx, r, func(cart *cart) { cart.Coupon = "" }); err != nil {
		return err
	}

	return c.checkout(ctx, r, r.value(tapNoCoupon), false)
}
