package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Mail is one plain-text mail.
type Mail struct {
	To      string
	Subject string
	Text    string
}

// Mailer sends mails. It gives ErrNoMail where no mail server is configured.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// ErrNoMail says that no mail server is configured: trying again is no use.
var ErrNoMail = &Error{Code: CodeUnavailable, Message: "No mail server is configured."}

// Purpose says what a token from a mail is good for.
type Purpose string

// The purposes.
const (
	PurposeVerify Purpose = "verify"
	PurposeReset  Purpose = "reset"
)

// How long a token from a mail is good.
const (
	verifyLife = 24 * time.Hour
	resetLife  = 30 * time.Minute
)

// Letter names a mail that the site sends.
type Letter string

// The letters.
const (
	// LetterVerify asks whether the address is the user's own.
	LetterVerify Letter = "verify"
	// LetterKnown tells a user that somebody signed up with their address.
	LetterKnown Letter = "known"
	// LetterReset lets the user choose a new password.
	LetterReset Letter = "reset"
	// LetterChanged tells a user that their password was changed.
	LetterChanged Letter = "changed"
	// LetterLinked and LetterUnlinked tell a user that a way in was added to
	// their account or taken away.
	LetterLinked   Letter = "linked"
	LetterUnlinked Letter = "unlinked"
	// LetterFactorOn and LetterFactorOff tell a user that logins ask for a code
	// from now on, or no more.
	LetterFactorOn  Letter = "factor_on"
	LetterFactorOff Letter = "factor_off"
	// LetterPasskeyOn and LetterPasskeyOff tell a user that a passkey was added or
	// removed, LetterPasskeySuspect that one is refused because it may have been
	// copied.
	LetterPasskeyOn      Letter = "passkey_on"
	LetterPasskeyOff     Letter = "passkey_off"
	LetterPasskeySuspect Letter = "passkey_suspect"
	// LetterReplaced tells a user what a reset of their password did.
	LetterReplaced Letter = "replaced"
	// LetterMissed tells a user of letters that their mailbox had no room for.
	LetterMissed Letter = "missed"
)

// MailJob sends a letter. It holds no token: that is made when the mail is
// sent, so that nobody who reads the queue can use it.
type MailJob struct {
	Letter Letter `json:"letter"`
	Email  string `json:"email"`
	// Familiar says that it was asked for on a device of the user's own.
	Familiar bool `json:"familiar,omitempty"`
}

// Kind names the job.
func (MailJob) Kind() string { return "mail" }

// SweepTokensJob removes tokens that are over.
type SweepTokensJob struct{}

// Kind names the job.
func (SweepTokensJob) Kind() string { return "sweep_tokens" }

// mailAttempts lets a mail wait for its server for about a day.
const mailAttempts = 12

func enqueueLetter(ctx context.Context, tx QueueTx, letter Letter, email string) error {
	return tx.Enqueue(ctx, MailJob{Letter: letter, Email: email}, JobOptions{MaxAttempts: mailAttempts})
}

// Post writes and sends letters; it is what a MailJob does.
type Post struct {
	Store  Store
	Mailer Mailer
	// Site is the site's address: links are made of it, never of what a
	// request says. Domain is its name in texts.
	Site   string
	Domain string
	// ConfirmFirst is that of Accounts: the mail that confirms an address lets its
	// owner choose the password, since nobody can log in to confirm it.
	ConfirmFirst bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Deliver sends the letter to whom it concerns, if their mailbox has room for
// it. For an address without a user there is nothing to send.
func (p *Post) Deliver(ctx context.Context, job MailJob) error {
	user, err := p.Store.Addressee(ctx, job.Email)
	if CodeOf(err) == CodeNotFound && err != nil {
		return nil
	}
	if err != nil {
		return err
	}
	if user.Disabled() || job.Letter == LetterVerify && !user.EmailVerifiedAt.IsZero() {
		return nil
	}
	told, fits, err := p.admit(ctx, job, user)
	if err != nil || !fits {
		return err
	}
	mail, err := p.write(ctx, job.Letter, user)
	if err == nil {
		if text := missed(told); text != "" {
			mail.Text = strings.TrimSpace(mail.Text+"\n"+text) + "\n"
		}
		err = p.Mailer.Send(ctx, mail)
	}
	if err != nil {
		return errors.Join(err, p.takeBack(context.WithoutCancel(ctx), user.Email, told))
	}
	if job.Letter == LetterVerify {
		p.noteAsked(ctx, user)
	}
	return nil
}

// noteAsked notes that the user could have confirmed the address. Where that fails
// the account is kept longer; the mail is not sent again for it.
func (p *Post) noteAsked(ctx context.Context, user User) {
	if err := p.Store.InTx(ctx, func(tx Tx) error { return tx.NoteAsked(ctx, user.ID, p.now()) }); err != nil {
		slog.WarnContext(ctx, "a confirmation was sent and could not be noted", "user", user.ID, "error", err.Error())
	}
}

func (p *Post) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

// welcome is the mail that confirms an address where nobody can log in before. Who
// opens it chooses the password: who signed up may have been somebody else.
func (p *Post) welcome(ctx context.Context, user User) (Mail, error) {
	link, err := p.link(ctx, user, PurposeReset, verifyLife, "reset")
	return Mail{To: user.Email, Subject: "Confirm your e-mail address at " + p.Domain, Text: "Welcome.\n\nOpen this link and choose your password to confirm that this address is yours. " +
		"Then you can log in. It is good for one day:\n\n" + link + "\n\nIf you did not sign up, do nothing: without this step nobody can log in with your address.\n"}, err
}

func (p *Post) write(ctx context.Context, letter Letter, user User) (Mail, error) {
	mail := Mail{To: user.Email}
	switch letter {
	case LetterVerify:
		if p.ConfirmFirst {
			return p.welcome(ctx, user)
		}
		link, err := p.link(ctx, user, PurposeVerify, verifyLife, "verify")
		mail.Subject = "Confirm your e-mail address at " + p.Domain
		mail.Text = "Welcome.\n\nOpen this link and log in to confirm that this address is yours. It is good for one day:\n\n" + link +
			"\n\nIf you did not sign up, do nothing: without this step nobody can act under your address.\n"
		return mail, err
	case LetterKnown:
		mail.Subject = "You have an account at " + p.Domain
		mail.Text = fmt.Sprintf("Somebody tried to sign up with your address, but you have an account already.\n\nLog in: %s/login\nForgot the password? %s/forgot\n\nIf it was not you, do nothing.\n", p.Site, p.Site)
		return mail, nil
	case LetterReset:
		link, err := p.link(ctx, user, PurposeReset, resetLife, "reset")
		mail.Subject = "Choose a new password for " + p.Domain
		mail.Text = "Open this link to choose a new password. It is good for 30 minutes and for one use:\n\n" + link +
			"\n\nIf you did not ask for it, do nothing: your password stays as it is.\n"
		return mail, err
	case LetterChanged:
		mail.Subject = "Your password at " + p.Domain + " was changed"
		mail.Text = fmt.Sprintf("Your password was changed, and your other sessions were ended.\n\nIf it was not you, choose a new one at once: %s/forgot\n", p.Site)
		return mail, nil
	case LetterLinked:
		mail.Subject = "A Google account was linked at " + p.Domain
		mail.Text = fmt.Sprintf("Your account can now be opened with a Google account.\n\nIf it was not you, choose a new password at once and unlink it: %s/forgot\n", p.Site)
		return mail, nil
	case LetterUnlinked:
		mail.Subject = "A Google account was unlinked at " + p.Domain
		mail.Text = fmt.Sprintf("Your account can no longer be opened with that Google account.\n\nIf it was not you, choose a new password at once: %s/forgot\n", p.Site)
		return mail, nil
	case LetterFactorOn:
		mail.Subject = "Logins at " + p.Domain + " ask for a code now"
		mail.Text = fmt.Sprintf("A second factor was set up for your account. Keep the recovery codes: without them and the factor nobody can let you in.\n\nIf it was not you, choose a new password at once: %s/forgot\n", p.Site)
		return mail, nil
	case LetterFactorOff:
		mail.Subject = "Logins at " + p.Domain + " ask for no code any more"
		mail.Text = fmt.Sprintf("The second factor of your account was turned off.\n\nIf it was not you, choose a new password at once: %s/forgot\n", p.Site)
		return mail, nil
	case LetterPasskeyOn, LetterPasskeyOff, LetterPasskeySuspect:
		return p.passkeyMail(letter, user), nil
	case LetterReplaced:
		mail.Subject = "Your password at " + p.Domain + " was changed"
		mail.Text = fmt.Sprintf("Your password was changed with a link from a mail. All sessions were ended, and Google accounts that had been linked without a second factor were unlinked. Passkeys open nothing alone until one is used beside the new password. If your address had not been confirmed before, passkeys, name, picture and text of the profile were removed, too: somebody else may have written them.\n\nLook at your profile, and link again what is yours: %s/account\n\nIf it was not you, choose a new one at once: %s/forgot\n", p.Site, p.Site)
		return mail, nil
	case LetterMissed:
		mail.Subject = "Mails from " + p.Domain + " that you did not get"
		return mail, nil
	}
	return mail, fmt.Errorf("write a letter: there is no letter %q", letter)
}

// passkeyMail is the letter about what became of a passkey.
func (p *Post) passkeyMail(letter Letter, user User) Mail {
	mail := Mail{To: user.Email}
	switch letter {
	case LetterPasskeyOn:
		mail.Subject = "A passkey was added at " + p.Domain
		mail.Text = fmt.Sprintf("Your account can now be opened with a passkey, and logins with the password ask for it or for another second factor.\n\nIf it was not you, choose a new password at once: %s/forgot\nThe passkey opens nothing alone then. Ask us to remove it.\n", p.Site)
	case LetterPasskeyOff:
		mail.Subject = "A passkey was removed at " + p.Domain
		mail.Text = fmt.Sprintf("Your account can no longer be opened with that passkey.\n\nIf it was not you, choose a new password at once: %s/forgot\n", p.Site)
	default:
		mail.Subject = "A passkey at " + p.Domain + " may have been copied"
		mail.Text = fmt.Sprintf("One of your passkeys was used in a way that only a copy of it explains. It was refused, and opens nothing any more.\n\nLog in another way, remove it on your security page and add a new one: %s/login\n", p.Site)
	}
	return mail
}

// link makes a token and the address of the page that uses it. The token
// stands behind #: browsers send that part to no server.
func (p *Post) link(ctx context.Context, user User, purpose Purpose, life time.Duration, page string) (string, error) {
	token := NewToken()
	err := p.Store.InTx(ctx, func(tx Tx) error { return tx.AddToken(ctx, user.ID, purpose, token.Hash(), p.now().Add(life)) })
	return p.Site + "/" + page + "#token=" + string(token), err
}
