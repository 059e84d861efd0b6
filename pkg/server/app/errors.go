package app

import (
	"errors"
	"time"
)

// Code groups errors by what the caller can do about them; each way in (API,
// staff pages, command line) has one table from codes to its own answers.
type Code string

// The codes. An error without one is CodeInternal: it is logged, and its text
// is shown to nobody.
const (
	CodeInvalid      Code = "invalid"
	CodeCredentials  Code = "credentials"
	CodeSecondFactor Code = "second-factor"
	CodeStepUp       Code = "step-up"
	CodeUnauthorized Code = "unauthorized"
	CodeForbidden    Code = "forbidden"
	CodeNotFound     Code = "not-found"
	CodeConflict     Code = "conflict"
	CodeLimited      Code = "limited"
	CodeUnavailable  Code = "unavailable"
	CodeInternal     Code = "internal"
)

// Error is an error with a message that users may read.
type Error struct {
	Code    Code
	Message string
	// Refusal is the reason for programs, where Code alone is too coarse.
	Refusal Refusal
	// Fields are the members of the input that were refused.
	Fields []Field
	// RetryAfter is when to try again, for CodeLimited and CodeUnavailable.
	RetryAfter time.Duration
	// Err is the cause; it is logged, never shown.
	Err error
}

// Field is one refused member of an input.
type Field struct {
	Name    string
	Message string
	Refusal Refusal
}

// Refusal names, for programs, why something was refused: the web app has its own
// words for each, in every language. The contract lists them.
type Refusal string

// The refusals of a member of the input.
const (
	RefusedMissing   Refusal = "missing"
	RefusedShort     Refusal = "too-short"
	RefusedLong      Refusal = "too-long"
	RefusedForm      Refusal = "not-valid"
	RefusedCharacter Refusal = "character"
	RefusedMixed     Refusal = "mixed-alphabets"
	RefusedEmail     Refusal = "not-an-address"
	RefusedHTTPS     Refusal = "not-https"
	RefusedPrivate   Refusal = "not-public"
	RefusedCommon    Refusal = "too-common"
	RefusedWrong     Refusal = "wrong"
	RefusedCode      Refusal = "wrong-code"
	RefusedStale     Refusal = "stale"
)

// The refusals of a request as a whole.
const (
	RefusedLate         Refusal = "took-too-long"
	RefusedPasskey      Refusal = "passkey-refused"
	RefusedNoPasskey    Refusal = "no-passkey"
	RefusedManyPasskeys Refusal = "many-passkeys"
	RefusedNoFactor     Refusal = "no-factor"
	RefusedHasApp       Refusal = "has-app"
	RefusedStaffFactor  Refusal = "staff-factor"
	RefusedStaff        Refusal = "staff"
	RefusedLastWayIn    Refusal = "last-way-in"
	RefusedLogInAgain   Refusal = "log-in-again"
	RefusedUnconfirmed  Refusal = "unconfirmed"
)

// Refusals are all of them.
var Refusals = []Refusal{
	RefusedMissing, RefusedShort, RefusedLong, RefusedForm, RefusedCharacter, RefusedMixed, RefusedEmail, RefusedHTTPS, RefusedPrivate,
	RefusedCommon, RefusedWrong, RefusedCode, RefusedStale,
	RefusedLate, RefusedPasskey, RefusedNoPasskey, RefusedManyPasskeys, RefusedNoFactor, RefusedHasApp, RefusedStaffFactor, RefusedStaff,
	RefusedLastWayIn, RefusedLogInAgain, RefusedUnconfirmed,
}

func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf finds the code of an error.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// Invalid makes an error about one member of the input.
func Invalid(field string, why Refusal, message string) error {
	return &Error{Code: CodeInvalid, Message: "The request was refused.", Fields: []Field{{Name: field, Message: message, Refusal: why}}}
}

// Unavailable makes an error about something that does not answer now.
func Unavailable(message string, err error) error {
	return &Error{Code: CodeUnavailable, Message: message, RetryAfter: 2 * time.Second, Err: err}
}

// ErrNotFound is what a Store returns where there is no such row.
var ErrNotFound = &Error{Code: CodeNotFound, Message: "There is no such thing."}

var (
	errCredentials = &Error{Code: CodeCredentials, Message: "The e-mail address or the password is wrong."}
	// errUnconfirmed is errCredentials where nobody logs in before the address is
	// confirmed; it is the same for addresses that are known and that are not.
	errUnconfirmed  = &Error{Code: CodeCredentials, Refusal: RefusedUnconfirmed, Message: "The e-mail address or the password is wrong, or the address is not confirmed yet: open the link in our mail."}
	errUnauthorized = &Error{Code: CodeUnauthorized, Message: "You are not logged in."}
)
