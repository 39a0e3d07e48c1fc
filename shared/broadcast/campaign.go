// Package broadcast provides campaigns: one message to many people of a store,
// each exactly once, as fast as Telegram allows and no faster, whatever dies
// meanwhile. infra/decisions/broadcast.md says why it is as it is.
package broadcast

import (
	"cmp"
	"html"
	"regexp"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
)

// Campaign is one message to an audience.
type Campaign struct {
	ID       string    `json:"id"` // the caller's: derived from what caused it, so that asking twice is one campaign
	Store    string    `json:"store"`
	Author   int64     `json:"author"` // who made it, a person of the store's staff
	Content  Content   `json:"content"`
	Audience Audience  `json:"audience"`
	StartAt  time.Time `json:"start_at,omitzero"` // zero: at once
	Paid     bool      `json:"paid,omitempty"`    // above the free rate, for Stars: see Price
	State    State     `json:"state"`
	// Stopped says why a campaign paused by itself; empty where a person paused it.
	Stopped Stop `json:"stopped,omitempty"`
	// Notice is the living message that shows the progress in the author's chat,
	// Language that of its text; empty: the store's.
	Notice   message.Address `json:"notice,omitzero"`
	Language string          `json:"language,omitempty"`

	CreatedAt time.Time `json:"created_at"`
	BegunAt   time.Time `json:"begun_at,omitzero"` // when the first message could be sent
	EndedAt   time.Time `json:"ended_at,omitzero"`
	// Paused is for how long it stood paused before it was last resumed.
	Paused   time.Duration `json:"paused,omitempty"`
	PausedAt time.Time     `json:"paused_at,omitzero"`

	// Round counts how often it was set going: messages of a round before are stale.
	Round int `json:"round,omitempty"`
	// Due is when sweep looks after it; Seen is how far it was at the last look.
	Due  time.Time `json:"due,omitzero"`
	Seen int       `json:"seen,omitempty"`

	// Counts is how far it is. Get fills it in; it is no part of the row.
	Counts Counts `json:"-"`
}

// State is where a campaign stands.
type State string

// The states. Scheduled, Running and Paused are unfinished.
const (
	Scheduled State = "scheduled" // waits for StartAt
	Running   State = "running"
	Paused    State = "paused"
	Cancelled State = "cancelled" // what was sent stays
	Done      State = "done"
)

// Finished reports whether nothing of the campaign will be sent any more.
func (s State) Finished() bool { return s == Cancelled || s == Done }

// Stop is why a campaign paused by itself.
type Stop string

// The reasons.
const (
	// StopToken: Telegram does not know the bot's token any more.
	StopToken Stop = "token"
	// StopContent: Telegram refuses the content for everybody.
	StopContent Stop = "content"
	// StopStore: the store is paused.
	StopStore Stop = "store"
)

// Content is what is said: a text, or a file that Telegram has with a caption.
type Content struct {
	Media   Media              `json:"media,omitempty"`
	FileID  string             `json:"file_id,omitempty"`
	HTML    string             `json:"html,omitempty"` // text or caption, as message.Text has it
	Buttons [][]message.Button `json:"buttons,omitempty"`
}

// Media is the kind of a content's file; empty: a text alone.
type Media string

// The kinds of files.
const (
	Photo     Media = "photo"
	Video     Media = "video"
	Animation Media = "animation"
	Audio     Media = "audio"
	Document  Media = "document"
)

// Audience says whom a campaign is for: who fits every field that is set. Those
// who blocked the bot, were banned, or want no broadcasts are never in it.
type Audience struct {
	Tier         Tier   `json:"tier,omitempty"`
	Language     string `json:"language,omitempty"`      // two letters
	Bought       string `json:"bought,omitempty"`        // id of a product that they have bought
	InactiveDays int    `json:"inactive_days,omitempty"` // they wrote nothing for so many days
}

// Tier is a tier of people; empty: all.
type Tier string

// The tiers.
const (
	Free    Tier = "free"
	Premium Tier = "premium"
)

// Counts are the people of a campaign: how many it is for, and what became of
// those who were seen to. Whoever is in none of the others is still to come.
type Counts struct {
	Planned int  // so far, until Complete
	Sent    int  // delivered by Telegram
	Failed  int  // refused by Telegram, such as a deleted account
	Blocked int  // they had blocked the bot; they are left out next time
	Unsure  int  // a worker died in the moment of sending, and Telegram cannot be asked whether it was sent
	All     bool // Planned is everybody: planning is over
}

// Seen counts those who were seen to.
func (c Counts) Seen() int { return c.Sent + c.Failed + c.Blocked + c.Unsure }

// Left counts those who are still to come, as far as is known.
func (c Counts) Left() int { return max(0, c.Planned-c.Seen()) }

// What Telegram allows a bot, messages a second to all its chats together:
// https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
const (
	FreeRate = 30
	PaidRate = 1000
)

// Rate gives how many messages a second a campaign of a store may send.
func Rate(of store.Store, paid bool) int {
	if paid {
		return min(cmp.Or(of.Broadcast.PerSecond, PaidRate), PaidRate)
	}

	return min(cmp.Or(of.Broadcast.PerSecond, FreeRate), FreeRate)
}

// messagesPerStar is how many paid messages cost one Star: 0.1 each, for those
// above the free rate. https://core.telegram.org/bots/api#sendmessage
const messagesPerStar = 10

// Price gives what a paid campaign to so many people costs at most, in whole
// Stars of the bot's balance.
func Price(people int) int { return (people + messagesPerStar - 1) / messagesPerStar }

// Took gives how long the campaign has been sending until a moment, pauses left out.
func (c *Campaign) Took(now time.Time) time.Duration {
	switch {
	case c.BegunAt.IsZero():
		return 0
	case c.State.Finished():
		now = c.EndedAt
	case c.State == Paused:
		now = c.PausedAt
	}

	return max(0, now.Sub(c.BegunAt)-c.Paused)
}

// What Telegram takes.
const (
	MaxText       = 4096 // UTF-16 units of a text
	MaxCaption    = 1024 // UTF-16 units of a caption
	MaxButtons    = 100  // of one message
	MaxRow        = 8    // buttons side by side
	maxData       = 64   // bytes of a button's data
	maxButtonText = 64   // UTF-16 units: longer ones are cut off on every screen
	maxHTML       = 16 << 10
	maxFileID     = 256
)

// Validate checks a content against Telegram's limits, so that nobody learns of
// a mistake from a campaign that fails for everybody. Invalid, with what to do.
func (c Content) Validate() error {
	if err := c.validateFile(); err != nil {
		return err
	}

	limit, what := MaxText, "text"
	if c.Media != "" {
		limit, what = MaxCaption, "caption"
	}

	length := Length(c.HTML)

	switch {
	case length == 0 && c.Media == "":
		return errs.New(errs.Invalid, "the text of a broadcast is empty").Tell("broadcast.empty", nil)
	case length > limit || len(c.HTML) > maxHTML:
		return errs.New(errs.Invalid, "the %s of a broadcast has %d units: at most %d go", what, length, limit).
			Tell("broadcast.long", errs.Args{"Length": length, "Most": limit})
	}

	return c.validateButtons()
}

func (c Content) validateFile() error {
	switch c.Media {
	case "":
		if c.FileID != "" {
			return errs.New(errs.Invalid, "a broadcast has a file but not its kind")
		}
	case Photo, Video, Animation, Audio, Document:
		if c.FileID == "" || len(c.FileID) > maxFileID {
			return errs.New(errs.Invalid, "a broadcast of kind %s needs the file_id of 1 to %d bytes", c.Media, maxFileID)
		}
	default:
		return errs.New(errs.Invalid, "a broadcast cannot carry %q: use a photo, video, animation, audio or document", c.Media)
	}

	return nil
}

// address is what the button of a broadcast may open: Telegram refuses others.
var address = regexp.MustCompile(`^(https?://[^\s/]+\.[^\s]+|tg://[^\s]+)$`)

func (c Content) validateButtons() error {
	count := 0

	for _, row := range c.Buttons {
		if len(row) == 0 || len(row) > MaxRow {
			return errs.New(errs.Invalid, "a row of %d buttons: 1 to %d stand side by side", len(row), MaxRow).
				Tell("broadcast.buttons", errs.Args{"Most": MaxButtons, "Row": MaxRow})
		}

		for _, button := range row {
			count++

			text := len(utf16.Encode([]rune(button.Text)))
			if strings.TrimSpace(button.Text) == "" || text > maxButtonText {
				return errs.New(errs.Invalid, "the text of button %d has %d units: use 1 to %d", count, text, maxButtonText).
					Tell("broadcast.button_text", errs.Args{"Most": maxButtonText})
			}

			if (button.URL == "") == (button.Data == "") || len(button.Data) > maxData ||
				button.URL != "" && !address.MatchString(button.URL) {
				return errs.New(errs.Invalid, "button %d: it opens a page (https://…) or names what to do, in %d bytes", count, maxData).
					Tell("broadcast.button_url", errs.Args{"Text": button.Text})
			}
		}
	}

	if count > MaxButtons {
		return errs.New(errs.Invalid, "%d buttons: at most %d go below a message", count, MaxButtons).
			Tell("broadcast.buttons", errs.Args{"Most": MaxButtons, "Row": MaxRow})
	}

	return nil
}

// tag is a tag of Telegram's HTML.
var tag = regexp.MustCompile(`</?[a-zA-Z][^<>]*>`)

// Length counts what Telegram counts of a text: the UTF-16 units that are left
// when tags are taken out and entities are read.
func Length(text string) int { return len(utf16.Encode([]rune(plain(text)))) }

// plain gives a text as people see it.
func plain(text string) string {
	return strings.TrimSpace(html.UnescapeString(tag.ReplaceAllString(text, "")))
}
