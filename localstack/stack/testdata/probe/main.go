// Probe stands in for every function in the tests of the local cloud itself:
// it logs what it got, and an event that says "slow" keeps it busy.
package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))

	lambda.Start(func(ctx context.Context, event json.RawMessage) (any, error) {
		log.Info("got", "function", os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), "event", string(event))

		if strings.Contains(string(event), "slow") {
			<-ctx.Done()
		}

		if strings.Contains(string(event), "rawPath") {
			return map[string]any{"statusCode": 200, "body": "taken"}, nil
		}

		return map[string]any{"batchItemFailures": []any{}}, nil
	})
}
