// Package errs provides the one error type that crosses package borders.
//
// Every error has a Code that a program acts on, an operator's message that
// says what was attempted, on what, and what to do, and, where a person caused
// or must hear of it, the key of a catalog text. The shape follows Ben
// Johnson's wtf: a handful of codes, and everything unknown is Internal.
package errs

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Code says what kind of failure an error is, and so what may be done about it.
type Code string

// The codes. Retrying helps for Limited (after a wait) and Unavailable only.
const (
	Invalid      Code = "invalid"      // the input is wrong; the same input fails again
	Unauthorized Code = "unauthorized" // the caller did not prove who it is, or may not do this
	NotFound     Code = "not_found"    // the thing named does not exist
	Conflict     Code = "conflict"     // the thing changed meanwhile, or exists already
	Limited      Code = "limited"      // too much, too fast: wait RetryAfter
	Unavailable  Code = "unavailable"  // an outside system failed for now: try again
	Internal     Code = "internal"     // a defect, or anything nobody foresaw
)

// Error is an error with a code. Build one with New or Wrap.
type Error struct {
	Code       Code
	Message    string        // for operators: what was attempted, on what, what to do
	Key        string        // catalog key of the sentence for the person, if there is one
	Args       Args          // values for the catalog sentence
	RetryAfter time.Duration // for Limited: how long to wait; zero when unknown
	Err        error         // the cause, if any
}

// Args are the named values of a catalog sentence.
type Args map[string]any

// Error gives the operator's message with its cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}

	return e.Message + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Tell sets the catalog sentence that the person concerned is shown.
func (e *Error) Tell(key string, args Args) *Error {
	e.Key, e.Args = key, args

	return e
}

// After sets how long a caller has to wait before the next try.
func (e *Error) After(wait time.Duration) *Error {
	e.RetryAfter = wait

	return e
}

// New makes an error with a formatted operator's message.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap adds a code and what was attempted to a cause. What the person is told
// and how long to wait are taken over from the cause where it has them.
func Wrap(err error, code Code, format string, args ...any) *Error {
	wrapped := &Error{Code: code, Message: fmt.Sprintf(format, args...), Err: err}
	if cause, ok := errors.AsType[*Error](err); ok {
		wrapped.Key, wrapped.Args, wrapped.RetryAfter = cause.Key, cause.Args, cause.RetryAfter
	}

	return wrapped
}

// Context adds what was attempted and keeps the cause's code.
func Context(err error, format string, args ...any) *Error {
	return Wrap(err, CodeOf(err), format, args...)
}

// CodeOf gives the code of the outermost Error in err's chain; a deadline or a
// cancelled context counts as Unavailable, anything else as Internal.
// CodeOf(nil) is the empty code.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}

	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}

	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Unavailable
	}

	return Internal
}

// Is reports whether err has the code.
func Is(err error, code Code) bool { return CodeOf(err) == code }

// Retryable reports whether the same call may succeed later.
func Retryable(err error) bool {
	code := CodeOf(err)

	return code == Unavailable || code == Limited || code == Internal
}

// Sentence gives the catalog key and values of what the person is told.
// It is false where the error has nothing for a person.
func Sentence(err error) (string, Args, bool) {
	if e, ok := errors.AsType[*Error](err); ok && e.Key != "" {
		return e.Key, e.Args, true
	}

	return "", nil, false
}

// RetryAfter gives how long to wait before the next try; zero when unknown.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}

	return 0
}
