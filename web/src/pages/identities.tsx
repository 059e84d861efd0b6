import { useGoogleOffered, useIdentities, useLinkGoogle, useUnlink } from "../api/google.ts";
import type { Identity } from "../api/client.ts";
import { explain, isStepUp } from "../api/problem.ts";
import { formatDay } from "../format.ts";
import { Alert } from "../ui/alert.tsx";
import { useFocusPlace } from "../ui/focus.ts";
import { GoogleMark } from "../ui/google.tsx";
import { StepUp } from "../ui/step-up.tsx";
import { Loading } from "./states.tsx";

/** The user's accounts elsewhere that lead in here. Not shown where the site offers none and none is linked. */
export function IdentitiesSection() {
  const offered = useGoogleOffered();
  const identities = useIdentities();
  const [heading, toHeading] = useFocusPlace<HTMLHeadingElement>();
  if (!offered && !identities.data?.length) return null;
  return (
    <section className="card" aria-labelledby="identities">
      <h2 id="identities" ref={heading} tabIndex={-1}>Log in with Google</h2>
      {identities.isPending && <Loading />}
      {identities.error && (
        <>
          <Alert kind="bad">{explain(identities.error)}</Alert>
          <p><button type="button" className="button small quiet" onClick={() => void identities.refetch()}>Try again</button></p>
        </>
      )}
      {identities.data && <IdentityList identities={identities.data} unlinked={toHeading} />}
      {identities.data && offered && <LinkGoogle another={identities.data.length > 0} />}
    </section>
  );
}

function IdentityList({ identities, unlinked }: { identities: readonly Identity[]; unlinked: () => void }) {
  const unlink = useUnlink();
  if (identities.length === 0) return <p className="muted">No Google account is linked. Link one to log in without a password.</p>;
  return (
    <>
      <StepUp failure={unlink.error} again={() => { if (unlink.variables !== undefined) unlink.mutate(unlink.variables, { onSuccess: unlinked }); }} />
      {unlink.error && !isStepUp(unlink.error) && <Alert kind="bad">{explain(unlink.error)}</Alert>}
      <ul className="rows">
        {identities.map((identity) => (
          <li key={identity.id} className="row">
            <div>
              <p><strong>{identity.email}</strong></p>
              <p className="muted">Linked on <time dateTime={identity.created_at}>{formatDay(identity.created_at)}</time></p>
            </div>
            <button type="button" className="button small quiet" disabled={unlink.isPending} onClick={() => { unlink.mutate(identity.id, { onSuccess: unlinked }); }}>
              Unlink<span className="hidden"> {identity.email}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function LinkGoogle({ another }: { another: boolean }) {
  const link = useLinkGoogle();
  const go = () => { link.mutate(undefined, { onSuccess: (url) => { window.location.assign(url); } }); };
  return (
    <>
      {link.error && !isStepUp(link.error) && <Alert kind="bad">{explain(link.error)}</Alert>}
      <StepUp failure={link.error} again={go} />
      <p>
        <button type="button" className="button small quiet" disabled={link.isPending} onClick={go}>
          <GoogleMark /> {another ? "Link another Google account" : "Link a Google account"}
        </button>
      </p>
    </>
  );
}
