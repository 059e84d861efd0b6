import { useMe } from "../api/session.ts";
import type { User } from "../api/client.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Page } from "../ui/page.tsx";
import { ProfileForm } from "./profile-form.tsx";
import { Loading } from "./states.tsx";

/** The user's own page. The route sees to the login. */
export function AccountPage() {
  const me = useMe();
  if (!me.data) return <Loading />;
  return (
    <Page title="Your account">
      <div className="columns">
        <Summary user={me.data} />
        <ProfileForm user={me.data} />
      </div>
    </Page>
  );
}

function Summary({ user }: { user: User }) {
  const name = user.display_name || user.email;
  return (
    <section className="card summary" aria-labelledby="summary-name">
      <Avatar url={user.avatar_url} name={name} />
      <div>
        <h2 id="summary-name">{name}</h2>
        {user.display_name && <p className="muted">{user.email}</p>}
        {user.bio ? <p className="bio">{user.bio}</p> : <p className="muted">You have not written anything about yourself yet.</p>}
        <p className="muted">Member since <time dateTime={user.created_at}>{formatDay(user.created_at)}</time></p>
      </div>
    </section>
  );
}

function formatDay(instant: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "long" }).format(new Date(instant));
}
