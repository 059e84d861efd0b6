package letter

import "stackctl/pkg/server/app"

// notMe is how most letters end.
var notMe = paragraph{"If it was not you, choose a new password at once:", forgot, "Choose a new password"}

var english = catalogue{
	letters: map[app.Letter]words{
		app.LetterVerify: {"Confirm your e-mail address at {site}", "The link is good for one day.", []paragraph{
			{text: "Welcome."},
			{"Open this link and log in to confirm that this address is yours. It is good for one day:", verify, "Confirm the address"},
			{text: "If you did not sign up, do nothing: without this step nobody can act under your address."},
		}},
		app.LetterKnown: {"You have an account at {site}", "Somebody tried to sign up with your address.", []paragraph{
			{text: "Somebody tried to sign up with your address, but you have an account already."},
			{"If it was you, log in:", login, "Log in"},
			{"Forgot the password?", forgot, "Choose a new password"},
			{text: "If it was not you, do nothing."},
		}},
		app.LetterReset: {"Choose a new password for {site}", "The link is good for 30 minutes and for one use.", []paragraph{
			{"Open this link to choose a new password. It is good for 30 minutes and for one use:", reset, "Choose a new password"},
			{text: "If you did not ask for it, do nothing: your password stays as it is."},
		}},
		app.LetterChanged: {"Your password at {site} was changed", "Your other sessions were ended.", []paragraph{
			{text: "Your password was changed, and your other sessions were ended."}, notMe,
		}},
		app.LetterLinked: {"A Google account was linked at {site}", "Your account can now be opened with it.", []paragraph{
			{text: "Your account can now be opened with a Google account."},
			{"If it was not you, choose a new password at once and unlink it:", forgot, "Choose a new password"},
		}},
		app.LetterUnlinked: {"A Google account was unlinked at {site}", "Your account can no longer be opened with it.", []paragraph{
			{text: "Your account can no longer be opened with that Google account."}, notMe,
		}},
		app.LetterFactorOn: {"Logins at {site} ask for a code now", "Keep the recovery codes.", []paragraph{
			{text: "A second factor was set up for your account. Keep the recovery codes: without them and the factor nobody can let you in."}, notMe,
		}},
		app.LetterFactorOff: {"Logins at {site} ask for no code any more", "The second factor was turned off.", []paragraph{
			{text: "The second factor of your account was turned off."}, notMe,
		}},
		app.LetterPasskeyOn: {"A passkey was added at {site}", "Your account can now be opened with it.", []paragraph{
			{text: "Your account can now be opened with a passkey, and logins with the password ask for it or for another second factor."}, notMe,
			{text: "The passkey opens nothing alone then. Ask us to remove it."},
		}},
		app.LetterPasskeyOff: {"A passkey was removed at {site}", "Your account can no longer be opened with it.", []paragraph{
			{text: "Your account can no longer be opened with that passkey."}, notMe,
		}},
		app.LetterPasskeySuspect: {"A passkey at {site} may have been copied", "It was refused, and opens nothing any more.", []paragraph{
			{text: "One of your passkeys was used in a way that only a copy of it explains. It was refused, and opens nothing any more."},
			{"Log in another way, remove it on your security page and add a new one:", login, "Log in"},
		}},
		app.LetterReplaced: {"Your password at {site} was changed", "It was changed with a link from a mail.", []paragraph{
			{text: "Your password was changed with a link from a mail. All sessions were ended, and Google accounts that had been linked without a second factor were unlinked. Passkeys open nothing alone until one is used beside the new password. If your address had not been confirmed before, passkeys, name, picture and text of the profile were removed, too: somebody else may have written them."},
			{"Look at your profile, and link again what is yours:", account, "Your account"},
			{"If it was not you, choose a new one at once:", forgot, "Choose a new password"},
		}},
		app.LetterMissed: {subject: "Mails from {site} that you did not get", preview: "So many mails were asked for that some were not sent."},
	},
	titles: map[app.Letter]string{
		app.LetterVerify: "confirm your address", app.LetterKnown: "somebody signed up with your address", app.LetterReset: "choose a new password",
		app.LetterChanged: "your password was changed", app.LetterLinked: "a Google account was linked", app.LetterUnlinked: "a Google account was unlinked",
		app.LetterFactorOn: "a second factor was set up", app.LetterFactorOff: "the second factor was turned off",
		app.LetterPasskeyOn: "a passkey was added", app.LetterPasskeyOff: "a passkey was removed", app.LetterPasskeySuspect: "a passkey may have been copied, and is refused",
		app.LetterReplaced: "your password was changed", app.LetterMissed: "mails that were not sent",
	},
	leftOut: "So many mails were asked for that these were not sent to you:",
	copied:  "Or copy this address into your browser:",
	footer:  "This mail was sent by",
}
