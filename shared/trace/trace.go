// Package trace provides X-Ray traces. It is the only one that knows the
// X-Ray SDK, which is in maintenance mode, and only workers link it: where a
// cold start is felt (webhook) Lambda's own tracing has to do.
package trace

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-xray-sdk-go/instrumentation/awsv2"
	"github.com/aws/aws-xray-sdk-go/strategy/ctxmissing"
	"github.com/aws/aws-xray-sdk-go/xray"
	"github.com/aws/aws-xray-sdk-go/xraylog"

	"github.com/lapak-id/lapak/shared/errs"
)

// Start makes every AWS call of config a subsegment. A function that runs
// where there is no trace works as well without.
func Start(config *aws.Config) error {
	xray.SetLogger(xraylog.NullLogger)

	err := xray.Configure(xray.Config{ContextMissingStrategy: ctxmissing.NewDefaultIgnoreErrorStrategy()})
	if err != nil {
		return errs.Wrap(err, errs.Internal, "configure X-Ray")
	}

	awsv2.AWSV2Instrumentor(&config.APIOptions)

	return nil
}

// Client makes every call of a client a subsegment, under the host's name. The
// address becomes part of the trace: this is not for Telegram, whose addresses
// hold the bot's token.
func Client(client *http.Client) *http.Client { return xray.Client(client) }
