import { Link } from "@tanstack/react-router";
import { useLogIn } from "../api/session.ts";
import { checkEmail } from "../check.ts";
import { Field, FormError, PasswordField, Submit, useForm, type Values } from "../ui/form.tsx";

function check({ email = "", password = "" }: Values) {
  return { email: checkEmail(email), password: password ? undefined : "Enter your password." };
}

/** Logs in where it stands; done is called after. */
export function LoginForm({ done }: { done: () => void }) {
  const logIn = useLogIn();
  const { submit, errorOf } = useForm(check, logIn.error);

  function send({ email = "", password = "" }: Values, onError: (error: Error) => void) {
    if (logIn.isPending) return;
    logIn.mutate({ email, password }, { onSuccess: done, onError });
  }

  return (
    <form className="card form" noValidate onSubmit={(event) => { submit(event, send); }}>
      <FormError failure={logIn.error} known={["email", "password"]} />
      <Field name="email" label="E-mail" type="email" autoComplete="username" inputMode="email" spellCheck={false} required error={errorOf("email")} />
      <PasswordField name="password" label="Password" autoComplete="current-password" required error={errorOf("password")} />
      <Submit busy={logIn.isPending} busyText="Logging in…">Log in</Submit>
      <p><Link to="/forgot">Forgot your password?</Link></p>
    </form>
  );
}
