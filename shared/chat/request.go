package chat

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/transcript"
	"github.com/lapak-id/lapak/shared/user"
)

// request is one update on its way through the middleware, which fills it in.
type request struct {
	storeID string
	cause   string
	attempt int
	update  int

	from    telego.User
	chat    int64
	private bool // a chat between the person and the bot, no group

	// One of the three is set.
	message    *telego.Message
	tap        *telego.CallbackQuery
	membership *telego.ChatMemberUpdated

	store   store.Store
	user    user.User
	owner   bool          // the person owns the store; of the owner's own bot: is the operator
	owned   []store.Store // in the owner's own bot: what the person owns
	role    user.Role
	words   Words
	session session

	toast string // what the answer to a tap shows
}

// newRequest reads an update; nil where it is none for us: edited messages,
// posts of channels, other bots, talk in groups, nobody at all.
func newRequest(storeID string, update telego.Update, cause string, attempt int) *request {
	r := &request{storeID: storeID, cause: cause, attempt: attempt, update: update.UpdateID}

	switch {
	case update.Message != nil && update.Message.From != nil:
		r.message, r.from, r.chat = update.Message, *update.Message.From, update.Message.Chat.ID
		r.private = update.Message.Chat.Type == telego.ChatTypePrivate
	case update.CallbackQuery != nil && update.CallbackQuery.Message != nil:
		at := update.CallbackQuery.Message.GetChat()
		r.tap, r.from, r.chat = update.CallbackQuery, update.CallbackQuery.From, at.ID
		r.private = at.Type == telego.ChatTypePrivate
	case update.MyChatMember != nil:
		r.membership, r.from, r.chat = update.MyChatMember, update.MyChatMember.From, update.MyChatMember.Chat.ID
		r.private = update.MyChatMember.Chat.Type == telego.ChatTypePrivate
	default:
		return nil
	}

	if r.from.IsBot || r.from.ID == 0 || r.chat == 0 || (!r.private && r.membership == nil) {
		return nil
	}

	return r
}

// person gives who wrote.
func (r *request) person() user.Person {
	return user.Person{
		ID:       r.from.ID,
		Name:     strings.TrimSpace(r.from.FirstName + " " + r.from.LastName),
		Username: r.from.Username,
	}
}

// here is where a new message to the person goes.
func (r *request) here() message.Address { return message.Address{Store: r.storeID, Chat: r.chat} }

// show answers with a screen: in the place of the message whose button was
// tapped, else as a new message.
func (c *Chat) show(ctx context.Context, r *request, text message.Text) error {
	_, err := c.place(ctx, r, text)

	return err
}

// place is show, and gives the number of the message that it ended up in.
func (c *Chat) place(ctx context.Context, r *request, text message.Text) (int, error) {
	if r.tap != nil && r.tap.Message.IsAccessible() && !r.pictured() {
		to := r.here()
		to.Message = r.tap.Message.GetMessageID()

		err := c.Messenger.Edit(ctx, to, text)
		if !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Invalid) {
			return to.Message, err
		}
		// The message is gone, or carries a file and cannot become a text.
	}

	number, err := c.Messenger.Send(ctx, r.here(), text)
	if err == nil && r.pictured() {
		c.replaced(ctx, r)
	}

	return number, err
}

// source gives the file that a message carries; false where there is none.
func source(from *telego.Message) (transcript.Source, bool) {
	switch {
	case from.Voice != nil:
		return transcript.Source{
			Kind: transcript.Voice, FileID: from.Voice.FileID, FileUniqueID: from.Voice.FileUniqueID,
			MimeType: from.Voice.MimeType, Size: from.Voice.FileSize, Duration: seconds(from.Voice.Duration),
		}, true
	case from.Audio != nil:
		return transcript.Source{
			Kind: transcript.Audio, FileID: from.Audio.FileID, FileUniqueID: from.Audio.FileUniqueID,
			Name: nameOf(from.Audio.FileName, from.Audio.Title), MimeType: from.Audio.MimeType,
			Size: from.Audio.FileSize, Duration: seconds(from.Audio.Duration),
		}, true
	case from.Video != nil:
		return transcript.Source{
			Kind: transcript.Video, FileID: from.Video.FileID, FileUniqueID: from.Video.FileUniqueID,
			Name: nameOf(from.Video.FileName), MimeType: from.Video.MimeType,
			Size: from.Video.FileSize, Duration: seconds(from.Video.Duration),
		}, true
	case from.VideoNote != nil:
		return transcript.Source{
			Kind: transcript.VideoNote, FileID: from.VideoNote.FileID, FileUniqueID: from.VideoNote.FileUniqueID,
			Size: int64(from.VideoNote.FileSize), Duration: seconds(from.VideoNote.Duration),
		}, true
	case from.Document != nil && from.Animation == nil: // an animation has a document too, but no sound
		return transcript.Source{
			Kind: transcript.Document, FileID: from.Document.FileID, FileUniqueID: from.Document.FileUniqueID,
			Name: nameOf(from.Document.FileName), MimeType: from.Document.MimeType, Size: from.Document.FileSize,
		}, true
	default:
		return transcript.Source{}, false
	}
}

func seconds(count int) time.Duration { return time.Duration(count) * time.Second }

// nameOf gives the first name that says something, made safe.
func nameOf(names ...string) string {
	for _, name := range names {
		if strings.TrimSpace(name) != "" {
			return message.FileName(name)
		}
	}

	return ""
}

// sentAt is when the message of the update was sent.
func (r *request) sentAt() time.Time { return time.Unix(r.message.Date, 0).UTC() }

// updateID writes the update's number for logs and references.
func (r *request) updateID() string { return strconv.Itoa(r.update) }
