package letter

import "stackctl/pkg/server/app"

// nichtIch is how most letters end.
var nichtIch = paragraph{"Wenn Sie das nicht waren, wählen Sie sofort ein neues Passwort:", forgot, "Neues Passwort wählen"}

var german = catalogue{
	letters: map[app.Letter]words{
		app.LetterVerify: {"Bestätigen Sie Ihre E-Mail-Adresse für {site}", "Der Link gilt einen Tag lang.", []paragraph{
			{text: "Willkommen."},
			{"Öffnen Sie diesen Link und melden Sie sich an, um zu bestätigen, dass diese Adresse Ihnen gehört. Er gilt einen Tag lang:", verify, "Adresse bestätigen"},
			{text: "Wenn Sie sich nicht registriert haben, müssen Sie nichts tun: Ohne diesen Schritt kann niemand unter Ihrer Adresse handeln."},
		}},
		app.LetterKnown: {"Sie haben bereits ein Konto bei {site}", "Jemand wollte sich mit Ihrer Adresse registrieren.", []paragraph{
			{text: "Jemand wollte sich mit Ihrer Adresse registrieren. Sie haben aber schon ein Konto."},
			{"Wenn Sie das waren, melden Sie sich einfach an:", login, "Anmelden"},
			{"Passwort vergessen?", forgot, "Neues Passwort wählen"},
			{text: "Wenn Sie das nicht waren, müssen Sie nichts tun."},
		}},
		app.LetterReset: {"Wählen Sie ein neues Passwort für {site}", "Der Link gilt 30 Minuten lang und nur einmal.", []paragraph{
			{"Öffnen Sie diesen Link, um ein neues Passwort zu wählen. Er gilt 30 Minuten lang und nur einmal:", reset, "Neues Passwort wählen"},
			{text: "Wenn Sie das nicht angefordert haben, müssen Sie nichts tun: Ihr Passwort bleibt, wie es ist."},
		}},
		app.LetterChanged: {"Ihr Passwort bei {site} wurde geändert", "Ihre anderen Sitzungen wurden beendet.", []paragraph{
			{text: "Ihr Passwort wurde geändert, und Ihre anderen Sitzungen wurden beendet."}, nichtIch,
		}},
		app.LetterLinked: {"Ein Google-Konto wurde bei {site} verknüpft", "Sie können sich jetzt damit anmelden.", []paragraph{
			{text: "Ihr Konto lässt sich jetzt mit einem Google-Konto öffnen."},
			{"Wenn Sie das nicht waren, wählen Sie sofort ein neues Passwort und lösen Sie die Verknüpfung:", forgot, "Neues Passwort wählen"},
		}},
		app.LetterUnlinked: {"Die Verknüpfung mit einem Google-Konto bei {site} wurde gelöst", "Damit ist keine Anmeldung mehr möglich.", []paragraph{
			{text: "Ihr Konto lässt sich mit diesem Google-Konto nicht mehr öffnen."}, nichtIch,
		}},
		app.LetterFactorOn: {"Die Anmeldung bei {site} fragt jetzt nach einem Code", "Bewahren Sie die Wiederherstellungscodes auf.", []paragraph{
			{text: "Für Ihr Konto wurde ein zweiter Faktor eingerichtet. Bewahren Sie die Wiederherstellungscodes auf: Ohne sie und ohne den zweiten Faktor kann Ihnen niemand Zugang geben."}, nichtIch,
		}},
		app.LetterFactorOff: {"Die Anmeldung bei {site} fragt nicht mehr nach einem Code", "Der zweite Faktor wurde ausgeschaltet.", []paragraph{
			{text: "Der zweite Faktor Ihres Kontos wurde ausgeschaltet."}, nichtIch,
		}},
		app.LetterPasskeyOn: {"Bei {site} wurde ein Passkey hinzugefügt", "Sie können sich jetzt damit anmelden.", []paragraph{
			{text: "Ihr Konto lässt sich jetzt mit einem Passkey öffnen. Die Anmeldung mit dem Passwort fragt nach ihm oder nach einem anderen zweiten Faktor."}, nichtIch,
			{text: "Der Passkey allein öffnet dann nichts mehr. Bitten Sie uns, ihn zu entfernen."},
		}},
		app.LetterPasskeyOff: {"Bei {site} wurde ein Passkey entfernt", "Damit ist keine Anmeldung mehr möglich.", []paragraph{
			{text: "Ihr Konto lässt sich mit diesem Passkey nicht mehr öffnen."}, nichtIch,
		}},
		app.LetterPasskeySuspect: {"Ein Passkey bei {site} wurde möglicherweise kopiert", "Er wurde abgelehnt und ist gesperrt.", []paragraph{
			{text: "Einer Ihrer Passkeys wurde auf eine Weise verwendet, die sich nur durch eine Kopie erklären lässt. Er wurde abgelehnt und öffnet nichts mehr."},
			{"Melden Sie sich auf einem anderen Weg an, entfernen Sie ihn auf der Seite „Sicherheit“ und fügen Sie einen neuen hinzu:", login, "Anmelden"},
		}},
		app.LetterReplaced: {"Ihr Passwort bei {site} wurde geändert", "Es wurde mit einem Link aus einer E-Mail geändert.", []paragraph{
			{text: "Ihr Passwort wurde mit einem Link aus einer E-Mail geändert. Alle Sitzungen wurden beendet, und Verknüpfungen mit Google-Konten, die ohne zweiten Faktor entstanden waren, wurden gelöst. Passkeys allein öffnen nichts, bis einer zusammen mit dem neuen Passwort verwendet wurde. Falls Ihre Adresse vorher nicht bestätigt war, wurden auch Passkeys sowie Name, Bild und Text des Profils entfernt: Jemand anderes könnte sie angelegt haben."},
			{"Sehen Sie sich Ihr Profil an und verknüpfen Sie wieder, was Ihnen gehört:", account, "Ihr Konto"},
			{"Wenn Sie das nicht waren, wählen Sie sofort ein neues Passwort:", forgot, "Neues Passwort wählen"},
		}},
		app.LetterMissed: {subject: "E-Mails von {site}, die Sie nicht erhalten haben", preview: "Es wurden so viele E-Mails angefordert, dass einige nicht gesendet wurden."},
	},
	titles: map[app.Letter]string{
		app.LetterVerify: "Adresse bestätigen", app.LetterKnown: "jemand hat sich mit Ihrer Adresse registriert", app.LetterReset: "neues Passwort wählen",
		app.LetterChanged: "Ihr Passwort wurde geändert", app.LetterLinked: "ein Google-Konto wurde verknüpft", app.LetterUnlinked: "die Verknüpfung mit einem Google-Konto wurde gelöst",
		app.LetterFactorOn: "ein zweiter Faktor wurde eingerichtet", app.LetterFactorOff: "der zweite Faktor wurde ausgeschaltet",
		app.LetterPasskeyOn: "ein Passkey wurde hinzugefügt", app.LetterPasskeyOff: "ein Passkey wurde entfernt", app.LetterPasskeySuspect: "ein Passkey wurde möglicherweise kopiert und ist gesperrt",
		app.LetterReplaced: "Ihr Passwort wurde geändert", app.LetterMissed: "E-Mails, die nicht gesendet wurden",
	},
	leftOut: "Es wurden so viele E-Mails angefordert, dass diese nicht an Sie gesendet wurden:",
	copied:  "Oder kopieren Sie diese Adresse in Ihren Browser:",
	footer:  "Diese E-Mail kommt von",
}
