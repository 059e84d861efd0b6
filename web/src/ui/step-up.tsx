import { useId } from "react";
import { useProve } from "../api/factor.ts";
import { useProveByPasskey } from "../api/passkey.ts";
import { isStepUp } from "../api/problem.ts";
import { useMe } from "../api/session.ts";
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
  const passkey = useProveByPasskey();
  const title = useId();
  const first = useFocusFirst<HTMLParagraphElement>();
  const name = me.data?.second_factor ? "code" : "password";
  const { submit, errorOf } = useForm(check, prove.error);

  function check(values: Values) {
    return { [name]: values[name] ? undefined : name === "code" ? "Enter a code." : "Enter your password." };
  }

  function send(values: Values, onError: (error: Error) => void) {
    if (prove.isPending) return;
    prove.mutate({ [name]: values[name] ?? "" }, { onSuccess: again, onError });
  }

  return (
    <form className="form narrow-form proof" noValidate aria-labelledby={title} onSubmit={(event) => { submit(event, send); }}>
      <p id={title} ref={first} tabIndex={-1}>Your login was a while ago: prove once more that it is you.</p>
      {me.data?.has_passkey && <PasskeyButton use={{ ...passkey, mutate: () => { passkey.mutate(undefined, { onSuccess: again }); } }}>Use a passkey</PasskeyButton>}
      <FormError failure={prove.error} known={[name]} />
      {name === "code"
        ? <CodeField error={errorOf("code")} />
        : <PasswordField name="password" label="Your password" autoComplete="current-password" required error={errorOf("password")} />}
      <Submit busy={prove.isPending} busyText="Checking…">Go on</Submit>
    </form>
  );
}

/** A field for a code of an authenticator app, or a recovery code. */
export function CodeField({ error, recovery = true }: { error: string | undefined; recovery?: boolean }) {
  return <Field name="code" label="Code" hint={recovery ? "Six digits of your authenticator app, or a recovery code." : "Six digits that the app shows."} autoComplete="one-time-code" spellCheck={false} maxLength={40} required error={error} />;
}
