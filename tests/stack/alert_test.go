package stack_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// openShopWithOwner gives a shop and its owner, in the chat with its bot.
func openShopWithOwner(t *testing.T) (shop, *customer) {
	t.Helper()

	user, err := people.CreateUser(t.Context(), control.User{FirstName: "Dewi", LanguageCode: "id"})
	if err != nil {
		t.Fatal(err)
	}

	opened := openShopOf(t, user.ID)
	owner := opened.visitedBy(t, user.ID)
	owner.welcomed()

	return opened, owner
}

// An alarm of CloudWatch is one message in the owner's chat, however often it
// rings, and the same message says that it is over.
func TestAlarmReachesOwner(t *testing.T) {
	t.Parallel()

	_, owner := openShopWithOwner(t)
	name := fmt.Sprintf("lapak-test-%d", owner.User)

	began := time.Now()

	ring(t, name, "ALARM", began)
	first := owner.wait(control.Condition{Text: name})

	if !strings.Contains(first.Text, "🟠") { // of an alarm that is none of ours, nobody knows how bad it is
		t.Errorf("an alarm reads %q", first.Text)
	}

	ring(t, name, "ALARM", began.Add(time.Minute))
	ring(t, name, "ALARM", began.Add(time.Minute)) // doubled on its way
	// The count is shown by the schedule: the chat is left in peace.
	owner.wait(control.Condition{MessageID: first.ID, Edited: true, Text: "Dilaporkan 2×"})

	ring(t, name, "OK", began.Add(2*time.Minute))
	over := owner.wait(control.Condition{MessageID: first.ID, Edited: true, Text: "pulih"})

	if len(owner.showing(name)) != 1 || !strings.Contains(over.Text, "🟢") {
		t.Errorf("the alarm is shown in %d messages, the last reads %q", len(owner.showing(name)), over.Text)
	}
}

// ring publishes a change of an alarm as CloudWatch does, to the topic.
func ring(t *testing.T, name, state string, at time.Time) {
	t.Helper()
	ringFor(t, name, state, "Threshold Crossed.", at)
}

// ringFor gives a reason.
func ringFor(t *testing.T, name, state, reason string, at time.Time) {
	t.Helper()

	body, err := json.Marshal(map[string]string{
		"AlarmName": name, "AlarmDescription": "Tests ring this alarm.", "NewStateValue": state,
		"NewStateReason": reason, "StateChangeTime": at.UTC().Format("2006-01-02T15:04:05.000-0700"),
	})
	if err != nil {
		t.Fatal(err)
	}

	_, err = sns.NewFromConfig(cloud.AWS()).Publish(t.Context(), &sns.PublishInput{
		TopicArn: aws.String(cloud.Outputs["AlertsTopicArn"]), Subject: aws.String(state), Message: aws.String(string(body)),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A webhook that does not work is noticed without anybody complaining, and so
// is that it works again.
func TestBrokenWebhookIsNoticed(t *testing.T) {
	t.Parallel()

	shop, owner := openShopWithOwner(t)
	operateWith(t, "", "store", "mode", shop.ID, "webhook") // in mode auto, its messages would be fetched instead

	hook(t, shop, cloud.Endpoint+"/nowhere")

	if _, err := owner.Text(t.Context(), "/help"); err != nil {
		t.Fatal(err)
	}

	awaitBot(t, shop, func(bot control.Bot) bool { return bot.Webhook.Failed > 0 })
	invoke(t, "health", event(t, "health"))

	trouble := owner.wait(control.Condition{Text: "Webhook"})
	if !strings.Contains(trouble.Text, "🔴") || !strings.Contains(trouble.Text, shop.Name) {
		t.Errorf("the trouble reads %q", trouble.Text)
	}

	hook(t, shop, cloud.WebhookURL(shop.ID))
	owner.wait(control.Condition{Text: "Bantuan"}) // what had to wait

	invoke(t, "health", event(t, "health"))

	over := owner.wait(control.Condition{MessageID: trouble.ID, Edited: true, Text: "pulih"})
	t.Logf("%q, then %q", trouble.Text, over.Text)
}

// hook sets the webhook as an operator does.
func hook(t *testing.T, shop shop, url string) {
	t.Helper()

	operateWith(t, "LAPAK_BOT_TOKEN="+shop.Token, "store", "add", "--id", shop.ID, "--name", shop.Name,
		"--owner", fmt.Sprint(shop.Owner), "--webhook-url", url)
}
