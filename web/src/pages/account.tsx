import { useMe } from "../api/session.ts";
import { useAskVerification } from "../api/account.ts";
import type { User } from "../api/client.ts";
import { explain } from "../api/problem.ts";
import { formatDay } from "../format.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Page } from "../ui/page.tsx";
import { useMore } from "../words/more.ts";
import { useSpeech, useWords } from "../words/provider.tsx";
import { AccountNavigation } from "./account-navigation.tsx";
import { ProfileForm } from "./profile-form.tsx";
import { LoadingPage } from "./states.tsx";

/** The user's own page. The route sees to the login. */
export function AccountPage() {
  const me = useMe();
  const more = useMore();
  if (!me.data) return <LoadingPage />;
  return (
    <Page title={more.account.title}>
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
  const words = useWords();
  const more = useMore();
  return (
    <section className="card call" aria-label={more.account.confirm}>
      <p>{more.account.confirmText(<strong>{email}</strong>)}</p>
      <button type="button" className="button small quiet" disabled={ask.isPending || ask.isSuccess} onClick={() => { ask.mutate(); }}>{more.account.again}</button>
      <p className="outcome" role="status">{ask.isSuccess && more.account.sent}{ask.error && explain(words, ask.error)}</p>
    </section>
  );
}

function Summary({ user }: { user: User }) {
  const { language } = useSpeech();
  const more = useMore();
  const name = user.display_name || user.email;
  return (
    <section className="card summary" aria-labelledby="summary-name">
      <Avatar url={user.avatar_url} name={name} />
      <div>
        <h2 id="summary-name">{name}</h2>
        {user.display_name && <p className="muted">{user.email}</p>}
        {user.bio ? <p className="bio">{user.bio}</p> : <p className="muted">{more.account.noBio}</p>}
        <p className="muted">{more.account.since(<time dateTime={user.created_at}>{formatDay(language, user.created_at)}</time>)}</p>
      </div>
    </section>
  );
}
