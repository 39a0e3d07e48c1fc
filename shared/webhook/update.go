package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/queue"
)

// Update is an update that may come in: one call of Telegram's answers it, or
// one message carries it to the bot.
type Update struct {
	ID      int64
	Kind    string        // "message", "callback_query", …
	Reply   any           // where it may not wait: the call, with its method, that answers it
	Message queue.Message // where there is no Reply
}

// Read reads an update of a store's bot, whichever way it came, so that the
// same update makes the same message. Urgent is asked about it at once. Invalid
// where it is none: no JSON object, no positive update_id, or not one field
// beside it.
func Read(ctx context.Context, of string, body []byte, urgent Urgent) (Update, error) {
	update, err := parse(body)
	if err != nil {
		return Update{}, err
	}

	taken := Update{ID: update.id, Kind: update.kind}
	number := strconv.FormatInt(update.id, 10)

	if reply, answered := urgent(logging.With(ctx, logging.Update, update.id), of, update.kind, update.content); answered {
		taken.Reply = reply

		return taken, nil
	}

	taken.Message = queue.Message{
		Body:  body,
		Group: of + ":" + strconv.FormatInt(update.chat, 10),
		Dedup: of + ":" + number,
		Attrs: queue.Attrs{queue.AttrStore: of, queue.AttrCause: number},
		Trace: queue.TraceOf(ctx),
	}

	return taken, nil
}

// update is what the door needs to know of an update.
type update struct {
	id      int64
	chat    int64  // whose order is kept: the chat, else the person, else 0
	kind    string // "message", "callback_query", …
	content []byte // of that kind
}

// party is where an update of any kind says whose it is.
type party struct {
	Chat *identified `json:"chat"`
	From *identified `json:"from"`
	User *identified `json:"user"` // of poll_answer and the like
	// Message is what a callback_query hangs on. Its chat counts, so that a tap
	// stays in order with the messages of that chat.
	Message *struct {
		Chat *identified `json:"chat"`
	} `json:"message"`
}

type identified struct {
	ID int64 `json:"id"`
}

func (p party) chat() int64 {
	switch {
	case p.Chat != nil:
		return p.Chat.ID
	case p.Message != nil && p.Message.Chat != nil:
		return p.Message.Chat.ID
	case p.From != nil:
		return p.From.ID
	case p.User != nil:
		return p.User.ID
	default:
		return 0
	}
}

// idField is the field that every update has beside the one that says what it is.
const idField = "update_id"

// parse reads an update as far as the door needs it.
func parse(body []byte) (update, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return update{}, errs.Wrap(err, errs.Invalid, "parse an update")
	}

	var parsed update
	if err := json.Unmarshal(fields[idField], &parsed.id); err != nil || parsed.id <= 0 {
		return update{}, errs.Wrap(err, errs.Invalid, "parse an update: no positive update_id")
	}

	delete(fields, idField)

	for kind, content := range fields {
		if trimmed := bytes.TrimSpace(content); len(trimmed) == 0 || trimmed[0] != '{' {
			continue
		}

		if parsed.kind != "" && strings.Compare(kind, parsed.kind) > 0 {
			continue // never seen: two at once; the first name decides, whatever the map's order
		}

		parsed.kind, parsed.content = kind, content
	}

	if parsed.kind == "" {
		return update{}, errs.New(errs.Invalid, "parse update %d: it holds nothing", parsed.id)
	}

	var of party
	if err := json.Unmarshal(parsed.content, &of); err != nil {
		return update{}, errs.Wrap(err, errs.Invalid, "parse update %d: its %s is malformed", parsed.id, parsed.kind)
	}

	parsed.chat = of.chat()

	return parsed, nil
}
