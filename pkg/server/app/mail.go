package app

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Mail is one mail: its text, and the same as HTML.
type Mail struct {
	To       string
	Language Language
	Subject  string
	Text     string
	HTML     string
}

// Mailer sends mails. It gives ErrNoMail where no mail server is configured.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// ErrNoMail means that no mail server is configured: trying again is no use.
var ErrNoMail = &Error{Code: CodeUnavailable, Message: "No mail server is configured."}

// Purpose is what a token from a mail is good for.
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
	// LetterWelcome asks the same where nobody can log in before: who opens it chooses
	// the password, since who signed up may have been somebody else.
	LetterWelcome Letter = "welcome"
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
	// Language is that of who asked for it, for a user whose own is not known.
	Language Language `json:"language,omitempty"`
	// Familiar reports whether it was asked for on a device of the user's own.
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
	return tx.Enqueue(ctx, MailJob{Letter: letter, Email: email, Language: OriginOf(ctx).Language}, JobOptions{MaxAttempts: mailAttempts})
}

// Letters are all of them.
var Letters = []Letter{
	LetterVerify, LetterWelcome, LetterKnown, LetterReset, LetterChanged, LetterLinked, LetterUnlinked, LetterFactorOn, LetterFactorOff,
	LetterPasskeyOn, LetterPasskeyOff, LetterPasskeySuspect, LetterReplaced, LetterMissed,
}

// Draft is what a letter tells. It holds no text that a person wrote.
type Draft struct {
	Letter   Letter
	To       string
	Language Language
	// Token is for the link of a letter that has one.
	Token Token
	// LeftOut counts the letters that were not sent before this one.
	LeftOut map[Letter]int
}

// Writer puts a draft into words.
type Writer interface {
	Write(d Draft) (Mail, error)
}

// Post writes and sends letters; it is what a MailJob does.
type Post struct {
	Store  Store
	Writer Writer
	Mailer Mailer
	// ConfirmFirst is that of Accounts.
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
	if err := p.send(ctx, Draft{Letter: p.letter(job), To: user.Email, Language: spoken(user.Language, job.Language), LeftOut: told}, user); err != nil {
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

// letter is the one that a job asks for, as this site writes it.
func (p *Post) letter(job MailJob) Letter {
	if job.Letter == LetterVerify && p.ConfirmFirst {
		return LetterWelcome
	}
	return job.Letter
}

func (p *Post) send(ctx context.Context, d Draft, user User) (err error) {
	if d.Token, err = p.token(ctx, d.Letter, user); err != nil {
		return err
	}
	mail, err := p.Writer.Write(d)
	if err != nil {
		return err
	}
	return p.Mailer.Send(ctx, mail)
}

// token makes the token of a letter that has a link with one.
func (p *Post) token(ctx context.Context, letter Letter, user User) (Token, error) {
	purpose, life := PurposeVerify, verifyLife
	switch letter {
	case LetterVerify:
	case LetterWelcome:
		purpose = PurposeReset
	case LetterReset:
		purpose, life = PurposeReset, resetLife
	default:
		return "", nil
	}
	token := NewToken()
	return token, p.Store.InTx(ctx, func(tx Tx) error { return tx.AddToken(ctx, user.ID, purpose, token.Hash(), p.now().Add(life)) })
}
