package stack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// asked gives what the API answers to a machine.
func asked(t *testing.T, path string, into any) int {
	t.Helper()

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, cloud.APIURL(path), nil)
	if err != nil {
		t.Fatal(err)
	}

	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()

	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		t.Fatalf("%s answers %d and no JSON: %v", path, answer.StatusCode, err)
	}

	return answer.StatusCode
}

// Machines and the status page learn how the platform does, and nothing of any
// store. It runs alone: other tests break things on purpose.
func TestMachinesAskForHealth(t *testing.T) {
	invoke(t, "health", event(t, "health"))

	var health struct {
		Status string            `json:"status"`
		At     time.Time         `json:"at"`
		Checks map[string]string `json:"checks"`
	}

	// The answer of a moment ago may still be given, for a few seconds.
	const fresh, askEvery = 10 * time.Second, time.Second

	tick := time.NewTicker(askEvery)
	defer tick.Stop()

	for until := time.Now().Add(fresh); health.Status != "up" && time.Now().Before(until); <-tick.C {
		if status := asked(t, "/healthz", &health); (status == http.StatusOK) == (health.Status == "down") {
			t.Fatalf("/healthz answers %d: %+v", status, health)
		}
	}

	for _, check := range []string{
		"webhook", "table", "bucket", "backup", "parameters", "queue-depth", "dead-letters", "speech",
	} {
		if health.Checks[check] != "ok" {
			t.Errorf("check %s is %q, want ok: %+v", check, health.Checks[check], health)
		}
	}

	if health.Status != "up" || time.Since(health.At) > time.Minute {
		t.Errorf("/healthz says %+v", health)
	}

	var page struct {
		State      string `json:"state"`
		Components []struct {
			Name  string    `json:"name"`
			State string    `json:"state"`
			Since time.Time `json:"since"`
		} `json:"components"`
	}

	if status := asked(t, "/status.json", &page); status != http.StatusOK || page.State != "up" || len(page.Components) < 4 {
		t.Errorf("/status.json answers %d: %+v", status, page)
	}

	for _, component := range page.Components {
		if component.State != "up" || component.Since.IsZero() {
			t.Errorf("component %s is %s since %s", component.Name, component.State, component.Since)
		}
	}

	t.Logf("%+v", health)
	t.Logf("%+v", page)
}

// An owner looks how a store does in the owner's own bot, and has it looked at:
// the same message says what was found.
func TestOwnerLooksNow(t *testing.T) {
	shop, owner := openShopWithOwner(t)
	office := aBot(t)
	operateWith(t, "OWNER_BOT_TOKEN="+office.Token, "owner-bot", "set", "--operator", fmt.Sprint(stack.Demo().Owner),
		"--webhook-url", cloud.WebhookURL("owner"))
	t.Cleanup(func() { operate(t, "owner-bot", "remove") })

	chat := &customer{Person: people.As(owner.User, office.BotID()), t: t}
	chat.welcomed()

	status := chat.says("/status")
	if !strings.Contains(status.Text, shop.Name) {
		t.Fatalf("the status reads %q", status.Text)
	}

	began := time.Now()

	chat.taps(status, "Periksa sekarang")

	well := chat.wait(control.Condition{MessageID: status.ID, Edited: true, Text: "🟢 Bot"})
	t.Logf("after %s: %q", time.Since(began).Round(time.Millisecond), well.Text)

	// Somebody has had BotFather make a new token, and told nobody.
	revoke := func(token string) {
		if _, err := people.CreateBot(t.Context(), control.Bot{
			ID: shop.BotID(), Token: token, FirstName: shop.Name, Username: shop.Username,
		}); err != nil {
			t.Fatal(err)
		}
	}

	revoke(fmt.Sprintf("%d:another-token-that-nobody-was-told-", shop.BotID()))

	status = chat.opensStatus() // a new screen: the same button is heard once in a second
	chat.taps(status, "Periksa sekarang")

	bad := chat.wait(control.Condition{MessageID: status.ID, Edited: true, Text: "menolak token"})
	if !strings.Contains(bad.Text, "🔴") {
		t.Errorf("the status reads %q", bad.Text)
	}

	t.Logf("%q", bad.Text)

	revoke(shop.Token)

	status = chat.opensStatus()
	chat.taps(status, "Periksa sekarang")
	chat.wait(control.Condition{MessageID: status.ID, Edited: true, Text: "🟢 Bot"})
}

// opensStatus asks for the status: an alert may come between it and its screen.
func (c *customer) opensStatus() control.Message {
	c.t.Helper()

	return c.asks("/status", control.Condition{Button: "Periksa sekarang"})
}
