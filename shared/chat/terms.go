package chat

import (
	"context"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/terms"
)

// shopTerms tells the store's own terms.
func (c *Chat) shopTerms(ctx context.Context, r *request) error {
	text := textIn(r.store.Shop.Terms, r.words.language)
	if text == "" {
		text = r.words.plain("terms.default", nil)
	}

	return c.show(ctx, r, message.Text{
		HTML:    r.words.html("terms.shop", errs.Args{"Store": r.store.Name, "Text": text}),
		Buttons: [][]message.Button{{r.words.open("support.button", "paysupport")}, r.words.backTo("home")},
	})
}

// textIn gives a store's own text in a language, cut to what a message holds.
func textIn(texts map[string]string, language string) string {
	text, _ := fit(strings.TrimSpace(catalog.Text(texts).In(language)), maxTermsUnits)

	return text
}

// answerTerms asks for the answer to the terms of a product.
func (c *Chat) answerTerms(ctx context.Context, r *request) error {
	id, product, _ := strings.Cut(r.value(tapTerms), ":")

	found, ok, err := c.find(ctx, r, id)
	if err != nil || !ok {
		return err
	}

	c.expect(r, "terms", map[string]string{"order": found.ID, "product": product})

	_, err = c.Messenger.Send(ctx, r.here(), message.Text{
		HTML: r.words.html("terms.answer", errs.Args{"Label": found.Label(), "Days": int(r.store.Shop.KeepTerms() / (24 * time.Hour))}),
	})

	return err
}

// takeTerms keeps the answer, sealed. It is neither shown again nor logged.
func (c *Chat) takeTerms(ctx context.Context, r *request) error {
	asked := r.session.Await.Fields
	text, picture := strings.TrimSpace(r.message.Text+r.message.Caption), pictureOf(r.message)

	if text == "" && picture == "" {
		return c.show(ctx, r, message.Text{HTML: r.words.html("await.text_or_picture", nil)})
	}

	err := c.Terms.Submit(ctx, terms.Submission{
		Which:  terms.Which{Store: r.storeID, Order: asked["order"], Product: asked["product"]},
		Answer: terms.Answer{Text: text, Photo: picture},
		User:   r.from.ID, At: r.sentAt(),
	}, r.cause, r.store.Shop.KeepTerms())

	if key, args, ok := errs.Sentence(err); ok {
		if errs.Is(err, errs.Conflict) {
			r.settled()
		}

		return c.show(ctx, r, message.Text{HTML: r.words.html(key, args)})
	}

	if err != nil {
		return errs.Context(err, "keep what user %d answered to the terms of order %s", r.from.ID, asked["order"])
	}

	r.settled()

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("terms.kept", nil), Buttons: [][]message.Button{{r.words.open("orders.button", "orders")}},
	})
}
