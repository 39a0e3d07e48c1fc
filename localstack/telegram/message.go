package telegram

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/entity"
)

// messageObject is the Message as one bot gets it.
func (s *Server) messageObject(botID int64, in *chat, m *message) object {
	o := s.bareMessage(botID, in, m)

	if reply := in.find(m.ReplyTo); reply != nil {
		o["reply_to_message"] = s.bareMessage(botID, in, reply)
	}

	return o
}

// bareMessage leaves out the message that it replies to, as Telegram does for
// a message inside another.
func (s *Server) bareMessage(botID int64, in *chat, m *message) object {
	o := object{"message_id": m.ID, "date": m.Date, "chat": s.world.chatObject(in)}

	if in.Type == "channel" {
		o["sender_chat"] = s.world.chatObject(in)
	} else {
		o["from"] = s.world.userOrBot(m.From)
	}

	set(o, "edit_date", m.EditDate)
	set(o, "media_group_id", m.Group)
	set(o, "has_protected_content", m.Protected)

	if m.Forward != nil {
		o["forward_origin"] = m.Forward
	}

	s.addContent(o, botID, &m.Content)

	return o
}

func (s *Server) addContent(o object, botID int64, c *content) {
	text, entities := "text", "entities"
	if c.Media != nil {
		text, entities = "caption", "caption_entities"
		o[c.Media.Kind] = s.mediaObject(botID, c.Media)
		set(o, "has_media_spoiler", c.Media.Spoiler)
		set(o, "show_caption_above_media", c.Above)

		if c.Media.Kind == "animation" {
			// Telegram sets both, for clients that know only documents.
			document := s.fileObject(botID, s.world.Files[c.Media.File])
			set(document, "file_name", s.world.Files[c.Media.File].Name)
			set(document, "mime_type", s.world.Files[c.Media.File].MIME)
			o["document"] = document
		}
	}

	set(o, text, c.Text)

	if len(c.Entities) > 0 {
		o[entities] = s.entityObjects(c.Entities)
	}

	if len(c.Preview) > 0 {
		o["link_preview_options"] = c.Preview
	}

	if buttons(c.Markup) != nil {
		o["reply_markup"] = c.Markup
	}

	if bill := s.world.Invoices[c.Invoice]; bill != nil {
		o["invoice"] = bill.object()
	}

	if c.Payment != nil {
		name, paid := c.Payment.object()
		o[name] = paid
	}

	maps.Copy(o, c.Extra)
}

func (s *Server) entityObjects(entities []entity.Entity) []any {
	objects := make([]any, len(entities))

	for i, e := range entities {
		o := object{"type": e.Type, "offset": e.Offset, "length": e.Length}
		set(o, "url", e.URL)
		set(o, "language", e.Language)
		set(o, "custom_emoji_id", e.CustomEmojiID)

		if e.Type == "text_mention" {
			o["user"] = s.world.userOrBot(e.UserID)
		}

		objects[i] = o
	}

	return objects
}

// editMessage changes the text, caption, media or keyboard of a message.
func (c *call) editMessage() (any, error) {
	if c.has("inline_message_id") {
		return nil, badRequest("MESSAGE_ID_INVALID") // Nobody here sends inline messages.
	}

	if !c.has("chat_id") {
		return nil, missing("chat_id")
	}

	if !c.has("message_id") {
		return nil, missing("message_id")
	}

	in, err := c.targetChat()
	if err != nil {
		return nil, err
	}

	m := in.find(c.integer("message_id", 0))

	switch {
	case m == nil:
		return nil, badRequest("message to edit not found")
	case m.From != c.bot.ID || m.Forward != nil:
		return nil, badRequest("message can't be edited")
	}

	changed, err := c.editedContent(m)
	if err != nil {
		return nil, err
	}

	if bytes.Equal(rawJSON(changed), rawJSON(m.Content)) {
		return nil, badRequest("message is not modified: specified new message content and reply markup are exactly " +
			"the same as a current content and reply markup of the message")
	}

	if err := c.takeFlood(c.bot, in, 1, false); err != nil {
		return nil, err
	}

	c.revise(in, m, changed)

	return c.messageObject(c.bot.ID, in, m), nil
}

// editedContent is the content that an edit asks for. A keyboard that is not
// named again goes away.
func (c *call) editedContent(m *message) (content, error) {
	changed := m.Content

	var err error
	if changed.Markup, err = c.markup(); err != nil {
		return content{}, err
	}

	switch c.method {
	case "editMessageText":
		if changed.kind() != "text" {
			return content{}, badRequest("there is no text in the message to edit")
		}

		return changed, changed.setText(&c.params)
	case "editMessageCaption":
		if changed.Media == nil {
			return content{}, badRequest("there is no caption in the message to edit")
		}

		return changed, changed.setCaption(&c.params)
	case "editMessageMedia":
		if kind := changed.kind(); changed.Media == nil && kind != "text" {
			return content{}, badRequest("there is no media in the message to edit")
		}

		item := c.sub("media")
		if changed.Media, err = c.mediaItem(&item, "media", item.str("type")); err != nil {
			return content{}, err
		}

		changed.Preview = nil

		return changed, changed.setCaption(&item)
	default:
		return changed, nil
	}
}

// revise gives a message a new content and keeps the old one.
func (s *Server) revise(in *chat, m *message, changed content) {
	m.History = append(m.History, revision{Seq: m.Seq, Date: max(m.Date, m.EditDate), Content: m.Content})
	m.Content, m.EditDate = changed, s.now().Unix()
	s.changedMessage(in, m)
}

// deletable is how long a bot may delete a message after it was sent.
const deletable = 48 * time.Hour

func (c *call) deleteMessages() (any, error) {
	in, err := c.targetChat()
	if err != nil {
		return nil, err
	}

	ids := c.integers("message_ids")
	one := c.method == "deleteMessage"

	if one {
		ids = []int64{c.integer("message_id", 0)}
	}

	for _, id := range ids {
		m := in.find(id)

		switch {
		case m == nil && one:
			return nil, badRequest("message to delete not found")
		case m == nil:
			continue // Telegram leaves out those that are not there.
		case c.now().Sub(time.Unix(m.Date, 0)) > deletable:
			return nil, badRequest("message can't be deleted for everyone")
		case !in.private() && m.From != c.bot.ID && in.Members[c.bot.ID].Status == "member":
			return nil, badRequest("message can't be deleted")
		}

		m.Deleted = true
		c.changedMessage(in, m)
	}

	return true, nil
}

func (c *call) setMessageReaction() (any, error) {
	in, err := c.targetChat()
	if err != nil {
		return nil, err
	}

	m := in.find(c.integer("message_id", 0))
	if m == nil {
		return nil, badRequest("message to react not found")
	}

	reactions := c.subs("reaction")
	if len(reactions) > 1 {
		return nil, badRequest("REACTIONS_TOO_MANY")
	}

	emoji := ""
	if len(reactions) == 1 {
		emoji = reactions[0].str("emoji")
	}

	c.react(in, m, c.bot.ID, emoji)

	return true, nil
}

func (s *Server) react(in *chat, m *message, who int64, emoji string) {
	if m.Reactions == nil {
		m.Reactions = map[int64]string{}
	}

	m.Reactions[who] = emoji
	if emoji == "" {
		delete(m.Reactions, who)
	}

	s.changedMessage(in, m)
}

func (c *call) pin() (any, error) {
	in, err := c.targetChat()
	if err != nil {
		return nil, err
	}

	id := c.integer("message_id", 0)
	target := in.find(id)

	if c.method == "pinChatMessage" {
		if target == nil {
			return nil, badRequest("message to pin not found")
		}

		target.Pinned = true
		c.changedMessage(in, target)

		return true, nil
	}

	if id != 0 && target == nil {
		return nil, badRequest("message to unpin not found")
	}

	for _, m := range slices.Backward(in.Messages) {
		if !m.Pinned || id != 0 && m.ID != id {
			continue
		}

		m.Pinned = false
		c.changedMessage(in, m)

		if c.method == "unpinChatMessage" {
			break
		}
	}

	return true, nil
}

// rawJSON writes plain data as JSON.
func rawJSON(value any) json.RawMessage {
	raw, err := json.Marshal(value)
	if err != nil {
		panic("telegram: plain data cannot be written as JSON: " + err.Error())
	}

	return raw
}
