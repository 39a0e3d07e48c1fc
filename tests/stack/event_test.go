package stack_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lapak-id/lapak/localstack/stack"
)

// Every function answers its sample in events/ as it would on AWS. The samples
// name a store that is registered and a job that there is not.
func TestSampleEvents(t *testing.T) {
	t.Parallel()

	const done = `{"batchItemFailures":[]}`

	// The sample of bot is a message of the demo store's owner.
	budi := shop{stack.Demo()}.visitedBy(t, stack.Demo().Owner)
	budi.welcomed()

	for function, want := range map[string]string{
		"bot": done, "payment": done, "relay": done, "sweep": "null", "health": "null", "alert": "null", "poll": "null",
		"download": done, "transcribe": done, "deliver": done, // their job is not there: its person has deleted it
	} {
		t.Run(function, func(t *testing.T) {
			if answer := invoke(t, function, event(t, function)); answer != want {
				t.Errorf("%s answers %s, want %s", function, answer, want)
			}
		})
	}

	t.Run("bot again", func(t *testing.T) {
		if answer := invoke(t, "bot", event(t, "bot")); answer != done {
			t.Errorf("bot answers %s, want %s", answer, done)
		}

		if count := len(budi.showing("Bantuan")); count != 1 {
			t.Errorf("one update that came twice was answered %d times", count)
		}
	})

	for function, want := range map[string]string{
		"webhook": "unknown store or wrong secret", "callback": "unknown store or gateway, or no proof of origin",
	} {
		t.Run(function, func(t *testing.T) {
			var answer events.APIGatewayV2HTTPResponse
			if err := json.Unmarshal([]byte(invoke(t, function, event(t, function))), &answer); err != nil {
				t.Fatal(err)
			}

			if answer.StatusCode != http.StatusUnauthorized || !strings.Contains(answer.Body, want) {
				t.Errorf("%s answers %d %s, want 401", function, answer.StatusCode, answer.Body)
			}
		})
	}
}

// Of a batch, only what failed comes again.
func TestPartialBatchFailure(t *testing.T) {
	t.Parallel()

	shop := openShop(t)
	person := shop.customer(t, "id")
	person.sends("voice", "voice-en-2.ogg")
	person.transcript()

	var batch events.SQSEvent
	if err := json.Unmarshal(event(t, "download"), &batch); err != nil {
		t.Fatal(err)
	}

	good := batch.Records[0]
	batch.Records[0].Body = "names no job"
	good.MessageId = "00000000-0000-0000-0000-000000000002"
	good.Body = ticket(t, shop)
	batch.Records = append(batch.Records, good)

	body, err := json.Marshal(batch)
	if err != nil {
		t.Fatal(err)
	}

	want := `{"batchItemFailures":[{"itemIdentifier":"00000000-0000-0000-0000-000000000001"}]}`
	if answer := invoke(t, "download", body); answer != want {
		t.Errorf("download answers %s, want %s", answer, want)
	}
}

// ticket gives the body of the message that brought a shop's file to download.
func ticket(t *testing.T, shop shop) string {
	t.Helper()

	for _, call := range gateway.since(0) {
		if call.function != "relay" || !containsAll(call.of, []string{shop.ID, "downloads"}) {
			continue
		}

		var sent struct {
			Entries []struct {
				MessageBody string `json:"MessageBody"`
			} `json:"Entries"`
		}
		if err := json.Unmarshal([]byte(call.of), &sent); err == nil && len(sent.Entries) > 0 {
			return sent.Entries[0].MessageBody
		}
	}

	t.Fatalf("relay has sent no message of %s to download", shop.ID)

	return ""
}

// event reads a sample.
func event(t *testing.T, function string) []byte {
	t.Helper()

	body, err := os.ReadFile(filepath.Join(root, "events", function+".json"))
	if err != nil {
		t.Fatal(err)
	}

	return body
}

// invoke calls a function directly and gives its answer. Where its process ends,
// which a test beside may have killed, it is called twice again, as by AWS.
func invoke(t *testing.T, function string, payload []byte) string {
	t.Helper()

	const again = 2

	functions := lambda.NewFromConfig(cloud.AWS())
	call := &lambda.InvokeInput{FunctionName: aws.String("lapak-local-" + function), Payload: payload}

	answer, err := functions.Invoke(t.Context(), call)
	for tries := 0; tries < again && err == nil && bytes.Contains(answer.Payload, []byte("Runtime.ExitError")); tries++ {
		answer, err = functions.Invoke(t.Context(), call)
	}

	if err != nil {
		t.Fatal(err)
	}

	if answer.FunctionError != nil {
		t.Errorf("%s failed: %s: %s", function, *answer.FunctionError, answer.Payload)
	}

	var compact bytes.Buffer // the emulator writes JSON in a way of its own
	if err := json.Compact(&compact, answer.Payload); err != nil {
		t.Errorf("%s answers no JSON: %v: %s", function, err, answer.Payload)
	}

	return compact.String()
}
