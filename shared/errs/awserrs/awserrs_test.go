package awserrs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/errs/awserrs"
)

// answered is an error as a client gives it when a service answered.
func answered(status int, code string) error {
	return &smithy.OperationError{
		ServiceID: "Test", OperationName: "Call",
		Err: &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code, Message: "because"},
		}},
	}
}

// cut is an error as a client gives it when an answer broke off.
func cut(status int) error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.DeserializationError{Err: errors.New("connection reset")},
	}}
}

func TestCode(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		err       error
		code      errs.Code
		uncertain bool
		name      string
	}{
		"throttled":         {answered(400, "ThrottlingException"), errs.Limited, false, "ThrottlingException"},
		"SQS throttled":     {answered(403, "RequestThrottled"), errs.Limited, false, "RequestThrottled"},
		"in flight limit":   {answered(403, "OverLimit"), errs.Limited, false, "OverLimit"},
		"refused":           {answered(400, "AccessDeniedException"), errs.Unauthorized, false, "AccessDeniedException"},
		"absent":            {answered(400, "ParameterNotFound"), errs.NotFound, false, "ParameterNotFound"},
		"still under way":   {answered(400, "TransactionInProgressException"), errs.Limited, false, "TransactionInProgressException"},
		"broken":            {answered(500, "Whatever"), errs.Unavailable, true, "Whatever"},
		"too many":          {answered(429, "Whatever"), errs.Limited, false, "Whatever"},
		"forbidden":         {answered(403, "Forbidden"), errs.Unauthorized, false, "Forbidden"},
		"unauthorized":      {answered(401, "Whatever"), errs.Unauthorized, false, "Whatever"},
		"no such":           {answered(404, "NotFound"), errs.NotFound, false, "NotFound"},
		"taken":             {answered(412, "PreconditionFailed"), errs.Conflict, false, "PreconditionFailed"},
		"conflict":          {answered(409, "Whatever"), errs.Conflict, false, "Whatever"},
		"bad":               {answered(400, "ValidationException"), errs.Invalid, false, "ValidationException"},
		"odd status":        {answered(302, "Moved"), errs.Internal, false, "Moved"},
		"no status":         {&smithy.GenericAPIError{Code: "Odd"}, errs.Internal, false, "Odd"},
		"no answer":         {errors.New("dial"), errs.Unavailable, true, "no answer"},
		"cut after success": {cut(200), errs.Unavailable, true, "no answer"},
		"cut after refusal": {cut(400), errs.Unavailable, false, "no answer"},
		"cut after failure": {cut(503), errs.Unavailable, true, "no answer"},
		"canceled":          {fmt.Errorf("call: %w", context.Canceled), errs.Unavailable, true, "no answer"},
		"too late":          {context.DeadlineExceeded, errs.Unavailable, true, "no answer"},
		"own":               {errs.New(errs.Conflict, "a"), errs.Conflict, false, "no answer"},
	} {
		assert.Equal(t, test.code, awserrs.Code(test.err), name)
		assert.Equal(t, test.uncertain, awserrs.Uncertain(test.err), name)
		assert.Equal(t, test.name, awserrs.Name(test.err), name)
	}

	assert.False(t, awserrs.Uncertain(nil))
}

func TestWrap(t *testing.T) {
	t.Parallel()

	cause := answered(400, "ParameterNotFound")
	err := awserrs.Wrap(cause, "get %s", "a")
	assert.Equal(t, errs.NotFound, errs.CodeOf(err))
	require.ErrorIs(t, err, cause)
	assert.Contains(t, err.Error(), "get a: operation error Test: Call")
}
