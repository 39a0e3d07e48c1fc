package chat

import (
	"context"
	"log/slog"
	"strconv"
	"strings"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
)

// linkProduct begins the deep links that open a product: ?start=p_PRODUCT.
const linkProduct = "p_"

// openProduct shows the product that a button or a deep link names.
func (c *Chat) openProduct(ctx context.Context, r *request) error {
	product, count := readCount(r.value(tapProduct))

	return c.product(ctx, r, product, count)
}

// readCount reads "PRODUCT:COUNT"; a count that is none is 0.
func readCount(text string) (string, int64) {
	product, digits, _ := strings.Cut(text, ":")

	count, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		return product, 0
	}

	return product, count
}

func writeCount(product string, count int64) string {
	return product + ":" + strconv.FormatInt(count, 10)
}

// product shows a product, count of it chosen: at least one, at most as many as
// can be had.
func (c *Chat) product(ctx context.Context, r *request, product string, count int64) error {
	offer, err := c.onSale(ctx, r, product)
	if err != nil {
		return c.unsold(ctx, r, err)
	}

	chosen := min(max(count, 1), most(offer))

	switch {
	case count < 1:
		r.toast = r.words.plain("product.least", nil)
	case count > chosen:
		r.toast = r.words.plain("product.most", errs.Args{"Count": r.words.number(chosen)})
	}

	return c.display(ctx, r, offer.Photo, message.Text{
		HTML: r.words.product(offer, chosen), Buttons: r.words.productButtons(offer, chosen),
	})
}

// onSale reads a product that can be bought. NotFound where it cannot.
func (c *Chat) onSale(ctx context.Context, r *request, product string) (catalog.Offer, error) {
	if !c.selling(r) {
		return catalog.Offer{}, errs.New(errs.NotFound, "show product %s to user %d: the shop is closed", product, r.from.ID)
	}

	offer, err := c.Shop.Offer(ctx, r.storeID, product)
	if err != nil {
		return catalog.Offer{}, errs.Context(err, "show product %s to user %d", product, r.from.ID)
	}

	if offer.Hidden {
		return catalog.Offer{}, errs.New(errs.NotFound, "show product %s to user %d: it is hidden", product, r.from.ID)
	}

	return offer, nil
}

// unsold answers for a product that cannot be read.
func (c *Chat) unsold(ctx context.Context, r *request, err error) error {
	switch {
	case !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Invalid):
		return err
	case !c.selling(r):
		return c.closed(ctx, r)
	}

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("shop.gone", nil), Buttons: [][]message.Button{{r.words.open("shop.button", "shop")}},
	})
}

// most is how many of a product one order can have. One file is enough.
func most(offer catalog.Offer) int64 {
	count := int64(order.MaxUnits)
	if offer.Policy == catalog.File {
		count = 1
	}

	if offer.Policy == catalog.Units && offer.Available > 0 {
		count = min(count, offer.Available)
	}

	if offer.PerBuyer > 0 {
		count = min(count, offer.PerBuyer)
	}

	return count
}

// maxDescriptionUnits leaves room in a caption for the rest of a product.
const maxDescriptionUnits = 700

// product tells of a product what a buyer asks before buying.
func (w Words) product(offer catalog.Offer, count int64) string {
	price := w.money(offer.Price)
	if offer.Stars > 0 {
		price = w.plain("product.or_stars", errs.Args{"Price": price, "Stars": w.money(money.XTR(offer.Stars))})
	}

	lines := []string{"<b>" + escape(w.named(offer.Name)) + "</b> · " + escape(price) + " · " + escape(w.stock(offer))}

	if description, _ := fit(offer.Description.In(w.language), maxDescriptionUnits); description != "" {
		lines = append(lines, escape(description))
	}

	lines = append(lines, "", w.html(promise(offer), nil))

	if offer.Warranty > 0 {
		lines = append(lines, w.html("product.warranty", errs.Args{"Days": w.number(int64(offer.Warranty))}))
	}

	if len(offer.Terms) > 0 {
		lines = append(lines, w.html("product.terms", nil))
	}

	if offer.PerBuyer > 0 {
		lines = append(lines, w.html("product.per_buyer", errs.Args{"Count": w.number(offer.PerBuyer)}))
	}

	if !offer.SoldOut() && most(offer) > 1 {
		sum := offer.Price
		sum.Value *= count

		lines = append(lines, "", w.html("product.count", errs.Args{"Count": w.number(count), "Sum": w.money(sum)}))
	}

	return strings.Join(lines, "\n")
}

// stock tells how many there are, where that is known.
func (w Words) stock(offer catalog.Offer) string {
	switch {
	case offer.SoldOut():
		return w.plain("product.sold_out", nil)
	case offer.Policy == catalog.Units:
		return w.plain("product.stock", errs.Args{"Count": w.number(offer.Available)})
	default:
		return w.plain("product.in_stock", nil)
	}
}

// promise is the text for what comes after the payment.
func promise(offer catalog.Offer) string {
	switch {
	case offer.SoldOut():
		return "product.wish"
	case offer.Policy == catalog.Manual:
		return "product.by_hand"
	default:
		return "product.at_once"
	}
}

func (w Words) productButtons(offer catalog.Offer, count int64) [][]message.Button {
	back := []message.Button{{Text: w.plain("button.back", nil), Data: tapShelf + offer.Category + ":1"}}

	if offer.SoldOut() {
		return [][]message.Button{{{Text: w.plain("product.button_wish", nil), Data: tapWish + offer.ID}}, back}
	}

	var rows [][]message.Button

	if most(offer) > 1 {
		rows = append(rows, []message.Button{
			{Text: w.plain("product.button_less", nil), Data: tapProduct + writeCount(offer.ID, count-1)},
			{Text: w.plain("product.button_more", nil), Data: tapProduct + writeCount(offer.ID, count+1)},
		})
	}

	return append(rows, []message.Button{
		{Text: w.plain("product.button_add", nil), Data: tapAdd + writeCount(offer.ID, count)},
		{Text: w.plain("product.button_buy", nil), Data: tapCheckout + writeCount(offer.ID, count)},
	}, back)
}

// wish notes that the person wants to hear when a product is back.
func (c *Chat) wish(ctx context.Context, r *request) error {
	product := r.value(tapWish)

	err := c.Shop.Wish(ctx, catalog.WishOf{
		Store: r.storeID, Product: product, User: r.from.ID, Language: r.words.language, Cause: r.cause,
	})

	switch {
	case errs.Is(err, errs.Conflict): // it is back already
		return c.product(ctx, r, product, 1)
	case errs.Is(err, errs.NotFound):
		return c.unsold(ctx, r, err)
	case err != nil:
		return errs.Context(err, "note that user %d wants product %s", r.from.ID, product)
	}

	r.toast = r.words.plain("product.wished", nil)

	return nil
}

// display answers with a screen that may have a picture: where the message
// whose button was tapped is of the same sort it changes, else a new one takes
// its place.
func (c *Chat) display(ctx context.Context, r *request, picture string, text message.Text) error {
	if picture == "" {
		return c.show(ctx, r, text)
	}

	if r.pictured() {
		to := r.here()
		to.Message = r.tap.Message.GetMessageID()

		err := c.Messenger.EditCaption(ctx, to, text)
		if !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Invalid) {
			return err
		}
	}

	_, err := c.Messenger.SendPhoto(ctx, r.here(), message.Photo{FileID: picture, Caption: text})
	if errs.Is(err, errs.Invalid) { // the picture is gone at Telegram: the words are enough
		slog.WarnContext(ctx, "picture of a product not shown", "error", err)

		return c.show(ctx, r, text)
	}

	if err == nil {
		c.replaced(ctx, r)
	}

	return err
}

// pictured reports whether the message whose button was tapped is a picture.
func (r *request) pictured() bool {
	if r.tap == nil {
		return false
	}

	tapped, ok := r.tap.Message.(*telego.Message)

	return ok && len(tapped.Photo) > 0
}

// replaced removes the message whose button was tapped: a new one has taken its
// place.
func (c *Chat) replaced(ctx context.Context, r *request) {
	if r.tap == nil || !r.tap.Message.IsAccessible() {
		return
	}

	which := r.here()
	which.Message = r.tap.Message.GetMessageID()

	if err := c.Messenger.Delete(ctx, which); err != nil {
		slog.InfoContext(ctx, "a screen stays behind", "message", which.Message, "error", err)
	}
}
