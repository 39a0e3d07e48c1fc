// Package control is the client of the Telegram simulator's control API: it
// acts as the people who write to bots, reads what they see, waits for what
// bots do, and makes the Bot API fail on demand.
package control

import "encoding/json"

// User is a person who can write to bots.
type User struct {
	ID           int64  `json:"id,omitempty"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name,omitempty"`
	Username     string `json:"username,omitempty"`
	LanguageCode string `json:"language_code,omitempty"`
	IsPremium    bool   `json:"is_premium,omitempty"`
	// Stars is what the person can pay with; new people have 1,000.
	Stars int64 `json:"stars"`
}

// Bot is a bot and what people see of it.
type Bot struct {
	ID               int64           `json:"id,omitempty"`
	Token            string          `json:"token,omitempty"`
	FirstName        string          `json:"first_name,omitempty"`
	Username         string          `json:"username,omitempty"`
	Description      string          `json:"description,omitempty"`
	ShortDescription string          `json:"short_description,omitempty"`
	Commands         []Command       `json:"commands,omitempty"`
	MenuButton       json.RawMessage `json:"menu_button,omitempty"`
	Stars            int64           `json:"stars,omitempty"`
	Webhook          Webhook         `json:"webhook"`
}

// Command is a line of a bot's command menu.
type Command struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

// Webhook is where a bot's updates go and how that went so far.
type Webhook struct {
	URL            string `json:"url,omitempty"`
	Pending        int    `json:"pending"`
	Delivered      int    `json:"delivered"`
	Failed         int    `json:"failed"`
	LastError      string `json:"last_error,omitempty"`
	LastErrorDate  int64  `json:"last_error_date,omitempty"`
	MaxConnections int    `json:"max_connections,omitempty"`
}

// Chat is a conversation: private if User is set, else a group or a channel.
type Chat struct {
	Key     string  `json:"key"`
	Type    string  `json:"type"`
	Bot     int64   `json:"bot,omitempty"`
	User    int64   `json:"user,omitempty"`
	ID      int64   `json:"id,omitempty"`
	Title   string  `json:"title,omitempty"`
	Members []int64 `json:"members,omitempty"`
	Started bool    `json:"started"`
	Blocked bool    `json:"blocked"`
	// Keyboard is the reply keyboard that the person sees, as the bot sent it.
	Keyboard json.RawMessage `json:"keyboard,omitempty"`
	// LastText and LastDate are of the last message, for a list of chats.
	LastText string `json:"last_text,omitempty"`
	LastDate int64  `json:"last_date,omitempty"`
}

// Message is a message as the people in its chat see it.
type Message struct {
	ID int64 `json:"message_id"`
	// Seq grows with every change of any message; the waits build on it.
	Seq          int64            `json:"seq"`
	ChatKey      string           `json:"chat"`
	From         int64            `json:"from"`
	FromBot      bool             `json:"from_bot"`
	Date         int64            `json:"date"`
	EditDate     int64            `json:"edit_date,omitempty"`
	Deleted      bool             `json:"deleted,omitempty"`
	Pinned       bool             `json:"pinned,omitempty"`
	Kind         string           `json:"kind"`
	Text         string           `json:"text"`
	Entities     []Entity         `json:"entities,omitempty"`
	File         *File            `json:"file,omitempty"`
	MediaGroupID string           `json:"media_group_id,omitempty"`
	Buttons      [][]Button       `json:"buttons,omitempty"`
	ReplyTo      int64            `json:"reply_to,omitempty"`
	ForwardFrom  string           `json:"forward_from,omitempty"`
	Protected    bool             `json:"protected,omitempty"`
	Invoice      *Invoice         `json:"invoice,omitempty"`
	Payment      *Payment         `json:"payment,omitempty"`
	Reactions    map[int64]string `json:"reactions,omitempty"`
	// Raw holds other content, such as a contact, as the Bot API shows it.
	Raw map[string]json.RawMessage `json:"raw,omitempty"`
	// History holds the earlier contents, oldest first.
	History []Revision `json:"history,omitempty"`
}

// Revision is the content that a message had before an edit.
type Revision struct {
	Seq     int64      `json:"seq"`
	Date    int64      `json:"date"`
	Text    string     `json:"text"`
	File    *File      `json:"file,omitempty"`
	Buttons [][]Button `json:"buttons,omitempty"`
}

// Entity is a stretch of text with a meaning; it counts UTF-16 units.
type Entity struct {
	Type          string `json:"type"`
	Offset        int    `json:"offset"`
	Length        int    `json:"length"`
	URL           string `json:"url,omitempty"`
	UserID        int64  `json:"user_id,omitempty"`
	Language      string `json:"language,omitempty"`
	CustomEmojiID string `json:"custom_emoji_id,omitempty"`
}

// File is a file in a message. URL is a path on the simulator, without token.
type File struct {
	Kind      string `json:"kind"`
	UniqueID  string `json:"file_unique_id"`
	URL       string `json:"url"`
	ThumbURL  string `json:"thumb_url,omitempty"`
	Name      string `json:"file_name,omitempty"`
	MIME      string `json:"mime_type,omitempty"`
	Size      int64  `json:"file_size"`
	Duration  int    `json:"duration,omitempty"`
	Width     int    `json:"width,omitempty"`
	Height    int    `json:"height,omitempty"`
	Title     string `json:"title,omitempty"`
	Performer string `json:"performer,omitempty"`
	Spoiler   bool   `json:"spoiler,omitempty"`
}

// Button is a button under a message.
type Button struct {
	Text         string          `json:"text"`
	CallbackData string          `json:"callback_data,omitempty"`
	URL          string          `json:"url,omitempty"`
	Pay          bool            `json:"pay,omitempty"`
	WebApp       json.RawMessage `json:"web_app,omitempty"`
	CopyText     json.RawMessage `json:"copy_text,omitempty"`
	Style        string          `json:"style,omitempty"`
}

// Invoice is a request to pay. Total is in the smallest unit of the currency.
type Invoice struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Currency    string `json:"currency"`
	Total       int64  `json:"total_amount"`
	PhotoURL    string `json:"photo_url,omitempty"`
}

// Payment is what was paid, or given back if Refunded.
type Payment struct {
	Currency string `json:"currency"`
	Total    int64  `json:"total_amount"`
	Payload  string `json:"invoice_payload"`
	ChargeID string `json:"telegram_payment_charge_id"`
	Refunded bool   `json:"refunded,omitempty"`
}

// Call is one call that a bot made to the Bot API.
type Call struct {
	Seq    int64           `json:"seq"`
	Time   int64           `json:"time_ms"`
	Bot    int64           `json:"bot"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Status int             `json:"status"`
	// Response is the body of the answer, empty if the connection was dropped.
	Response json.RawMessage `json:"response,omitempty"`
	TookMS   int64           `json:"took_ms"`
	// Problems are fields that the Bot API does not know, which it ignores.
	Problems []string `json:"problems,omitempty"`
	// Fault is the id of the fault that spoiled the call, if any.
	Fault int64 `json:"fault,omitempty"`
}

// Answer is what a bot answered to a pressed button: the toast.
type Answer struct {
	Seq       int64  `json:"seq"`
	QueryID   string `json:"query_id"`
	User      int64  `json:"user"`
	ChatKey   string `json:"chat"`
	Data      string `json:"data"`
	Text      string `json:"text"`
	ShowAlert bool   `json:"show_alert,omitempty"`
	URL       string `json:"url,omitempty"`
	// Answered is false if the bot did not answer in time.
	Answered bool `json:"answered"`
}

// PayResult is how a payment ended: "paid", "refused" by the bot, "timeout",
// or "poor" if the person has too few Stars.
type PayResult struct {
	Status   string `json:"status"`
	Error    string `json:"error,omitempty"`
	ChargeID string `json:"telegram_payment_charge_id,omitempty"`
}

// Fault spoils calls of the Bot API.
type Fault struct {
	ID int64 `json:"id,omitempty"`
	// Bot limits the fault to one bot; 0 is every bot.
	Bot int64 `json:"bot,omitempty"`
	// Method limits it to one method; "" is every method but getUpdates, and
	// "file" is the download of files. Methods of MTProto have a dot in their
	// names, such as "upload.getFile".
	Method string `json:"method,omitempty"`
	// Count is how many calls it spoils; 0 means 1, -1 means until removed.
	Count int `json:"count,omitempty"`
	// Skip is how many calls pass before the first one is spoiled.
	Skip int `json:"skip,omitempty"`
	// Kind is "error", "drop_before" (the connection ends and nothing
	// happens), "drop_after" (it takes effect, then the connection ends),
	// "garbage" (takes effect, the answer is not JSON, or of another type),
	// "cut" (half of the answer) or "delay".
	Kind string `json:"kind"`
	// Status and Description are the answer of kind "error"; 500 by default.
	// Of MTProto they are such as 420 and "FLOOD_WAIT_3".
	Status      int    `json:"status,omitempty"`
	Description string `json:"description,omitempty"`
	// RetryAfter is in seconds, for a status of 429.
	RetryAfter int `json:"retry_after,omitempty"`
	// DelayMS is how long to wait first, for every kind.
	DelayMS int `json:"delay_ms,omitempty"`
	// Spoiled is how many calls it spoiled so far.
	Spoiled int `json:"spoiled,omitempty"`
}

// MTProto says where MTProto is spoken and how files are there.
type MTProto struct {
	// Address is host:port of the home data centre; "" where it is not served.
	Address string `json:"address"`
	// PublicKey is what the data centres prove themselves by, as PEM.
	PublicKey string `json:"public_key"`
	// DC is the data centre in which files are: 2, the home, or 4.
	DC int `json:"dc"`
	// References counts how often the references of files have expired.
	References int64 `json:"references"`
}

// Limits are the flood limits. A rate of 0 is no limit.
type Limits struct {
	// ChatPerSecond and ChatBurst bound the messages to one private chat.
	ChatPerSecond float64 `json:"chat_per_second"`
	ChatBurst     int     `json:"chat_burst"`
	// GroupPerMinute bounds the messages to one group.
	GroupPerMinute int `json:"group_per_minute"`
	// BotPerSecond and PaidPerSecond bound all messages of one bot.
	BotPerSecond  float64 `json:"bot_per_second"`
	PaidPerSecond float64 `json:"paid_per_second"`
}

// Crowd is many people who talk to one bot: Count of them, with ids from First on.
type Crowd struct {
	Bot      int64  `json:"bot"`
	First    int64  `json:"first"`
	Count    int    `json:"count"`
	Language string `json:"language,omitempty"`
	// Text is contained in the messages that Reach counts.
	Text string `json:"text,omitempty"`
}

// Reach counts the people of a crowd by how many messages of the bot they got.
type Reach struct {
	None int `json:"none"`
	Once int `json:"once"`
	More int `json:"more"`
	// FirstAt and LastAt are the seconds at which the first and the last came.
	FirstAt int64 `json:"first_at"`
	LastAt  int64 `json:"last_at"`
	// Said counts what the bot sent and edited in that time, in any chat: all that
	// its rate is for.
	Said int `json:"said"`
	// TooMany counts the calls of the bot that were refused with 429 since the
	// simulator was started.
	TooMany int `json:"too_many"`
}

// Event is one thing that happened, in order.
type Event struct {
	Seq int64 `json:"seq"`
	// Type is message, action, answer, chat, user, bot, call, update,
	// webhook, reset.
	Type string          `json:"type"`
	Chat string          `json:"chat,omitempty"`
	Body json.RawMessage `json:"body"`
}

// State is everybody in the simulator.
type State struct {
	Seq    int64   `json:"seq"`
	Now    int64   `json:"now"`
	Users  []User  `json:"users"`
	Bots   []Bot   `json:"bots"`
	Chats  []Chat  `json:"chats"`
	Faults []Fault `json:"faults"`
	Limits Limits  `json:"limits"`
}
