package stack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// failoverCooldown is the shortest polling, which main_test sets.
const failoverCooldown = time.Minute

// A webhook that breaks under a stream of messages: they are fetched instead,
// and pushed again when it is mended. Nobody notices but the owner, who is told
// twice. Health is invoked here, instead of waiting for its schedule.
func TestWebhookFailsOver(t *testing.T) {
	t.Parallel()

	const (
		size = 20
		each = 6 // messages of a person, a third of them in each of three times
	)

	outage := breakWebhook(t, size)
	began := time.Now()

	outage.say(t, size*each/3)
	awaitBot(t, outage.shop, func(bot control.Bot) bool { return bot.Webhook.Failed > 0 })
	invoke(t, "health", event(t, "health"))
	t.Logf("turned to polling after %s", time.Since(began).Round(time.Second))

	turned := time.Now()

	var polling sync.WaitGroup

	polling.Go(func() { invoke(t, "poll", event(t, "poll")) }) // the schedule's may have begun just before
	outage.answered(t)
	t.Logf("what had waited is answered after %s", time.Since(began).Round(time.Second))
	outage.say(t, size*each/3)
	outage.answered(t)
	outage.gate.shut.Store(false)

	<-time.After(time.Until(turned.Add(failoverCooldown + time.Second)))
	invoke(t, "health", event(t, "health"))
	outage.back(t)
	t.Logf("back at the webhook after %s", time.Since(began).Round(time.Second))
	outage.say(t, size*each/3)
	outage.check(t)
	polling.Wait()
}

// The webhook is broken for ten minutes under a stream of a thousand messages,
// and nobody helps: all schedules are as they are.
func TestLongWebhook(t *testing.T) {
	if testing.Short() {
		t.Skip("a long outage takes a quarter of an hour: make long")
	}

	const (
		size     = 50
		messages = 1000
		broken   = 10 * time.Minute
		patience = 12 * time.Minute // for two looks of health, and a minute of poll's
	)

	outage := breakWebhook(t, size)
	began := time.Now()

	var mended sync.WaitGroup

	mended.Go(func() {
		<-time.After(broken)
		outage.gate.shut.Store(false)
	})

	pace := time.NewTicker(broken / messages)
	defer pace.Stop()

	for range messages {
		<-pace.C
		outage.say(t, 1)
	}

	mended.Wait()
	t.Logf("%d messages were sent in %s, %d pushes of them refused", outage.said(), time.Since(began).Round(time.Second),
		outage.gate.refused.Load())

	outage.answered(t)
	t.Logf("all are answered %s after the last", (time.Since(began) - broken).Round(time.Second))

	for until := time.Now().Add(patience); time.Now().Before(until) && !outage.pushed(t); {
		<-time.After(time.Second)
	}

	outage.back(t)
	t.Logf("back at the webhook %s after it was mended", (time.Since(began) - broken).Round(time.Second))
	outage.say(t, size)
	outage.check(t)
}

// gate stands before a webhook and can be shut: calls then end without an answer.
type gate struct {
	address string
	shut    atomic.Bool
	refused atomic.Int64
	passed  atomic.Int64
}

func openGate(t *testing.T, target string) *gate {
	t.Helper()

	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}

	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL, r.Out.Host = to, to.Host
	}}
	opened := &gate{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if opened.shut.Load() {
			opened.refused.Add(1)
			panic(http.ErrAbortHandler)
		}

		opened.passed.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)

	opened.address = server.URL

	return opened
}

// outage is a shop whose webhook is broken, with people who write to it.
type outage struct {
	shop  shop
	owner *customer
	gate  *gate
	crowd []*customer
	sent  []int // messages of each person
	last  int   // who wrote last
	mark  int64 // the last call of the bot before
}

// breakWebhook opens a shop with people in it, and shuts its webhook.
func breakWebhook(t *testing.T, size int) *outage {
	t.Helper()

	opened, owner := openShopWithOwner(t)
	made := &outage{shop: opened, owner: owner, gate: openGate(t, cloud.WebhookURL(opened.ID)), sent: make([]int, size)}
	hook(t, opened, made.gate.address)

	for range size {
		made.crowd = append(made.crowd, opened.customer(t, "id"))
	}

	calls, err := people.Calls(t.Context(), opened.BotID(), "", 0)
	if err != nil {
		t.Fatal(err)
	}

	for _, call := range calls {
		made.mark = max(made.mark, call.Seq)
	}

	made.gate.shut.Store(true)

	return made
}

// say has people write, one after the other.
func (o *outage) say(t *testing.T, messages int) {
	t.Helper()

	for range messages {
		o.last = (o.last + 1) % len(o.crowd)
		o.sent[o.last]++

		if _, err := o.crowd[o.last].Text(t.Context(), fmt.Sprintf("pesan %d", o.sent[o.last])); err != nil {
			t.Fatal(err)
		}
	}
}

func (o *outage) said() int {
	sum := 0
	for _, sent := range o.sent {
		sum += sent
	}

	return sum
}

// notUnderstood is what the bot answers to each of the messages.
const notUnderstood = "Aku belum mengerti"

// answered waits until everybody has an answer to each message.
func (o *outage) answered(t *testing.T) {
	t.Helper()

	for at, person := range o.crowd {
		person.waitNotUnderstood(o.sent[at])
	}
}

// pushed tells whether Telegram pushes again.
func (o *outage) pushed(t *testing.T) bool {
	t.Helper()

	state, err := people.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	at := slices.IndexFunc(state.Bots, func(bot control.Bot) bool { return bot.ID == o.shop.BotID() })

	return at >= 0 && state.Bots[at].Webhook.URL == o.gate.address
}

// back waits until Telegram pushes again, and the owner knows.
func (o *outage) back(t *testing.T) {
	t.Helper()

	awaitBot(t, o.shop, func(bot control.Bot) bool { return bot.Webhook.URL == o.gate.address })
	o.owner.wait(control.Condition{Text: "pulih", Edited: true})
}

// check looks whether each message was handled and answered once, by the
// webhook in the end, and how often the owner was told.
func (o *outage) check(t *testing.T) {
	t.Helper()
	o.answered(t)

	for at, person := range o.crowd {
		if answers := len(person.showing(notUnderstood)); answers != o.sent[at] {
			t.Errorf("person %d wrote %d times and was answered %d times", at, o.sent[at], answers)
		}
	}

	handled, again := o.awaitHandled(t, o.said()+len(o.crowd)+1) // everybody, and the owner, has pressed Start

	for update, times := range handled {
		if times != 1 {
			t.Errorf("update %d was handled %d times", update, times)
		}
	}

	told := o.told(t)
	if len(told) != 2 {
		t.Errorf("the owner was told %d times, want 2: %q", len(told), told)
	}

	t.Logf("%d updates handled once each, %d known again; %d pushes refused, %d passed; the owner was told:\n%s",
		len(handled), again, o.gate.refused.Load(), o.gate.passed.Load(), strings.Join(told, "\n"))
}

// awaitHandled waits until so many updates were handled: the bot's log may come
// after its answer.
func (o *outage) awaitHandled(t *testing.T, want int) (map[int64]int, int) {
	t.Helper()

	timeout := time.After(answerWithin)

	for {
		grown := journal.growth()

		handled, again := o.handled(t)
		if len(handled) >= want {
			return handled, again
		}

		select {
		case <-grown:
		case <-timeout:
			t.Fatalf("%d updates were handled, want %d", len(handled), want)
		}
	}
}

// handled counts how often each of the shop's updates was handled, by the
// bot's own log, and how many it knew again.
func (o *outage) handled(t *testing.T) (map[int64]int, int) {
	t.Helper()

	of := fmt.Sprintf("%q:%q", "store", o.shop.ID)
	found := map[int64]int{}

	for _, event := range journal.lines(`"update handled"`, of) {
		var line struct {
			Update json.Number `json:"update"`
		}
		if err := json.Unmarshal([]byte(event.Line), &line); err != nil {
			t.Fatalf("read %s: %v", event.Line, err)
		}

		number, err := line.Update.Int64()
		if err != nil {
			t.Fatalf("read %s: %v", event.Line, err)
		}

		found[number]++
	}

	return found, len(journal.lines(`"skipped: handled before"`, of))
}

// told gives what the owner was shown of the webhook since it broke: messages,
// and changes of them. A busy machine may tell of a slow table beside.
func (o *outage) told(t *testing.T) []string {
	t.Helper()

	calls, err := people.Calls(t.Context(), o.shop.BotID(), "", o.mark)
	if err != nil {
		t.Fatal(err)
	}

	var texts []string

	for _, call := range calls {
		var shown struct {
			Chat json.Number `json:"chat_id"`
			Text string      `json:"text"`
		}
		if err := json.Unmarshal(call.Params, &shown); err != nil || shown.Text == "" {
			continue
		}

		if shown.Chat.String() == fmt.Sprint(o.owner.User) && call.Status == http.StatusOK && strings.Contains(shown.Text, "Webhook") {
			texts = append(texts, call.Method+": "+shown.Text)
		}
	}

	return texts
}
