import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useLogIn } from "../api/session.ts";
import { checkEmail } from "../check.ts";
import { home, returnPath } from "../return-path.ts";
import { Field, FormError, PasswordField, Submit, useForm, type Values } from "../ui/form.tsx";
import { Page } from "../ui/page.tsx";

function check({ email = "", password = "" }: Values) {
  return { email: checkEmail(email), password: password ? undefined : "Enter your password." };
}

export function LoginPage() {
  const { next } = useSearch({ from: "/guest" });
  const navigate = useNavigate();
  const logIn = useLogIn();
  const { submit, errorOf } = useForm(check, logIn.error);
  const asked = next !== undefined && returnPath(next) !== home;

  function send({ email = "", password = "" }: Values, onError: (error: Error) => void) {
    if (logIn.isPending) return;
    logIn.mutate({ email, password }, {
      onSuccess: () => void navigate({ to: returnPath(next), replace: true }),
      onError,
    });
  }

  return (
    <Page narrow title="Log in" lead={asked ? "Log in to go on to the page you asked for." : undefined}>
      <form className="card form" noValidate onSubmit={(event) => { submit(event, send); }}>
        <FormError failure={logIn.error} known={["email", "password"]} />
        <Field name="email" label="E-mail" type="email" autoComplete="username" inputMode="email" spellCheck={false} required error={errorOf("email")} />
        <PasswordField name="password" label="Password" autoComplete="current-password" required error={errorOf("password")} />
        <Submit busy={logIn.isPending} busyText="Logging in…">Log in</Submit>
      </form>
      <p className="aside">No account yet? <Link to="/signup" search={next === undefined ? {} : { next }}>Sign up</Link></p>
    </Page>
  );
}
