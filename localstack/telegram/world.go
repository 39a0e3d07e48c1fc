package telegram

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/localstack/telegram/entity"
)

// object is a JSON object as the Bot API writes it.
type object = map[string]any

// world is everything that outlives a restart.
type world struct {
	Seq      int64                 `json:"seq"`
	Users    map[int64]*user       `json:"users"`
	Bots     map[int64]*bot        `json:"bots"`
	Chats    map[string]*chat      `json:"chats"`
	Files    map[string]*file      `json:"files"`
	Invoices map[string]*invoice   `json:"invoices"`
	Serial   int64                 `json:"serial"`
	Charges  map[string]*charge    `json:"charges"`
	Paths    map[string]*sharedRef `json:"paths"`
	// FileDC is the data centre in which the files are; 0 is the first.
	FileDC int `json:"file_dc,omitempty"`
	// References counts how often the references of files have expired.
	References int64 `json:"references,omitempty"`
}

func newWorld() *world {
	return &world{
		Users: map[int64]*user{}, Bots: map[int64]*bot{}, Chats: map[string]*chat{}, Files: map[string]*file{},
		Invoices: map[string]*invoice{}, Charges: map[string]*charge{}, Paths: map[string]*sharedRef{},
	}
}

// next returns a number that was never returned before.
func (w *world) next() int64 {
	w.Serial++

	return w.Serial
}

type user struct {
	control.User
}

func (u *user) object() object {
	o := object{"id": u.ID, "is_bot": false, "first_name": u.FirstName}
	set(o, "last_name", u.LastName)
	set(o, "username", u.Username)
	set(o, "language_code", u.LanguageCode)
	set(o, "is_premium", u.IsPremium)

	return o
}

// bot is a registered bot with its settings and its updates.
type bot struct {
	ID        int64  `json:"id"`
	Token     string `json:"token"`
	FirstName string `json:"first_name"`
	Username  string `json:"username"`

	// Texts and Commands are kept by scope and language, see settings.go.
	Texts    map[string]string            `json:"texts,omitempty"`
	Commands map[string][]control.Command `json:"commands,omitempty"`
	Menus    map[int64]json.RawMessage    `json:"menus,omitempty"`

	LastMessage int64         `json:"last_message"`
	LastUpdate  int64         `json:"last_update"`
	Updates     []*update     `json:"updates,omitempty"`
	Allowed     []string      `json:"allowed,omitempty"`
	Webhook     webhook       `json:"webhook"`
	Stars       int64         `json:"stars"`
	Ledger      []transaction `json:"ledger,omitempty"`

	// recent holds the updates that were taken lately, to send them again.
	recent []*update
}

func (b *bot) object() object {
	return object{"id": b.ID, "is_bot": true, "first_name": b.FirstName, "username": b.Username}
}

type update struct {
	ID   int64           `json:"id"`
	Kind string          `json:"kind"`
	Chat string          `json:"chat"`
	Date int64           `json:"date"`
	Body json.RawMessage `json:"body"`
}

type webhook struct {
	control.Webhook

	Secret string `json:"secret,omitempty"`
	IP     string `json:"ip,omitempty"`
}

// chat is a private chat of a bot with a user, or a group or channel.
type chat struct {
	Key      string             `json:"key"`
	Type     string             `json:"type"`
	Bot      int64              `json:"bot,omitempty"`
	User     int64              `json:"user,omitempty"`
	ID       int64              `json:"id"`
	Title    string             `json:"title,omitempty"`
	Username string             `json:"username,omitempty"`
	Members  map[int64]*member  `json:"members,omitempty"`
	Started  bool               `json:"started,omitempty"`
	Blocked  bool               `json:"blocked,omitempty"`
	Keyboard json.RawMessage    `json:"keyboard,omitempty"`
	Last     int64              `json:"last,omitempty"`
	Messages []*message         `json:"messages,omitempty"`
	byID     map[int64]*message `json:"-"`
}

// member is how somebody belongs to a group: a status as ChatMember has it.
type member struct {
	Status string `json:"status"`
	Until  int64  `json:"until,omitempty"`
}

func (m *member) in() bool {
	return m != nil && (m.Status == "member" || m.Status == "administrator" || m.Status == "creator")
}

func privateKey(botID, userID int64) string { return fmt.Sprintf("%d:%d", botID, userID) }

func (c *chat) private() bool { return c.Type == "private" }

func (c *chat) find(id int64) *message {
	m := c.byID[id]
	if m == nil || m.Deleted {
		return nil
	}

	return m
}

func (c *chat) add(m *message) {
	if c.byID == nil {
		c.byID = map[int64]*message{}
	}

	c.Messages = append(c.Messages, m)
	c.byID[m.ID] = m
}

// message is a message with its present content and its former ones.
type message struct {
	ID        int64            `json:"id"`
	Seq       int64            `json:"seq"`
	From      int64            `json:"from"`
	Date      int64            `json:"date"`
	EditDate  int64            `json:"edit_date,omitempty"`
	Deleted   bool             `json:"deleted,omitempty"`
	Pinned    bool             `json:"pinned,omitempty"`
	Group     string           `json:"group,omitempty"`
	ReplyTo   int64            `json:"reply_to,omitempty"`
	Forward   object           `json:"forward,omitempty"`
	Protected bool             `json:"protected,omitempty"`
	Reactions map[int64]string `json:"reactions,omitempty"`
	Content   content          `json:"content"`
	History   []revision       `json:"history,omitempty"`
}

type revision struct {
	Seq     int64   `json:"seq"`
	Date    int64   `json:"date"`
	Content content `json:"content"`
}

// content is what an edit can change, and what a copy takes along.
type content struct {
	// Text is the text, or the caption if there is media.
	Text       string          `json:"text,omitempty"`
	Entities   []entity.Entity `json:"entities,omitempty"`
	Media      *mediaItem      `json:"media,omitempty"`
	Above      bool            `json:"above,omitempty"`
	Markup     json.RawMessage `json:"markup,omitempty"`
	Invoice    string          `json:"invoice,omitempty"`
	Payment    *payment        `json:"payment,omitempty"`
	Extra      object          `json:"extra,omitempty"`
	Preview    json.RawMessage `json:"preview,omitempty"`
	ServiceFor string          `json:"service,omitempty"`
}

func (c *content) kind() string {
	switch {
	case c.Media != nil:
		return c.Media.Kind
	case c.Invoice != "":
		return "invoice"
	case c.Payment != nil:
		return "payment"
	case c.ServiceFor != "":
		return "service"
	case c.Extra["contact"] != nil:
		return "contact"
	case c.Extra["location"] != nil:
		return "location"
	default:
		return "text"
	}
}

// mediaItem is a file as one message shows it.
type mediaItem struct {
	Kind    string `json:"kind"`
	File    string `json:"file"`
	Spoiler bool   `json:"spoiler,omitempty"`
}

// file is a content with a kind and a name: what a file_id stands for.
type file struct {
	Key       string `json:"key"`
	Hash      string `json:"hash"`
	Kind      string `json:"kind"`
	Name      string `json:"name,omitempty"`
	MIME      string `json:"mime,omitempty"`
	Size      int64  `json:"size"`
	Duration  int    `json:"duration,omitempty"`
	Width     int    `json:"width,omitempty"`
	Height    int    `json:"height,omitempty"`
	Title     string `json:"title,omitempty"`
	Performer string `json:"performer,omitempty"`
	Thumb     string `json:"thumb,omitempty"`
	// Emoji is set for stickers.
	Emoji string `json:"emoji,omitempty"`
}

// sharedRef is a path that getFile gave out.
type sharedRef struct {
	Bot   int64  `json:"bot"`
	File  string `json:"file"`
	Until int64  `json:"until"`
}

// userOrBot returns the User object of either.
func (w *world) userOrBot(id int64) object {
	if u := w.Users[id]; u != nil {
		return u.object()
	}

	if b := w.Bots[id]; b != nil {
		return b.object()
	}

	return object{"id": id, "is_bot": false, "first_name": ""}
}

// chatObject returns the Chat object.
func (w *world) chatObject(c *chat) object {
	if !c.private() {
		o := object{"id": c.ID, "type": c.Type, "title": c.Title}
		set(o, "username", c.Username)

		return o
	}

	o := object{"id": c.User, "type": "private"}

	if u := w.Users[c.User]; u != nil {
		set(o, "first_name", u.FirstName)
		set(o, "last_name", u.LastName)
		set(o, "username", u.Username)
	}

	return o
}

// botsIn returns the bots that belong to a chat, in order.
func (w *world) botsIn(c *chat) []*bot {
	if c.private() {
		if b := w.Bots[c.Bot]; b != nil {
			return []*bot{b}
		}

		return nil
	}

	var bots []*bot

	for id, m := range c.Members {
		if b := w.Bots[id]; b != nil && m.in() {
			bots = append(bots, b)
		}
	}

	slices.SortFunc(bots, func(a, b *bot) int { return int(a.ID - b.ID) })

	return bots
}

// nextMessageID counts per bot in private chats, as an account of Telegram
// does, and per chat in groups.
func (w *world) nextMessageID(c *chat) int64 {
	if b := w.Bots[c.Bot]; c.private() && b != nil {
		b.LastMessage++

		return b.LastMessage
	}

	c.Last++

	return c.Last
}

// set adds a field unless the value is zero.
func set[T comparable](o object, name string, value T) {
	var zero T
	if value != zero {
		o[name] = value
	}
}

func parseID(text string) (int64, bool) {
	id, err := strconv.ParseInt(text, 10, 64)

	return id, err == nil
}
