package sqs_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/queue/sqs"
)

// What SQS really does is pinned by tests/conformance. Here a server answers
// as it is told, for the failures that nothing makes on demand.

// serve gives a queue whose server answers each call by its action.
func serve(t *testing.T, fifo bool, respond func(request map[string]any) (int, string)) *sqs.Queue {
	t.Helper()

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request map[string]any
		if !assert.NoError(t, json.NewDecoder(r.Body).Decode(&request)) {
			return
		}

		status, body := respond(request)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // a client that has gone needs no answer
	}))
	t.Cleanup(server.Close)

	client := awssqs.New(awssqs.Options{
		Region: "ap-southeast-3", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
		DisableMessageChecksumValidation: true,
		Credentials:                      credentials.NewStaticCredentialsProvider("test", "test", ""),
	})

	return sqs.New(client, server.URL+"/000000000000/test", fifo)
}

func always(status int, body string) func(map[string]any) (int, string) {
	return func(map[string]any) (int, string) { return status, body }
}

func TestSendTellsHowFarItCame(t *testing.T) {
	t.Parallel()

	const (
		taken     = `{"Id":"0","MessageId":"m","MD5OfMessageBody":"x"}`
		ours      = `{"Id":"1","SenderFault":true,"Code":"InvalidMessageContents","Message":"because"}`
		theirs    = `{"Id":"2","SenderFault":false,"Code":"InternalError","Message":"because"}`
		throttled = `{"__type":"com.amazonaws.sqs#RequestThrottled","message":"because"}`
	)

	for name, test := range map[string]struct {
		status int
		body   string
		code   errs.Code
		says   string
	}{
		"their fault": {
			200, `{"Successful":[` + taken + `],"Failed":[` + theirs + `]}`, errs.Unavailable,
			"sent 11 of 25 messages to http",
		},
		"our fault": {
			200, `{"Successful":[` + taken + `],"Failed":[` + ours + `]}`, errs.Invalid, "for InvalidMessageContents: because",
		},
		"both":      {200, `{"Failed":[` + ours + `,` + theirs + `]}`, errs.Unavailable, "2 of the batch were refused"},
		"throttled": {403, throttled, errs.Limited, "sent 10 of 25 messages"},
		"broken":    {500, `{"__type":"InternalError"}`, errs.Unavailable, "sent 10 of 25 messages"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			calls := 0
			made := serve(t, false, func(request map[string]any) (int, string) {
				calls++

				entries, ok := request["Entries"].([]any)
				assert.True(t, ok)
				assert.Len(t, entries, queue.MaxBatch)

				if calls == 1 {
					return 200, `{"Successful":[` + taken + `],"Failed":[]}`
				}

				return test.status, test.body
			})

			err := made.Send(t.Context(), slices.Repeat([]queue.Message{{Body: []byte("a")}}, 25)...)
			assert.Equal(t, test.code, errs.CodeOf(err))
			require.ErrorContains(t, err, test.says)
			assert.Equal(t, 2, calls, "nothing is sent behind a failure")
		})
	}
}

func TestSendCarriesEverything(t *testing.T) {
	t.Parallel()

	var sent map[string]any

	respond := func(request map[string]any) (int, string) {
		sent = request

		return 200, `{"Successful":[{"Id":"0"}]}`
	}
	message := queue.Message{
		Body: []byte("a"), Group: "g", Dedup: "d", Attrs: queue.Attrs{"store": "demo"}, Trace: "Root=1",
	}
	text := func(value string) map[string]any { return map[string]any{"DataType": "String", "StringValue": value} }

	require.NoError(t, serve(t, true, respond).Send(t.Context(), message))
	assert.Equal(t, []any{map[string]any{
		"Id": "0", "MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "d",
		"MessageAttributes":       map[string]any{"store": text("demo")},
		"MessageSystemAttributes": map[string]any{"AWSTraceHeader": text("Root=1")},
	}}, sent["Entries"])

	require.NoError(t, serve(t, false, respond).Send(t.Context(), queue.Message{Body: []byte("a"), Delay: 1500 * time.Millisecond}))
	assert.Equal(t, []any{map[string]any{"Id": "0", "MessageBody": "a", "DelaySeconds": 2.0}}, sent["Entries"])
}

func TestFailures(t *testing.T) {
	t.Parallel()

	says := func(code string) string { return `{"__type":"com.amazonaws.sqs#` + code + `","message":"because"}` }

	for name, test := range map[string]struct {
		status int
		body   string
		code   errs.Code
	}{
		"broken":       {500, says("InternalError"), errs.Unavailable},
		"unauthorized": {403, says("AccessDeniedException"), errs.Unauthorized},
		"no queue":     {400, says("QueueDoesNotExist"), errs.NotFound},
		"throttled":    {400, says("RequestThrottled"), errs.Limited},
	} {
		made := serve(t, false, always(test.status, test.body))
		_, receive := made.Receive(t.Context(), 1, 0)
		_, depth := made.Depth(t.Context())

		for call, err := range map[string]error{
			"receive": receive, "depth": depth,
			"delete": made.Delete(t.Context(), queue.Delivery{Receipt: "r"}),
			"extend": made.Extend(t.Context(), queue.Delivery{Receipt: "r"}, 0),
		} {
			assert.Equal(t, test.code, errs.CodeOf(err), "%s, %s: %v", name, call, err)
		}
	}

	for _, code := range []string{"ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"} {
		made := serve(t, true, always(400, says(code)))
		err := made.Delete(t.Context(), queue.Delivery{ID: "m", Receipt: "old"})
		assert.Equal(t, errs.Conflict, errs.CodeOf(err), "%s: %v", code, err)
		err = made.Extend(t.Context(), queue.Delivery{ID: "m", Receipt: "old"}, 0)
		assert.Equal(t, errs.Conflict, errs.CodeOf(err), "%s: %v", code, err)
	}
}

func TestOddAnswers(t *testing.T) {
	t.Parallel()

	made := serve(t, false, always(200, `{"Messages":[{"MessageId":"m","Body":"a","Attributes":{"SentTimestamp":"x"}}],
		"Attributes":{"ApproximateNumberOfMessages":"many"}}`))

	_, err := made.Receive(t.Context(), 1, 0)
	assert.Equal(t, errs.Internal, errs.CodeOf(err), "%v", err)
	_, err = made.Depth(t.Context())
	assert.Equal(t, errs.Internal, errs.CodeOf(err), "%v", err)
}

func TestReceiveReadsEverything(t *testing.T) {
	t.Parallel()

	made := serve(t, true, always(200, `{"Messages":[{"MessageId":"m","ReceiptHandle":"r","Body":"a","Attributes":{
		"SentTimestamp":"1795000000123","ApproximateReceiveCount":"3","MessageGroupId":"g","MessageDeduplicationId":"d",
		"AWSTraceHeader":"Root=1"},"MessageAttributes":{"store":{"DataType":"String","StringValue":"demo"}}}]}`))

	batch, err := made.Receive(t.Context(), 1, 0)
	require.NoError(t, err)
	assert.Equal(t, []queue.Delivery{{
		Message: queue.Message{
			Body: []byte("a"), Group: "g", Dedup: "d", Attrs: queue.Attrs{"store": "demo"}, Trace: "Root=1",
		},
		ID: "m", Receipt: "r", Attempt: 3, SentAt: time.UnixMilli(1795000000123).UTC(),
	}}, batch)
}
