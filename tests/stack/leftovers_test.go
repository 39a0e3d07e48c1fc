package stack_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// expected counts the messages that tests leave on purpose, by queue: dead
// letters, and messages of killed workers, which stay invisible for minutes.
var expected = leftovers{dead: map[string]int{}, invisible: map[string]int{}}

type leftovers struct {
	mu        sync.Mutex
	dead      map[string]int
	invisible map[string]int
}

func (l *leftovers) add(to map[string]int, queue string) {
	l.mu.Lock()
	defer l.mu.Unlock()

	to[queue]++
}

// checkLeftovers fails unless all queues are empty but for what is expected.
func checkLeftovers(ctx context.Context) error {
	client := sqs.NewFromConfig(cloud.AWS())

	var failures []error

	for _, output := range []string{
		"UpdatesQueueUrl", "DownloadsQueueUrl", "TranscriptionsQueueUrl",
		"TranscriptionsPriorityQueueUrl", "DeliveriesQueueUrl", "PaymentsQueueUrl", "BroadcastsQueueUrl", "ChecksQueueUrl",
	} {
		name := path.Base(cloud.Outputs[output])

		visible, invisible, err := settled(ctx, client, cloud.Outputs[output], expected.invisible[name])
		if err != nil {
			failures = append(failures, err)
		} else if visible > 0 || invisible > expected.invisible[name] {
			failures = append(failures, fmt.Errorf("queue %s still holds %d messages and %d under way, want 0 and at most %d",
				name, visible, invisible, expected.invisible[name]))
		}
	}

	for queue := range strings.SplitSeq(cloud.Outputs["DeadQueueUrls"], ",") {
		name := path.Base(queue)

		dead, _, err := depth(ctx, client, queue)
		if err != nil {
			failures = append(failures, err)
		} else if dead != expected.dead[name] {
			failures = append(failures, fmt.Errorf("queue %s holds %d dead letters, want %d", name, dead, expected.dead[name]))
		}
	}

	return errors.Join(failures...)
}

// settled asks until a queue holds no more than the messages of killed
// workers, for a few seconds: what was answered last may still be deleted.
func settled(ctx context.Context, client *sqs.Client, queue string, killed int) (int, int, error) {
	const (
		askEvery = 200 * time.Millisecond
		within   = 15 * time.Second
	)

	tick := time.NewTicker(askEvery)
	defer tick.Stop()

	for until := time.Now().Add(within); ; <-tick.C {
		visible, invisible, err := depth(ctx, client, queue)
		if err != nil || visible == 0 && invisible <= killed || time.Now().After(until) {
			return visible, invisible, err
		}
	}
}

func depth(ctx context.Context, client *sqs.Client, queue string) (int, int, error) {
	answer, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(queue),
		AttributeNames: []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages,
			types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		},
	})
	if err != nil {
		return 0, 0, fmt.Errorf("count the messages of %s: %w", queue, err)
	}

	visible, errVisible := strconv.Atoi(answer.Attributes["ApproximateNumberOfMessages"])
	invisible, errInvisible := strconv.Atoi(answer.Attributes["ApproximateNumberOfMessagesNotVisible"])

	return visible, invisible, errors.Join(errVisible, errInvisible)
}

// leftOf gives the processes that a closed local cloud has left behind. Those
// of functions end by themselves once the emulator that they ask for work is
// gone, on a busy machine some moments after it.
func leftOf(dir string) []string {
	const (
		lookEvery = 100 * time.Millisecond
		within    = 5 * time.Second
	)

	tick := time.NewTicker(lookEvery)
	defer tick.Stop()

	for until := time.Now().Add(within); ; <-tick.C {
		if left := processesOf(dir); len(left) == 0 || time.Now().After(until) {
			return left
		}
	}
}

// processesOf gives the processes whose command line or environment names a
// folder, by Linux's /proc.
func processesOf(dir string) []string {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return []string{err.Error()}
	}

	var found []string

	for _, folder := range folders {
		arguments, _ := os.ReadFile(filepath.Join(folder, "cmdline")) // it may have ended since
		environment, _ := os.ReadFile(filepath.Join(folder, "environ"))

		if filepath.Base(folder) != strconv.Itoa(os.Getpid()) && strings.Contains(string(arguments)+string(environment), dir) {
			found = append(found, filepath.Base(folder)+" "+strings.ReplaceAll(string(arguments), "\x00", " "))
		}
	}

	return found
}
