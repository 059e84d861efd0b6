import { useState } from "react";
import { useChangePassword } from "../api/account.ts";
import type { User } from "../api/client.ts";
import { checkNewPassword, newPasswordHint } from "../check.ts";
import { StepUp } from "../ui/step-up.tsx";
import { FormError, PasswordField, Submit, useForm, type Values } from "../ui/form.tsx";
import { useMore } from "../words/more.ts";
import { useWords } from "../words/provider.tsx";

/** Changes the password, or sets the first one of a user who logs in elsewhere. */
export function PasswordSection({ user }: { user: User }) {
  const [changes, setChanges] = useState(0);
  const more = useMore();
  const title = user.has_password ? more.password.change : more.password.first;
  return (
    <section className="card" aria-labelledby="password">
      <h2 id="password">{title}</h2>
      <p className="muted">{more.password.lead}</p>
      {/* A new key empties the fields. */}
      <PasswordForm key={changes} user={user} changed={() => { setChanges(changes + 1); }} />
      <p className="outcome good-text" role="status">{changes > 0 && more.password.changed}</p>
    </section>
  );
}

function PasswordForm({ user, changed }: { user: User; changed: () => void }) {
  const change = useChangePassword();
  const words = useWords();
  const more = useMore();
  const { submit, errorOf } = useForm(check, change.error);

  function check({ current_password = "", new_password = "" }: Values) {
    return {
      current_password: user.has_password && !current_password ? words.check.currentPassword : undefined,
      new_password: checkNewPassword(words, new_password),
    };
  }

  function send({ current_password = "", new_password = "" }: Values, onError: (error: Error) => void) {
    if (change.isPending) return;
    const body = user.has_password ? { current_password, new_password } : { new_password };
    change.mutate(body, { onSuccess: changed, onError });
  }

  return (
    <>
    <form className="form narrow-form" noValidate onSubmit={(event) => { submit(event, send); }}>
      <FormError failure={change.error} known={["current_password", "new_password"]} />
      <input type="text" className="hidden" name="username" autoComplete="username" defaultValue={user.email} tabIndex={-1} aria-hidden="true" readOnly />
      {user.has_password && <PasswordField name="current_password" label={more.password.current} autoComplete="current-password" required error={errorOf("current_password")} />}
      <PasswordField name="new_password" label={words.form.newPassword} autoComplete="new-password" required hint={newPasswordHint(words)} error={errorOf("new_password")} />
      <Submit busy={change.isPending} busyText={words.form.saving}>{user.has_password ? more.password.submitChange : more.password.submitFirst}</Submit>
    </form>
    <StepUp failure={change.error} again={() => { if (change.variables) change.mutate(change.variables, { onSuccess: changed }); }} />
    </>
  );
}
