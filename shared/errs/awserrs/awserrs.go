// Package awserrs provides the code of an error that an AWS client gave, so
// that all adapters judge alike.
package awserrs

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/lapak-id/lapak/shared/errs"
)

// Wrap adds what was attempted to an error of an AWS client, with its code.
func Wrap(err error, format string, args ...any) *errs.Error {
	return errs.Wrap(err, Code(err), format, args...)
}

// Code judges an error of an AWS client: what the service said, or else its
// HTTP status. Where no answer came, or not all of it, it is Unavailable.
func Code(err error) errs.Code {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return errs.Unavailable
	}

	if own, ok := errors.AsType[*errs.Error](err); ok {
		return own.Code
	}

	api, answered := errors.AsType[smithy.APIError](err)
	if !answered {
		return errs.Unavailable // no answer, or one that broke off
	}

	if Throttled(err) {
		return errs.Limited
	}

	if code, known := codes[api.ErrorCode()]; known {
		return code
	}

	if status, ok := status(err); ok {
		return ofStatus(status)
	}

	return errs.Internal
}

// status gives the HTTP status of the answer, where there was one.
func status(err error) (int, bool) {
	response, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || response.HTTPResponse() == nil {
		return 0, false
	}

	return response.HTTPStatusCode(), true
}

// Throttled reports whether the service refused the call for its rate.
func Throttled(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}

	_, throttled := retry.DefaultThrottleErrorCodes[api.ErrorCode()]

	return throttled || api.ErrorCode() == "RequestThrottled" || api.ErrorCode() == "OverLimit"
}

// Uncertain reports whether the call may have taken effect although it failed:
// no answer came, the service itself broke down, or what it said was lost after
// a status of success.
func Uncertain(err error) bool {
	if err == nil || Code(err) != errs.Unavailable {
		return false
	}

	status, answered := status(err)

	return !answered || status < http.StatusBadRequest || status >= http.StatusInternalServerError
}

// codes are the error names that say more than their HTTP status does.
//
//nolint:gochecknoglobals // a constant that Go has no syntax for
var codes = map[string]errs.Code{
	"AccessDenied":                            errs.Unauthorized,
	"AccessDeniedException":                   errs.Unauthorized,
	"AuthorizationError":                      errs.Unauthorized,
	"InvalidClientTokenId":                    errs.Unauthorized,
	"ExpiredToken":                            errs.Unauthorized,
	"ExpiredTokenException":                   errs.Unauthorized,
	"UnrecognizedClientException":             errs.Unauthorized,
	"ParameterNotFound":                       errs.NotFound,
	"ResourceNotFoundException":               errs.NotFound,
	"QueueDoesNotExist":                       errs.NotFound,
	"AWS.SimpleQueueService.NonExistentQueue": errs.NotFound,
	"InternalServerError":                     errs.Unavailable,
	"InternalError":                           errs.Unavailable,
	"ServiceUnavailable":                      errs.Unavailable,
	"KMSThrottlingException":                  errs.Limited,
}

func ofStatus(status int) errs.Code {
	switch {
	case status >= http.StatusInternalServerError:
		return errs.Unavailable
	case status == http.StatusTooManyRequests:
		return errs.Limited
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return errs.Unauthorized
	case status == http.StatusNotFound:
		return errs.NotFound
	case status == http.StatusConflict || status == http.StatusPreconditionFailed:
		return errs.Conflict
	case status >= http.StatusBadRequest:
		return errs.Invalid
	default:
		return errs.Internal
	}
}

// Name gives what the service calls the error, for a message that may not quote
// the rest of it.
func Name(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}

	return "no answer"
}
