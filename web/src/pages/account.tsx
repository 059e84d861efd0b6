import { useMe } from "../api/session.ts";
import { useAskVerification } from "../api/account.ts";
import type { User } from "../api/client.ts";
import { explain } from "../api/problem.ts";
import { formatDay } from "../format.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Page } from "../ui/page.tsx";
import { AccountNavigation } from "./account-navigation.tsx";
import { ProfileForm } from "./profile-form.tsx";
import { LoadingPage } from "./states.tsx";

/** The user's own page. The route sees to the login. */
export function AccountPage() {
  const me = useMe();
  if (!me.data) return <LoadingPage />;
  return (
    <Page title="Your account">
      <AccountNavigation />
      {!me.data.email_verified && <Unverified email={me.data.email} />}
      <div className="columns">
        <Summary user={me.data} />
        <ProfileForm user={me.data} />
      </div>
    </Page>
  );
}

function Unverified({ email }: { email: string }) {
  const ask = useAskVerification();
  return (
    <section className="card call" aria-label="Confirm your address">
      <p>Please confirm that <strong>{email}</strong> is yours: open the link in the mail that we sent you.</p>
      <button type="button" className="button small quiet" disabled={ask.isPending || ask.isSuccess} onClick={() => { ask.mutate(); }}>Send the mail again</button>
      <p className="outcome" role="status">{ask.isSuccess && "The mail is on its way."}{ask.error && explain(ask.error)}</p>
    </section>
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
