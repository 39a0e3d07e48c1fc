package stack_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a person's message costs us: the calls of AWS by the functions that
// handle it, once they are warm. A change that makes it dearer must change
// these tables. What AWS calls by itself (triggers, deliveries) is not in them.
func TestBill(t *testing.T) {
	shop := openShop(t)
	budi := shop.customer(t, "id")

	// Warm up: secrets and the store's row are remembered for minutes.
	budi.says("/help")
	budi.sends("voice", "voice-en.ogg")
	budi.transcript()
	settle(t)

	mark := gateway.mark()

	budi.says("/help")
	settle(t)
	compareBill(t, "/help", gateway.since(mark), map[string]int{
		"webhook SQS.SendMessageBatch": 1,
		"bot DynamoDB.GetItem":         3, // session, user, limit of the store
		"bot DynamoDB.PutItem":         2, // limit of the store, session
	})

	mark = gateway.mark()

	budi.sends("voice", "voice-en-2.ogg")
	budi.transcript()
	settle(t)
	compareBill(t, "voice message", gateway.since(mark), map[string]int{
		"webhook SQS.SendMessageBatch":           1,
		"bot DynamoDB.GetItem":                   4, // session, user, limit of the store; what is left of the quota, to tell it
		"bot DynamoDB.Query":                     1, // the newest jobs: how many are under way
		"bot DynamoDB.PutItem":                   2, // limit of the store, session
		"bot DynamoDB.TransactWriteItems":        1, // the job, its quota and its outbox row
		"relay SQS.SendMessageBatch":             3, // to download, transcribe, deliver
		"relay DynamoDB.DeleteItem":              3,
		"download DynamoDB.GetItem":              4, // the job: to lease it, before its progress is shown, to move it; the file's name
		"download DynamoDB.PutItem":              2, // the lease; what the file's name stands for
		"download DynamoDB.TransactWriteItems":   1,
		"download S3.PUT":                        1,
		"transcribe DynamoDB.GetItem":            6, // the job: to lease it, before its progress is shown, to move it; cache; flight twice
		"transcribe DynamoDB.PutItem":            4, // the store's slot, the lease, the flight, the cache
		"transcribe DynamoDB.DeleteItem":         2, // slot and flight
		"transcribe DynamoDB.TransactWriteItems": 1,
		"transcribe S3.HEAD":                     1, // how large the file is, for the parts
		"transcribe S3.GET":                      2,
		"transcribe S3.PUT":                      2, // the transcript, for its person and for the cache
		"transcribe S3.DELETE":                   1,
		"deliver DynamoDB.GetItem":               3,
		"deliver DynamoDB.PutItem":               2,
		"deliver S3.GET":                         1,
	})
}

// settle waits until no function has called AWS for a moment.
func settle(t *testing.T) {
	t.Helper()

	const quiet = 700 * time.Millisecond

	for before := -1; before != gateway.mark(); <-time.After(quiet) {
		before = gateway.mark()
	}
}

func compareBill(t *testing.T, of string, calls []awsCall, want map[string]int) {
	t.Helper()

	bill := map[string]int{}
	total := 0

	for _, call := range calls {
		if beside(call) {
			continue
		}

		bill[call.function+" "+call.operation]++
		total++
	}

	var table strings.Builder
	for _, line := range slices.Sorted(maps.Keys(bill)) {
		fmt.Fprintf(&table, "\n  %3d  %s", bill[line], line)
	}

	t.Logf("%s: %d calls of AWS%s", of, total, table.String())

	if !maps.Equal(bill, want) {
		t.Errorf("%s: the bill has changed, want %v", of, want)
	}
}

// beside reports whether a call is no action's: who comes by the clock makes it,
// or the gate, which takes tokens for ten updates at a time and none while a
// store is quiet (infra/decisions/noisy-store.md has its bill).
func beside(call awsCall) bool {
	return byTheClock(call.function) || call.function == "webhook" && strings.Contains(call.of, "#limit#door")
}

func byTheClock(function string) bool {
	return slices.Contains([]string{"sweep", "health", "alert", "poll"}, function)
}
