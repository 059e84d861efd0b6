import { useEndOtherSessions, useEndSession, useSessions } from "../api/account.ts";
import type { Session } from "../api/client.ts";
import { explain } from "../api/problem.ts";
import { describeAgent, formatMinute } from "../format.ts";
import { Alert } from "../ui/alert.tsx";
import { useFocusPlace } from "../ui/focus.ts";
import { Loading } from "./states.tsx";

/** Where the user is logged in, and a way to end each of it. */
export function SessionsSection() {
  const sessions = useSessions();
  const [heading, toHeading] = useFocusPlace<HTMLHeadingElement>();
  return (
    <section className="card" aria-labelledby="sessions">
      <h2 id="sessions" ref={heading} tabIndex={-1}>Where you are logged in</h2>
      {sessions.isPending && <Loading />}
      {sessions.error && (
        <>
          <Alert kind="bad">{explain(sessions.error)}</Alert>
          <p><button type="button" className="button small quiet" onClick={() => void sessions.refetch()}>Try again</button></p>
        </>
      )}
      {sessions.data && <SessionList sessions={sessions.data} ended={toHeading} />}
    </section>
  );
}

function SessionList({ sessions, ended }: { sessions: readonly Session[]; ended: () => void }) {
  const end = useEndSession();
  const endOthers = useEndOtherSessions();
  const others = sessions.filter((session) => !session.current);
  const failure = end.error ?? endOthers.error;
  const busy = end.isPending || endOthers.isPending;
  return (
    <>
      {failure && <Alert kind="bad">{explain(failure)}</Alert>}
      <ul className="rows">
        {sessions.map((session) => (
          <li key={session.id} className="row">
            <SessionText session={session} />
            {!session.current && (
              <button type="button" className="button small quiet" disabled={busy} onClick={() => { end.mutate(session.id, { onSuccess: ended }); }}>
                End<span className="hidden"> the session of {describeAgent(session.user_agent)} from {session.ip}</span>
              </button>
            )}
          </li>
        ))}
      </ul>
      {others.length === 0 && <p className="muted">You are logged in nowhere else.</p>}
      {others.length > 1 && (
        <p><button type="button" className="button small quiet" disabled={busy} onClick={() => { endOthers.mutate(undefined, { onSuccess: ended }); }}>End all other sessions</button></p>
      )}
      <p className="outcome good-text" role="status">{!busy && !failure && (end.isSuccess || endOthers.isSuccess) && "Ended."}</p>
    </>
  );
}

function SessionText({ session }: { session: Session }) {
  return (
    <div>
      <p>
        <strong>{describeAgent(session.user_agent)}</strong>
        {session.current && <span className="badge">This browser</span>}
      </p>
      <p className="muted">
        {session.ip} · last used <time dateTime={session.seen_at}>{formatMinute(session.seen_at)}</time> · since{" "}
        <time dateTime={session.created_at}>{formatMinute(session.created_at)}</time>
      </p>
    </div>
  );
}
