package telegram

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
)

// Broadcast says the content of a campaign in a chat and gives the message's
// number. Where Telegram says to wait it does not: all lanes of the campaign
// must. paid has it go beyond the free rate, for Stars.
func (c *Client) Broadcast(ctx context.Context, chat int64, content broadcast.Content, paid bool) (int, error) {
	sent, err := c.broadcast(ctx, telego.ChatID{ID: chat}, content, paid)
	if err != nil {
		return 0, explain(err, "broadcast to chat %d", chat)
	}

	return sent.MessageID, nil
}

//nolint:wrapcheck // Broadcast explains the error
func (c *Client) broadcast(
	ctx context.Context, to telego.ChatID, content broadcast.Content, paid bool,
) (*telego.Message, error) {
	var markup telego.ReplyMarkup // an interface: nil, not a nil keyboard in it, where there are no buttons
	if keyboard := keyboardOf(message.Text{Buttons: content.Buttons}); keyboard != nil {
		markup = keyboard
	}

	file := telego.InputFile{FileID: content.FileID}

	switch content.Media {
	case broadcast.Photo:
		return c.bot.SendPhoto(ctx, &telego.SendPhotoParams{
			ChatID: to, Photo: file, Caption: content.HTML, ParseMode: telego.ModeHTML, ReplyMarkup: markup, AllowPaidBroadcast: paid,
		})
	case broadcast.Video:
		return c.bot.SendVideo(ctx, &telego.SendVideoParams{
			ChatID: to, Video: file, Caption: content.HTML, ParseMode: telego.ModeHTML, ReplyMarkup: markup, AllowPaidBroadcast: paid,
		})
	case broadcast.Animation:
		return c.bot.SendAnimation(ctx, &telego.SendAnimationParams{
			ChatID: to, Animation: file, Caption: content.HTML, ParseMode: telego.ModeHTML, ReplyMarkup: markup, AllowPaidBroadcast: paid,
		})
	case broadcast.Audio:
		return c.bot.SendAudio(ctx, &telego.SendAudioParams{
			ChatID: to, Audio: file, Caption: content.HTML, ParseMode: telego.ModeHTML, ReplyMarkup: markup, AllowPaidBroadcast: paid,
		})
	case broadcast.Document:
		return c.bot.SendDocument(ctx, &telego.SendDocumentParams{
			ChatID: to, Document: file, Caption: content.HTML, ParseMode: telego.ModeHTML, ReplyMarkup: markup, AllowPaidBroadcast: paid,
		})
	default:
		return c.bot.SendMessage(ctx, &telego.SendMessageParams{
			ChatID: to, Text: content.HTML, ParseMode: telego.ModeHTML, ReplyMarkup: markup, AllowPaidBroadcast: paid,
			LinkPreviewOptions: &telego.LinkPreviewOptions{IsDisabled: true},
		})
	}
}

// Exists reports whether any of at most 100 numbers, in ascending order, is a
// message of a chat. Those that are show for a moment, silently, in the chat
// through: it is how Telegram can be asked without changing what it is asked for.
func (c *Client) Exists(ctx context.Context, chat int64, numbers []int, through int64) (bool, error) {
	copies, err := c.bot.ForwardMessages(ctx, &telego.ForwardMessagesParams{
		ChatID: telego.ChatID{ID: through}, FromChatID: telego.ChatID{ID: chat}, MessageIDs: numbers, DisableNotification: true,
	})

	err = explain(err, "look for messages in chat %d", chat)
	if errors.Is(err, errNothingThere) {
		return false, nil
	}

	if err != nil {
		return false, err
	}

	for _, shown := range copies {
		if err := c.Delete(ctx, through, shown.MessageID); err != nil {
			return false, errs.Context(err, "remove a copy")
		}
	}

	return len(copies) > 0, nil
}

// Quote gives the plain text or caption of a message and whether the bot sent
// it, in the same way as Exists. NotFound where it is not there.
func (c *Client) Quote(ctx context.Context, chat int64, number int, through int64) (string, bool, error) {
	shown, err := c.bot.ForwardMessage(ctx, &telego.ForwardMessageParams{
		ChatID: telego.ChatID{ID: through}, FromChatID: telego.ChatID{ID: chat}, MessageID: number, DisableNotification: true,
	})
	if err != nil {
		return "", false, explain(err, "read message %d of chat %d", number, chat)
	}

	if err := c.Delete(ctx, through, shown.MessageID); err != nil {
		return "", false, errs.Context(err, "remove a copy")
	}

	origin, ok := shown.ForwardOrigin.(*telego.MessageOriginUser)

	return shown.Text + shown.Caption, ok && origin.SenderUser.ID == c.id(), nil
}

// id is the bot's own: a token begins with it.
func (c *Client) id() int64 {
	head, _, _ := strings.Cut(c.bot.Token(), ":")
	id, _ := strconv.ParseInt(head, 10, 64) // telego takes no token without

	return id
}

// Broadcast says the content of a campaign to a person.
func (b *Bots) Broadcast(ctx context.Context, to message.Address, content broadcast.Content, paid bool) (int, error) {
	client, err := b.Client(ctx, to.Store)
	if err != nil {
		return 0, err
	}

	return client.Broadcast(ctx, to.Chat, content, paid)
}

// Exists reports whether any of some numbers is a message of a chat.
func (b *Bots) Exists(ctx context.Context, in message.Address, numbers []int, through int64) (bool, error) {
	client, err := b.Client(ctx, in.Store)
	if err != nil {
		return false, err
	}

	return client.Exists(ctx, in.Chat, numbers, through)
}

// Quote gives the text of a message and whether the bot sent it.
func (b *Bots) Quote(ctx context.Context, which message.Address, through int64) (string, bool, error) {
	client, err := b.Client(ctx, which.Store)
	if err != nil {
		return "", false, err
	}

	return client.Quote(ctx, which.Chat, which.Message, through)
}

// Meter counts what the bot of a store says.
type Meter interface {
	Count(ctx context.Context, store string)
}

// Counted has each message and edit counted once it was made: see broadcast.Meter.
func (b *Bots) Counted(by Meter) *Bots {
	b.meter = by

	return b
}

// count counts what a store's bot has said, unless it failed.
func (b *Bots) count(ctx context.Context, of string, err error) {
	if err == nil && b.meter != nil {
		b.meter.Count(ctx, of)
	}
}
