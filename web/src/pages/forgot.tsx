import { Link } from "@tanstack/react-router";
import { useForgotPassword } from "../api/account.ts";
import { checkEmail } from "../check.ts";
import { Field, FormError, Submit, useForm, type Values } from "../ui/form.tsx";
import { Page } from "../ui/page.tsx";

export function ForgotPage() {
  const forgot = useForgotPassword();
  const { submit, errorOf } = useForm(({ email = "" }) => ({ email: checkEmail(email) }), forgot.error);

  function send({ email = "" }: Values, onError: (error: Error) => void) {
    if (!forgot.isPending) forgot.mutate(email, { onError });
  }

  if (forgot.isSuccess) {
    return (
      <Page narrow focus title="Look at your mail" lead={<>If <strong>{forgot.variables}</strong> has an account here, a mail with a link is on its way. The link is good for 30 minutes.</>}>
        <p className="muted">Nothing there? Look into the spam folder, or try the address that you signed up with.</p>
        <p><Link to="/login" className="button quiet">Back to the login</Link></p>
      </Page>
    );
  }
  return (
    <Page narrow title="Forgot your password?" lead="Enter your address, and we send you a link to choose a new one.">
      <form className="card form" noValidate onSubmit={(event) => { submit(event, send); }}>
        <FormError failure={forgot.error} known={["email"]} />
        <Field name="email" label="E-mail" type="email" autoComplete="username" inputMode="email" spellCheck={false} required error={errorOf("email")} />
        <Submit busy={forgot.isPending} busyText="Sending…">Send the link</Submit>
      </form>
      <p className="aside">Remembered it? <Link to="/login">Log in</Link></p>
    </Page>
  );
}
