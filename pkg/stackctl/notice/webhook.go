package notice

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"stackctl/pkg/stackctl/outbound"
)

// post sends a body to a URL; no error holds the URL, which may be a secret.
func post(ctx context.Context, to string, body []byte) error {
	answer, err := outbound.Client{}.Post(ctx, to, body)
	if err != nil {
		return err
	}
	return taken(answer.Status)
}

// taken tells whether a status means that a notice arrived, and if not, whether
// another try can help.
func taken(status int) error {
	err := fmt.Errorf("it answered with status %d", status)
	switch {
	case status < 300:
		return nil
	case status == http.StatusTooManyRequests || status >= 500 || status == http.StatusRequestTimeout:
		return err
	}
	return outbound.Never(err)
}

// slack is the message in the form of Slack's incoming webhooks, whose text has
// three characters of its own.
func slack(n Notice) ([]byte, error) {
	mark := map[bool]string{true: ":white_check_mark: ", false: ":rotating_light: "}[n.Verdict == "good"]
	text := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(n.Text())
	return json.Marshal(map[string]string{"text": mark + text})
}
