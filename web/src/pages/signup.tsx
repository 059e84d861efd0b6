import { Link, useSearch } from "@tanstack/react-router";
import { useSignUp } from "../api/session.ts";
import { checkEmail, checkNewPassword, newPasswordHint } from "../check.ts";
import { returnPath } from "../return-path.ts";
import { Field, FormError, PasswordField, Submit, useForm, type Values } from "../ui/form.tsx";
import { GoogleEntrance } from "../ui/google.tsx";
import { Page } from "../ui/page.tsx";
import { useWords } from "../words/provider.tsx";

export function SignUpPage() {
  const { next } = useSearch({ from: "/guest" });
  const signUp = useSignUp();
  const words = useWords();
  const { submit, errorOf } = useForm(({ email = "", password = "" }) => ({ email: checkEmail(words, email), password: checkNewPassword(words, password) }), signUp.error);
  const onward = next === undefined ? {} : { next };

  function send({ email = "", password = "", display_name = "" }: Values, onError: (error: Error) => void) {
    if (signUp.isPending) return;
    signUp.mutate({ email, password, ...(display_name ? { display_name } : {}) }, { onError });
  }

  if (signUp.isSuccess) return <Done email={signUp.variables.email} search={onward} />;

  return (
    <Page narrow title={words.signup.title} lead={words.signup.lead}>
      <GoogleEntrance returnTo={returnPath(next)} />
      <form className="card form" noValidate onSubmit={(event) => { submit(event, send); }}>
        <FormError failure={signUp.error} known={["email", "password", "display_name"]} />
        <Field name="email" label={words.form.email} type="email" autoComplete="username" inputMode="email" spellCheck={false} required error={errorOf("email")} />
        <PasswordField
          name="password" label={words.form.password} autoComplete="new-password" required error={errorOf("password")}
          hint={newPasswordHint(words)}
        />
        <Field name="display_name" label={words.form.displayName} autoComplete="nickname" maxLength={80} error={errorOf("display_name")} hint={words.signup.nameHint} />
        <Submit busy={signUp.isPending} busyText={words.signup.busy}>{words.signup.title}</Submit>
      </form>
      <p className="aside">{words.signup.have} <Link to="/login" search={onward}>{words.login.title}</Link></p>
    </Page>
  );
}

/** The same for new and known addresses: the answer does not tell which it was. */
function Done({ email, search }: { email: string; search: { next?: string } }) {
  const words = useWords();
  return (
    <Page narrow focus title={words.signup.done} lead={words.signup.doneLead(<strong>{email}</strong>)}>
      <p className="muted">{words.signup.before}</p>
      <p><Link to="/login" search={search} className="button">{words.login.title}</Link></p>
    </Page>
  );
}
