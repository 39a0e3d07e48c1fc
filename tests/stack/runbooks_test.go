package stack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// step is a block of commands of a runbook.
type step struct {
	line     int
	commands string
	untried  string // why it cannot be tried here; empty: it can
}

var (
	fence  = regexp.MustCompile("(?ms)^( *)```sh\n(.*?)^ *```$")
	reason = regexp.MustCompile(`<!-- not tried: (.+) -->\s*$`)
)

// steps gives the blocks of a page in their order.
func steps(t *testing.T, page string) []step {
	t.Helper()

	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}

	var found []step

	for _, place := range fence.FindAllSubmatchIndex(text, -1) {
		before, indent := string(text[:place[0]]), string(text[place[2]:place[3]])

		made := step{
			line:     1 + strings.Count(before, "\n"),
			commands: strings.ReplaceAll("\n"+string(text[place[4]:place[5]]), "\n"+indent, "\n"),
		}
		if why := reason.FindStringSubmatch(before); why != nil {
			made.untried = why[1]
		}

		found = append(found, made)
	}

	if len(found) == 0 {
		t.Fatalf("%s has no commands: is it read right?", page)
	}

	return found
}

// Every command of every runbook works as it is written, on a store of its own;
// those that cannot be tried say why. Some concern all stores, so that this runs
// alone.
func TestRunbooks(t *testing.T) {
	t.Cleanup(func() { operate(t, "owner-bot", "remove") })

	pages, err := filepath.Glob(filepath.Join(root, "infra", "runbooks", "*.md"))
	if err != nil {
		t.Fatal(err)
	}

	tried := 0

	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if name == "README" || "infra/runbooks/"+name+".md" == alertsPage {
			continue // lists of the other pages, without commands of their own
		}

		t.Run(name, func(t *testing.T) {
			environment := runbookEnvironment(t)

			for _, step := range steps(t, page) {
				if step.untried != "" {
					t.Logf("%s:%d is not tried: %s", name, step.line, step.untried)

					continue
				}

				ctx, cancel := context.WithTimeout(t.Context(), answerWithin)
				command := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", step.commands)
				command.Env = environment
				text, err := command.CombinedOutput()

				cancel()

				if err != nil {
					t.Fatalf("%s:%d: %v\n%s\nanswers\n%s", name, step.line, err, step.commands, text)
				}

				t.Logf("%s:%d\n%s", name, step.line, text)

				tried++
			}
		})
	}

	const atLeast = 30
	if tried < atLeast && !t.Failed() {
		t.Errorf("%d blocks were tried, want %d at least", tried, atLeast)
	}
}

// runbookEnvironment gives the variables of the pages, for a store of their own
// whose bot has a new token by then.
func runbookEnvironment(t *testing.T) []string {
	t.Helper()

	shop, owner := openShopWithOwner(t)
	other, office := aBot(t), aBot(t)
	renewed := fmt.Sprintf("%d:renewed-token-of-store-%012d", shop.BotID(), shop.BotID())

	// BotFather ends the old token the moment that it gives the new one: ctl
	// must bear that, but pages that do not rotate it need the old one.
	if strings.Contains(t.Name(), "token-leaked") {
		if _, err := people.CreateBot(t.Context(), control.Bot{
			ID: shop.BotID(), Token: renewed, FirstName: shop.Name, Username: shop.Username,
		}); err != nil {
			t.Fatal(err)
		}
	}

	queueName, letter := buried(t, shop)

	programs, err := filepath.Abs(filepath.Join(root, ".build", "programs"))
	if err != nil {
		t.Fatal(err)
	}

	return append(cloud.Environment(),
		"PATH="+programs+":"+os.Getenv("PATH"),
		"STORE="+shop.ID, "STORE_NAME="+shop.Name, "API="+cloud.APIURL(""), "STACK=lapak-local",
		"OWNER="+fmt.Sprint(owner.User), "QUEUE="+queueName, "LETTER="+letter,
		"TOKEN="+shop.Token, "NEW_TOKEN="+renewed, "NEW_BOT_TOKEN="+other.Token, "OWNER_TOKEN="+office.Token,
		"OWNER_WEBHOOK="+cloud.WebhookURL("owner"),
		"GATEWAY_KEY=sk_test_simulated", "GATEWAY_SECRET=whsec_simulated", "PROVIDER_KEY=simulated-key-of-a-provider",
	)
}

// aBot gives a bot that no store has.
func aBot(t *testing.T) stack.Store {
	t.Helper()

	const firstBot = 7_500_000_000

	number := shopsOpened.Add(1)
	made := stack.Store{
		Token: fmt.Sprintf("%d:simulated-token-of-nobody-%09d", firstBot+number, number), Username: fmt.Sprintf("nobody_%d_bot", number),
	}

	if _, err := people.CreateBot(t.Context(), control.Bot{
		ID: firstBot + number, Token: made.Token, FirstName: "Nobody", Username: made.Username,
	}); err != nil {
		t.Fatal(err)
	}

	return made
}

// buried puts a letter that nobody can handle into a dead-letter queue, and
// gives the queue's name and the letter's id.
func buried(t *testing.T, of shop) (string, string) {
	t.Helper()

	const name = "invocations"

	for url := range strings.SplitSeq(cloud.Outputs["DeadQueueUrls"], ",") {
		if !strings.HasSuffix(path.Base(url), "-"+name+"-dead") {
			continue
		}

		body, err := json.Marshal(map[string]any{"requestContext": map[string]any{"condition": "RetriesExhausted"}})
		if err != nil {
			t.Fatal(err)
		}

		sent, err := sqs.NewFromConfig(cloud.AWS()).SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: aws.String(url), MessageBody: aws.String(string(body)),
			MessageAttributes: map[string]types.MessageAttributeValue{
				"store": {DataType: aws.String("String"), StringValue: aws.String(of.ID)},
			},
		})
		if err != nil {
			t.Fatal(err)
		}

		// Pages that do not discard it leave it for others to count.
		t.Cleanup(func() { unbury(t, url, aws.ToString(sent.MessageId)) })

		return name, aws.ToString(sent.MessageId)
	}

	t.Fatalf("there is no dead-letter queue %s", name)

	return "", ""
}

// unbury removes a letter, should it be there still.
func unbury(t *testing.T, url, letter string) {
	t.Helper()

	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()

	client := sqs.NewFromConfig(cloud.AWS())

	for {
		batch, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(url), MaxNumberOfMessages: 10, VisibilityTimeout: 1,
		})
		if err != nil {
			t.Error(err)

			return
		}

		if len(batch.Messages) == 0 {
			return
		}

		for _, message := range batch.Messages {
			if aws.ToString(message.MessageId) != letter {
				continue
			}

			if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{
				QueueUrl: aws.String(url), ReceiptHandle: message.ReceiptHandle,
			}); err != nil {
				t.Error(err)
			}

			return
		}
	}
}
