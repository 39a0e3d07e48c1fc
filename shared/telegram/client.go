// Package telegram provides Telegram's Bot API: a Client for one bot, and
// Bots, which speaks for every store with the token from the vault.
//
// Errors have these codes. Unauthorized, with ErrBlocked: the person does not
// want to hear from the bot; NotFound: the chat or the message is gone;
// Invalid: Telegram refuses the content; Limited: too fast, wait RetryAfter;
// Unavailable: Telegram failed or cannot be reached, and the call may have
// taken effect; Internal: Telegram does not know the token. None holds a token.
package telegram

import (
	"context"
	"errors"
	"io"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/secret"
)

// Client is one bot. It is safe for concurrent use.
type Client struct {
	bot    *telego.Bot
	by     caller
	apiURL string
}

// NewClient makes the client of the bot with the token, on the Bot API server
// at apiURL, such as https://api.telegram.org. Invalid where the token does
// not have the form of one.
func NewClient(apiURL string, token secret.Value) (*Client, error) {
	return newClient(caller{http: newHTTPClient()}, apiURL, token)
}

func newClient(by caller, apiURL string, token secret.Value) (*Client, error) {
	bot, err := telego.NewBot(token.Reveal(),
		telego.WithAPIServer(apiURL), telego.WithAPICaller(by), telego.WithDiscardLogger())
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "make a Telegram client (is the bot token complete, as BotFather gave it?)")
	}

	return &Client{bot: bot, by: by, apiURL: apiURL}, nil
}

// Send says something new in a chat and gives the message's number.
func (c *Client) Send(ctx context.Context, chat int64, text message.Text) (int, error) {
	params := &telego.SendMessageParams{
		ChatID:             telego.ChatID{ID: chat},
		Text:               text.HTML,
		ParseMode:          telego.ModeHTML,
		LinkPreviewOptions: &telego.LinkPreviewOptions{IsDisabled: true},
	}
	if keyboard := keyboardOf(text); keyboard != nil {
		params.ReplyMarkup = keyboard
	}

	var number int

	err := obeying(ctx, func() error {
		sent, err := c.bot.SendMessage(ctx, params)
		if err != nil {
			return explain(err, "send a message to chat %d", chat)
		}

		number = sent.MessageID

		return nil
	})

	return number, err
}

// Edit changes a message and its buttons. It is fine when the message says so
// already. NotFound where the message is gone.
func (c *Client) Edit(ctx context.Context, chat int64, number int, text message.Text) error {
	err := obeying(ctx, func() error {
		_, err := c.bot.EditMessageText(ctx, &telego.EditMessageTextParams{
			ChatID:             telego.ChatID{ID: chat},
			MessageID:          number,
			Text:               text.HTML,
			ParseMode:          telego.ModeHTML,
			LinkPreviewOptions: &telego.LinkPreviewOptions{IsDisabled: true},
			ReplyMarkup:        keyboardOf(text),
		})

		return explain(err, "edit message %d of chat %d", number, chat)
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}

	return err
}

// Delete removes a message. It is fine when the message is gone already.
func (c *Client) Delete(ctx context.Context, chat int64, number int) error {
	err := obeying(ctx, func() error {
		err := c.bot.DeleteMessage(ctx, &telego.DeleteMessageParams{ChatID: telego.ChatID{ID: chat}, MessageID: number})

		return explain(err, "delete message %d of chat %d", number, chat)
	})
	if errs.Is(err, errs.NotFound) {
		return nil
	}

	return err
}

// Answer ends the waiting of a tapped button, with a line of plain text (at
// most 200 characters) if toast is not empty. It is fine when nobody waits any
// more.
func (c *Client) Answer(ctx context.Context, query, toast string) error {
	err := obeying(ctx, func() error {
		err := c.bot.AnswerCallbackQuery(ctx, &telego.AnswerCallbackQueryParams{CallbackQueryID: query, Text: toast})

		return explain(err, "answer tap %s", query)
	})
	if errors.Is(err, errTooLate) {
		return nil
	}

	return err
}

// SendDocument sends a file under a name, made safe by message.FileName, from
// which Telegram tells its type. Where Telegram says to wait, content is sent
// again only if it can seek.
func (c *Client) SendDocument(
	ctx context.Context, chat int64, name string, content io.Reader, caption message.Text,
) error {
	params := &telego.SendDocumentParams{
		ChatID:    telego.ChatID{ID: chat},
		Document:  telego.InputFile{File: upload{Reader: content, name: message.FileName(name)}},
		Caption:   caption.HTML,
		ParseMode: telego.ModeHTML,
	}
	if keyboard := keyboardOf(caption); keyboard != nil {
		params.ReplyMarkup = keyboard
	}

	send := func() error {
		_, err := c.bot.SendDocument(ctx, params)

		return explain(err, "send a document to chat %d", chat)
	}

	seeker, ok := content.(io.Seeker)
	if !ok {
		return send()
	}

	return obeying(ctx, func() error {
		if _, err := seeker.Seek(0, io.SeekStart); err != nil {
			return errs.Wrap(err, errs.Internal, "rewind a document for chat %d", chat)
		}

		return send()
	})
}

// upload gives content the name that telego asks for.
type upload struct {
	io.Reader

	name string
}

// Name gives the name under which the file is sent.
func (u upload) Name() string { return u.name }

// keyboardOf gives the buttons below a text; nil where there are none.
func keyboardOf(text message.Text) *telego.InlineKeyboardMarkup {
	if len(text.Buttons) == 0 {
		return nil
	}

	rows := make([][]telego.InlineKeyboardButton, 0, len(text.Buttons))

	for _, buttons := range text.Buttons {
		row := make([]telego.InlineKeyboardButton, 0, len(buttons))
		for _, button := range buttons {
			row = append(row, telego.InlineKeyboardButton{Text: button.Text, CallbackData: button.Data, URL: button.URL})
		}

		rows = append(rows, row)
	}

	return &telego.InlineKeyboardMarkup{InlineKeyboard: rows}
}
