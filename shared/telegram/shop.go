package telegram

import (
	"bytes"
	"context"
	"errors"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/store"
)

// starsCurrency is what Telegram calls its Stars.
const starsCurrency = "XTR"

// numbered makes a call that sends a message, as often as Telegram asks to wait,
// and gives the message's number. what says what was attempted.
func numbered(ctx context.Context, what string, chat int64, send func() (*telego.Message, error)) (int, error) {
	var number int

	err := obeying(ctx, func() error {
		sent, err := send()
		if err != nil {
			return explain(err, "send %s to chat %d", what, chat)
		}

		number = sent.MessageID

		return nil
	})

	return number, err
}

// SendPhoto shows a picture with a caption in a chat and gives the message's
// number.
func (c *Client) SendPhoto(ctx context.Context, chat int64, photo message.Photo) (int, error) {
	return numbered(ctx, "a picture", chat, func() (*telego.Message, error) {
		file := telego.InputFile{FileID: photo.FileID}
		if photo.FileID == "" {
			file = telego.InputFile{File: upload{Reader: bytes.NewReader(photo.Content), name: "picture.png"}}
		}

		params := &telego.SendPhotoParams{
			ChatID: telego.ChatID{ID: chat}, Photo: file, Caption: photo.Caption.HTML, ParseMode: telego.ModeHTML,
		}
		if keyboard := keyboardOf(photo.Caption); keyboard != nil {
			params.ReplyMarkup = keyboard
		}

		return c.bot.SendPhoto(ctx, params)
	})
}

// EditCaption changes the caption and the buttons of a message that carries a
// picture or a file. It is fine when the message says so already. NotFound
// where the message is gone.
func (c *Client) EditCaption(ctx context.Context, chat int64, number int, caption message.Text) error {
	err := obeying(ctx, func() error {
		_, err := c.bot.EditMessageCaption(ctx, &telego.EditMessageCaptionParams{
			ChatID: telego.ChatID{ID: chat}, MessageID: number, Caption: caption.HTML, ParseMode: telego.ModeHTML,
			ReplyMarkup: keyboardOf(caption),
		})

		return explain(err, "edit the caption of message %d of chat %d", number, chat)
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}

	return err
}

// SendFile sends a file that Telegram has and gives the message's number.
func (c *Client) SendFile(ctx context.Context, chat int64, file message.Document) (int, error) {
	params := &telego.SendDocumentParams{
		ChatID: telego.ChatID{ID: chat}, Document: telego.InputFile{FileID: file.FileID},
		Caption: file.Caption.HTML, ParseMode: telego.ModeHTML,
	}
	if keyboard := keyboardOf(file.Caption); keyboard != nil {
		params.ReplyMarkup = keyboard
	}

	return numbered(ctx, "a file", chat, func() (*telego.Message, error) { return c.bot.SendDocument(ctx, params) })
}

// SendInvoice asks for a payment in Stars and gives the message's number.
func (c *Client) SendInvoice(ctx context.Context, chat int64, invoice message.StarsInvoice) (int, error) {
	params := &telego.SendInvoiceParams{
		ChatID: telego.ChatID{ID: chat}, Title: invoice.Title, Description: invoice.Description,
		Payload: invoice.Payload, Currency: starsCurrency,
		Prices: []telego.LabeledPrice{{Label: invoice.Title, Amount: int(invoice.Stars)}},
	}

	if below := keyboardOf(message.Text{Buttons: invoice.Buttons}); below != nil {
		pay := []telego.InlineKeyboardButton{{Text: invoice.Pay, Pay: true}}
		below.InlineKeyboard = append([][]telego.InlineKeyboardButton{pay}, below.InlineKeyboard...)
		params.ReplyMarkup = below
	}

	return numbered(ctx, "an invoice", chat, func() (*telego.Message, error) { return c.bot.SendInvoice(ctx, params) })
}

// RefundStars gives the Stars of a payment back to the person who paid. It is
// fine when they were given back already.
func (c *Client) RefundStars(ctx context.Context, user int64, charge string) error {
	err := obeying(ctx, func() error {
		err := c.bot.RefundStarPayment(ctx, &telego.RefundStarPaymentParams{
			UserID: user, TelegramPaymentChargeID: charge,
		})

		return explain(err, "refund a charge to user %d", user)
	})
	if containsWords(err, "charge_already_refunded") {
		return nil
	}

	return err
}

// SendPhoto shows a picture with a caption and gives the message's number.
func (b *Bots) SendPhoto(ctx context.Context, to message.Address, photo message.Photo) (int, error) {
	client, err := b.Client(ctx, to.Store)
	if err != nil {
		return 0, err
	}

	number, err := client.SendPhoto(ctx, to.Chat, photo)
	b.count(ctx, to.Store, err)

	return number, err
}

// EditCaption changes the caption and the buttons of a picture or a file.
func (b *Bots) EditCaption(ctx context.Context, to message.Address, caption message.Text) error {
	client, err := b.Client(ctx, to.Store)
	if err != nil {
		return err
	}

	err = client.EditCaption(ctx, to.Chat, to.Message, caption)
	b.count(ctx, to.Store, err)

	return err
}

// SendFile sends a file that Telegram has and gives the message's number.
func (b *Bots) SendFile(ctx context.Context, to message.Address, file message.Document) (int, error) {
	client, err := b.Client(ctx, to.Store)
	if err != nil {
		return 0, err
	}

	number, err := client.SendFile(ctx, to.Chat, file)
	b.count(ctx, to.Store, err)

	return number, err
}

// SendInvoice asks for a payment in Stars and gives the message's number.
func (b *Bots) SendInvoice(ctx context.Context, to message.Address, invoice message.StarsInvoice) (int, error) {
	client, err := b.Client(ctx, to.Store)
	if err != nil {
		return 0, err
	}

	number, err := client.SendInvoice(ctx, to.Chat, invoice)
	b.count(ctx, to.Store, err)

	return number, err
}

// Refund gives the Stars that a receipt tells of back to the person who paid.
func (b *Bots) Refund(ctx context.Context, of store.Store, receipt order.Receipt, user int64) error {
	client, err := b.Client(ctx, of.ID)
	if err != nil {
		return err
	}

	return client.RefundStars(ctx, user, receipt.Transaction)
}
