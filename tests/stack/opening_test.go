package stack_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/store"
)

// replaced ends the process of a function as a deployment does, once updates
// are answered; after that it remembers nothing.
func replaced(t *testing.T, function string) {
	t.Helper()

	_, underWay, err := settled(t.Context(), sqs.NewFromConfig(cloud.AWS()), cloud.Outputs["UpdatesQueueUrl"], 0)
	if err != nil || underWay > 0 {
		t.Fatalf("before %s is replaced, %d updates are under way (%v)", function, underWay, err)
	}

	if err := cloud.Kill(function); err != nil && !errors.Is(err, stack.ErrNotRunning) {
		t.Fatal(err)
	}
}

// The operator opens a store in the owner's own bot, a customer finds it, and
// the operator pauses it there. It runs before the parallel tests: while the
// owner's own bot is there, alerts go to it.
func TestOperatorOpensAStoreInTheChat(t *testing.T) {
	const botOfOffice, botOfStore = 7_900_000_101, 7_900_000_102

	made := stack.Store{
		ID: "toko-bunga", Name: "Toko Bunga", Username: "toko_bunga_bot",
		Token: fmt.Sprintf("%d:simulated-token-of-store-%010d", botOfStore, botOfStore),
	}
	office := shop{stack.Store{
		ID: store.OwnerBot, Token: fmt.Sprintf("%d:simulated-token-of-store-%010d", botOfOffice, botOfOffice), Username: "kantor_bot",
	}}

	for _, bot := range []stack.Store{office.Store, made} {
		_, err := people.CreateBot(t.Context(), control.Bot{Token: bot.Token, FirstName: bot.Name, Username: bot.Username})
		if err != nil {
			t.Fatal(err)
		}
	}

	rangga := office.visitor(t, "id")
	operateWith(t, "OWNER_BOT_TOKEN="+office.Token, "owner-bot", "set", "--operator", fmt.Sprint(rangga.User))
	t.Cleanup(func() { operate(t, "owner-bot", "remove") })
	replaced(t, "bot")

	rangga.welcomed()

	rangga.asks("/newstore", control.Condition{Text: "Toko baru"})

	sent, err := rangga.Text(t.Context(), made.Token)
	if err != nil {
		t.Fatal(err)
	}

	rangga.wait(control.Condition{MessageID: sent.ID, Own: true, Deleted: true})

	next := rangga.wait(control.Condition{Text: "ID tokonya apa"})
	rangga.taps(next, made.ID)
	rangga.wait(control.Condition{Text: "Nama tokonya apa", Edited: true})

	next = rangga.asks(made.Name, control.Condition{Button: "Aku"})
	rangga.taps(next, "Aku")
	next = rangga.wait(control.Condition{MessageID: next.ID, Edited: true, Text: "Bahasa utama"})
	rangga.taps(next, "Indonesia")
	next = rangga.wait(control.Condition{MessageID: next.ID, Edited: true, Button: "Simpan"})
	rangga.taps(next, "Simpan")
	done := rangga.wait(control.Condition{MessageID: next.ID, Edited: true, Text: "hidup di @" + made.Username})
	t.Logf("%q, then %q", next.Text, done.Text)

	if slices.ContainsFunc(rangga.history(), func(shown control.Message) bool { return strings.Contains(shown.Text, made.Token) }) {
		t.Error("the token stands in the chat")
	}

	opened := shop{made}

	customer := opened.visitor(t, "id")
	if hello := customer.welcomed(); !strings.Contains(hello.Text, made.Name) {
		t.Errorf("the new store greets by %q", hello.Text)
	}

	list := rangga.asks("/stores", control.Condition{Button: "Jeda"})
	for !hasButton(list, "Jeda "+made.Name) { // behind the stores of other tests
		rangga.taps(list, "Berikutnya")
		list = rangga.wait(control.Condition{MessageID: list.ID, Edited: true})
	}

	rangga.taps(list, "Jeda "+made.Name)
	rangga.wait(control.Condition{MessageID: list.ID, Edited: true, Button: "Buka " + made.Name})
	replaced(t, "bot")

	if told := customer.says("halo"); !strings.Contains(told.Text, "istirahat sebentar") {
		t.Errorf("the paused store answers %q", told.Text)
	}

	operate(t, "store", "resume", made.ID)
	replaced(t, "bot")
	customer.says("/help")
	operate(t, "store", "pause", made.ID)

	file := t.TempDir() + "/bunga.jsonl"
	operate(t, "store", "remove", made.ID, "--export", file, "--erase")
	operate(t, "store", "verify", file)
}

// BotFather makes a new token, which ends the old one at once, while people
// write. What they wrote is answered all the same, by functions that still have
// the old one.
func TestTokenRotatesWhileMessagesFlow(t *testing.T) {
	t.Parallel()

	const each = 3

	shop := openShop(t)
	person := shop.customer(t, "id")

	say := func() {
		if _, err := person.Text(t.Context(), "halo"); err != nil {
			t.Fatal(err)
		}
	}

	say()
	person.waitNotUnderstood(1)

	shop.Token = strings.Replace(shop.Token, "simulated", "renewed--", 1)

	_, err := people.CreateBot(t.Context(), control.Bot{Token: shop.Token, FirstName: shop.Name, Username: shop.Username})
	if err != nil {
		t.Fatal(err)
	}

	say() // nobody can answer this for now
	operateWith(t, "LAPAK_BOT_TOKEN="+shop.Token, "store", "rotate-token", shop.ID)
	say()
	person.waitNotUnderstood(each)
}
