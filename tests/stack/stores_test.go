package stack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// Two stores at once: what one person says to the one, the other never shows,
// neither by its own chat, nor by buttons, nor by the cache, nor by its secret.
func TestNothingCrossesStores(t *testing.T) {
	t.Parallel()

	kopi, buku := openShop(t), openShop(t)
	atKopi := kopi.customer(t, "id")
	atBuku := buku.visitedBy(t, atKopi.User)
	atBuku.welcomed()

	atKopi.sends("voice", "voice-en.ogg")
	atBuku.sends("voice", "voice-en-2.ogg")

	ofKopi, ofBuku := atKopi.transcript(), atBuku.transcript()
	mustHave(t, words(ofKopi), "voice-en.ogg")
	mustHave(t, words(ofBuku), "voice-en-2.ogg")

	if strings.Contains(fmt.Sprint(atKopi.history()), "weather") || strings.Contains(fmt.Sprint(atBuku.history()), "calling") {
		t.Error("a chat shows what was said to the other store")
	}

	if list := atBuku.says("/history"); hasButton(list, "thank you") || !hasButton(list, "the weather") {
		t.Errorf("the history of one store shows the other's: %v", list.Buttons)
	}

	// A button of the one store, pressed in the other.
	stolen := ofKopi.Buttons[0][0].CallbackData
	if toast := tapByUpdate(t, buku, atBuku, stolen); !strings.Contains(toast, "tidak kutemukan") {
		t.Errorf("the other store's button answers %q", toast)
	}

	// A button of one person, pressed by another one in the same store.
	stranger := kopi.customer(t, "id")
	if toast := tapByUpdate(t, kopi, stranger, stolen); !strings.Contains(toast, "tidak kutemukan") {
		t.Errorf("another person's button answers %q", toast)
	}

	// The file that the one store has heard is new to the other.
	mark := gateway.mark()

	atBuku.sends("voice", "voice-en.ogg")
	mustHave(t, words(atBuku.transcript()), "voice-en.ogg")

	if !stored(gateway.since(mark), "/transcripts/"+buku.ID) {
		t.Error("a transcript of one store was taken for the other")
	}

	if status := post(t, kopi.ID, webhookSecret(t, buku.ID)); status != http.StatusUnauthorized {
		t.Errorf("the other store's secret opens the webhook: status %d", status)
	}

	if status := post(t, kopi.ID, webhookSecret(t, kopi.ID)); status != http.StatusOK {
		t.Errorf("the store's own secret does not open the webhook: status %d", status)
	}
}

func stored(calls []awsCall, path string) bool {
	for _, call := range calls {
		if call.operation == "S3.PUT" && strings.Contains(call.of, path) {
			return true
		}
	}

	return false
}

// webhookSecret reads a store's secret as the functions do.
func webhookSecret(t *testing.T, store string) string {
	t.Helper()

	answer, err := ssm.NewFromConfig(cloud.AWS()).GetParameter(t.Context(), &ssm.GetParameterInput{
		Name:           aws.String(cloud.Outputs["SecretsPrefix"] + "/stores/" + store + "/webhook-secret"),
		WithDecryption: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}

	var kept struct {
		Current string `json:"current"`
	}
	if err := json.Unmarshal([]byte(aws.ToString(answer.Parameter.Value)), &kept); err != nil || kept.Current == "" {
		t.Fatalf("read the secret of store %s: %v", store, err)
	}

	return kept.Current
}

// post sends what is no update to a store's webhook and gives the status.
func post(t *testing.T, store, secret string) int {
	t.Helper()

	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, cloud.WebhookURL(store), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}

	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)

	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()

	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}

	return response.StatusCode
}

// A webhook secret is changed while people write: nothing is lost. --now is
// the hard way, for a secret that got out: functions that know only the old
// one refuse until they read again, or are replaced, and Telegram keeps what
// was refused.
func TestSecretRotatesWhileMessagesFlow(t *testing.T) {
	t.Parallel()

	const each = 4

	shop := openShop(t)

	var everybody []*customer
	for range 3 {
		everybody = append(everybody, shop.customer(t, "id"))
	}

	say := func(round int) {
		for _, person := range everybody {
			if _, err := person.Text(t.Context(), fmt.Sprintf("pesan %d", round)); err != nil {
				t.Fatal(err)
			}
		}
	}

	before := webhookSecret(t, shop.ID)

	for round := range each {
		if round == each/2 {
			operate(t, "store", "rotate-secret", shop.ID, "--now")
		}

		say(round)
	}

	if webhookSecret(t, shop.ID) == before {
		t.Fatal("the secret is the old one")
	}

	// A deployment replaces the functions, which then read anew.
	if err := cloud.Kill("webhook"); err != nil {
		t.Fatal(err)
	}

	for _, person := range everybody {
		person.waitNotUnderstood(each)
	}

	if status := post(t, shop.ID, before); status != http.StatusOK {
		t.Errorf("the secret before the last is refused: status %d", status)
	}
}

// waitNotUnderstood waits until the bot has said so often that it does not
// understand: its answer to any words.
func (c *customer) waitNotUnderstood(count int) {
	c.t.Helper()

	for len(c.showing(notUnderstood)) < count {
		c.wait(control.Condition{Text: notUnderstood})
	}
}

// operate runs the operator's command line.
func operate(t *testing.T, args ...string) {
	t.Helper()
	operateWith(t, "", args...)
}

// operateWith gives it a secret in the environment.
func operateWith(t *testing.T, secret string, args ...string) {
	t.Helper()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute) // a clean-up operates too
	defer cancel()

	command := exec.CommandContext(ctx, filepath.Join(root, ".build", "programs", "ctl"), args...)
	command.Env = append(cloud.Environment(), "PATH="+os.Getenv("PATH"), secret)

	if text, err := command.CombinedOutput(); err != nil {
		t.Fatalf("ctl %s: %v\n%s", strings.Join(args, " "), err, text)
	}
}

// awaitBot waits until the simulator's state of a shop's bot fits. The control
// API has no wait for that, so it is asked again and again.
func awaitBot(t *testing.T, shop shop, fits func(control.Bot) bool) {
	t.Helper()

	const askEvery = 100 * time.Millisecond

	tick := time.NewTicker(askEvery)
	defer tick.Stop()

	for until := time.Now().Add(answerWithin); time.Now().Before(until); <-tick.C {
		state, err := people.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}

		for _, bot := range state.Bots {
			if bot.ID == shop.BotID() && fits(bot) {
				return
			}
		}
	}

	t.Fatalf("the bot of %s did not get there within %s", shop.ID, answerWithin)
}
