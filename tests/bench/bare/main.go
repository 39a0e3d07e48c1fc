// Command bare is what `make bench` holds the webhook function against: the
// least that a Go function can be that puts a call's body into a queue, with
// the same runtime and the same SDK client.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func main() {
	settings, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		slog.Error("load the AWS configuration", "error", err)
		os.Exit(1)
	}

	client := sqs.NewFromConfig(settings)
	queue := os.Getenv("LAPAK_QUEUE_UPDATES")

	lambda.Start(func(
		ctx context.Context, call events.APIGatewayV2HTTPRequest,
	) (events.APIGatewayV2HTTPResponse, error) {
		_, err := client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl:               aws.String(queue),
			MessageBody:            aws.String(call.Body),
			MessageGroupId:         aws.String("bare"),
			MessageDeduplicationId: aws.String(call.RequestContext.RequestID),
		})
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("send the call's body to %s: %w", queue, err)
		}

		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK}, nil
	})
}
