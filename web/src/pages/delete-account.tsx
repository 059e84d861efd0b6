import { useState } from "react";
import { useDeleteAccount } from "../api/account.ts";
import type { User } from "../api/client.ts";
import { useLeave } from "../leave.ts";
import { useFocusPlace } from "../ui/focus.ts";
import { StepUp } from "../ui/step-up.tsx";
import { FormError, PasswordField, Submit, useForm, type Values } from "../ui/form.tsx";
import { useMore } from "../words/more.ts";
import { useWords } from "../words/provider.tsx";

/** The way out, behind a second step. */
export function DeleteAccount({ user }: { user: User }) {
  const [asked, setAsked] = useState(false);
  const more = useMore();
  const [heading, toHeading] = useFocusPlace<HTMLHeadingElement>();
  return (
    <section className="card" aria-labelledby="delete">
      <h2 id="delete" ref={heading} tabIndex={-1}>{more.remove.title}</h2>
      <p className="muted">{more.remove.lead}</p>
      {asked ? (
        <DeleteForm user={user} cancel={() => { setAsked(false); toHeading(); }} />
      ) : (
        <p><button type="button" className="button quiet danger" onClick={() => { setAsked(true); }}>{more.remove.ask}</button></p>
      )}
    </section>
  );
}

function DeleteForm({ user, cancel }: { user: User; cancel: () => void }) {
  const remove = useDeleteAccount();
  const words = useWords();
  const more = useMore();
  const goodbye = useLeave();
  const { submit, errorOf } = useForm(check, remove.error);

  function check({ password = "" }: Values) {
    return { password: user.has_password && !password ? words.check.password : undefined };
  }

  function send({ password = "" }: Values, onError: (error: Error) => void) {
    if (remove.isPending) return;
    remove.mutate(user.has_password ? { password } : {}, { onSuccess: () => void goodbye((said) => said.layout.deleted), onError });
  }

  return (
    <>
    <form className="form narrow-form" noValidate onSubmit={(event) => { submit(event, send); }}>
      <FormError failure={remove.error} known={["password"]} />
      {user.has_password && <PasswordField name="password" label={words.form.yourPassword} autoComplete="current-password" required error={errorOf("password")} />}
      <div className="actions">
        <Submit danger busy={remove.isPending} busyText={more.remove.busy}>{more.remove.submit}</Submit>
        <button type="button" className="button quiet" onClick={cancel}>{more.remove.keep}</button>
      </div>
    </form>
    <StepUp failure={remove.error} again={() => { if (remove.variables) remove.mutate(remove.variables, { onSuccess: () => void goodbye((said) => said.layout.deleted) }); }} />
    </>
  );
}
