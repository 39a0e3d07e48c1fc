package chat

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/transcript"
	"github.com/lapak-id/lapak/shared/user"
)

// awaitStock is the kind of the question for new stock. It is no form: units
// are secret, so they never lie in a session.
const awaitStock = "stock"

// askStock asks for units of a product.
func (c *Chat) askStock(ctx context.Context, r *request, product string) error {
	if c.Backroom == nil {
		return c.staffHome(ctx, r, "")
	}

	offer, err := c.Backroom.Goods.Offer(ctx, r.storeID, product)
	if err != nil {
		return errs.Context(err, "stock product %s", product)
	}

	err = c.show(ctx, r, message.Text{
		HTML: r.words.html("stock.ask", errs.Args{
			"Name": offer.Name.In(r.words.language), "Count": r.words.number(offer.Available),
			"Size": catalog.MaxImportBytes >> 20, "Units": catalog.MaxUnits,
		}),
		Buttons: [][]message.Button{r.words.backToDuty("product", product)},
	})
	c.expect(r, awaitStock, map[string]string{"product": product})

	return err
}

// takeStock takes units that somebody wrote or sent as a file. The message
// that held them is removed from the chat, whatever became of it.
func (c *Chat) takeStock(ctx context.Context, r *request) error {
	product := r.session.Await.Fields["product"]
	if !r.role.May(user.Stock) || c.Backroom == nil {
		r.settled()

		return c.guide(ctx, r, r.words.html("unknown.text", nil))
	}

	html, err := c.stock(ctx, r, product)
	if errs.Retryable(err) {
		return errs.Context(err, "stock product %s", product)
	}

	c.unsay(ctx, r)

	if key, args, ok := errs.Sentence(err); ok { // it can be sent again, better
		html = r.words.html("job.refused", errs.Args{"Reason": markup(r.words.html(key, args))})
	} else if err != nil {
		return errs.Context(err, "stock product %s", product)
	} else {
		r.settled()
	}

	return c.show(ctx, r, message.Text{HTML: html, Buttons: [][]message.Button{
		{r.words.duty("manage.button_stock", "stock", product)}, r.words.backToDuty("product", product),
	}})
}

// stock reads the units of a message and stocks them.
func (c *Chat) stock(ctx context.Context, r *request, product string) (string, error) {
	name, content := "message.txt", []byte(r.message.Text)

	if r.message.Document != nil {
		var err error
		if name, content, err = c.attached(ctx, r, r.message.Document); err != nil {
			return "", err
		}
	}

	units, refused, err := catalog.ParseImport(name, content)
	if err != nil {
		return "", errs.Context(err, "read the units of an import")
	}

	stocked := catalog.Stocked{}

	if len(units) > 0 {
		stocked, err = c.Backroom.Goods.Stock(ctx, r.storeID, product, units, r.editor(r.cause))
		if err != nil {
			return "", errs.Context(err, "stock the units of an import")
		}
	}

	slog.InfoContext(ctx, "stocked", "product", product, "added", stocked.Added, "duplicates", stocked.Duplicates, "refused", len(refused))

	html := r.words.html("stock.done", errs.Args{
		"Added": r.words.number(int64(stocked.Added)), "Duplicates": r.words.number(int64(stocked.Duplicates)),
		"Refused": r.words.number(int64(len(refused) + len(stocked.Refused))),
	})
	if len(refused) > 0 {
		html += "\n\n" + r.words.refusals(refused)
	}

	return html + "\n\n" + r.words.html("stock.removed", nil), nil
}

// refusals lists the lines that are no unit; never what they hold.
func (w Words) refusals(refused []catalog.Refusal) string {
	const most = 10

	var lines []string

	for at, one := range refused {
		if at == most {
			lines = append(lines, "…")

			break
		}

		lines = append(lines, w.html("stock.line", errs.Args{"Line": one.Line, "Reason": markup(w.html(one.Key, nil))}))
	}

	return strings.Join(lines, "\n")
}

// attached reads a document of a person's, of the size that imports have.
func (c *Chat) attached(ctx context.Context, r *request, document *telego.Document) (string, []byte, error) {
	tooBig := errs.New(errs.Invalid, "read an import of %d bytes", document.FileSize).
		Tell("catalog.import_size", errs.Args{"Limit": catalog.MaxImportBytes >> 20})

	if document.FileSize > catalog.MaxImportBytes {
		return "", nil, tooBig
	}

	stream, _, err := c.Backroom.Files.Open(ctx, transcript.FileRef{
		Store: r.storeID, FileID: document.FileID, Chat: r.chat, Message: r.message.MessageID, Size: document.FileSize,
	}, 0)
	if err != nil {
		return "", nil, errs.Context(err, "open an import")
	}
	defer stream.Close()

	content, err := io.ReadAll(io.LimitReader(stream, catalog.MaxImportBytes+1))
	if err != nil {
		return "", nil, errs.Context(err, "read an import")
	}

	if len(content) > catalog.MaxImportBytes {
		return "", nil, tooBig
	}

	return message.FileName(document.FileName), content, nil
}

// unsay removes the message of the person's that is being handled: it held
// what nobody should read later. Telegram refuses it after 48 hours.
func (c *Chat) unsay(ctx context.Context, r *request) {
	err := c.Messenger.Delete(ctx, message.Address{Store: r.storeID, Chat: r.chat, Message: r.message.MessageID})
	if err != nil {
		slog.WarnContext(ctx, "a message with units stays in the chat", "message", strconv.Itoa(r.message.MessageID), "error", err)
	}
}
