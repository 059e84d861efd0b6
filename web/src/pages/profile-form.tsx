import { useState } from "react";
import type { ProfileUpdate, User } from "../api/client.ts";
import { useUpdateProfile } from "../api/session.ts";
import { checkAvatarUrl } from "../check.ts";
import { Field, FormError, Submit, useForm, type Values } from "../ui/form.tsx";

const members = ["display_name", "avatar_url", "bio"] as const;

function check({ avatar_url = "" }: Values) {
  return { avatar_url: checkAvatarUrl(avatar_url.trim()) };
}

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
  const { submit, errorOf } = useForm(check, update.error);
  const [outcome, setOutcome] = useState("");

  function send(values: Values, onError: (error: Error) => void) {
    if (update.isPending) return;
    setOutcome("");
    const body = changes(values, user);
    if (Object.keys(body).length === 0) {
      update.reset();
      setOutcome("Nothing has changed.");
      return;
    }
    update.mutate(body, { onSuccess: () => { setOutcome("Profile saved."); }, onError });
  }

  return (
    <section className="card" aria-labelledby="profile">
      <h2 id="profile">Profile</h2>
      <form className="form" noValidate onSubmit={(event) => { setOutcome(""); submit(event, send); }}>
        <FormError failure={update.error} known={members} />
        <Field name="display_name" label="Display name" autoComplete="nickname" maxLength={80} defaultValue={user.display_name} error={errorOf("display_name")} />
        <Field
          name="avatar_url" label="Avatar address" type="url" inputMode="url" autoComplete="off" spellCheck={false} maxLength={500}
          defaultValue={user.avatar_url} error={errorOf("avatar_url")} hint="A picture on the web, starting with https://."
        />
        <Field name="bio" label="About you" rows={4} maxLength={1000} defaultValue={user.bio} error={errorOf("bio")} />
        <Submit busy={update.isPending} busyText="Saving…">Save profile</Submit>
        <div className="outcome" role="status">{outcome && <p className="alert good">{outcome}</p>}</div>
      </form>
    </section>
  );
}
