import { Link, useNavigate } from "@tanstack/react-router";
import { useResetPassword } from "../api/account.ts";
import { Problem } from "../api/problem.ts";
import { checkNewPassword, newPasswordHint } from "../check.ts";
import { useMailToken } from "../mail-token.ts";
import { FormError, PasswordField, Submit, useForm, type Values } from "../ui/form.tsx";
import { useNotice } from "../ui/notice.tsx";
import { Page } from "../ui/page.tsx";
import { useMore } from "../words/more.ts";
import { useWords } from "../words/provider.tsx";

/** Where the mail's link leads: a new password for the token behind its "#". */
export function ResetPage() {
  const token = useMailToken();
  const reset = useResetPassword();
  const words = useWords();
  const more = useMore();
  const navigate = useNavigate();
  const say = useNotice();
  const { submit, errorOf } = useForm(({ password = "" }) => ({ password: checkNewPassword(words, password) }), reset.error);

  async function done() {
    await navigate({ to: "/login", replace: true });
    say({ kind: "good", text: (said) => said.login.newPassword });
  }

  function send({ password = "" }: Values, onError: (error: Error) => void) {
    if (!reset.isPending) reset.mutate({ token, password }, { onSuccess: () => void done(), onError });
  }

  const spent = reset.error instanceof Problem && reset.error.fields.token !== undefined;
  if (!token || spent) return <StaleLink again="/forgot" />;
  return (
    <Page narrow title={more.reset.title} lead={more.reset.lead}>
      <form className="card form" noValidate onSubmit={(event) => { submit(event, send); }}>
        <FormError failure={reset.error} known={["password"]} />
        <PasswordField name="password" label={words.form.newPassword} autoComplete="new-password" required hint={newPasswordHint(words)} error={errorOf("password")} />
        <Submit busy={reset.isPending} busyText={words.form.saving}>{more.reset.set}</Submit>
      </form>
    </Page>
  );
}

/** A link that was used, is too old or was cut by a mail program. */
export function StaleLink({ again }: { again: "/forgot" | "/account" }) {
  const more = useMore();
  return (
    <Page narrow focus title={more.reset.stale} lead={more.reset.staleLead}>
      <p><Link to={again} className="button">{more.reset.ask}</Link></p>
    </Page>
  );
}
