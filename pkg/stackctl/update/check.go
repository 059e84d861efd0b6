package update

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"stackctl/pkg/stackctl/outbound"
	"stackctl/pkg/stackctl/stack"
)

// Variable names the environment variable that holds the address of the index.
const Variable = "STACKCTL_RELEASES"

// Most bounds an index, in bytes.
const Most = 1 << 20

// Standing is how a program stands to the newest release.
type Standing string

// The standings.
const (
	Current Standing = "current" // the newest, or newer than it
	Older   Standing = "older"   // there is a newer one
	Unknown Standing = "unknown" // the program has no version to compare
)

// Answer is what an index says to a program.
type Answer struct {
	Version  string    `json:"version"` // of the program
	Newest   string    `json:"newest"`
	Standing Standing  `json:"standing"`
	Date     time.Time `json:"date"`
	Notes    string    `json:"notes,omitempty"`
	Index    string    `json:"index"` // where it was asked
}

// Check asks the index at an https address whether there is a newer release
// than version. The cause of its error is usage where the address cannot be
// used, unreachable where nobody answers, and step where the answer is no index.
func Check(ctx context.Context, client outbound.Client, address, version string) (Answer, error) {
	at, err := url.Parse(address)
	if err != nil || at.Scheme != "https" || at.Host == "" || at.User != nil {
		return Answer{}, stack.Fault(stack.CauseUsage, "look for a newer release", errors.New("the address of the index is no plain https URL"),
			"set "+Variable+" to one, such as https://downloads.example.org/stackctl/"+File)
	}
	what := "ask " + at.Redacted() + " for the newest release"
	client.Most = Most
	answer, err := client.Get(ctx, address)
	switch {
	case errors.As(err, new(outbound.Permanent)):
		return Answer{}, stack.Fault(stack.CauseStep, what, err, "look at what is served there, or set "+Variable+" to another address")
	case err != nil:
		return Answer{}, stack.Fault(stack.CauseUnreachable, what, err, "try again with a network; nothing else of stackctl needs this address")
	case answer.Status != http.StatusOK:
		return Answer{}, stack.Fault(stack.CauseUnreachable, what, fmt.Errorf("it answered with status %d", answer.Status), "set "+Variable+" to the address of a "+File)
	}
	index, err := parse(answer.Body)
	if err != nil {
		return Answer{}, stack.Fault(stack.CauseStep, what, err, "set "+Variable+" to the address of a "+File)
	}
	return Answer{Version: version, Newest: index.Version, Standing: standing(version, index.Version), Date: index.Date, Notes: index.Notes, Index: at.Redacted()}, nil
}

// described is what git tells of a commit after a tag: v1.2.3-4-g68d6737.
var described = regexp.MustCompile(`-[0-9]+-g[0-9a-f]{7,}$`)

// standing compares a program with the newest release. A program of a commit
// after a tag is newer than the tag, though semver would sort it before.
func standing(version, newest string) Standing {
	tag := described.ReplaceAllString(strings.TrimSuffix(version, "-dirty"), "")
	switch {
	case !semver.IsValid(tag):
		return Unknown
	case semver.Compare(tag, newest) < 0:
		return Older
	}
	return Current
}
