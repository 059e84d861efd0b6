import { Link, useNavigate } from "@tanstack/react-router";
import { useResetPassword } from "../api/account.ts";
import { Problem } from "../api/problem.ts";
import { checkNewPassword, newPasswordHint } from "../check.ts";
import { useMailToken } from "../mail-token.ts";
import { FormError, PasswordField, Submit, useForm, type Values } from "../ui/form.tsx";
import { useNotice } from "../ui/notice.tsx";
import { Page } from "../ui/page.tsx";

/** Where the mail's link leads: a new password for the token behind its "#". */
export function ResetPage() {
  const token = useMailToken();
  const reset = useResetPassword();
  const navigate = useNavigate();
  const say = useNotice();
  const { submit, errorOf } = useForm(({ password = "" }) => ({ password: checkNewPassword(password) }), reset.error);

  async function done() {
    await navigate({ to: "/login", replace: true });
    say({ kind: "good", text: "Your new password is set. Log in with it." });
  }

  function send({ password = "" }: Values, onError: (error: Error) => void) {
    if (!reset.isPending) reset.mutate({ token, password }, { onSuccess: () => void done(), onError });
  }

  const spent = reset.error instanceof Problem && reset.error.fields.token !== undefined;
  if (!token || spent) return <StaleLink again="/forgot" />;
  return (
    <Page narrow title="Choose a new password" lead="It ends every session that is open now.">
      <form className="card form" noValidate onSubmit={(event) => { submit(event, send); }}>
        <FormError failure={reset.error} known={["password"]} />
        <PasswordField name="password" label="New password" autoComplete="new-password" required hint={newPasswordHint} error={errorOf("password")} />
        <Submit busy={reset.isPending} busyText="Saving…">Set the password</Submit>
      </form>
    </Page>
  );
}

/** A link that was used, is too old or was cut by a mail program. */
export function StaleLink({ again }: { again: "/forgot" | "/account" }) {
  return (
    <Page narrow focus title="This link does not work" lead="It may have been used already, be too old, or have been cut off by your mail program.">
      <p><Link to={again} className="button">Ask for a new one</Link></p>
    </Page>
  );
}
