package telegram

import (
	"context"
	"encoding/json"
	"time"

	"github.com/mymmrac/telego"
	ta "github.com/mymmrac/telego/telegoapi"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
)

const (
	// updatesAtOnce is how many updates one call gives: with the largest
	// messages that people can write they stay below maxAnswerBytes.
	updatesAtOnce = 50
	// LongestPoll is how long one call may wait for the first update.
	LongestPoll = answerTimeout - callTimeout
)

// Updates fetches what waits for the bot, as Telegram wrote it, in its order;
// it waits for the first one, up to LongestPoll. All updates below offset are
// confirmed: Telegram forgets them. Conflict where a webhook is set or somebody
// else fetches; Unauthorized where the token is not valid.
func (c *Client) Updates(ctx context.Context, offset int64, wait time.Duration, kinds []string) ([]json.RawMessage, error) {
	wait = min(wait, LongestPoll)

	asked, err := json.Marshal(telego.GetUpdatesParams{
		Offset: int(offset), Limit: updatesAtOnce, Timeout: int(wait.Seconds()), AllowedUpdates: kinds,
	})
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "encode a call for updates")
	}

	const method = "/getUpdates"

	// telego would decode the updates and lose what it does not know.
	answer, err := c.by.call(ctx, c.apiURL+"/bot"+c.bot.Token()+method, ta.ContentTypeJSON, asked, wait+callTimeout)
	if err == nil && !answer.Ok {
		err = answer.Error
	}

	if err != nil {
		return nil, explainToOperator(err, "fetch updates")
	}

	var updates []json.RawMessage
	if err := json.Unmarshal(answer.Result, &updates); err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "fetch updates: the answer is no list")
	}

	return updates, nil
}

// Reply makes a call that would else stand in the answer of a webhook: the
// answer to a payment that is about to be made. Internal for any other.
func (c *Client) Reply(ctx context.Context, reply any) error {
	body, err := json.Marshal(reply)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "encode a reply")
	}

	var call struct {
		telego.AnswerPreCheckoutQueryParams

		Method string `json:"method"`
	}
	if err := json.Unmarshal(body, &call); err != nil || call.Method != "answerPreCheckoutQuery" {
		return errs.Wrap(err, errs.Internal, "reply with %q: only payments are answered so", call.Method)
	}

	return obeying(ctx, func() error {
		return explain(c.bot.AnswerPreCheckoutQuery(ctx, &call.AnswerPreCheckoutQueryParams), "answer a payment")
	})
}

// Updates fetches what waits for a store's bot.
func (b *Bots) Updates(
	ctx context.Context, of string, offset int64, wait time.Duration, kinds []string,
) ([]json.RawMessage, error) {
	client, err := b.Client(ctx, of)
	if err != nil {
		return nil, err
	}

	return client.Updates(ctx, offset, wait, kinds)
}

// Reply answers a payment that is about to be made, for a store's bot.
func (b *Bots) Reply(ctx context.Context, of string, reply any) error {
	client, err := b.Client(ctx, of)
	if err != nil {
		return err
	}

	return client.Reply(ctx, reply)
}

// Connections is how many updates Telegram pushes at once to a bot. It bounds
// what one store can take of the webhook; ten give 500 updates a second where
// each takes 20 ms.
const Connections = 10

// Push has Telegram push the updates of a store's bot, of some kinds, to an
// address. Waiting updates stay.
func (b *Bots) Push(ctx context.Context, of, address string, proof secret.Value, kinds []string) error {
	client, err := b.Client(ctx, of)
	if err != nil {
		return err
	}

	return client.SetWebhook(ctx, Webhook{URL: address, Secret: proof, MaxConnections: Connections, Updates: kinds})
}

// StopPushing has Telegram keep the updates of a store's bot until they are
// fetched.
func (b *Bots) StopPushing(ctx context.Context, of string) error {
	client, err := b.Client(ctx, of)
	if err != nil {
		return err
	}

	return client.DeleteWebhook(ctx)
}
