package telegram

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/localstack/telegram/entity"
)

// The lengths that Telegram allows, in UTF-16 units, and other counts.
const (
	maxText    = 4096
	maxCaption = 1024
	maxData    = 64
	maxGroup   = 10
)

// draft is a message that a bot is about to send.
type draft struct {
	chat      *chat
	content   content
	replyTo   int64
	group     string
	protected bool
	forward   object
	paid      bool
}

// draft reads the parameters that every message has.
func (c *call) draft() (*draft, error) {
	to, err := c.targetChat()
	if err != nil {
		return nil, err
	}

	d := &draft{chat: to, protected: c.flag("protect_content"), paid: c.flag("allow_paid_broadcast")}

	if d.content.Markup, err = c.markup(); err != nil {
		return nil, err
	}

	reply := c.sub("reply_parameters")
	if reply.has("message_id") {
		d.replyTo = reply.integer("message_id", 0)
		if to.find(d.replyTo) == nil {
			if !reply.flag("allow_sending_without_reply") {
				return nil, badRequest("message to be replied not found")
			}

			d.replyTo = 0
		}
	}

	return d, nil
}

// targetChat finds the chat that a call is for and checks that the bot may
// write there.
func (c *call) targetChat() (*chat, error) {
	found, err := c.knownChat("chat_id")
	if err != nil {
		return nil, err
	}

	if found.private() {
		if found.Blocked {
			return nil, forbidden("bot was blocked by the user")
		}

		return found, nil
	}

	m := found.Members[c.bot.ID]

	switch {
	case m != nil && m.Status == "kicked":
		return nil, forbidden("bot was kicked from the %s chat", found.Type)
	case !m.in():
		return nil, forbidden("bot is not a member of the %s chat", found.Type)
	case found.Type == "channel" && m.Status == "member":
		return nil, badRequest("need administrator rights in the channel chat")
	}

	return found, nil
}

// knownChat finds the chat that a parameter names, even one where the bot may
// not write.
func (c *call) knownChat(name string) (*chat, error) {
	text := c.str(name)
	id := c.integer(name, 0)

	if number, ok := parseID(text); ok {
		id = number
	}

	if username, ok := strings.CutPrefix(text, "@"); ok {
		for _, known := range c.world.Chats {
			if !known.private() && strings.EqualFold(known.Username, username) {
				return known, nil
			}
		}

		return nil, badRequest("chat not found")
	}

	if known := c.world.Chats[fmt.Sprint(id)]; known != nil && id < 0 {
		return known, nil
	}

	known := c.world.Chats[privateKey(c.bot.ID, id)]
	if known != nil && (known.Started || known.Blocked) {
		return known, nil
	}

	if c.world.Users[id] != nil && c.meets(id) {
		return nil, forbidden("bot can't initiate conversation with a user")
	}

	return nil, badRequest("chat not found")
}

// meets says whether the bot and a user are in a group together.
func (c *call) meets(userID int64) bool {
	for _, known := range c.world.Chats {
		if known.Members[userID].in() && known.Members[c.bot.ID].in() {
			return true
		}
	}

	return false
}

// markup checks the keyboard of a message.
func (c *call) markup() (json.RawMessage, error) {
	if !c.has("reply_markup") {
		return nil, nil
	}

	var keyboard struct {
		Inline [][]map[string]any `json:"inline_keyboard"`
	}
	if err := c.into("reply_markup", &keyboard); err != nil {
		return nil, err
	}

	for _, row := range keyboard.Inline {
		for _, button := range row {
			if err := checkButton(button); err != nil {
				return nil, err
			}
		}
	}

	return c.raw("reply_markup"), nil
}

func checkButton(button map[string]any) error {
	if text, _ := button["text"].(string); text == "" {
		return badRequest("can't parse inline keyboard button: Field \"text\" must be of type String and not empty")
	}

	actions := 0

	for _, name := range []string{
		"url", "callback_data", "web_app", "login_url", "switch_inline_query", "switch_inline_query_current_chat",
		"switch_inline_query_chosen_chat", "copy_text", "callback_game", "pay",
	} {
		if _, ok := button[name]; ok {
			actions++
		}
	}

	if actions != 1 {
		return badRequest("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
	}

	if data, ok := button["callback_data"].(string); ok && (data == "" || len(data) > maxData) {
		return badRequest("BUTTON_DATA_INVALID")
	}

	if url, ok := button["url"].(string); ok && !strings.Contains(url, "://") && !strings.Contains(url, ".") {
		return badRequest("inline keyboard button URL '%s' is invalid: Wrong HTTP URL", url)
	}

	return nil
}

// formatted reads a text with its parse mode or entities.
func formatted(p *params, textField, entitiesField string) (string, []entity.Entity, error) {
	text := p.str(textField)

	if p.str("parse_mode") != "" || !p.has(entitiesField) {
		plain, entities, err := entity.Parse(p.str("parse_mode"), text)
		if err != nil {
			return "", nil, badRequest("%v", err)
		}

		return plain, entities, nil
	}

	var given []struct {
		entity.Entity

		User *struct {
			ID int64 `json:"id"`
		} `json:"user"`
	}
	if err := p.into(entitiesField, &given); err != nil {
		return "", nil, err
	}

	entities := make([]entity.Entity, len(given))
	for i, one := range given {
		entities[i] = one.Entity
		if one.User != nil {
			entities[i].UserID = one.User.ID
		}
	}

	plain, entities, err := entity.Tidy(text, entities)
	if err != nil {
		return "", nil, badRequest("%v", err)
	}

	return plain, entities, nil
}

func (c *content) setText(p *params) error {
	text, entities, err := formatted(p, "text", "entities")

	switch {
	case err != nil:
		return err
	case text == "":
		return badRequest("message text is empty")
	case entity.Units(text) > maxText:
		return badRequest("message is too long")
	}

	c.Text, c.Entities = text, entities
	c.Preview = p.raw("link_preview_options")

	return nil
}

func (c *content) setCaption(p *params) error {
	text, entities, err := formatted(p, "caption", "caption_entities")

	switch {
	case err != nil:
		return err
	case entity.Units(text) > maxCaption:
		return badRequest("message caption is too long")
	}

	c.Text, c.Entities, c.Above = text, entities, p.flag("show_caption_above_media")

	return nil
}

// send sends drafts as one, after the flood limits allowed it.
func (c *call) send(drafts ...*draft) ([]*message, error) {
	to := drafts[0].chat
	if err := c.takeFlood(c.bot, to, len(drafts), drafts[0].paid); err != nil {
		return nil, err
	}

	sent := make([]*message, len(drafts))
	for i, d := range drafts {
		sent[i] = c.post(to, c.bot.ID, d)
		c.useKeyboard(to, d.content.Markup)
	}

	return sent, nil
}

// post puts a message into a chat.
func (s *Server) post(to *chat, from int64, d *draft) *message {
	m := &message{
		ID: s.world.nextMessageID(to), From: from, Date: s.now().Unix(), Content: d.content, ReplyTo: d.replyTo,
		Group: d.group, Protected: d.protected, Forward: d.forward,
	}
	to.add(m)
	s.changedMessage(to, m)

	return m
}

// changedMessage tells the page and the waits of a new or changed message.
func (s *Server) changedMessage(in *chat, m *message) {
	m.Seq = s.world.Seq + 1
	s.event("message", in.Key, s.view(in, m))
}

// useKeyboard shows or removes the reply keyboard of a private chat.
func (s *Server) useKeyboard(in *chat, markup json.RawMessage) {
	var keyboard struct {
		Keyboard json.RawMessage `json:"keyboard"`
		Remove   bool            `json:"remove_keyboard"`
	}
	if len(markup) == 0 || json.Unmarshal(markup, &keyboard) != nil {
		return
	}

	switch {
	case keyboard.Keyboard != nil:
		in.Keyboard = markup
	case keyboard.Remove:
		in.Keyboard = nil
	default:
		return
	}

	s.event("chat", in.Key, s.chatView(in))
}

// sendOne sends a draft and answers with its message.
func (c *call) sendOne(d *draft) (any, error) {
	sent, err := c.send(d)
	if err != nil {
		return nil, err
	}

	return c.messageObject(c.bot.ID, d.chat, sent[0]), nil
}

func (c *call) sendMessage() (any, error) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}

	if err := d.content.setText(&c.params); err != nil {
		return nil, err
	}

	return c.sendOne(d)
}

// mediaFields are the parameters that carry the file of each kind.
var mediaFields = map[string]string{
	"sendPhoto": "photo", "sendAudio": "audio", "sendDocument": "document", "sendVideo": "video",
	"sendAnimation": "animation", "sendVoice": "voice", "sendVideoNote": "video_note", "sendSticker": "sticker",
}

func (c *call) sendMedia() (any, error) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}

	kind := mediaFields[c.method]
	if d.content.Media, err = c.mediaItem(&c.params, kind, kind); err != nil {
		return nil, err
	}

	if err := d.content.setCaption(&c.params); err != nil {
		return nil, err
	}

	return c.sendOne(d)
}

// mediaItem reads a file with what the parameters say about it.
func (c *call) mediaItem(p *params, field, kind string) (*mediaItem, error) {
	hint := file{
		Kind: kind, Duration: int(p.integer("duration", 0)), Width: int(p.integer("width", 0)),
		Height: int(p.integer("height", 0)), Title: p.str("title"), Performer: p.str("performer"), Emoji: p.str("emoji"),
	}

	if kind == "video_note" {
		hint.Width = int(p.integer("length", 240))
		hint.Height = hint.Width
	}

	if name, ok := strings.CutPrefix(p.str("thumbnail"), attachPrefix); ok {
		content, ok := p.uploads[name]
		if !ok {
			return nil, badRequest("file not found in the request: %s", name)
		}

		thumb, err := c.addFile(content, file{Kind: "thumbnail", MIME: "image/jpeg"})
		if err != nil {
			return nil, err
		}

		hint.Thumb = thumb.Key
	}

	f, err := c.inputFile(p, field, hint)
	if err != nil {
		return nil, err
	}

	return &mediaItem{Kind: kind, File: f.Key, Spoiler: p.flag("has_spoiler")}, nil
}

func (c *call) sendMediaGroup() (any, error) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}

	items := c.subs("media")
	if len(items) < 2 || len(items) > maxGroup {
		return nil, badRequest("wrong number of media in the request: must be 2-10")
	}

	drafts := make([]*draft, len(items))
	group := fmt.Sprint(c.world.next())
	families := map[string]bool{}

	for i, item := range items {
		one := *d
		kind := item.str("type")
		one.group = group

		if one.content.Media, err = c.mediaItem(&item, "media", kind); err != nil {
			return nil, err
		}

		if err := one.content.setCaption(&item); err != nil {
			return nil, err
		}

		if kind == "video" {
			kind = "photo"
		}

		families[kind] = true
		drafts[i] = &one
	}

	if len(families) > 1 {
		return nil, badRequest("documents and audios can't be mixed with other media types")
	}

	sent, err := c.send(drafts...)
	if err != nil {
		return nil, err
	}

	answer := make([]any, len(sent))
	for i, m := range sent {
		answer[i] = c.messageObject(c.bot.ID, d.chat, m)
	}

	return answer, nil
}

func (c *call) sendLocation() (any, error) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}

	d.content.Extra = object{"location": object{
		"latitude": c.values["latitude"], "longitude": c.values["longitude"],
	}}

	return c.sendOne(d)
}

func (c *call) sendContact() (any, error) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}

	contact := object{"phone_number": c.str("phone_number"), "first_name": c.str("first_name")}
	set(contact, "last_name", c.str("last_name"))
	d.content.Extra = object{"contact": contact}

	return c.sendOne(d)
}

// chatActions are the actions that Telegram knows.
var chatActions = map[string]bool{
	"typing": true, "upload_photo": true, "record_video": true, "upload_video": true, "record_voice": true,
	"upload_voice": true, "upload_document": true, "choose_sticker": true, "find_location": true,
	"record_video_note": true, "upload_video_note": true,
}

func (c *call) sendChatAction() (any, error) {
	to, err := c.targetChat()
	if err != nil {
		return nil, err
	}

	if !chatActions[c.str("action")] {
		return nil, badRequest("wrong parameter action in request")
	}

	c.event("action", to.Key, object{"bot": c.bot.ID, "action": c.str("action")})

	return true, nil
}

// repeatMessage copies or forwards one message.
func (c *call) repeatMessage() (any, error) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}

	if err := c.repeat(d, c.integer("message_id", 0)); err != nil {
		return nil, err
	}

	if c.method == "forwardMessage" {
		return c.sendOne(d)
	}

	if c.has("caption") {
		if err := d.content.setCaption(&c.params); err != nil {
			return nil, err
		}
	}

	sent, err := c.send(d)
	if err != nil {
		return nil, err
	}

	return object{"message_id": sent[0].ID}, nil
}

func (c *call) repeatMessages() (any, error) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}

	var drafts []*draft

	groups := map[string]string{}

	for _, id := range c.integers("message_ids") {
		one := *d
		if c.repeat(&one, id) != nil {
			continue // Telegram leaves out the messages that it cannot repeat.
		}

		if one.group != "" {
			if groups[one.group] == "" {
				groups[one.group] = fmt.Sprint(c.world.next())
			}

			one.group = groups[one.group]
		}

		drafts = append(drafts, &one)
	}

	if len(drafts) == 0 {
		return nil, badRequest("there are no messages to %s", strings.TrimSuffix(c.method, "Messages"))
	}

	sent, err := c.send(drafts...)
	if err != nil {
		return nil, err
	}

	answer := make([]any, len(sent))
	for i, m := range sent {
		answer[i] = object{"message_id": m.ID}
	}

	return answer, nil
}

// repeat fills a draft with the content of another message.
func (c *call) repeat(d *draft, id int64) error {
	verb, done := "copy", "copied"
	if strings.HasPrefix(c.method, "forward") {
		verb, done = "forward", "forwarded"
	}

	from, err := c.knownChat("from_chat_id")
	if err != nil {
		return err
	}

	source := from.find(id)

	switch {
	case source == nil:
		return badRequest("message to %s not found", verb)
	case source.Content.ServiceFor != "", source.Content.Payment != nil, source.Content.Invoice != "" && verb == "copy":
		return badRequest("the message can't be %s", done)
	case source.Protected:
		return badRequest("the message has protected content and can't be forwarded")
	}

	markup := d.content.Markup
	d.content = source.Content
	d.content.Markup = markup
	d.group = source.Group

	if verb == "forward" {
		d.forward = c.origin(source)
	}

	return nil
}

// origin is the MessageOrigin of a forwarded message.
func (s *Server) origin(m *message) object {
	if m.Forward != nil {
		return m.Forward
	}

	return object{"type": "user", "date": m.Date, "sender_user": s.world.userOrBot(m.From)}
}

// view is a message as the people see it.
func (s *Server) view(in *chat, m *message) control.Message {
	v := control.Message{
		ID: m.ID, Seq: m.Seq, ChatKey: in.Key, From: m.From, FromBot: s.world.Bots[m.From] != nil, Date: m.Date,
		EditDate: m.EditDate, Deleted: m.Deleted, Pinned: m.Pinned, MediaGroupID: m.Group, ReplyTo: m.ReplyTo,
		Protected: m.Protected, Reactions: m.Reactions, Kind: m.Content.kind(), Text: m.Content.Text,
		File: s.fileView(m.Content.Media), Buttons: buttons(m.Content.Markup),
	}

	for _, e := range m.Content.Entities {
		v.Entities = append(v.Entities, control.Entity(e))
	}

	if m.Forward != nil {
		v.ForwardFrom = originName(m.Forward)
	}

	if bill := s.world.Invoices[m.Content.Invoice]; bill != nil {
		v.Invoice = &control.Invoice{
			Title: bill.Title, Description: bill.Description, Currency: bill.Currency, Total: bill.total(),
			PhotoURL: bill.PhotoURL,
		}
	}

	if paid := m.Content.Payment; paid != nil {
		v.Payment = &control.Payment{
			Currency: paid.Currency, Total: paid.Total, Payload: paid.Payload, ChargeID: paid.ChargeID, Refunded: paid.Refunded,
		}
	}

	for name, value := range m.Content.Extra {
		raw, err := json.Marshal(value)
		if err != nil {
			panic("telegram: content cannot be written as JSON: " + err.Error())
		}

		if v.Raw == nil {
			v.Raw = map[string]json.RawMessage{}
		}

		v.Raw[name] = raw
	}

	for _, old := range m.History {
		v.History = append(v.History, control.Revision{
			Seq: old.Seq, Date: old.Date, Text: old.Content.Text, File: s.fileView(old.Content.Media),
			Buttons: buttons(old.Content.Markup),
		})
	}

	return v
}

func originName(origin object) string {
	sender, _ := origin["sender_user"].(object)
	name, _ := sender["first_name"].(string)

	return name
}

func (s *Server) fileView(item *mediaItem) *control.File {
	if item == nil {
		return nil
	}

	f := s.world.Files[item.File]
	v := &control.File{
		Kind: item.Kind, UniqueID: uniqueID(f), URL: "/control/files/" + f.Key, Name: f.Name, MIME: f.MIME, Size: f.Size,
		Duration: f.Duration, Width: f.Width, Height: f.Height, Title: f.Title, Performer: f.Performer, Spoiler: item.Spoiler,
	}

	if f.Thumb != "" {
		v.ThumbURL = "/control/files/" + f.Thumb
	}

	return v
}

// buttons returns the inline keyboard in a markup.
func buttons(markup json.RawMessage) [][]control.Button {
	var keyboard struct {
		Inline [][]control.Button `json:"inline_keyboard"`
	}
	if len(markup) == 0 || json.Unmarshal(markup, &keyboard) != nil {
		return nil
	}

	return keyboard.Inline
}
