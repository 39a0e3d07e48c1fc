package stack_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/tests/media"
)

// The buttons below a transcript.
const (
	textButton     = "📄"
	subtitleButton = "🎬"
)

const hundred = 100

// shop is a store of its own for one test, so that tests disturb each other
// neither by rate limits nor by what is cached.
type shop struct {
	stack.Store
}

var shopsOpened atomic.Int64

// openShop registers a store by the operator's command line. Its owner is the
// owner of the demo store.
func openShop(t *testing.T) shop {
	t.Helper()

	return openShopOf(t, stack.Demo().Owner)
}

func openShopOf(t *testing.T, owner int64) shop {
	t.Helper()

	const firstBot = 7_000_001_000

	number := shopsOpened.Add(1)
	opened := shop{stack.Store{
		ID:       fmt.Sprintf("shop-%03d", number),
		Name:     fmt.Sprintf("Toko %d", number),
		Owner:    owner,
		Token:    fmt.Sprintf("%d:simulated-token-of-store-%010d", firstBot+number, number),
		Username: fmt.Sprintf("shop_%03d_bot", number),
	}}

	if err := cloud.AddStore(t.Context(), opened.Store); err != nil {
		t.Fatal(err)
	}

	return opened
}

// customer is a person in the chat with a shop's bot.
type customer struct {
	control.Person

	t    *testing.T
	seen int64 // the last change of the chat that a test has waited for
}

// visitor is a person who has not pressed Start yet.
func (s shop) visitor(t *testing.T, language string) *customer {
	t.Helper()

	user, err := people.CreateUser(t.Context(), control.User{FirstName: "Wati", LanguageCode: language})
	if err != nil {
		t.Fatal(err)
	}

	return s.visitedBy(t, user.ID)
}

func (s shop) visitedBy(t *testing.T, user int64) *customer {
	t.Helper()

	return &customer{Person: people.As(user, s.BotID()), t: t}
}

// customer is a person whom the bot has welcomed.
func (s shop) customer(t *testing.T, language string) *customer {
	t.Helper()

	person := s.visitor(t, language)
	person.welcomed()

	return person
}

func (c *customer) welcomed() control.Message {
	c.t.Helper()

	hello, err := c.Start(c.t.Context(), "")
	if err != nil {
		c.t.Fatal(err)
	}

	c.seen = hello.Seq

	return c.wait(control.Condition{})
}

// wait gives the first version of a message from the bot that fits and is
// newer than what was waited for before.
func (c *customer) wait(want control.Condition) control.Message {
	c.t.Helper()

	return c.waitFor(answerWithin, want)
}

func (c *customer) waitFor(within time.Duration, want control.Condition) control.Message {
	c.t.Helper()

	if want.After == 0 {
		want.After = c.seen
	}

	want.Timeout = within

	found, err := c.Wait(c.t.Context(), want)
	if err != nil {
		c.t.Fatal(err)
	}

	c.seen = max(c.seen, found.Seq)

	return found
}

// says sends a text and gives the bot's answer.
func (c *customer) says(text string) control.Message {
	c.t.Helper()

	return c.asks(text, control.Condition{})
}

// asks sends a text and gives the message behind it that is its answer: owners
// are told of troubles between.
func (c *customer) asks(text string, answer control.Condition) control.Message {
	c.t.Helper()

	sent, err := c.Text(c.t.Context(), text)
	if err != nil {
		c.t.Fatal(err)
	}

	c.seen = sent.Seq

	return c.wait(answer)
}

// taps presses a button, which the bot must answer.
func (c *customer) taps(message control.Message, button string) {
	c.t.Helper()

	answer, err := c.PressText(c.t.Context(), message.ID, button, answerWithin)
	if err != nil {
		c.t.Fatalf("tap on %q below %q with %v: %v", button, message.Text, message.Buttons, err)
	}

	if !answer.Answered {
		c.t.Errorf("the tap on %q was not answered", button)
	}
}

// sends uploads a sample of package media.
func (c *customer) sends(kind, name string) {
	c.t.Helper()

	c.sendsContent(control.Upload{Kind: kind, Name: name, Content: bytes.NewReader(sample(c.t, name))})
}

func sample(t *testing.T, name string) []byte {
	t.Helper()

	content, err := media.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}

	return content
}

func (c *customer) sendsContent(upload control.Upload) control.Message {
	c.t.Helper()

	sent, err := c.File(c.t.Context(), upload)
	if err != nil {
		c.t.Fatal(err)
	}

	c.seen = sent.Seq

	return sent
}

// transcript waits for the result of the file that was sent last.
func (c *customer) transcript() control.Message {
	c.t.Helper()

	return c.wait(resultShown())
}

func resultShown() control.Condition { return control.Condition{Button: textButton} }

// takes presses a button below a result and gives the document that comes.
func (c *customer) takes(result control.Message, button string) (control.Message, string) {
	c.t.Helper()

	c.taps(result, button)

	document := c.wait(control.Condition{Kind: "document"})

	content, err := people.Download(c.t.Context(), document.File)
	if err != nil {
		c.t.Fatal(err)
	}

	return document, string(content)
}

// history gives all messages of the chat as they are now, without those that
// were deleted.
func (c *customer) history() []control.Message {
	c.t.Helper()

	all, err := c.kept(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}

	return all
}

func (c *customer) kept(ctx context.Context) ([]control.Message, error) {
	all, err := c.Messages(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("read the chat: %w", err)
	}

	return slices.DeleteFunc(all, func(message control.Message) bool { return message.Deleted }), nil
}

// showing gives the bot's messages that hold a text.
func (c *customer) showing(text string) []control.Message {
	c.t.Helper()

	var found []control.Message

	for _, message := range c.history() {
		if message.FromBot && strings.Contains(message.Text, text) {
			found = append(found, message)
		}
	}

	return found
}

// results gives the messages that show a transcript.
func (c *customer) results(ctx context.Context) ([]control.Message, error) {
	all, err := c.kept(ctx)

	return slices.DeleteFunc(all, func(message control.Message) bool { return !hasButton(message, textButton) }), err
}

func hasButton(message control.Message, text string) bool {
	for _, row := range message.Buttons {
		for _, button := range row {
			if strings.Contains(button.Text, text) {
				return true
			}
		}
	}

	return false
}

// words gives what a result says was said: what stands below its first line.
func words(result control.Message) string {
	_, said, _ := strings.Cut(result.Text, "\n")

	return strings.TrimSpace(said)
}

// mustHave fails where a text is not a good transcript of a sample.
func mustHave(t *testing.T, text, sample string) {
	t.Helper()

	said, err := media.Said(sample)
	if err != nil {
		t.Fatal(err)
	}

	mustHear(t, text, said, sample)
}

// mustHear fails where a text is not a good transcript of what was said.
func mustHear(t *testing.T, text, said, in string) {
	t.Helper()

	const (
		acceptable = 0.10 // of the words
		printed    = 2000 // of the texts
	)

	wrong := media.WordErrorRate(said, text)
	t.Logf("%s: word error rate %.1f %%", in, hundred*wrong)

	if wrong >= acceptable {
		t.Errorf("%s: word error rate %.1f %%, want less than %.0f %%\nsaid  %.*s\nheard %.*s",
			in, hundred*wrong, hundred*acceptable, printed, said, printed, text)
	}
}
