import { Link } from "@tanstack/react-router";
import { useForgotPassword } from "../api/account.ts";
import { checkEmail } from "../check.ts";
import { Field, FormError, Submit, useForm, type Values } from "../ui/form.tsx";
import { Page } from "../ui/page.tsx";
import { useMore } from "../words/more.ts";
import { useWords } from "../words/provider.tsx";

export function ForgotPage() {
  const forgot = useForgotPassword();
  const words = useWords();
  const more = useMore();
  const { submit, errorOf } = useForm(({ email = "" }) => ({ email: checkEmail(words, email) }), forgot.error);

  function send({ email = "" }: Values, onError: (error: Error) => void) {
    if (!forgot.isPending) forgot.mutate(email, { onError });
  }

  if (forgot.isSuccess) {
    return (
      <Page narrow focus title={more.forgot.done} lead={more.forgot.doneLead(<strong>{forgot.variables}</strong>)}>
        <p className="muted">{more.forgot.nothing}</p>
        <p><Link to="/login" className="button quiet">{more.forgot.back}</Link></p>
      </Page>
    );
  }
  return (
    <Page narrow title={more.forgot.title} lead={more.forgot.lead}>
      <form className="card form" noValidate onSubmit={(event) => { submit(event, send); }}>
        <FormError failure={forgot.error} known={["email"]} />
        <Field name="email" label={words.form.email} type="email" autoComplete="username" inputMode="email" spellCheck={false} required error={errorOf("email")} />
        <Submit busy={forgot.isPending} busyText={more.forgot.busy}>{more.forgot.send}</Submit>
      </form>
      <p className="aside">{more.forgot.remembered} <Link to="/login">{words.login.title}</Link></p>
    </Page>
  );
}
