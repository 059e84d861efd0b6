import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { usePasskeyLogin } from "../api/passkey.ts";
import { isSecondFactor } from "../api/problem.ts";
import { useLogIn } from "../api/session.ts";
import { checkEmail } from "../check.ts";
import { Field, FormError, PasswordField, Submit, useForm, type Values } from "../ui/form.tsx";
import { PasskeyButton } from "../ui/passkey.tsx";
import { CodeForm } from "./code-form.tsx";

function check({ email = "", password = "" }: Values) {
  return { email: checkEmail(email), password: password ? undefined : "Enter your password." };
}

/** Logs in where it stands, with a second step where the user has a second factor; done is called after. */
export function LoginForm({ done, halfway = false }: { done: () => void; halfway?: boolean }) {
  const [waits, setWaits] = useState(halfway);
  if (waits) return <CodeForm done={done} back={() => { setWaits(false); }} />;
  return <PasswordStep done={done} waits={() => { setWaits(true); }} />;
}

function PasswordStep({ done, waits }: { done: () => void; waits: () => void }) {
  const logIn = useLogIn();
  const passkey = usePasskeyLogin("alone");
  const { submit, errorOf } = useForm(check, logIn.error);

  function send({ email = "", password = "" }: Values, onError: (error: Error) => void) {
    if (logIn.isPending) return;
    logIn.mutate({ email, password }, { onSuccess: done, onError: (error) => { if (isSecondFactor(error)) waits(); else onError(error); } });
  }

  return (
    <form className="card form" noValidate onSubmit={(event) => { submit(event, send); }}>
      <FormError failure={logIn.error} known={["email", "password"]} />
      <Field name="email" label="E-mail" type="email" autoComplete="username" inputMode="email" spellCheck={false} required error={errorOf("email")} />
      <PasswordField name="password" label="Password" autoComplete="current-password" required error={errorOf("password")} />
      <Submit busy={logIn.isPending} busyText="Logging in…">Log in</Submit>
      <PasskeyButton use={{ ...passkey, mutate: () => { passkey.mutate(undefined, { onSuccess: done }); } }}>Use a passkey</PasskeyButton>
      <p><Link to="/forgot">Forgot your password?</Link></p>
    </form>
  );
}
