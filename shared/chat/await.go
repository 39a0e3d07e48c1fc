package chat

import (
	"context"
	"time"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/message"
)

// await is what the bot has asked a person to write or send: the next text,
// picture or document of theirs is the answer, and goes to the handler of the
// kind in awaited(). It lies in the session, so that it costs nothing.
//
// A handler reads r.session.Await.Fields, and either asks on (expect, with the
// kind of the next question) or ends the asking (settled). Until it does, it is
// asked again: an answer that cannot be is met with a sentence and nothing else.
// A command ends it, /cancel with a word; so does a button that opens a screen.
type await struct {
	Kind   string            `json:"kind"`
	Fields map[string]string `json:"fields,omitempty"`
	Until  time.Time         `json:"until"`
}

// awaitFor is how long a question stands.
const awaitFor = time.Hour

// awaited are the kinds of questions, each with what takes the answer.
func awaited() []route {
	return []route{
		{"search", (*Chat).searchTyped},
		{"coupon", (*Chat).takeCoupon},
		{"deposit", (*Chat).takeDeposit},
		{"proof", (*Chat).takeProof},
		{"claim", (*Chat).takeClaim},
		{"write", (*Chat).takeLetter},
		{"terms", (*Chat).takeTerms},
		{awaitForm, (*Chat).answerForm},
		{awaitToken, (*Chat).takeBotToken},
		{awaitStock, (*Chat).takeStock},
	}
}

// expect asks for an answer of a kind; fields come back with it.
func (c *Chat) expect(r *request, kind string, fields map[string]string) {
	r.session.Await = &await{Kind: kind, Fields: fields, Until: c.Clock.Now().Add(awaitFor)}
}

// settled ends the asking.
func (r *request) settled() { r.session.Await = nil }

// asked gives what takes the message as an answer; false where it is none, or
// none was asked for.
func (c *Chat) asked(r *request) (route, bool) {
	question := r.session.Await
	if question == nil || !c.Clock.Now().Before(question.Until) {
		return route{}, false
	}

	_, command := commandIn(r.message.Text)
	answer := r.message.Text != "" || len(r.message.Photo) > 0 || r.message.Document != nil || c.takesMedia(r)

	if command || !answer {
		return route{}, false
	}

	return find(awaited(), question.Kind)
}

// takesMedia reports whether the message is a video or music that answers the
// present question of a form.
func (c *Chat) takesMedia(r *request) bool {
	if r.message.Video == nil && r.message.Audio == nil {
		return false
	}

	of, f, ok := c.filled(r)
	if !ok {
		return false
	}

	asked := of.questions(r, f)

	return f.At < len(asked) && asked[f.At].media
}

// leave ends the asking at the person's wish.
func (c *Chat) leave(ctx context.Context, r *request) error {
	r.settled()

	return c.show(ctx, r, message.Text{HTML: r.words.html("await.left", nil), Buttons: r.words.homeButton()})
}

// pictureOf gives the largest picture of a message, by its file_id; empty
// where it has none.
func pictureOf(sent *telego.Message) string {
	largest := telego.PhotoSize{}
	for _, size := range sent.Photo {
		if size.Width*size.Height >= largest.Width*largest.Height {
			largest = size
		}
	}

	return largest.FileID
}
