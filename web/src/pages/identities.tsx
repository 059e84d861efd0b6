import { useGoogleOffered, useIdentities, useLinkGoogle, useUnlink } from "../api/google.ts";
import type { Identity } from "../api/client.ts";
import { explain, isStepUp } from "../api/problem.ts";
import { formatDay } from "../format.ts";
import { Alert } from "../ui/alert.tsx";
import { useFocusPlace } from "../ui/focus.ts";
import { GoogleMark } from "../ui/google.tsx";
import { StepUp } from "../ui/step-up.tsx";
import { useMore } from "../words/more.ts";
import { useSpeech, useWords } from "../words/provider.tsx";
import { Loading } from "./states.tsx";

/** The user's accounts elsewhere that lead in here. Not shown where the site offers none and none is linked. */
export function IdentitiesSection() {
  const offered = useGoogleOffered();
  const words = useWords();
  const more = useMore();
  const identities = useIdentities();
  const [heading, toHeading] = useFocusPlace<HTMLHeadingElement>();
  if (!offered && !identities.data?.length) return null;
  return (
    <section className="card" aria-labelledby="identities">
      <h2 id="identities" ref={heading} tabIndex={-1}>{more.identities.title}</h2>
      {identities.isPending && <Loading />}
      {identities.error && (
        <>
          <Alert kind="bad">{explain(words, identities.error)}</Alert>
          <p><button type="button" className="button small quiet" onClick={() => void identities.refetch()}>{words.form.tryAgain}</button></p>
        </>
      )}
      {identities.data && <IdentityList identities={identities.data} unlinked={toHeading} />}
      {identities.data && offered && <LinkGoogle another={identities.data.length > 0} />}
    </section>
  );
}

function IdentityList({ identities, unlinked }: { identities: readonly Identity[]; unlinked: () => void }) {
  const unlink = useUnlink();
  const { language, words } = useSpeech();
  const more = useMore();
  if (identities.length === 0) return <p className="muted">{more.identities.none}</p>;
  return (
    <>
      <StepUp failure={unlink.error} again={() => { if (unlink.variables !== undefined) unlink.mutate(unlink.variables, { onSuccess: unlinked }); }} />
      {unlink.error && !isStepUp(unlink.error) && <Alert kind="bad">{explain(words, unlink.error)}</Alert>}
      <ul className="rows">
        {identities.map((identity) => (
          <li key={identity.id} className="row">
            <div>
              <p><strong>{identity.email}</strong></p>
              <p className="muted">{more.identities.linked(<time dateTime={identity.created_at}>{formatDay(language, identity.created_at)}</time>)}</p>
            </div>
            <button type="button" className="button small quiet" disabled={unlink.isPending} onClick={() => { unlink.mutate(identity.id, { onSuccess: unlinked }); }}>
              {more.identities.unlink}<span className="hidden"> {identity.email}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function LinkGoogle({ another }: { another: boolean }) {
  const link = useLinkGoogle();
  const words = useWords();
  const more = useMore();
  const go = () => { link.mutate(undefined, { onSuccess: (url) => { window.location.assign(url); } }); };
  return (
    <>
      {link.error && !isStepUp(link.error) && <Alert kind="bad">{explain(words, link.error)}</Alert>}
      <StepUp failure={link.error} again={go} />
      <p>
        <button type="button" className="button small quiet" disabled={link.isPending} onClick={go}>
          <GoogleMark /> {another ? more.identities.another : more.identities.link}
        </button>
      </p>
    </>
  );
}
