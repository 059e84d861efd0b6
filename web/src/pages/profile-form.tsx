import { useState } from "react";
import type { ProfileUpdate, User } from "../api/client.ts";
import { useUpdateProfile } from "../api/session.ts";
import { checkAvatarUrl } from "../check.ts";
import { Field, FormError, Submit, useForm, type Values } from "../ui/form.tsx";
import { useMore } from "../words/more.ts";
import { useWords } from "../words/provider.tsx";

const members = ["display_name", "avatar_url", "bio"] as const;

/** The members that differ from the user as it is. */
function changes(values: Values, user: User): ProfileUpdate {
  const update: ProfileUpdate = {};
  for (const member of members) {
    const value = (values[member] ?? "").replaceAll("\r\n", "\n").trim();
    if (value !== user[member]) update[member] = value;
  }
  return update;
}

export function ProfileForm({ user }: { user: User }) {
  const update = useUpdateProfile();
  const words = useWords();
  const more = useMore();
  const { submit, errorOf } = useForm(({ avatar_url = "" }) => ({ avatar_url: checkAvatarUrl(words, avatar_url.trim()) }), update.error);
  const [outcome, setOutcome] = useState<"saved" | "unchanged">();

  function send(values: Values, onError: (error: Error) => void) {
    if (update.isPending) return;
    setOutcome(undefined);
    const body = changes(values, user);
    if (Object.keys(body).length === 0) {
      update.reset();
      setOutcome("unchanged");
      return;
    }
    update.mutate(body, { onSuccess: () => { setOutcome("saved"); }, onError });
  }

  return (
    <section className="card" aria-labelledby="profile">
      <h2 id="profile">{more.account.profile}</h2>
      <form className="form" noValidate onSubmit={(event) => { setOutcome(undefined); submit(event, send); }}>
        <FormError failure={update.error} known={members} />
        <Field name="display_name" label={words.form.displayName} autoComplete="nickname" maxLength={80} defaultValue={user.display_name} error={errorOf("display_name")} />
        <Field
          name="avatar_url" label={more.account.avatar} type="url" inputMode="url" autoComplete="off" spellCheck={false} maxLength={500}
          defaultValue={user.avatar_url} error={errorOf("avatar_url")} hint={more.account.avatarHint}
        />
        <Field name="bio" label={more.account.about} rows={4} maxLength={1000} defaultValue={user.bio} error={errorOf("bio")} />
        <Submit busy={update.isPending} busyText={words.form.saving}>{more.account.save}</Submit>
        <div className="outcome" role="status">{outcome && <p className="alert good">{more.account[outcome]}</p>}</div>
      </form>
    </section>
  );
}
