import { useId } from "react";
import { useProve } from "../api/factor.ts";
import { useProveByPasskey } from "../api/passkey.ts";
import { isStepUp } from "../api/problem.ts";
import { useMe } from "../api/session.ts";
import { useWords } from "../words/provider.tsx";
import { useFocusFirst } from "./focus.ts";
import { Field, FormError, PasswordField, Submit, useForm, type Values } from "./form.tsx";
import { PasskeyButton } from "./passkey.tsx";

/**
 * Asks to prove anew who is logged in, where the site refused something for want
 * of that, and then tries it again.
 */
export function StepUp({ failure, again }: { failure: Error | null; again: () => void }) {
  return isStepUp(failure) ? <ProofForm again={again} /> : null;
}

function ProofForm({ again }: { again: () => void }) {
  const me = useMe();
  const prove = useProve();
  const words = useWords();
  const passkey = useProveByPasskey();
  const title = useId();
  const first = useFocusFirst<HTMLParagraphElement>();
  const name = me.data?.second_factor ? "code" : "password";
  const { submit, errorOf } = useForm(check, prove.error);

  function check(values: Values) {
    return { [name]: values[name] ? undefined : name === "code" ? words.check.code : words.check.password };
  }

  function send(values: Values, onError: (error: Error) => void) {
    if (prove.isPending) return;
    prove.mutate({ [name]: values[name] ?? "" }, { onSuccess: again, onError });
  }

  return (
    <form className="form narrow-form proof" noValidate aria-labelledby={title} onSubmit={(event) => { submit(event, send); }}>
      <p id={title} ref={first} tabIndex={-1}>{words.proof.title}</p>
      {me.data?.has_passkey && <PasskeyButton use={{ ...passkey, mutate: () => { passkey.mutate(undefined, { onSuccess: again }); } }}>{words.passkey.use}</PasskeyButton>}
      <FormError failure={prove.error} known={[name]} />
      {name === "code"
        ? <CodeField error={errorOf("code")} />
        : <PasswordField name="password" label={words.form.yourPassword} autoComplete="current-password" required error={errorOf("password")} />}
      <Submit busy={prove.isPending} busyText={words.form.checking}>{words.proof.goOn}</Submit>
    </form>
  );
}

/** A field for a code of an authenticator app, or a recovery code. */
export function CodeField({ error, recovery = true }: { error: string | undefined; recovery?: boolean }) {
  const words = useWords();
  return <Field name="code" label={words.form.code} hint={recovery ? words.form.codeOrRecoveryHint : words.form.codeHint} autoComplete="one-time-code" spellCheck={false} maxLength={40} required error={error} />;
}
