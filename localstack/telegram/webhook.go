package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// pusher sends the updates of one bot to its webhook: those of a chat one
// after the other, those of different chats side by side.
type pusher struct {
	stop   context.CancelFunc
	client *http.Client
	// chats are the queues that wait for an answer or for their next try.
	chats map[string]*pushQueue
	busy  int
}

type pushQueue struct {
	busy   bool
	failed int
	next   time.Time
}

// startPusher starts to push a bot's updates, if it has a webhook.
func (s *Server) startPusher(b *bot) {
	if b.Webhook.URL == "" || s.done.Err() != nil {
		return
	}

	ctx, cancel := context.WithCancel(s.done)
	p := &pusher{stop: cancel, chats: map[string]*pushQueue{}, client: &http.Client{
		Timeout:       s.opts.WebhookTimeout,
		Transport:     &http.Transport{MaxIdleConnsPerHost: b.Webhook.MaxConnections},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	s.pushers[b.ID] = p

	s.work.Go(func() {
		defer p.client.CloseIdleConnections()

		s.pushAll(ctx, b, p)
	})
}

func (s *Server) stopPusher(botID int64) {
	if p := s.pushers[botID]; p != nil {
		p.stop()
		delete(s.pushers, botID)
		s.touch()
	}
}

// pushAll starts pushes whenever there is one to start, until ctx ends.
func (s *Server) pushAll(ctx context.Context, b *bot, p *pusher) {
	s.mu.Lock()
	defer s.mu.Unlock()

	for ctx.Err() == nil {
		s.expire(b)

		next := s.startPushes(ctx, b, p)
		changed := s.changed

		timer := time.NewTimer(next)

		s.mu.Unlock()

		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}

		timer.Stop()
		s.mu.Lock()
	}
}

// startPushes starts every push that may run now and returns how long until
// the next try of one that failed.
func (s *Server) startPushes(ctx context.Context, b *bot, p *pusher) time.Duration {
	const idle = time.Hour

	wait, seen := idle, map[string]bool{}

	for _, u := range b.Updates {
		if seen[u.Chat] {
			continue
		}

		seen[u.Chat] = true

		queue := p.chats[u.Chat]
		if queue == nil {
			queue = &pushQueue{}
			p.chats[u.Chat] = queue
		}

		if queue.busy || p.busy >= b.Webhook.MaxConnections {
			continue
		}

		if left := queue.next.Sub(s.now()); left > 0 {
			wait = min(wait, left)

			continue
		}

		queue.busy = true
		p.busy++
		hook := b.Webhook

		s.work.Go(func() { s.pushOne(ctx, b, p, queue, u, hook) })
	}

	return wait
}

// longestRetryAfter is how long a webhook may have Telegram wait.
const longestRetryAfter = time.Hour

// pushOne sends one update and takes it off the queue if it was accepted.
func (s *Server) pushOne(ctx context.Context, b *bot, p *pusher, queue *pushQueue, u *update, hook webhook) {
	reply, retryAfter, err := post(ctx, p.client, hook, u.Body)

	if err == nil && len(reply) > 0 {
		s.runReply(ctx, b, reply)
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	queue.busy = false
	p.busy--

	if ctx.Err() != nil {
		return // The webhook was changed meanwhile; the update stays.
	}

	if err == nil {
		queue.failed = 0
		b.Webhook.Delivered++
		s.taken(b, func(other *update) bool { return other == u })

		return
	}

	delay := min(s.opts.WebhookRetry<<min(queue.failed, 20), s.opts.WebhookRetryMax)
	if retryAfter > 0 { // Telegram then keeps to it, however often the push has failed.
		delay = min(retryAfter, longestRetryAfter)
	}

	queue.failed++
	queue.next = s.now().Add(delay)
	b.Webhook.Failed++
	b.Webhook.LastError, b.Webhook.LastErrorDate = err.Error(), s.now().Unix()
	s.event("webhook", u.Chat, object{"bot": b.ID, "url": hook.URL, "error": err.Error(), "update_id": u.ID})
}

// webhookError is a failure in Telegram's words, as getWebhookInfo shows them.
type webhookError string

func (e webhookError) Error() string { return string(e) }

func post(ctx context.Context, client *http.Client, hook webhook, body []byte) ([]byte, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return nil, 0, webhookError("Bad webhook URL")
	}

	request.Header.Set("Content-Type", "application/json")

	if hook.Secret != "" {
		request.Header.Set("X-Telegram-Bot-Api-Secret-Token", hook.Secret)
	}

	answer, err := client.Do(request)
	if err != nil {
		return nil, 0, webhookError(connectionError(err))
	}
	defer answer.Body.Close()

	const maxReply = 1 << 20

	reply, err := io.ReadAll(io.LimitReader(answer.Body, maxReply))
	if err != nil {
		return nil, 0, webhookError(connectionError(err))
	}

	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		if err != nil {
			seconds = 0 // Without the header the usual time holds.
		}

		return nil, time.Duration(seconds) * time.Second,
			webhookError(fmt.Sprintf("Wrong response from the webhook: %s", answer.Status))
	}

	kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, 0, nil // Only JSON can be a reply.
	}

	return reply, 0, nil
}

func connectionError(err error) string {
	var network net.Error

	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Connection refused"
	case errors.As(err, &network) && network.Timeout():
		return "Read timeout expired"
	default:
		return "Connection reset by peer"
	}
}

// runReply runs the method that a webhook answered with, if it did.
func (s *Server) runReply(ctx context.Context, b *bot, reply []byte) {
	began := time.Now()

	decoded, err := decode(reply)
	if err != nil {
		return // An answer that is no JSON is no method.
	}

	values, _ := decoded.(object)

	name, _ := values["method"].(string)
	if name == "" {
		return
	}

	delete(values, "method")
	dropNulls(values)

	method, simulated := s.table.Exists(name)
	p := params{values: values}
	s.coerce(method, &p)

	entry := control.Call{Time: s.opts.Now().UnixMilli(), Bot: b.ID, Method: method, Params: p.logged(), Problems: p.problems}

	var result any
	if simulated && !strings.HasPrefix(method, "get") {
		result, err = s.run(ctx, b, method, p)
	} else {
		err = &apiError{Status: http.StatusNotFound, Text: "Not Found: " + name + " cannot be a reply to a webhook"}
	}

	status, body := response(result, err)
	entry.Status, entry.Response, entry.TookMS = status, json.RawMessage(body), time.Since(began).Milliseconds()

	s.mu.Lock()
	s.logCall(entry)
	s.mu.Unlock()
}
