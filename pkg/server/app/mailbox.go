package app

import (
	"context"
	"time"
)

// Mailbox counts the mails to one mailbox, whatever they are about and whoever
// asked for them. Each mail fills it by one, and it empties by one every
// mailboxEmpties. So a burst is bounded, and what goes there in a day.
type Mailbox struct {
	// Bucket names it: all spellings that reach it share one.
	Bucket string
	// Level is how full it was at At.
	Level float64
	At    time.Time
	// LeftOut counts the letters that were not sent since the last that was.
	LeftOut map[Letter]int
}

// mailboxEmpties is how long it takes until one more mail fits.
const mailboxEmpties = 30 * time.Minute

// How full a mailbox may get, by what a letter is. Those that anybody can ask
// for leave room for those that tell an owner of a change, and these for the one
// that tells what was left out.
const (
	roomUnproven = 3 // to an address that nobody has proven to be theirs
	roomAsked    = 4 // of a sign-up
	roomReset    = 5
	roomOwner    = 7 // a reset that was asked for on a device of the owner's
	roomNotice   = 8
	roomMissed   = 9
)

// MailboxRetention is how long the count of a mailbox is kept after its last
// mail: it is empty by then, and what was left out has been told.
const MailboxRetention = 24 * time.Hour

// missedAfter is when a user is told of letters that were left out, unless
// another letter has told it before.
const missedAfter = time.Hour

// room is how full a mailbox may be with the letter of a job in it.
func (j MailJob) room(user User) float64 {
	switch {
	case user.EmailVerifiedAt.IsZero() && !j.Familiar:
		return roomUnproven
	case j.Letter == LetterVerify || j.Letter == LetterKnown:
		return roomAsked
	case j.Letter == LetterReset && j.Familiar:
		return roomOwner
	case j.Letter == LetterReset:
		return roomReset
	case j.Letter == LetterMissed:
		return roomMissed
	}
	return roomNotice
}

// emptied is the mailbox as it is at a time.
func (m Mailbox) emptied(now time.Time) Mailbox {
	if passed := now.Sub(m.At); passed > 0 {
		m.Level = max(0, m.Level-float64(passed)/float64(mailboxEmpties))
		m.At = now
	}
	return m
}

// takes decides whether one more mail fits into the room, and returns the
// mailbox with it, or with the letter among those that were left out.
func (m Mailbox) takes(letter Letter, room float64, now time.Time) (Mailbox, bool) {
	m = m.emptied(now)
	// A mailbox that empties all the time never holds a whole number exactly.
	if m.Level+1 > room+1e-6 {
		m.LeftOut = added(m.LeftOut, map[Letter]int{letter: 1})
		return m, false
	}
	m.Level++
	m.LeftOut = nil
	return m, true
}

// added returns the sum of two counts.
func added(a, b map[Letter]int) map[Letter]int {
	sum := map[Letter]int{}
	for _, counts := range []map[Letter]int{a, b} {
		for letter, n := range counts {
			sum[letter] += n
		}
	}
	return sum
}

// admit counts a letter against its mailbox. Where it does not fit, it is left
// out, and the next one tells so: a later letter, or one of its own.
func (p *Post) admit(ctx context.Context, job MailJob, user User) (told map[Letter]int, fits bool, err error) {
	err = p.Store.InTx(ctx, func(tx Tx) error {
		before, err := tx.Mailbox(ctx, Bucket(user.Email))
		if err != nil {
			return err
		}
		if told = before.LeftOut; job.Letter == LetterMissed && len(told) == 0 {
			return nil // another letter has told it
		}
		var after Mailbox
		if after, fits = before.takes(job.Letter, job.room(user), p.now()); !fits && len(before.LeftOut) == 0 && !user.EmailVerifiedAt.IsZero() {
			if err := tx.Enqueue(ctx, MailJob{Letter: LetterMissed, Email: user.Email, Language: job.Language}, JobOptions{MaxAttempts: mailAttempts, At: p.now().Add(missedAfter)}); err != nil {
				return err
			}
		}
		return tx.SaveMailbox(ctx, after)
	})
	return told, fits, err
}

// takeBack uncounts a letter that could not be sent: it is tried again.
func (p *Post) takeBack(ctx context.Context, email string, told map[Letter]int) error {
	return p.Store.InTx(ctx, func(tx Tx) error {
		m, err := tx.Mailbox(ctx, Bucket(email))
		if err != nil {
			return err
		}
		m.Level, m.LeftOut = max(0, m.Level-1), added(m.LeftOut, told)
		return tx.SaveMailbox(ctx, m)
	})
}
