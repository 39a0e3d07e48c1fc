package stack_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// recovery bounds how long a person waits when a process dies: the lease of
// the dead worker (30 s), the next sweep (1 min), and the work itself. A dead
// bot's update comes again after the visibility timeout of its queue (1 min).
const recovery = 4 * time.Minute

// death is how a function's process ends in the middle of its work.
type death struct {
	name      string
	function  string
	operation string
	holding   string // besides the shop's id
	after     bool   // the call has taken effect
	queue     string // output that names the queue where the dead worker's message stays invisible
	then      string // what is logged when the dead worker's message has come again
	strays    int    // messages that stay in the chat and that nothing can take back
}

func deaths() []death {
	const (
		send     = "SQS.SendMessageBatch"
		write    = "DynamoDB.TransactWriteItems"
		updates  = "updates.fifo"
		download = "downloads"
	)

	return []death{
		{name: "webhook before it queues the update", function: "webhook", operation: send, holding: updates},
		{name: "webhook after it queued the update", function: "webhook", operation: send, holding: updates, after: true},
		// The progress message was sent, and Telegram has no way to ask whether.
		{name: "bot before it starts the job", function: "bot", operation: write, holding: "outbox#", strays: 1},
		{name: "bot after it started the job", function: "bot", operation: write, holding: "outbox#", after: true, then: "job exists"},
		{name: "relay before it sends the message", function: "relay", operation: send, holding: download},
		{name: "relay after it sent the message", function: "relay", operation: send, holding: download, after: true},
		{
			name: "download after it stored the file", function: "download",
			operation: "S3.PUT", holding: "/media/", after: true, queue: "DownloadsQueueUrl",
		},
		{
			name: "transcribe before it stores what was heard", function: "transcribe",
			operation: "S3.PUT", holding: "/transcripts/", queue: "TranscriptionsQueueUrl",
		},
		{
			name: "deliver before it shows the result", function: "deliver",
			operation: "S3.GET", holding: "/transcripts/", queue: "DeliveriesQueueUrl",
		},
		{
			name: "deliver after it showed the result", function: "deliver",
			operation: "DynamoDB.PutItem", holding: "delivered", queue: "DeliveriesQueueUrl",
		},
	}
}

// A process that dies between any two lines costs time, not the transcript,
// and nobody gets it twice.
func TestKilledFunctionLosesNothing(t *testing.T) {
	t.Parallel()

	for _, death := range deaths() {
		t.Run(death.name, func(t *testing.T) {
			t.Parallel()

			shop := openShop(t)
			sari := shop.customer(t, "id")
			moment := gateway.catch(t, death.operation, death.after, death.holding, shop.ID)

			began := time.Now()

			sari.sends("voice", "voice-en-2.ogg")
			kill(t, death.function, moment)

			if death.queue != "" {
				expected.add(expected.invisible, path.Base(cloud.Outputs[death.queue]))
			}

			mustHave(t, words(sari.waitFor(recovery, resultShown())), "voice-en-2.ogg")
			t.Logf("the transcript came after %s", time.Since(began).Round(time.Second))

			promises.add(func(ctx context.Context) error { return shownOnce(ctx, sari, death.name, death.strays) })

			if death.then != "" {
				journal.await(t, recovery, death.then, shop.ID)
			}
		})
	}
}

// A download that dies in the middle of a large file goes on behind the last
// part that it has noted: nothing before that is fetched or stored again.
func TestKilledDownloadGoesOn(t *testing.T) {
	t.Parallel()

	const last = 4 // parts are 8 MiB

	shop := openShop(t)
	sari := shop.customer(t, "en")
	video := recording{name: "large.mov", kind: "video", loops: 2, args: []string{
		"-f", "lavfi", "-i", "testsrc2=s=320x180:r=10", "-map", "0:a", "-map", "1:v", "-shortest",
		"-c:v", "rawvideo", "-pix_fmt", "uyvy422", "-c:a", "aac",
	}}
	began := gateway.mark()
	moment := gateway.catch(t, "S3.UploadPart", false, "/media/"+shop.ID+"/", fmt.Sprintf(" part %d", last))

	sari.sendsFile(video.kind, video.make(t))
	kill(t, "download", moment)
	expected.add(expected.invisible, path.Base(cloud.Outputs["DownloadsQueueUrl"]))

	mustHear(t, words(sari.waitFor(recovery, resultShown())), video.said(t), video.name)

	stored := map[string]int{}

	for _, call := range gateway.since(began) {
		if call.operation == "S3.UploadPart" && strings.Contains(call.of, "/media/"+shop.ID+"/") {
			stored[call.of[strings.LastIndexByte(call.of, ' ')+1:]]++
		}
	}

	t.Logf("parts and how often they were stored: %v", stored)

	if stored["1"] != 1 {
		t.Errorf("part 1 was stored %d times", stored["1"])
	}

	if stored[strconv.Itoa(last)] < 1 {
		t.Errorf("part %d was never stored", last)
	}
}

// When sweep dies while it sends a dead worker's job on its way again, the
// next sweep does it.
func TestKilledSweepLeavesItToTheNext(t *testing.T) {
	t.Parallel()

	shop := openShop(t)
	sari := shop.customer(t, "id")
	working := gateway.catch(t, "S3.PUT", false, "/transcripts/", shop.ID)
	rescuing := gateway.catch(t, "DynamoDB.TransactWriteItems", false, `\"round\":2`, shop.ID)

	sari.sends("voice", "voice-en-2.ogg")
	kill(t, "transcribe", working)
	expected.add(expected.invisible, path.Base(cloud.Outputs["TranscriptionsQueueUrl"]))
	kill(t, "sweep", rescuing)

	mustHave(t, words(sari.waitFor(recovery, resultShown())), "voice-en-2.ogg")
	promises.add(func(ctx context.Context) error { return shownOnce(ctx, sari, "sweep", 0) })
}

// When alert dies after it told the owner, before it remembers so, neither the
// transcript nor the next ring is lost.
func TestKilledAlertLosesNothing(t *testing.T) {
	t.Parallel()

	shop, owner := openShopWithOwner(t)
	sari := shop.customer(t, "id")
	name := fmt.Sprintf("lapak-killed-%d", owner.User)
	telling := gateway.catch(t, "DynamoDB.PutItem", false, name, fmt.Sprint(owner.User), `told`)

	sari.sends("voice", "voice-en-2.ogg")
	ring(t, name, "ALARM", time.Now())
	kill(t, "alert", telling)

	mustHave(t, words(sari.waitFor(recovery, resultShown())), "voice-en-2.ogg")
	promises.add(func(ctx context.Context) error { return shownOnce(ctx, sari, "alert", 0) })

	ring(t, name, "OK", time.Now())
	ring(t, name, "ALARM", time.Now().Add(time.Minute))
	owner.wait(control.Condition{Text: name, Timeout: recovery})
}

// When health dies while it looks at a store, that store's people notice
// nothing. It runs before the parallel tests, one of which counts on health.
func TestKilledHealthIsNotNoticed(t *testing.T) {
	shop := openShop(t)
	sari := shop.customer(t, "id")
	looking := gateway.catch(t, "DynamoDB.PutItem", false, "result#"+shop.ID)

	sari.sends("voice", "voice-en-2.ogg")

	_, err := lambda.NewFromConfig(cloud.AWS()).Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String("lapak-local-health"), InvocationType: types.InvocationTypeEvent, Payload: event(t, "health"),
	})
	if err != nil {
		t.Fatal(err)
	}

	kill(t, "health", looking)
	expected.add(expected.dead, "lapak-local-invocations-dead") // an alarm rings for it

	mustHave(t, words(sari.waitFor(recovery, resultShown())), "voice-en-2.ogg")
	promises.add(func(ctx context.Context) error { return shownOnce(ctx, sari, "health", 0) })
}

// kill waits until a function's process is at the moment and ends it there.
func kill(t *testing.T, function string, at *moment) {
	t.Helper()

	caller := at.wait(t)
	defer close(at.released)

	if caller.function != function {
		t.Fatalf("%s was called by %q, want %s", at.operation, caller.function, function)
	}

	// The same process may be at a moment of a test beside this one, that kills it first.
	if err := syscall.Kill(caller.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("kill %s: %v", function, err)
	}
}

// promises are what must still be true when everything has settled.
var promises promiseList

type promiseList struct {
	mu   sync.Mutex
	made []func(context.Context) error
}

func (p *promiseList) add(promise func(context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.made = append(p.made, promise)
}

func (p *promiseList) check(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	var broken []error
	for _, promise := range p.made {
		broken = append(broken, promise(ctx))
	}

	return errors.Join(broken...)
}

// shownOnce fails unless a chat holds one transcript, and nothing else but what
// led to it and so many stray messages.
func shownOnce(ctx context.Context, who *customer, name string, strays int) error {
	all, err := who.results(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}

	if len(all) != 1 {
		return fmt.Errorf("%s: the transcript is shown %d times, want once: %v", name, len(all), all)
	}

	kept, err := who.kept(ctx)
	if err != nil {
		return err
	}

	const conversation = 4 // /start, welcome, voice, transcript

	if want := conversation + strays; len(kept) != want {
		return fmt.Errorf("%s: the chat holds %d messages, want %d: %v", name, len(kept), want, kept)
	}

	return nil
}
