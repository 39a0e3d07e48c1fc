package telegram

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// noDeadline leaves the end of a wait to its context: the simulator's clock
// can be advanced, and a person who waits does not mean that clock.
const noDeadline = 10_000 * time.Hour

// condition is what serveWait waits for in a chat.
type condition struct {
	after        int64
	text, button string
	kind         string
	id           int64
	edited       bool
	deleted      bool
	own          bool
}

// fits says whether a version of a message is what was waited for.
func (c *condition) fits(viewer int64, m control.Message) bool {
	switch {
	case m.Seq <= c.after,
		c.own != (m.From == viewer),
		c.id != 0 && m.ID != c.id,
		c.deleted != m.Deleted,
		c.edited && m.EditDate == 0,
		c.kind != "" && m.Kind != c.kind,
		c.text != "" && !strings.Contains(m.Text, c.text):
		return false
	}

	if c.button == "" {
		return true
	}

	for _, row := range m.Buttons {
		for _, button := range row {
			if strings.Contains(button.Text, c.button) || button.CallbackData == c.button {
				return true
			}
		}
	}

	return false
}

// versions returns a message as it was after each change, oldest first.
func versions(m control.Message) []control.Message {
	var all []control.Message

	for i, old := range m.History {
		past := m
		past.Seq, past.Text, past.File, past.Buttons = old.Seq, old.Text, old.File, old.Buttons
		past.Deleted, past.History = false, m.History[:i]
		past.EditDate = 0

		if i > 0 {
			past.EditDate = old.Date
		}

		all = append(all, past)
	}

	return append(all, m)
}

// serveWait answers with the first message of a chat that fits, as soon as
// there is one, or with 408 after timeout_ms.
func (s *Server) serveWait(w http.ResponseWriter, r *http.Request) {
	number, query := reading(r), r.URL.Query()
	want := condition{
		after: number("after"), text: query.Get("text"), button: query.Get("button"), kind: query.Get("kind"),
		id: number("message_id"), edited: query.Get("edited") == "true", deleted: query.Get("deleted") == "true",
		own: query.Get("own") == "true",
	}

	const usual = 10_000

	timeout := time.Duration(cmp.Or(number("timeout_ms"), usual)) * time.Millisecond

	s.mu.Lock()
	defer s.mu.Unlock()

	_, in, err := s.actor(number("user"), number("chat"))
	if err != nil {
		writeControl(w, nil, err)

		return
	}

	var found []control.Message

	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()

	s.await(ctx, s.now().Add(noDeadline), func() bool {
		for _, m := range in.Messages {
			if m.Seq <= want.after {
				continue
			}

			for _, version := range versions(s.view(in, m)) {
				if want.fits(number("user"), version) {
					found = append(found, version)
				}
			}
		}

		return len(found) > 0
	})

	if len(found) == 0 {
		writeControl(w, nil, refuse(http.StatusRequestTimeout, "no message fits after %v; the chat has %s", timeout, s.summary(in)))

		return
	}

	writeControl(w, slices.MinFunc(found, func(a, b control.Message) int { return cmp.Compare(a.Seq, b.Seq) }), nil)
}

// summary names the last messages of a chat, for an error.
func (s *Server) summary(in *chat) string {
	const shown = 5

	var lines []string

	for _, m := range in.Messages[max(0, len(in.Messages)-shown):] {
		lines = append(lines, fmt.Sprintf("%d %s %q", m.ID, m.Content.kind(), m.Content.Text))
	}

	if len(lines) == 0 {
		return "no messages"
	}

	return fmt.Sprintf("%d messages, last: %s", len(in.Messages), strings.Join(lines, "; "))
}

// serveEvents sends what happens, and what happened after a number, as
// server-sent events.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	after := reading(r)("after")
	if last, ok := parseID(r.Header.Get("Last-Event-ID")); ok {
		after = last
	}

	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")

	out := http.NewResponseController(w)
	if err := out.Flush(); err != nil {
		writeControl(w, nil, fmt.Errorf("start the stream of events: %w", err))

		return
	}

	for {
		s.mu.Lock()
		s.await(r.Context(), s.now().Add(noDeadline), func() bool { return s.world.Seq > after })

		news := s.eventsAfter(after)
		s.mu.Unlock()

		if r.Context().Err() != nil || s.done.Err() != nil {
			return
		}

		for _, e := range news {
			if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", e.Seq, rawJSON(e)); err != nil {
				return // The page is gone.
			}

			after = e.Seq
		}

		if err := out.Flush(); err != nil {
			return // The page is gone.
		}
	}
}

// eventsAfter returns the events after a number. If some of them are not kept
// any more, it is one event after which the page reads everything anew.
func (s *Server) eventsAfter(after int64) []control.Event {
	if s.world.Seq <= after {
		return nil
	}

	if len(s.events) == 0 || s.events[0].Seq > after+1 {
		return []control.Event{{Seq: s.world.Seq, Type: "reset", Body: []byte("{}")}}
	}

	first, _ := slices.BinarySearchFunc(s.events, after+1, func(e control.Event, seq int64) int {
		return cmp.Compare(e.Seq, seq)
	})

	return slices.Clone(s.events[first:])
}

// controlWebApp answers with the address that opens a Mini App as a person,
// with data that the bot can verify by its token.
func (s *Server) controlWebApp(_ context.Context, r struct {
	place

	URL string `json:"url"`
},
) (map[string]string, error) {
	who, _, err := s.actor(r.User, r.Chat)
	if err != nil {
		return nil, err
	}

	b := s.world.Bots[r.Chat]

	address, err := url.Parse(r.URL)
	if b == nil || err != nil || address.Host == "" {
		return nil, refuse(http.StatusBadRequest, "want a private chat and an absolute address, got %q", r.URL)
	}

	fields := url.Values{
		"auth_date": {fmt.Sprint(s.now().Unix())}, "query_id": {fmt.Sprintf("AA%d", s.world.next())},
		"user": {string(rawJSON(who.object()))},
	}

	var lines []string
	for name, values := range fields {
		lines = append(lines, name+"="+values[0])
	}

	slices.Sort(lines)

	fields.Set("hash", hex.EncodeToString(sign(sign([]byte("WebAppData"), b.Token), strings.Join(lines, "\n"))))
	address.Fragment = ""

	return map[string]string{"url": address.String() + "#" + url.Values{
		"tgWebAppData": {fields.Encode()}, "tgWebAppVersion": {"9.0"}, "tgWebAppPlatform": {"web"},
	}.Encode()}, nil
}

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))

	return mac.Sum(nil)
}
