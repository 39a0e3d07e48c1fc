package telegram

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/localstack/telegram/entity"
)

func (s *Server) controlRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /control/state", s.serveState)
	mux.HandleFunc("POST /control/users", act(s, s.controlUser))
	mux.HandleFunc("POST /control/crowd", act(s, s.controlCrowd))
	mux.HandleFunc("POST /control/reach", act(s, s.controlReach))
	mux.HandleFunc("POST /control/bots", act(s, s.controlBot))
	mux.HandleFunc("DELETE /control/bots/{id}", s.serveRemoveBot)
	mux.HandleFunc("POST /control/groups", act(s, s.controlGroup))
	mux.HandleFunc("POST /control/start", act(s, s.controlStart))
	mux.HandleFunc("POST /control/text", act(s, s.controlText))
	mux.HandleFunc("POST /control/file", s.serveSendFile)
	mux.HandleFunc("POST /control/contact", act(s, s.controlContact))
	mux.HandleFunc("POST /control/location", act(s, s.controlLocation))
	mux.HandleFunc("POST /control/forward", act(s, s.controlForward))
	mux.HandleFunc("POST /control/edit", act(s, s.controlEdit))
	mux.HandleFunc("POST /control/delete", act(s, s.controlDelete))
	mux.HandleFunc("POST /control/react", act(s, s.controlReact))
	mux.HandleFunc("POST /control/press", act(s, s.controlPress))
	mux.HandleFunc("POST /control/pay", act(s, s.controlPay))
	mux.HandleFunc("POST /control/block", act(s, s.controlBlock))
	mux.HandleFunc("POST /control/member", act(s, s.controlMember))
	mux.HandleFunc("POST /control/webapp", act(s, s.controlWebApp))
	mux.HandleFunc("GET /control/messages", s.serveMessages)
	mux.HandleFunc("GET /control/commands", s.serveCommands)
	mux.HandleFunc("GET /control/wait", s.serveWait)
	mux.HandleFunc("GET /control/calls", s.serveCalls)
	mux.HandleFunc("GET /control/answers", s.serveAnswers)
	mux.HandleFunc("GET /control/events", s.serveEvents)
	mux.HandleFunc("GET /control/files/{key}", s.serveOwnFile)
	mux.HandleFunc("POST /control/faults", act(s, s.controlFault))
	mux.HandleFunc("DELETE /control/faults", s.serveClearFaults)
	mux.HandleFunc("POST /control/limits", act(s, s.controlLimits))
	mux.HandleFunc("POST /control/updates", act(s, s.controlUpdates))
	mux.HandleFunc("POST /control/clock", act(s, s.controlClock))
	mux.HandleFunc("POST /control/reset", act(s, s.controlReset))
	mux.HandleFunc("POST /control/mtproto", act(s, s.controlMTProto))
}

// act makes a handler of a function that gets a JSON request under the lock.
func act[Request, Answer any](s *Server, do func(context.Context, Request) (Answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request Request

		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestExtra))
		decoder.DisallowUnknownFields()

		if err := decoder.Decode(&request); err != nil && !errors.Is(err, io.EOF) {
			writeControl(w, nil, refuse(http.StatusBadRequest, "the request cannot be read as JSON: %v", err))

			return
		}

		s.mu.Lock()
		answer, err := do(r.Context(), request)
		s.mu.Unlock()

		writeControl(w, answer, err)
	}
}

func writeControl(w http.ResponseWriter, answer any, err error) {
	status := http.StatusOK

	if err != nil {
		status = http.StatusInternalServerError

		if known, ok := errors.AsType[*controlError](err); ok {
			status = known.Status
		}

		if _, ok := errors.AsType[*apiError](err); ok {
			status = http.StatusBadRequest
		}

		answer = object{"error": err.Error()}
	}

	body := rawJSON(answer)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)

	if _, err := w.Write(body); err != nil {
		panic(http.ErrAbortHandler) // The caller is gone.
	}
}

func (s *Server) serveState(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	state := control.State{
		Seq: s.world.Seq, Now: s.now().UnixMilli(), Limits: s.limits,
		Users: []control.User{}, Bots: []control.Bot{}, Chats: []control.Chat{}, Faults: []control.Fault{},
	}

	for _, id := range slices.Sorted(maps.Keys(s.world.Users)) {
		state.Users = append(state.Users, s.world.Users[id].User)
	}

	for _, id := range slices.Sorted(maps.Keys(s.world.Bots)) {
		state.Bots = append(state.Bots, s.botView(s.world.Bots[id]))
	}

	for _, key := range slices.Sorted(maps.Keys(s.world.Chats)) {
		state.Chats = append(state.Chats, s.chatView(s.world.Chats[key]))
	}

	for _, fault := range s.faults {
		state.Faults = append(state.Faults, *fault)
	}
	s.mu.Unlock()

	writeControl(w, state, nil)
}

func (s *Server) controlUser(_ context.Context, r control.User) (control.User, error) {
	return s.addUser(r)
}

func (s *Server) controlBot(_ context.Context, r control.Bot) (control.Bot, error) {
	return s.addBot(r)
}

func (s *Server) controlGroup(_ context.Context, r groupRequest) (control.Chat, error) {
	return s.addGroup(r)
}

func (s *Server) serveRemoveBot(w http.ResponseWriter, r *http.Request) {
	id, _ := parseID(r.PathValue("id"))

	s.mu.Lock()
	defer s.mu.Unlock()

	if s.world.Bots[id] == nil {
		writeControl(w, nil, refuse(http.StatusNotFound, "bot %s does not exist", r.PathValue("id")))

		return
	}

	s.stopPusher(id)
	delete(s.world.Bots, id)

	for key, in := range s.world.Chats {
		if in.Bot == id {
			delete(s.world.Chats, key)
		}

		delete(in.Members, id)
	}

	s.event("reset", "", object{})
	writeControl(w, object{"ok": true}, nil)
}

// place is where a request acts: who, and in which chat as they name it.
type place struct {
	User int64 `json:"user"`
	Chat int64 `json:"chat"`
}

func (s *Server) controlStart(_ context.Context, r struct {
	place

	Parameter string `json:"parameter"`
},
) (control.Message, error) {
	who, in, err := s.actor(r.User, r.Chat)
	if err != nil {
		return control.Message{}, err
	}

	if in.private() {
		s.blockBot(in, false)
	}

	return s.sayText(who, in, strings.TrimSpace("/start "+r.Parameter), 0)
}

func (s *Server) controlText(_ context.Context, r struct {
	place

	Text    string `json:"text"`
	ReplyTo int64  `json:"reply_to"`
},
) (control.Message, error) {
	who, in, err := s.actor(r.User, r.Chat)
	if err != nil {
		return control.Message{}, err
	}

	return s.sayText(who, in, r.Text, r.ReplyTo)
}

func (s *Server) controlContact(_ context.Context, r struct {
	place

	Phone string `json:"phone_number"`
},
) (control.Message, error) {
	who, in, err := s.actor(r.User, r.Chat)
	if err != nil {
		return control.Message{}, err
	}

	contact := object{"phone_number": r.Phone, "first_name": who.FirstName, "user_id": who.ID}

	return s.say(who, in, &draft{content: content{Extra: object{"contact": contact}}})
}

func (s *Server) controlLocation(_ context.Context, r struct {
	place

	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
},
) (control.Message, error) {
	who, in, err := s.actor(r.User, r.Chat)
	if err != nil {
		return control.Message{}, err
	}

	location := object{"latitude": r.Latitude, "longitude": r.Longitude}

	return s.say(who, in, &draft{content: content{Extra: object{"location": location}}})
}

// target finds a message in the chat of a request.
func (s *Server) target(p place, id int64) (*user, *chat, *message, error) {
	who, in, err := s.actor(p.User, p.Chat)
	if err != nil {
		return nil, nil, nil, err
	}

	m := in.find(id)
	if m == nil {
		return nil, nil, nil, refuse(http.StatusNotFound, "there is no message %d in the chat", id)
	}

	return who, in, m, nil
}

func (s *Server) controlForward(_ context.Context, r struct {
	place

	FromChat  int64 `json:"from_chat"`
	MessageID int64 `json:"message_id"`
},
) (control.Message, error) {
	_, _, source, err := s.target(place{User: r.User, Chat: cmp.Or(r.FromChat, r.Chat)}, r.MessageID)
	if err != nil {
		return control.Message{}, err
	}

	if source.Protected {
		return control.Message{}, refuse(http.StatusForbidden, "message %d is protected", r.MessageID)
	}

	who, in, err := s.actor(r.User, r.Chat)
	if err != nil {
		return control.Message{}, err
	}

	copied := source.Content
	copied.Markup = nil

	return s.say(who, in, &draft{content: copied, forward: s.origin(source)})
}

func (s *Server) controlEdit(_ context.Context, r struct {
	place

	MessageID int64  `json:"message_id"`
	Text      string `json:"text"`
},
) (control.Message, error) {
	who, in, m, err := s.target(r.place, r.MessageID)
	if err != nil {
		return control.Message{}, err
	}

	if m.From != who.ID {
		return control.Message{}, refuse(http.StatusForbidden, "message %d is of somebody else", r.MessageID)
	}

	changed := m.Content

	changed.Text, changed.Entities, err = entity.Parse("", r.Text)
	if err != nil || changed.Text == "" && changed.Media == nil {
		return control.Message{}, refuse(http.StatusBadRequest, "the text is empty")
	}

	s.revise(in, m, changed)
	s.userMessage(in, m, "edited_message")

	return s.view(in, m), nil
}

func (s *Server) controlDelete(_ context.Context, r struct {
	place

	MessageID int64 `json:"message_id"`
},
) (control.Message, error) {
	_, in, m, err := s.target(r.place, r.MessageID)
	if err != nil {
		return control.Message{}, err
	}

	m.Deleted = true
	s.changedMessage(in, m)

	return s.view(in, m), nil
}

func (s *Server) controlReact(_ context.Context, r struct {
	place

	MessageID int64  `json:"message_id"`
	Emoji     string `json:"emoji"`
},
) (control.Message, error) {
	who, in, m, err := s.target(r.place, r.MessageID)
	if err != nil {
		return control.Message{}, err
	}

	before := reactionList(m.Reactions[who.ID])
	s.react(in, m, who.ID, r.Emoji)

	for _, b := range s.world.botsIn(in) {
		s.push(b, in.Key, "message_reaction", object{
			"chat": s.world.chatObject(in), "message_id": m.ID, "user": who.object(), "date": s.now().Unix(),
			"old_reaction": before, "new_reaction": reactionList(r.Emoji),
		})
	}

	return s.view(in, m), nil
}

func reactionList(emoji string) []any {
	if emoji == "" {
		return []any{}
	}

	return []any{object{"type": "emoji", "emoji": emoji}}
}

// controlPress presses a button, named by its data, its text, or its place.
func (s *Server) controlPress(ctx context.Context, r struct {
	place

	MessageID int64  `json:"message_id"`
	Data      string `json:"data"`
	Text      string `json:"text"`
	Row       int    `json:"row"`
	Column    int    `json:"column"`
	WaitMS    int    `json:"wait_ms"`
},
) (control.Answer, error) {
	who, in, m, err := s.target(r.place, r.MessageID)
	if err != nil {
		return control.Answer{}, err
	}

	for y, row := range buttons(m.Content.Markup) {
		for x, button := range row {
			byPlace := r.Data == "" && r.Text == "" && y == r.Row && x == r.Column
			byData := r.Data != "" && button.CallbackData == r.Data
			byText := r.Text != "" && strings.Contains(button.Text, r.Text)

			if !byPlace && !byData && !byText {
				continue
			}

			if button.CallbackData == "" {
				return control.Answer{URL: button.URL, Answered: true}, nil
			}

			return s.press(ctx, in, m, who, button.CallbackData, time.Duration(r.WaitMS)*time.Millisecond), nil
		}
	}

	return control.Answer{}, refuse(http.StatusNotFound, "message %d has no such button now", m.ID)
}

// controlPay pays the invoice in a message or behind a link.
func (s *Server) controlPay(ctx context.Context, r struct {
	place

	MessageID int64  `json:"message_id"`
	Link      string `json:"link"`
},
) (control.PayResult, error) {
	who, in, err := s.actor(r.User, r.Chat)
	if err != nil {
		return control.PayResult{}, err
	}

	_, slug, _ := strings.Cut(r.Link, "$")
	if m := in.find(r.MessageID); m != nil && slug == "" {
		slug = m.Content.Invoice
	}

	bill := s.world.Invoices[slug]
	if bill == nil || s.world.Bots[bill.Bot] == nil {
		return control.PayResult{}, refuse(http.StatusNotFound, "there is no invoice in message %d or behind %q", r.MessageID, r.Link)
	}

	return s.pay(ctx, in, who, bill)
}

func (s *Server) controlBlock(_ context.Context, r struct {
	place

	Blocked bool `json:"blocked"`
},
) (control.Chat, error) {
	_, in, err := s.actor(r.User, r.Chat)
	if err != nil {
		return control.Chat{}, err
	}

	if !in.private() {
		return control.Chat{}, refuse(http.StatusBadRequest, "chat %d is not private", r.Chat)
	}

	s.blockBot(in, r.Blocked)

	return s.chatView(in), nil
}

// controlMember changes how somebody belongs to a group.
func (s *Server) controlMember(_ context.Context, r struct {
	Chat   int64  `json:"chat"`
	Member int64  `json:"member"`
	Status string `json:"status"`
},
) (control.Chat, error) {
	in := s.world.Chats[fmt.Sprint(r.Chat)]

	switch {
	case in == nil || r.Chat > 0:
		return control.Chat{}, refuse(http.StatusNotFound, "there is no group %d", r.Chat)
	case s.world.Users[r.Member] == nil && s.world.Bots[r.Member] == nil:
		return control.Chat{}, refuse(http.StatusNotFound, "member %d is nobody; create them first", r.Member)
	case !slices.Contains([]string{"creator", "administrator", "member", "left", "kicked"}, r.Status):
		return control.Chat{}, refuse(http.StatusBadRequest, "status %q is none of creator, administrator, member, left, kicked", r.Status)
	}

	s.setMember(in, r.Member, &member{Status: r.Status}, r.Member)

	return s.chatView(in), nil
}

// sentFile is what a request to send a file says of it.
type sentFile struct {
	place

	Kind      string `json:"kind"`
	Path      string `json:"path"`
	Name      string `json:"name"`
	MIME      string `json:"mime_type"`
	Caption   string `json:"caption"`
	Title     string `json:"title"`
	Performer string `json:"performer"`
	Duration  int    `json:"duration"`
	ReplyTo   int64  `json:"reply_to"`
}

// serveSendFile sends a file as a person: JSON with the path of a file on this
// machine, or a form with the fields of sentFile before the part "file".
func (s *Server) serveSendFile(w http.ResponseWriter, r *http.Request) {
	request, content, err := s.readSentFile(r)
	if err != nil {
		writeControl(w, nil, err)

		return
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	sent, err := s.sendFile(request, content)
	writeControl(w, sent, err)
}

func (s *Server) readSentFile(r *http.Request) (sentFile, received, error) {
	var request sentFile

	form, err := r.MultipartReader()
	if err != nil {
		if err := json.NewDecoder(io.LimitReader(r.Body, maxRequestExtra)).Decode(&request); err != nil {
			return request, received{}, refuse(http.StatusBadRequest, "the request is neither a form nor JSON: %v", err)
		}

		content, err := s.receivePath(request.Path)

		return request, content, err
	}

	for {
		part, err := form.NextPart()
		if err != nil {
			return request, received{}, refuse(http.StatusBadRequest, "the form has no part \"file\": %v", err)
		}

		if part.FileName() != "" {
			content, err := s.store.receive(part, maxUserUpload)
			content.name, content.mime = part.FileName(), part.Header.Get("Content-Type")

			if errors.Is(err, errTooLarge) {
				err = refuse(http.StatusRequestEntityTooLarge, "files are at most 2 GB")
			}

			return request, content, err
		}

		if err := request.setField(part); err != nil {
			return request, received{}, err
		}
	}
}

func (f *sentFile) setField(part *multipart.Part) error {
	raw, err := io.ReadAll(io.LimitReader(part, maxRequestExtra))
	if err != nil {
		return refuse(http.StatusBadRequest, "the field %s cannot be read: %v", part.FormName(), err)
	}

	text := string(raw)
	number, isNumber := parseID(text)

	switch name := part.FormName(); name {
	case "user":
		f.User = number
	case "chat":
		f.Chat = number
	case "duration":
		f.Duration = int(number)
	case "reply_to":
		f.ReplyTo = number
	case "kind":
		f.Kind, isNumber = text, true
	case "name":
		f.Name, isNumber = text, true
	case "mime_type":
		f.MIME, isNumber = text, true
	case "caption":
		f.Caption, isNumber = text, true
	case "title":
		f.Title, isNumber = text, true
	case "performer":
		f.Performer, isNumber = text, true
	default:
		return refuse(http.StatusBadRequest, "unknown field %s", name)
	}

	if !isNumber {
		return refuse(http.StatusBadRequest, "the field %s must be a number, is %q", part.FormName(), text)
	}

	return nil
}

func (s *Server) receivePath(path string) (received, error) {
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return received{}, refuse(http.StatusBadRequest, "the file cannot be opened: %v", err)
	}

	var opened io.ReadCloser = file
	defer opened.Close()

	content, err := s.store.receive(opened, maxUserUpload)
	content.name = filepath.Base(path)

	return content, err
}

func (s *Server) sendFile(r sentFile, content received) (control.Message, error) {
	who, in, err := s.actor(r.User, r.Chat)
	if err != nil {
		return control.Message{}, err
	}

	if _, known := kinds[r.Kind]; !known || r.Kind == "thumbnail" {
		return control.Message{}, refuse(http.StatusBadRequest, "kind %q is none of photo, voice, audio, video, "+
			"video_note, animation, sticker, document", r.Kind)
	}

	if content.size == 0 {
		return control.Message{}, refuse(http.StatusBadRequest, "the file is empty")
	}

	d := &draft{replyTo: r.ReplyTo}

	d.content.Text, d.content.Entities, err = entity.Parse("", r.Caption)
	if err != nil || entity.Units(d.content.Text) > maxCaption {
		return control.Message{}, refuse(http.StatusBadRequest, "the caption is too long")
	}

	f, err := s.addFile(content, file{
		Kind: r.Kind, Name: r.Name, MIME: r.MIME, Title: r.Title, Performer: r.Performer, Duration: r.Duration,
	})
	if err != nil {
		return control.Message{}, err
	}

	d.content.Media = &mediaItem{Kind: r.Kind, File: f.Key}

	return s.say(who, in, d)
}

// serveOwnFile serves a file to the page, in ranges. What a browser could run
// is offered as a download only.
func (s *Server) serveOwnFile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.world.Files[r.PathValue("key")]
	s.mu.Unlock()

	if f == nil {
		writeControl(w, nil, refuse(http.StatusNotFound, "there is no such file"))

		return
	}

	content, err := s.store.open(f.Hash)
	if err != nil {
		writeControl(w, nil, err)

		return
	}
	defer content.Close()

	family, _, _ := strings.Cut(f.MIME, "/")
	shown := slices.Contains([]string{"image", "audio", "video"}, family) && f.MIME != "image/svg+xml"

	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", "application/octet-stream")

	switch {
	case f.Kind == "photo" && f.MIME == "":
		w.Header().Set("Content-Type", "image/jpeg")
	case shown:
		w.Header().Set("Content-Type", f.MIME)
	}

	if r.URL.Query().Has("download") || !shown {
		w.Header().Set("Content-Disposition",
			fmt.Sprintf("attachment; filename*=UTF-8''%s", escapeName(cmp.Or(f.Name, "file"+extension(f)))))
	}

	http.ServeContent(w, r, "", time.Time{}, content)
}

// escapeName writes a file name as RFC 8187 wants it in a header.
func escapeName(name string) string {
	var escaped strings.Builder

	for _, b := range []byte(name) {
		if b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || strings.IndexByte("-._~", b) >= 0 {
			escaped.WriteByte(b)
		} else {
			fmt.Fprintf(&escaped, "%%%02X", b)
		}
	}

	return escaped.String()
}

// reading reads the numbers in the query of a request.
func reading(r *http.Request) func(name string) int64 {
	return func(name string) int64 {
		number, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
		if err != nil {
			return 0 // Absent; ids and counts are never zero.
		}

		return number
	}
}

func (s *Server) serveMessages(w http.ResponseWriter, r *http.Request) {
	number := reading(r)

	s.mu.Lock()
	defer s.mu.Unlock()

	_, in, err := s.actor(number("user"), number("chat"))
	if err != nil {
		writeControl(w, nil, err)

		return
	}

	views := []control.Message{}

	for _, m := range in.Messages {
		if m.Seq > number("after") {
			views = append(views, s.view(in, m))
		}
	}

	writeControl(w, views, nil)
}

// serveCommands answers with the commands that a person sees of a bot.
func (s *Server) serveCommands(w http.ResponseWriter, r *http.Request) {
	number := reading(r)

	s.mu.Lock()
	defer s.mu.Unlock()

	b, who := s.world.Bots[number("chat")], s.world.Users[number("user")]
	if b == nil || who == nil {
		writeControl(w, nil, refuse(http.StatusNotFound, "there is no such bot or user"))

		return
	}

	menu := b.Menus[who.ID]
	if menu == nil {
		menu = b.Menus[0]
	}

	writeControl(w, object{
		"commands": b.commandsFor(who), "menu_button": menu,
		"description": b.text("description", who.LanguageCode), "name": cmp.Or(b.text("name", who.LanguageCode), b.FirstName),
		"short_description": b.text("short_description", who.LanguageCode),
	}, nil)
}

func (s *Server) serveCalls(w http.ResponseWriter, r *http.Request) {
	number := reading(r)

	s.mu.Lock()
	defer s.mu.Unlock()

	calls := []control.Call{}
	method := r.URL.Query().Get("method")

	for _, one := range s.calls {
		fits := number("bot") == 0 || one.Bot == number("bot")
		if fits && one.Seq > number("after") && (method == "" || one.Method == method) {
			calls = append(calls, one)
		}
	}

	writeControl(w, calls, nil)
}

func (s *Server) serveAnswers(w http.ResponseWriter, r *http.Request) {
	number := reading(r)

	s.mu.Lock()
	defer s.mu.Unlock()

	answers := []control.Answer{}

	for _, one := range s.answers {
		if one.Seq > number("after") {
			answers = append(answers, one)
		}
	}

	writeControl(w, answers, nil)
}

func (s *Server) controlFault(_ context.Context, r control.Fault) (control.Fault, error) {
	if !slices.Contains([]string{faultError, faultDropBefore, faultDropAfter, faultGarbage, faultCut, faultDelay}, r.Kind) {
		return control.Fault{}, refuse(http.StatusBadRequest, "kind %q is none of error, drop_before, drop_after, garbage, cut, delay",
			r.Kind)
	}

	name, _ := s.table.Exists(r.Method)
	if r.Method != "" && r.Method != "file" && name != r.Method && !slices.Contains(mtprotoMethods, r.Method) {
		return control.Fault{}, refuse(http.StatusBadRequest, "there is no method %q", r.Method)
	}

	r.ID, r.Spoiled = s.world.next(), 0
	if r.Count == 0 {
		r.Count = 1
	}

	s.faults = append(s.faults, &r)
	s.event("faults", "", object{})

	return r, nil
}

// serveClearFaults removes all faults, or the one with the id in the query.
func (s *Server) serveClearFaults(w http.ResponseWriter, r *http.Request) {
	id := reading(r)("id")

	s.mu.Lock()
	s.faults = slices.DeleteFunc(s.faults, func(fault *control.Fault) bool { return id == 0 || fault.ID == id })
	s.event("faults", "", object{})
	s.mu.Unlock()

	writeControl(w, object{"ok": true}, nil)
}

func (s *Server) controlLimits(_ context.Context, r control.Limits) (control.Limits, error) {
	s.limits = r
	clear(s.flood)
	s.touch()

	return r, nil
}

// controlUpdates sends the last updates of a bot again, or one as written.
func (s *Server) controlUpdates(_ context.Context, r struct {
	Bot     int64           `json:"bot"`
	Repeat  int             `json:"repeat"`
	Reverse bool            `json:"reverse"`
	Update  json.RawMessage `json:"update"`
},
) (map[string]int, error) {
	b := s.world.Bots[r.Bot]
	if b == nil {
		return nil, refuse(http.StatusNotFound, "bot %d does not exist", r.Bot)
	}

	if len(r.Update) > 0 {
		if err := s.injected(b, r.Update); err != nil {
			return nil, refuse(http.StatusBadRequest, "%v", err)
		}

		return map[string]int{"queued": 1}, nil
	}

	return map[string]int{"queued": s.again(b, r.Repeat, r.Reverse)}, nil
}

// controlClock advances the simulator's clock.
func (s *Server) controlClock(_ context.Context, r struct {
	AdvanceMS int64 `json:"advance_ms"`
},
) (map[string]int64, error) {
	if r.AdvanceMS < 0 {
		return nil, refuse(http.StatusBadRequest, "the clock only goes forward")
	}

	s.ahead += time.Duration(r.AdvanceMS) * time.Millisecond
	s.touch()

	return map[string]int64{"now": s.now().UnixMilli()}, nil
}

// controlReset forgets everything, or all but people and bots.
func (s *Server) controlReset(_ context.Context, r struct {
	Keep bool `json:"keep_people_and_bots"`
},
) (map[string]bool, error) {
	for id := range s.pushers {
		s.stopPusher(id)
	}

	old := s.world
	s.world = newWorld()
	s.world.Seq, s.world.Serial = old.Seq, old.Serial
	s.calls, s.answers, s.faults = nil, nil, nil
	clear(s.flood)
	clear(s.queries)

	if r.Keep {
		s.world.Users, s.world.Bots = old.Users, old.Bots
		for _, b := range s.world.Bots {
			b.Updates, b.recent = nil, nil
			s.startPusher(b) //nolint:contextcheck // Pushes go on after the call.
		}
	}

	s.event("reset", "", object{})

	return map[string]bool{"ok": true}, nil
}
