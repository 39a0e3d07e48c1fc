package telegram

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// updateLife is how long Telegram keeps an update that nobody takes.
const updateLife = 24 * time.Hour

// unasked are the updates that a bot gets only if it names them.
var unasked = []string{"chat_member", "message_reaction", "message_reaction_count"}

// push queues an update for a bot. Updates of one chat keep their order.
func (s *Server) push(b *bot, chatKey, kind string, body any) {
	wanted := slices.Contains(b.Allowed, kind) || len(b.Allowed) == 0 && !slices.Contains(unasked, kind)
	if !wanted {
		return
	}

	b.LastUpdate++
	u := &update{
		ID: b.LastUpdate, Kind: kind, Chat: chatKey, Date: s.now().Unix(),
		// The update_id comes first, as in Telegram's updates.
		Body: fmt.Appendf(nil, `{"update_id":%d,"%s":%s}`, b.LastUpdate, kind, rawJSON(body)),
	}
	b.Updates = append(b.Updates, u)
	s.event("update", chatKey, object{"bot": b.ID, "update": u.Body})
}

// taken removes updates from the queue of a bot and remembers them, so that a
// test can have them sent again.
func (s *Server) taken(b *bot, gone func(*update) bool) {
	kept := b.Updates[:0:0]

	for _, u := range b.Updates {
		if gone(u) {
			b.recent = trimmed(append(b.recent, u))
		} else {
			kept = append(kept, u)
		}
	}

	b.Updates = kept
	s.touch()
}

func (s *Server) expire(b *bot) {
	oldest := s.now().Add(-updateLife).Unix()
	if len(b.Updates) > 0 && b.Updates[0].Date < oldest {
		s.taken(b, func(u *update) bool { return u.Date < oldest })
	}
}

// poll is a getUpdates call that is waiting.
type poll struct{ ended bool }

func (c *call) getUpdates() (any, error) {
	b := c.bot
	if b.Webhook.URL != "" {
		return nil, conflict("can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
	}

	if c.has("allowed_updates") {
		b.Allowed = c.strs("allowed_updates")
	}

	if other := c.polls[b.ID]; other != nil {
		other.ended = true
		c.touch()
	}

	own := &poll{}
	c.polls[b.ID] = own

	c.expire(b)
	c.confirm(c.integer("offset", 0))

	const longest = 50

	wait := min(max(c.integer("timeout", 0), 0), longest)
	c.await(c.ctx, c.now().Add(time.Duration(wait)*time.Second), func() bool {
		return len(b.Updates) > 0 || own.ended || b.Webhook.URL != ""
	})

	if own.ended || b.Webhook.URL != "" {
		if c.polls[b.ID] == own {
			delete(c.polls, b.ID)
		}

		return nil, conflict("terminated by other getUpdates request; make sure that only one bot instance is running")
	}

	delete(c.polls, b.ID)

	limit := c.integer("limit", 0)
	if limit <= 0 || limit > 100 {
		limit = 100
	}

	answer := []any{}
	for _, u := range b.Updates[:min(len(b.Updates), int(limit))] {
		answer = append(answer, u.Body)
	}

	return answer, nil
}

// confirm forgets the updates before the offset; a negative one keeps only
// that many of the last.
func (c *call) confirm(offset int64) {
	if offset < 0 {
		first := max(0, len(c.bot.Updates)+int(max(offset, -1<<30)))
		if first < len(c.bot.Updates) {
			offset = c.bot.Updates[first].ID
		}
	}

	if offset > 0 && len(c.bot.Updates) > 0 && c.bot.Updates[0].ID < offset {
		c.taken(c.bot, func(u *update) bool { return u.ID < offset })
	}
}

// secretForm is what a secret token may be made of.
var secretForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

func (c *call) setWebhook() (any, error) {
	address := c.str("url")
	if address == "" {
		return c.deleteWebhook()
	}

	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return nil, badRequest("bad webhook: URL host is empty")
	}

	// Telegram takes HTTPS only; on a laptop plain HTTP is all there is.
	if parsed.Scheme != "https" && parsed.Scheme != "http" {
		return nil, badRequest("bad webhook: An HTTPS URL must be provided for webhook")
	}

	secret := c.str("secret_token")
	if c.has("secret_token") && secret != "" && !secretForm.MatchString(secret) {
		return nil, badRequest("secret token contains unallowed characters")
	}

	ip := cmp.Or(c.str("ip_address"), resolve(c.ctx, parsed.Hostname()))
	if ip == "" {
		return nil, badRequest("bad webhook: Failed to resolve host: Name or service not known")
	}

	c.stopPusher(c.bot.ID)

	if c.has("allowed_updates") {
		c.bot.Allowed = c.strs("allowed_updates")
	}

	if c.flag("drop_pending_updates") {
		c.bot.Updates = nil
	}

	const defaultConnections, mostConnections = 40, 100

	connections := int(min(max(c.integer("max_connections", defaultConnections), 1), mostConnections))
	c.bot.Webhook = webhook{Webhook: control.Webhook{URL: address, MaxConnections: connections}, Secret: secret, IP: ip}
	c.startPusher(c.bot)
	c.event("webhook", "", object{"bot": c.bot.ID, "url": address})

	return true, nil
}

func resolve(ctx context.Context, host string) string {
	if ip := net.ParseIP(host); ip != nil {
		return ip.String()
	}

	found, err := net.DefaultResolver.LookupHost(ctx, host)
	if err == nil && len(found) > 0 {
		return found[0]
	}

	return ""
}

func (c *call) deleteWebhook() (any, error) {
	c.stopPusher(c.bot.ID)
	c.bot.Webhook = webhook{}

	if c.flag("drop_pending_updates") {
		c.bot.Updates = nil
	}

	c.event("webhook", "", object{"bot": c.bot.ID, "url": ""})

	return true, nil
}

func (c *call) getWebhookInfo() (any, error) {
	c.expire(c.bot)

	hook := c.bot.Webhook
	o := object{"url": hook.URL, "has_custom_certificate": false, "pending_update_count": len(c.bot.Updates)}
	set(o, "ip_address", hook.IP)
	set(o, "last_error_date", hook.LastErrorDate)
	set(o, "last_error_message", hook.LastError)
	set(o, "max_connections", hook.MaxConnections)

	if len(c.bot.Allowed) > 0 {
		o["allowed_updates"] = c.bot.Allowed
	}

	return o, nil
}

// userMessage tells the bots of a chat of a message that a person sent.
func (s *Server) userMessage(in *chat, m *message, kind string) {
	if in.Type == "channel" {
		kind = strings.Replace(kind, "message", "channel_post", 1)
	}

	for _, b := range s.world.botsIn(in) {
		if s.hears(b, in, m) {
			s.push(b, in.Key, kind, s.messageObject(b.ID, in, m))
		}
	}
}

// hears says whether a bot gets a message of a chat. In groups a bot that is
// no administrator gets only what is meant for it.
func (s *Server) hears(b *bot, in *chat, m *message) bool {
	if in.private() || in.Members[b.ID].Status != "member" || m.Content.ServiceFor != "" {
		return true
	}

	if reply := in.find(m.ReplyTo); reply != nil && reply.From == b.ID {
		return true
	}

	text := m.Content.Text
	if strings.Contains(strings.ToLower(text), "@"+strings.ToLower(b.Username)) {
		return true
	}

	command, _, _ := strings.Cut(text, " ")

	return strings.HasPrefix(text, "/") && !strings.Contains(command, "@")
}

// again sends updates that were taken before once more, or queues raw ones.
func (s *Server) again(b *bot, count int, reverse bool) int {
	copies := slices.Clone(b.recent[max(0, len(b.recent)-count):])
	if reverse {
		slices.Reverse(copies)
	}

	b.Updates = append(copies, b.Updates...)
	s.touch()

	return len(copies)
}

// injected queues an update as a test wrote it.
func (s *Server) injected(b *bot, raw json.RawMessage) error {
	var head struct {
		ID *int64 `json:"update_id"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return fmt.Errorf("the update is no JSON object: %w", err)
	}

	if head.ID == nil {
		return errors.New("the update has no update_id")
	}

	b.Updates = append(b.Updates, &update{ID: *head.ID, Chat: "injected", Date: s.now().Unix(), Body: raw})
	s.touch()

	return nil
}
