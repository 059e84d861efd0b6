import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { usePasskeyLogin } from "../api/passkey.ts";
import { isSecondFactor } from "../api/problem.ts";
import { useLogIn } from "../api/session.ts";
import { checkEmail } from "../check.ts";
import { Field, FormError, PasswordField, Submit, useForm, type Values } from "../ui/form.tsx";
import { PasskeyButton } from "../ui/passkey.tsx";
import { useWords } from "../words/provider.tsx";
import { CodeForm } from "./code-form.tsx";

/** Logs in where it stands, with a second step where the user has a second factor; done is called after. */
export function LoginForm({ done, halfway = false }: { done: () => void; halfway?: boolean }) {
  const [waits, setWaits] = useState(halfway);
  if (waits) return <CodeForm done={done} back={() => { setWaits(false); }} />;
  return <PasswordStep done={done} waits={() => { setWaits(true); }} />;
}

function PasswordStep({ done, waits }: { done: () => void; waits: () => void }) {
  const logIn = useLogIn();
  const words = useWords();
  const passkey = usePasskeyLogin("alone");
  const { submit, errorOf } = useForm(({ email = "", password = "" }) => ({ email: checkEmail(words, email), password: password ? undefined : words.check.password }), logIn.error);

  function send({ email = "", password = "" }: Values, onError: (error: Error) => void) {
    if (logIn.isPending) return;
    logIn.mutate({ email, password }, { onSuccess: done, onError: (error) => { if (isSecondFactor(error)) waits(); else onError(error); } });
  }

  return (
    <form className="card form" noValidate onSubmit={(event) => { submit(event, send); }}>
      <FormError failure={logIn.error} known={["email", "password"]} />
      <Field name="email" label={words.form.email} type="email" autoComplete="username" inputMode="email" spellCheck={false} required error={errorOf("email")} />
      <PasswordField name="password" label={words.form.password} autoComplete="current-password" required error={errorOf("password")} />
      <Submit busy={logIn.isPending} busyText={words.login.busy}>{words.login.title}</Submit>
      <PasskeyButton use={{ ...passkey, mutate: () => { passkey.mutate(undefined, { onSuccess: done }); } }}>{words.passkey.use}</PasskeyButton>
      <p><Link to="/forgot">{words.login.forgot}</Link></p>
    </form>
  );
}
