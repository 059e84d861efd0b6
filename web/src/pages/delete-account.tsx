import { useState } from "react";
import { useDeleteAccount } from "../api/account.ts";
import type { User } from "../api/client.ts";
import { useLeave } from "../leave.ts";
import { useFocusPlace } from "../ui/focus.ts";
import { StepUp } from "../ui/step-up.tsx";
import { FormError, PasswordField, Submit, useForm, type Values } from "../ui/form.tsx";

/** The way out, behind a second step. */
export function DeleteAccount({ user }: { user: User }) {
  const [asked, setAsked] = useState(false);
  const [heading, toHeading] = useFocusPlace<HTMLHeadingElement>();
  return (
    <section className="card" aria-labelledby="delete">
      <h2 id="delete" ref={heading} tabIndex={-1}>Delete your account</h2>
      <p className="muted">Your profile, your sessions and your ways to log in are removed for good. Nobody can bring them back.</p>
      {asked ? (
        <DeleteForm user={user} cancel={() => { setAsked(false); toHeading(); }} />
      ) : (
        <p><button type="button" className="button quiet danger" onClick={() => { setAsked(true); }}>Delete the account…</button></p>
      )}
    </section>
  );
}

function DeleteForm({ user, cancel }: { user: User; cancel: () => void }) {
  const remove = useDeleteAccount();
  const goodbye = useLeave();
  const { submit, errorOf } = useForm(check, remove.error);

  function check({ password = "" }: Values) {
    return { password: user.has_password && !password ? "Enter your password." : undefined };
  }

  function send({ password = "" }: Values, onError: (error: Error) => void) {
    if (remove.isPending) return;
    remove.mutate(user.has_password ? { password } : {}, { onSuccess: () => void goodbye("Your account is deleted."), onError });
  }

  return (
    <>
    <form className="form narrow-form" noValidate onSubmit={(event) => { submit(event, send); }}>
      <FormError failure={remove.error} known={["password"]} />
      {user.has_password && <PasswordField name="password" label="Your password" autoComplete="current-password" required error={errorOf("password")} />}
      <div className="actions">
        <Submit danger busy={remove.isPending} busyText="Deleting…">Delete for good</Submit>
        <button type="button" className="button quiet" onClick={cancel}>Keep the account</button>
      </div>
    </form>
    <StepUp failure={remove.error} again={() => { if (remove.variables) remove.mutate(remove.variables, { onSuccess: () => void goodbye("Your account is deleted.") }); }} />
    </>
  );
}
