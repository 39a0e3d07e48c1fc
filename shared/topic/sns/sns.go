// Package sns provides a topic of SNS.
package sns

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/errs/awserrs"
	"github.com/lapak-id/lapak/shared/topic"
)

// Topic is a topic in SNS. It is safe for concurrent use.
type Topic struct {
	client *awssns.Client
	arn    string
}

var _ topic.Publisher = (*Topic)(nil)

// New gives the topic with the ARN.
func New(client *awssns.Client, arn string) *Topic { return &Topic{client: client, arn: arn} }

// Publish implements topic.Publisher.
func (t *Topic) Publish(ctx context.Context, note topic.Note) error {
	if err := topic.Validate(note); err != nil {
		return err
	}

	input := &awssns.PublishInput{TopicArn: aws.String(t.arn), Message: aws.String(string(note.Body))}

	if note.Text != "" {
		structured, err := structure(note)
		if err != nil {
			return err
		}

		input.Message, input.MessageStructure = aws.String(structured), aws.String("json")
	}

	if note.Subject != "" {
		input.Subject = aws.String(note.Subject)
	}

	for name, value := range note.Attrs {
		if input.MessageAttributes == nil {
			input.MessageAttributes = map[string]types.MessageAttributeValue{}
		}

		input.MessageAttributes[name] = types.MessageAttributeValue{
			DataType: aws.String("String"), StringValue: aws.String(value),
		}
	}

	if _, err := t.client.Publish(ctx, input); err != nil {
		return awserrs.Wrap(err, "publish %q to %s", note.Subject, t.arn)
	}

	return nil
}

// structure says what each protocol gets: people their text, functions and
// queues the body:
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
func structure(note topic.Note) (string, error) {
	short, _, _ := strings.Cut(note.Text, "\n")

	each, err := json.Marshal(map[string]string{"default": string(note.Body), "email": note.Text, "sms": short})
	if err != nil {
		return "", errs.Wrap(err, errs.Internal, "publish %q: make the text of each protocol", note.Subject)
	}

	return string(each), nil
}
