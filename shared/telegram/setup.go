package telegram

import (
	"context"
	"time"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/secret"
)

// Profile is who a bot is.
type Profile struct {
	ID       int64
	Name     string
	Username string // without the @
}

// Me asks Telegram who the bot is. Unauthorized where the token is not valid.
func (c *Client) Me(ctx context.Context) (Profile, error) {
	var me *telego.User

	err := obeying(ctx, func() error {
		var err error
		me, err = c.bot.GetMe(ctx)

		return explainToOperator(err, "ask Telegram who the bot is")
	})
	if err != nil {
		return Profile{}, err
	}

	return Profile{ID: me.ID, Name: me.FirstName, Username: me.Username}, nil
}

// Webhook says where and how Telegram pushes updates.
type Webhook struct {
	URL            string
	Secret         secret.Value // 1 to 256 of [A-Za-z0-9_-]
	MaxConnections int          // 1 to 100
	Updates        []string     // kinds of updates that are pushed
}

// SetWebhook has Telegram push updates. Waiting updates stay.
func (c *Client) SetWebhook(ctx context.Context, webhook Webhook) error {
	return obeying(ctx, func() error {
		err := c.bot.SetWebhook(ctx, &telego.SetWebhookParams{
			URL:            webhook.URL,
			SecretToken:    webhook.Secret.Reveal(),
			MaxConnections: webhook.MaxConnections,
			AllowedUpdates: webhook.Updates,
		})

		return explainToOperator(err, "set the webhook to %s", webhook.URL)
	})
}

// DeleteWebhook has Telegram push no more updates. Waiting updates stay.
func (c *Client) DeleteWebhook(ctx context.Context) error {
	return obeying(ctx, func() error {
		return explainToOperator(c.bot.DeleteWebhook(ctx, &telego.DeleteWebhookParams{}), "delete the webhook")
	})
}

// Webhook asks Telegram how its pushing goes. Unauthorized where the token is
// not valid.
func (c *Client) Webhook(ctx context.Context) (health.Webhook, error) {
	var info *telego.WebhookInfo

	err := obeying(ctx, func() error {
		var err error
		info, err = c.bot.GetWebhookInfo(ctx)

		return explainToOperator(err, "ask for the state of the webhook")
	})
	if err != nil {
		return health.Webhook{}, err
	}

	state := health.Webhook{URL: info.URL, Pending: info.PendingUpdateCount, LastError: info.LastErrorMessage}
	if info.LastErrorDate > 0 {
		state.FailedAt = time.Unix(info.LastErrorDate, 0).UTC()
	}

	return state, nil
}

// Command is a command as the bot's menu shows it.
type Command struct {
	Name string // without the slash
	Text string // what it does, at most 256 characters
}

// SetCommands sets the bot's menu for people whose client speaks language, two
// letters; empty for everyone else.
func (c *Client) SetCommands(ctx context.Context, language string, commands []Command) error {
	menu := make([]telego.BotCommand, 0, len(commands))
	for _, command := range commands {
		menu = append(menu, telego.BotCommand{Command: command.Name, Description: command.Text})
	}

	return obeying(ctx, func() error {
		err := c.bot.SetMyCommands(ctx, &telego.SetMyCommandsParams{Commands: menu, LanguageCode: language})

		return explainToOperator(err, "set the commands for language %q", language)
	})
}
