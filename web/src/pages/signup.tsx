import { Link, useSearch } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useSignUp } from "../api/session.ts";
import { checkEmail, checkNewPassword, newPasswordLength } from "../check.ts";
import { Field, FormError, PasswordField, Submit, useForm, type Values } from "../ui/form.tsx";
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
      <form className="card form" noValidate onSubmit={(event) => { submit(event, send); }}>
        <FormError failure={signUp.error} known={["email", "password", "display_name"]} />
        <Field name="email" label="E-mail" type="email" autoComplete="username" inputMode="email" spellCheck={false} required error={errorOf("email")} />
        <PasswordField
          name="password" label="Password" autoComplete="new-password" required error={errorOf("password")}
          hint={`At least ${newPasswordLength} characters. A few words in a row work well.`}
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
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => { box.current?.querySelector("h1")?.focus(); }, []);
  return (
    <div ref={box}>
      <Page narrow title="You can log in now" lead={<>The account for <strong>{email}</strong> is ready. If you had one before, your earlier password is still the right one.</>}>
        <p><Link to="/login" search={search} className="button">Log in</Link></p>
      </Page>
    </div>
  );
}
