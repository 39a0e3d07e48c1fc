package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client calls the control API of a simulator. Its methods fail with an *Error
// if the simulator refused, and with a wrapped error if it was not reached.
type Client struct {
	address string
	http    *http.Client
}

// New returns a client of the simulator at an address such as
// http://127.0.0.1:8081.
func New(address string) *Client {
	return &Client{address: strings.TrimRight(address, "/"), http: &http.Client{}}
}

// Error is a refusal by the simulator.
type Error struct {
	Status int
	Text   string
}

func (e *Error) Error() string { return e.Text }

// State returns everybody in the simulator.
func (c *Client) State(ctx context.Context) (State, error) {
	return get[State](ctx, c, "state", nil)
}

// CreateUser creates a person; an id of 0 lets the simulator choose one.
func (c *Client) CreateUser(ctx context.Context, user User) (User, error) {
	return post[User](ctx, c, "users", user)
}

// CreateCrowd creates many people at once who have pressed Start, of which
// nobody is told.
func (c *Client) CreateCrowd(ctx context.Context, crowd Crowd) error {
	_, err := post[map[string]int](ctx, c, "crowd", crowd)

	return err
}

// Reach counts the people of a crowd by how many messages with its text they
// got of its bot.
func (c *Client) Reach(ctx context.Context, crowd Crowd) (Reach, error) {
	return post[Reach](ctx, c, "reach", crowd)
}

// CreateBot registers a bot; without a token the simulator makes one. A bot
// that is there already keeps its state and gets the new names.
func (c *Client) CreateBot(ctx context.Context, bot Bot) (Bot, error) {
	return post[Bot](ctx, c, "bots", map[string]any{
		"id": bot.ID, "token": bot.Token, "first_name": bot.FirstName, "username": bot.Username,
	})
}

// MTProto tells where MTProto is spoken.
func (c *Client) MTProto(ctx context.Context) (MTProto, error) {
	return post[MTProto](ctx, c, "mtproto", map[string]any{})
}

// MoveFiles moves all files to a data centre: 2, the home, or 4. File_ids given
// out before still name the one they were in.
func (c *Client) MoveFiles(ctx context.Context, dc int) (MTProto, error) {
	return post[MTProto](ctx, c, "mtproto", map[string]any{"dc": dc})
}

// ExpireReferences ends the references of all files: those in file_ids given
// out before do not count any more.
func (c *Client) ExpireReferences(ctx context.Context) (MTProto, error) {
	return post[MTProto](ctx, c, "mtproto", map[string]any{"expire_references": true})
}

// Group says how to create a group or channel: members by id with their status.
type Group struct {
	ID       int64            `json:"id,omitempty"`
	Type     string           `json:"type,omitempty"`
	Title    string           `json:"title"`
	Username string           `json:"username,omitempty"`
	Members  map[int64]string `json:"members"`
}

// CreateGroup creates a group or channel.
func (c *Client) CreateGroup(ctx context.Context, group Group) (Chat, error) {
	return post[Chat](ctx, c, "groups", group)
}

// SetMember changes how somebody belongs to a group: creator, administrator,
// member, left or kicked.
func (c *Client) SetMember(ctx context.Context, chat, member int64, status string) error {
	_, err := post[Chat](ctx, c, "member", map[string]any{"chat": chat, "member": member, "status": status})

	return err
}

// Person acts as one person in one chat: a bot by its id, or a group by its
// negative id.
type Person struct {
	client *Client
	User   int64
	Chat   int64
}

// As returns the person's seat in a chat.
func (c *Client) As(user, chat int64) Person { return Person{client: c, User: user, Chat: chat} }

func (p Person) request(fields map[string]any) map[string]any {
	fields["user"], fields["chat"] = p.User, p.Chat

	return fields
}

// Start presses Start: it unblocks the bot and sends /start with a parameter.
func (p Person) Start(ctx context.Context, parameter string) (Message, error) {
	return post[Message](ctx, p.client, "start", p.request(map[string]any{"parameter": parameter}))
}

// Text sends a text.
func (p Person) Text(ctx context.Context, text string) (Message, error) {
	return post[Message](ctx, p.client, "text", p.request(map[string]any{"text": text}))
}

// Reply sends a text as a reply.
func (p Person) Reply(ctx context.Context, to int64, text string) (Message, error) {
	return post[Message](ctx, p.client, "text", p.request(map[string]any{"text": text, "reply_to": to}))
}

// Contact sends the person's own contact.
func (p Person) Contact(ctx context.Context, phone string) (Message, error) {
	return post[Message](ctx, p.client, "contact", p.request(map[string]any{"phone_number": phone}))
}

// Upload is a file to send.
type Upload struct {
	// Kind is voice, audio, video, video_note, animation, sticker, photo or document.
	Kind      string
	Name      string
	MIME      string
	Caption   string
	Title     string
	Performer string
	// Duration is in seconds; 0 lets the simulator read it from the file.
	Duration int
	Content  io.Reader
}

// File sends a file.
func (p Person) File(ctx context.Context, upload Upload) (Message, error) {
	reader, writer := io.Pipe()
	form := multipart.NewWriter(writer)

	go func() { writer.CloseWithError(p.writeUpload(form, upload)) }()

	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.client.address+"/control/file", reader)
	if err != nil {
		return Message{}, fmt.Errorf("make the request to send a file: %w", err)
	}

	request.Header.Set("Content-Type", form.FormDataContentType())

	return do[Message](p.client, request)
}

func (p Person) writeUpload(form *multipart.Writer, upload Upload) error {
	fields := [][2]string{
		{"user", strconv.FormatInt(p.User, 10)},
		{"chat", strconv.FormatInt(p.Chat, 10)},
		{"kind", upload.Kind},
		{"caption", upload.Caption},
		{"title", upload.Title},
		{"performer", upload.Performer},
		{"mime_type", upload.MIME},
		{"duration", strconv.Itoa(upload.Duration)},
	}

	for _, field := range fields {
		if err := form.WriteField(field[0], field[1]); err != nil {
			return fmt.Errorf("write the field %s: %w", field[0], err)
		}
	}

	name := upload.Name
	if name == "" {
		name = upload.Kind
	}

	part, err := form.CreateFormFile("file", name)
	if err != nil {
		return fmt.Errorf("begin the file: %w", err)
	}

	if _, err := io.Copy(part, upload.Content); err != nil {
		return fmt.Errorf("write the file: %w", err)
	}

	if err := form.Close(); err != nil {
		return fmt.Errorf("end the form: %w", err)
	}

	return nil
}

// FilePath sends a file of the machine that the simulator runs on.
func (p Person) FilePath(ctx context.Context, kind, path string) (Message, error) {
	return post[Message](ctx, p.client, "file", p.request(map[string]any{"kind": kind, "path": path}))
}

// Forward forwards a message of the chat with another bot, or of this chat if
// from is 0.
func (p Person) Forward(ctx context.Context, from, messageID int64) (Message, error) {
	return post[Message](ctx, p.client, "forward", p.request(map[string]any{"from_chat": from, "message_id": messageID}))
}

// Edit changes the text or caption of an own message.
func (p Person) Edit(ctx context.Context, messageID int64, text string) (Message, error) {
	return post[Message](ctx, p.client, "edit", p.request(map[string]any{"message_id": messageID, "text": text}))
}

// Delete deletes a message; bots are not told, as in Telegram.
func (p Person) Delete(ctx context.Context, messageID int64) error {
	_, err := post[Message](ctx, p.client, "delete", p.request(map[string]any{"message_id": messageID}))

	return err
}

// React sets the reaction to a message, "" removes it.
func (p Person) React(ctx context.Context, messageID int64, emoji string) error {
	_, err := post[Message](ctx, p.client, "react", p.request(map[string]any{"message_id": messageID, "emoji": emoji}))

	return err
}

// Press presses the button with this callback data and waits up to wait for
// the bot's answer. It fails if the message has no such button now.
func (p Person) Press(ctx context.Context, messageID int64, data string, wait time.Duration) (Answer, error) {
	return post[Answer](ctx, p.client, "press", p.request(map[string]any{
		"message_id": messageID, "data": data, "wait_ms": wait.Milliseconds(),
	}))
}

// PressText presses the first button whose text contains the text.
func (p Person) PressText(ctx context.Context, messageID int64, text string, wait time.Duration) (Answer, error) {
	return post[Answer](ctx, p.client, "press", p.request(map[string]any{
		"message_id": messageID, "text": text, "wait_ms": wait.Milliseconds(),
	}))
}

// Pay pays the invoice in a message.
func (p Person) Pay(ctx context.Context, messageID int64) (PayResult, error) {
	return post[PayResult](ctx, p.client, "pay", p.request(map[string]any{"message_id": messageID}))
}

// PayLink pays the invoice behind a link from createInvoiceLink.
func (p Person) PayLink(ctx context.Context, link string) (PayResult, error) {
	return post[PayResult](ctx, p.client, "pay", p.request(map[string]any{"link": link}))
}

// Block blocks the bot or unblocks it.
func (p Person) Block(ctx context.Context, blocked bool) error {
	_, err := post[Chat](ctx, p.client, "block", p.request(map[string]any{"blocked": blocked}))

	return err
}

// Messages returns the messages of the chat that changed after a Seq, in the
// order in which they were sent.
func (p Person) Messages(ctx context.Context, after int64) ([]Message, error) {
	return get[[]Message](ctx, p.client, "messages", p.query(url.Values{"after": {strconv.FormatInt(after, 10)}}))
}

func (p Person) query(values url.Values) url.Values {
	values.Set("user", strconv.FormatInt(p.User, 10))
	values.Set("chat", strconv.FormatInt(p.Chat, 10))

	return values
}

// Condition says which message to wait for; every field that is set must fit.
type Condition struct {
	// After is the Seq after which the message was sent or changed. Waiting
	// again with the Seq of the last answer sees every change in order.
	After int64
	// MessageID is one certain message.
	MessageID int64
	// Text is contained in the text or caption.
	Text string
	// Kind is the kind, such as "document".
	Kind string
	// Button is contained in the text of a button, or is its data.
	Button string
	// Edited waits for an edit, Deleted for a deletion.
	Edited, Deleted bool
	// Own waits for a message of the person instead of one of somebody else.
	Own bool
	// Timeout is 10 s by default.
	Timeout time.Duration
}

// Wait returns the first version of a message that fits, as soon as it is
// there. It fails with an *Error of status 408 that names the last messages.
func (p Person) Wait(ctx context.Context, want Condition) (Message, error) {
	return get[Message](ctx, p.client, "wait", p.query(url.Values{
		"after": {strconv.FormatInt(want.After, 10)}, "message_id": {strconv.FormatInt(want.MessageID, 10)},
		"text": {want.Text}, "kind": {want.Kind}, "button": {want.Button},
		"edited": {strconv.FormatBool(want.Edited)}, "deleted": {strconv.FormatBool(want.Deleted)},
		"own": {strconv.FormatBool(want.Own)}, "timeout_ms": {strconv.FormatInt(want.Timeout.Milliseconds(), 10)},
	}))
}

// Calls returns the Bot API calls after a Seq; a bot of 0 and a method of ""
// mean all.
func (c *Client) Calls(ctx context.Context, bot int64, method string, after int64) ([]Call, error) {
	return get[[]Call](ctx, c, "calls", url.Values{
		"bot": {strconv.FormatInt(bot, 10)}, "method": {method}, "after": {strconv.FormatInt(after, 10)},
	})
}

// Answers returns the answers to pressed buttons after a Seq.
func (c *Client) Answers(ctx context.Context, after int64) ([]Answer, error) {
	return get[[]Answer](ctx, c, "answers", url.Values{"after": {strconv.FormatInt(after, 10)}})
}

// Download returns the content of a file in a message.
func (c *Client) Download(ctx context.Context, file *File) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address+file.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("make the request for a file: %w", err)
	}

	answer, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("download a file from the simulator: %w", err)
	}
	defer answer.Body.Close()

	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("read a file from the simulator: %w", err)
	}

	if answer.StatusCode != http.StatusOK {
		return nil, &Error{Status: answer.StatusCode, Text: string(content)}
	}

	return content, nil
}

// Fault makes calls of the Bot API fail and returns the fault with its id.
func (c *Client) Fault(ctx context.Context, fault Fault) (Fault, error) {
	return post[Fault](ctx, c, "faults", fault)
}

// ClearFaults removes all faults.
func (c *Client) ClearFaults(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, c.address+"/control/faults", nil)
	if err != nil {
		return fmt.Errorf("make the request to remove faults: %w", err)
	}

	_, err = do[json.RawMessage](c, request)

	return err
}

// SetLimits changes the flood limits and forgets what was counted.
func (c *Client) SetLimits(ctx context.Context, limits Limits) error {
	_, err := post[Limits](ctx, c, "limits", limits)

	return err
}

// RepeatUpdates sends the last updates that a bot took once more, in reverse
// order if wanted, and returns how many there were.
func (c *Client) RepeatUpdates(ctx context.Context, bot int64, count int, reverse bool) (int, error) {
	queued, err := post[map[string]int](ctx, c, "updates", map[string]any{"bot": bot, "repeat": count, "reverse": reverse})

	return queued["queued"], err
}

// InjectUpdate queues an update as it is written.
func (c *Client) InjectUpdate(ctx context.Context, bot int64, update json.RawMessage) error {
	_, err := post[map[string]int](ctx, c, "updates", map[string]any{"bot": bot, "update": update})

	return err
}

// Advance advances the simulator's clock.
func (c *Client) Advance(ctx context.Context, by time.Duration) error {
	_, err := post[map[string]int64](ctx, c, "clock", map[string]any{"advance_ms": by.Milliseconds()})

	return err
}

// Reset forgets everything, or all but people and bots.
func (c *Client) Reset(ctx context.Context, keepPeopleAndBots bool) error {
	_, err := post[map[string]bool](ctx, c, "reset", map[string]any{"keep_people_and_bots": keepPeopleAndBots})

	return err
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	var none T

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address+"/control/"+path+"?"+query.Encode(), nil)
	if err != nil {
		return none, fmt.Errorf("make the request for %s: %w", path, err)
	}

	return do[T](c, request)
}

func post[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	var none T

	raw, err := json.Marshal(body)
	if err != nil {
		return none, fmt.Errorf("write the request for %s: %w", path, err)
	}

	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address+"/control/"+path, bytes.NewReader(raw))
	if err != nil {
		return none, fmt.Errorf("make the request for %s: %w", path, err)
	}

	request.Header.Set("Content-Type", "application/json")

	return do[T](c, request)
}

func do[T any](c *Client, request *http.Request) (T, error) {
	var result T

	answer, err := c.http.Do(request)
	if err != nil {
		return result, fmt.Errorf("call the Telegram simulator: %w", err)
	}
	defer answer.Body.Close()

	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return result, fmt.Errorf("read the answer to %s: %w", request.URL.Path, err)
	}

	if answer.StatusCode != http.StatusOK {
		var refused struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(body, &refused) != nil || refused.Error == "" {
			refused.Error = string(body)
		}

		return result, &Error{
			Status: answer.StatusCode, Text: fmt.Sprintf("%s %s: %s", request.Method, request.URL.Path, refused.Error),
		}
	}

	if err := json.Unmarshal(body, &result); err != nil {
		return result, fmt.Errorf("read the answer to %s: %w", request.URL.Path, err)
	}

	return result, nil
}
