import { Link, useSearch } from "@tanstack/react-router";
import { useSignUp } from "../api/session.ts";
import { checkEmail, checkNewPassword, newPasswordHint } from "../check.ts";
import { returnPath } from "../return-path.ts";
import { Field, FormError, PasswordField, Submit, useForm, type Values } from "../ui/form.tsx";
import { GoogleEntrance } from "../ui/google.tsx";
import { Page } from "../ui/page.tsx";

function check({ email = "", password = "" }: Values) {
  return { email: checkEmail(email), password: checkNewPassword(password) };
}

export function SignUpPage() {
  const { next } = useSearch({ from: "/guest" });
  const signUp = useSignUp();
  const { submit, errorOf } = useForm(check, signUp.error);
  const onward = next === undefined ? {} : { next };

  function send({ email = "", password = "", display_name = "" }: Values, onError: (error: Error) => void) {
    if (signUp.isPending) return;
    signUp.mutate({ email, password, ...(display_name ? { display_name } : {}) }, { onError });
  }

  if (signUp.isSuccess) return <Done email={signUp.variables.email} search={onward} />;

  return (
    <Page narrow title="Sign up" lead="An e-mail address and a password are all it takes.">
      <GoogleEntrance returnTo={returnPath(next)} />
      <form className="card form" noValidate onSubmit={(event) => { submit(event, send); }}>
        <FormError failure={signUp.error} known={["email", "password", "display_name"]} />
        <Field name="email" label="E-mail" type="email" autoComplete="username" inputMode="email" spellCheck={false} required error={errorOf("email")} />
        <PasswordField
          name="password" label="Password" autoComplete="new-password" required error={errorOf("password")}
          hint={newPasswordHint}
        />
        <Field name="display_name" label="Display name" autoComplete="nickname" maxLength={80} error={errorOf("display_name")} hint="How the site greets you. You can change it later." />
        <Submit busy={signUp.isPending} busyText="Signing up…">Sign up</Submit>
      </form>
      <p className="aside">Have an account? <Link to="/login" search={onward}>Log in</Link></p>
    </Page>
  );
}

/** The same for new and known addresses: the answer does not tell which it was. */
function Done({ email, search }: { email: string; search: { next?: string } }) {
  return (
    <Page narrow focus title="You are signed up" lead={<>We have sent a mail to <strong>{email}</strong>. Its link confirms that the address is yours. Log in now; where that is refused, open the link first.</>}>
      <p className="muted">If you had an account with this address before, your earlier password is still the right one.</p>
      <p><Link to="/login" search={search} className="button">Log in</Link></p>
    </Page>
  );
}
