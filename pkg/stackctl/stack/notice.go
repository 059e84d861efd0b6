package stack

// NoticeSpec is one way in which people are told that a verdict has changed.
// One of Webhook, WebhookSecret and Mail is set.
type NoticeSpec struct {
	Name string `mapstructure:"name"`
	// Webhook is a URL that takes a POST; WebhookSecret names the secret that is
	// such a URL, as those of Slack are.
	Webhook       string `mapstructure:"webhook"`
	WebhookSecret string `mapstructure:"webhook_secret"`
	// Format is "json" or "slack".
	Format string `mapstructure:"format"`
	// Mail is the SMTP server, host:port.
	Mail string   `mapstructure:"mail"`
	From string   `mapstructure:"from"`
	To   []string `mapstructure:"to"`
	// User and PasswordSecret are what the server asks for; the latter names a secret.
	User           string `mapstructure:"user"`
	PasswordSecret string `mapstructure:"password_secret"`
	// TLS is "starttls", "tls" or "none".
	TLS string `mapstructure:"tls"`
	// Line is where stackctl.yaml names it.
	Line int `mapstructure:"-"`
}
