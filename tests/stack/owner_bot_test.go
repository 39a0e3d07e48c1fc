package stack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/user"
)

// openOffice sets the owner's own bot up by the operator's command line, and
// gives it as a shop, with its operator.
func openOffice(t *testing.T) shop {
	t.Helper()

	operator, err := people.CreateUser(t.Context(), control.User{FirstName: "Rangga", LanguageCode: "id"})
	if err != nil {
		t.Fatal(err)
	}

	office := shop{stack.Store{
		ID: store.OwnerBot, Name: "Lapak", Owner: operator.ID, Username: "lapak_owner_bot",
		Token: fmt.Sprintf("%d:simulated-token-of-store-%010d", 7_900_000_000, 1),
	}}

	_, err = people.CreateBot(t.Context(), control.Bot{Token: office.Token, FirstName: office.Name, Username: office.Username})
	if err != nil {
		t.Fatal(err)
	}

	operateWith(t, "OWNER_BOT_TOKEN="+office.Token, "owner-bot", "set", "--operator", fmt.Sprint(office.Owner),
		"--webhook-url", cloud.WebhookURL(office.ID))
	replaced(t, "alert") // it would speak by an owner's bot before this one, and then by the shop's, for 5 minutes

	return office
}

// The owner's own bot: it greets owners, tells them of their stores' troubles
// with buttons to decide, and knows strangers from them. Who has not pressed
// Start there hears of it by the shop's own bot. It runs before the parallel
// tests, who are told of the platform only as long as it has no operator.
func TestOwnersBot(t *testing.T) {
	shop, owner := openShopWithOwner(t)
	operate(t, "store", "mode", shop.ID, "webhook") // in mode auto, its messages would be fetched instead

	office := openOffice(t)

	// Nobody has pressed Start there: the shop's own bot tells.
	hook(t, shop, cloud.Endpoint+"/nowhere")

	if _, err := owner.Text(t.Context(), "/help"); err != nil {
		t.Fatal(err)
	}

	awaitBot(t, shop, func(bot control.Bot) bool { return bot.Webhook.Failed > 0 })
	invoke(t, "health", event(t, "health"))

	first := owner.wait(control.Condition{Text: "Webhook bot", Button: "Diterima"})

	hook(t, shop, cloud.WebhookURL(shop.ID))
	owner.wait(control.Condition{Text: "Bantuan"})
	invoke(t, "health", event(t, "health"))
	owner.wait(control.Condition{MessageID: first.ID, Edited: true, Text: "pulih"})

	// The owner comes to the owner's own bot, and so does somebody else.
	atOffice := office.visitedBy(t, owner.User)
	if hello := atOffice.welcomed(); !strings.Contains(hello.Text, shop.Name) {
		t.Errorf("the owner is greeted without their store: %q", hello.Text)
	}

	if status := atOffice.opensStatus(); !strings.Contains(status.Text, shop.Name) {
		t.Errorf("the status of the owner's one store reads %q", status.Text)
	}

	stranger := office.visitor(t, "id")
	if hello := stranger.welcomed(); !strings.Contains(hello.Text, "belum terdaftar") {
		t.Errorf("a stranger is greeted by %q", hello.Text)
	}

	hook(t, shop, cloud.Endpoint+"/nowhere")

	if _, err := owner.Text(t.Context(), "/help"); err != nil {
		t.Fatal(err)
	}

	awaitBot(t, shop, func(bot control.Bot) bool { return bot.Webhook.Failed > 0 })
	invoke(t, "health", event(t, "health"))

	// What else is wrong with the platform may be told beside it.
	trouble := atOffice.wait(control.Condition{Text: "Webhook bot", Button: "Diterima"})
	if !strings.Contains(trouble.Text, "["+shop.Name+"]") {
		t.Errorf("the store's trouble reads %q", trouble.Text)
	}

	atOffice.taps(trouble, "Diterima")
	atOffice.wait(control.Condition{MessageID: trouble.ID, Edited: true, Text: "Diterima oleh Dewi"})
	atOffice.taps(trouble, "1 jam")
	muted := atOffice.wait(control.Condition{MessageID: trouble.ID, Edited: true, Text: "Bisu sampai"})

	if list := atOffice.asks("/mute", control.Condition{Text: "sedang dibisukan"}); !strings.Contains(list.Text, "Webhook bot") {
		t.Errorf("the list of what is muted reads %q", list.Text)
	}

	hook(t, shop, cloud.WebhookURL(shop.ID))
	owner.wait(control.Condition{Text: "Bantuan"})
	invoke(t, "health", event(t, "health"))

	over := atOffice.wait(control.Condition{MessageID: trouble.ID, Edited: true, Text: "pulih"})
	t.Logf("%q, then %q, then %q", trouble.Text, muted.Text, over.Text)

	if found := stranger.showing("["); len(found) > 0 {
		t.Errorf("a stranger was told of trouble: %v", found)
	}

	// The platform's trouble is the operator's, once they have come.
	rangga := office.visitedBy(t, office.Owner)
	rangga.welcomed()

	name := fmt.Sprintf("lapak-platform-%d-errors", rangga.User)
	began := time.Now()
	ring(t, name, "ALARM", began)

	alarm := rangga.wait(control.Condition{Text: strings.TrimSuffix(name, "-errors")})
	if !strings.Contains(alarm.Text, "[Lapak]") {
		t.Errorf("the platform's trouble reads %q", alarm.Text)
	}

	ring(t, name, "OK", began.Add(time.Second))
	rangga.wait(control.Condition{MessageID: alarm.ID, Edited: true, Text: "pulih"})

	for _, chat := range []*customer{owner, atOffice} {
		if found := chat.showing("lapak-platform"); len(found) > 0 {
			t.Errorf("an owner was told of the platform's trouble: %v", found)
		}
	}

	// From here on nobody listens, whatever the functions remember: what the owner
	// was told here would be told anew by the shop's bot, in the middle of other tests.
	for _, person := range []*customer{rangga, owner} {
		if err := person.Block(t.Context(), true); err != nil {
			t.Fatal(err)
		}
	}

	becomes(t, toldWithin, "the bot knows that its operator has left", func() (bool, error) {
		return !listens(t, office), nil
	})
	operate(t, "owner-bot", "remove")
}

// listens reports whether the operator's profile says so.
func listens(t *testing.T, office shop) bool {
	t.Helper()

	found, err := user.NewRepository(stateTable(), clock.System{}).Get(t.Context(), office.ID, office.Owner)
	if err != nil {
		t.Fatal(err)
	}

	return !found.Blocked
}
