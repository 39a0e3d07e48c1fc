package telegram

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/localstack/telegram/entity"
)

// controlError is an error answer of the control API.
type controlError struct {
	Status int
	Text   string
}

func (e *controlError) Error() string { return e.Text }

func refuse(status int, format string, args ...any) error {
	return &controlError{Status: status, Text: fmt.Sprintf(format, args...)}
}

// The ids of people and bots that name none start here.
const (
	firstUserID  = 1_000_000
	firstBotID   = 7_000_000_000
	firstGroupID = -1_001_000_000_000
	newStars     = 1000
)

// addUser creates a person or changes the one with the same id.
func (s *Server) addUser(wanted control.User) (control.User, error) {
	if wanted.FirstName == "" {
		return control.User{}, refuse(http.StatusBadRequest, "first_name is missing")
	}

	if wanted.ID == 0 {
		wanted.ID = firstUserID + s.world.next()
	}

	if wanted.ID < 0 || s.world.Bots[wanted.ID] != nil {
		return control.User{}, refuse(http.StatusConflict, "id %d is negative or belongs to a bot; choose another", wanted.ID)
	}

	known := s.world.Users[wanted.ID]
	if known == nil {
		known = &user{}
		s.world.Users[wanted.ID] = known

		if wanted.Stars == 0 {
			wanted.Stars = newStars
		}
	}

	known.User = wanted
	s.event("user", "", known.User)

	return known.User, nil
}

// addBot registers a bot or changes the one with the same id. The token names
// the id; without a token one is made.
func (s *Server) addBot(wanted control.Bot) (control.Bot, error) {
	if wanted.Token == "" {
		if wanted.ID == 0 {
			wanted.ID = firstBotID + s.world.next()
		}

		wanted.Token = fmt.Sprintf("%d:%s", wanted.ID, "AA"+rand.Text()+rand.Text()[:7])
	}

	head, secret, ok := strings.Cut(wanted.Token, ":")

	id, number := parseID(head)
	if !ok || !number || id <= 0 || secret == "" || wanted.ID != 0 && wanted.ID != id {
		return control.Bot{}, refuse(http.StatusBadRequest, "the token must be <id>:<secret>, with the id of the bot")
	}

	if s.world.Users[id] != nil {
		return control.Bot{}, refuse(http.StatusConflict, "id %d belongs to a person; choose another", id)
	}

	known := s.world.Bots[id]
	if known == nil {
		known = &bot{ID: id, LastUpdate: 100_000_000 + id%1_000_000}
		s.world.Bots[id] = known
	}

	known.Token = wanted.Token

	known.Username = wanted.Username
	if known.Username == "" {
		known.Username = fmt.Sprintf("bot%d_bot", id)
	}

	known.FirstName = wanted.FirstName
	if known.FirstName == "" {
		known.FirstName = known.Username
	}

	view := s.botView(known)
	s.event("bot", "", view)

	return view, nil
}

// groupRequest asks for a group or channel with the people and bots in it.
type groupRequest struct {
	ID       int64            `json:"id"`
	Type     string           `json:"type"`
	Title    string           `json:"title"`
	Username string           `json:"username"`
	Members  map[int64]string `json:"members"`
}

func (s *Server) addGroup(wanted groupRequest) (control.Chat, error) {
	if wanted.Type == "" {
		wanted.Type = "supergroup"
	}

	if !slices.Contains([]string{"group", "supergroup", "channel"}, wanted.Type) || wanted.Title == "" {
		return control.Chat{}, refuse(http.StatusBadRequest, "want a title and the type group, supergroup or channel")
	}

	if wanted.ID == 0 {
		wanted.ID = firstGroupID - s.world.next()
	}

	key := fmt.Sprint(wanted.ID)
	if wanted.ID > 0 || s.world.Chats[key] != nil {
		return control.Chat{}, refuse(http.StatusConflict, "chat id %d is positive or taken", wanted.ID)
	}

	in := &chat{
		Key: key, ID: wanted.ID, Type: wanted.Type, Title: wanted.Title, Username: wanted.Username,
		Started: true, Members: map[int64]*member{},
	}
	s.world.Chats[key] = in

	for _, id := range slices.Sorted(maps.Keys(wanted.Members)) {
		if s.world.Users[id] == nil && s.world.Bots[id] == nil {
			delete(s.world.Chats, key)

			return control.Chat{}, refuse(http.StatusNotFound, "member %d is nobody; create them first", id)
		}

		s.setMember(in, id, &member{Status: wanted.Members[id]}, id)
	}

	view := s.chatView(in)
	s.event("chat", key, view)

	return view, nil
}

// actor finds the person of a request and the chat as that person names it:
// the id of a bot, or the negative id of a group.
func (s *Server) actor(userID, chatID int64) (*user, *chat, error) {
	who := s.world.Users[userID]
	if who == nil {
		return nil, nil, refuse(http.StatusNotFound, "user %d does not exist; create them first", userID)
	}

	if chatID < 0 {
		in := s.world.Chats[fmt.Sprint(chatID)]
		if in == nil || !in.Members[userID].in() {
			return nil, nil, refuse(http.StatusNotFound, "user %d is not in a chat %d", userID, chatID)
		}

		return who, in, nil
	}

	if s.world.Bots[chatID] == nil {
		return nil, nil, refuse(http.StatusNotFound, "bot %d does not exist; create it first", chatID)
	}

	key := privateKey(chatID, userID)

	in := s.world.Chats[key]
	if in == nil {
		in = &chat{Key: key, ID: userID, Type: "private", Bot: chatID, User: userID}
		s.world.Chats[key] = in
	}

	return who, in, nil
}

// say posts a message of a person and tells the bots.
func (s *Server) say(who *user, in *chat, d *draft) (control.Message, error) {
	if in.Blocked {
		return control.Message{}, refuse(http.StatusConflict, "user %d blocked the bot; unblock it first", who.ID)
	}

	if in.Type == "channel" && in.Members[who.ID].Status == "member" {
		return control.Message{}, refuse(http.StatusForbidden, "only administrators write in a channel")
	}

	if d.replyTo != 0 && in.find(d.replyTo) == nil {
		return control.Message{}, refuse(http.StatusNotFound, "there is no message %d to reply to", d.replyTo)
	}

	if in.private() && !in.Started {
		in.Started = true
		s.event("chat", in.Key, s.chatView(in))
	}

	m := s.post(in, who.ID, d)
	s.userMessage(in, m, "message")

	return s.view(in, m), nil
}

// sayText posts a text; one that is too long is cut into several messages, as
// Telegram's apps do, and the last is returned.
func (s *Server) sayText(who *user, in *chat, text string, replyTo int64) (control.Message, error) {
	plain, entities, err := entity.Parse("", text)
	if err != nil || plain == "" {
		return control.Message{}, refuse(http.StatusBadRequest, "the text is empty")
	}

	if entity.Units(plain) > maxText {
		runes := []rune(plain)
		cut := min(len(runes)/2, maxText/2)

		if _, err := s.sayText(who, in, string(runes[:cut]), replyTo); err != nil {
			return control.Message{}, err
		}

		return s.sayText(who, in, string(runes[cut:]), 0)
	}

	if in.private() {
		s.useOnce(in)
	}

	return s.say(who, in, &draft{content: content{Text: plain, Entities: entities}, replyTo: replyTo})
}

// useOnce hides a reply keyboard that is for one use.
func (s *Server) useOnce(in *chat) {
	if strings.Contains(string(in.Keyboard), `"one_time_keyboard":true`) {
		in.Keyboard = nil
		s.event("chat", in.Key, s.chatView(in))
	}
}

func (s *Server) botView(b *bot) control.Bot {
	hook := b.Webhook.Webhook
	hook.Pending = len(b.Updates)
	view := control.Bot{
		ID: b.ID, Token: b.Token, FirstName: b.FirstName, Username: b.Username, Stars: b.Stars, Webhook: hook,
		Description: b.text("description", ""), ShortDescription: b.text("short_description", ""),
		Commands: b.commandsFor(&user{}), MenuButton: b.Menus[0],
	}

	if name := b.text("name", ""); name != "" {
		view.FirstName = name
	}

	return view
}

func (s *Server) chatView(c *chat) control.Chat {
	view := control.Chat{
		Key: c.Key, Type: c.Type, Bot: c.Bot, User: c.User, Title: c.Title, Started: c.Started, Blocked: c.Blocked,
		Keyboard: c.Keyboard,
	}

	for _, m := range slices.Backward(c.Messages) {
		if !m.Deleted {
			view.LastText, view.LastDate = cmp.Or(m.Content.Text, m.Content.kind()), m.Date

			break
		}
	}

	if !c.private() {
		view.ID = c.ID

		for _, id := range slices.Sorted(maps.Keys(c.Members)) {
			if c.Members[id].in() {
				view.Members = append(view.Members, id)
			}
		}
	}

	return view
}
