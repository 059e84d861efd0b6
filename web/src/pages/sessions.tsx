import { useEndOtherSessions, useEndSession, useSessions } from "../api/account.ts";
import type { Session } from "../api/client.ts";
import { explain } from "../api/problem.ts";
import { describeAgent, formatMinute } from "../format.ts";
import { Alert } from "../ui/alert.tsx";
import { useFocusPlace } from "../ui/focus.ts";
import { useMore } from "../words/more.ts";
import { useSpeech, useWords } from "../words/provider.tsx";
import { Loading } from "./states.tsx";

/** Where the user is logged in, and a way to end each of it. */
export function SessionsSection() {
  const sessions = useSessions();
  const words = useWords();
  const more = useMore();
  const [heading, toHeading] = useFocusPlace<HTMLHeadingElement>();
  return (
    <section className="card" aria-labelledby="sessions">
      <h2 id="sessions" ref={heading} tabIndex={-1}>{more.sessions.title}</h2>
      {sessions.isPending && <Loading />}
      {sessions.error && (
        <>
          <Alert kind="bad">{explain(words, sessions.error)}</Alert>
          <p><button type="button" className="button small quiet" onClick={() => void sessions.refetch()}>{words.form.tryAgain}</button></p>
        </>
      )}
      {sessions.data && <SessionList sessions={sessions.data} ended={toHeading} />}
    </section>
  );
}

function SessionList({ sessions, ended }: { sessions: readonly Session[]; ended: () => void }) {
  const end = useEndSession();
  const words = useWords();
  const more = useMore();
  const endOthers = useEndOtherSessions();
  const others = sessions.filter((session) => !session.current);
  const failure = end.error ?? endOthers.error;
  const busy = end.isPending || endOthers.isPending;
  return (
    <>
      {failure && <Alert kind="bad">{explain(words, failure)}</Alert>}
      <ul className="rows">
        {sessions.map((session) => (
          <li key={session.id} className="row">
            <SessionText session={session} />
            {!session.current && (
              <button type="button" className="button small quiet" disabled={busy} onClick={() => { end.mutate(session.id, { onSuccess: ended }); }}>
                {more.sessions.end}<span className="hidden"> {more.sessions.which(describeAgent(words, session.user_agent), session.ip)}</span>
              </button>
            )}
          </li>
        ))}
      </ul>
      {others.length === 0 && <p className="muted">{more.sessions.nowhere}</p>}
      {others.length > 1 && (
        <p><button type="button" className="button small quiet" disabled={busy} onClick={() => { endOthers.mutate(undefined, { onSuccess: ended }); }}>{more.sessions.endOthers}</button></p>
      )}
      <p className="outcome good-text" role="status">{!busy && !failure && (end.isSuccess || endOthers.isSuccess) && more.sessions.ended}</p>
    </>
  );
}

function SessionText({ session }: { session: Session }) {
  const { language, words } = useSpeech();
  const more = useMore();
  return (
    <div>
      <p>
        <strong>{describeAgent(words, session.user_agent)}</strong>
        {session.current && <span className="badge">{more.sessions.here}</span>}
      </p>
      <p className="muted">
        {session.ip} · {more.sessions.used(<time dateTime={session.seen_at}>{formatMinute(language, session.seen_at)}</time>)} ·{" "}
        {more.sessions.since(<time dateTime={session.created_at}>{formatMinute(language, session.created_at)}</time>)}
      </p>
    </div>
  );
}
