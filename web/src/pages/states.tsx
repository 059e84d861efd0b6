import { useQueryClient } from "@tanstack/react-query";
import { Link, useRouter, type ErrorComponentProps } from "@tanstack/react-router";
import { explain, Problem } from "../api/problem.ts";
import { Alert } from "../ui/alert.tsx";
import { Page } from "../ui/page.tsx";

/** A part of a page that is on its way. */
export function Loading() {
  return (
    <div className="loading" role="status">
      <span className="spinner" aria-hidden="true" />
      Loading…
    </div>
  );
}

/** A whole page that is on its way: every page has a heading. */
export function LoadingPage() {
  return (
    <div className="loading" role="status">
      <span className="spinner" aria-hidden="true" />
      <h1>Loading…</h1>
    </div>
  );
}

export function NotFound() {
  return (
    <Page narrow title="Page not found" lead="There is nothing at this address. It may have moved, or the link has a typo.">
      <p><Link to="/" className="button">Go to the home page</Link></p>
    </Page>
  );
}

/** A page that could not be shown, with a way to try again. */
export function Broken({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const queries = useQueryClient();
  const id = error instanceof Problem ? error.requestId : undefined;

  async function retry() {
    await queries.resetQueries({ predicate: (query) => query.state.status === "error" });
    reset();
    await router.invalidate();
  }

  return (
    <Page narrow title="This did not work">
      <Alert kind="bad">{explain(error)}</Alert>
      {id && <p className="hint">If it happens again, tell us this number: <code>{id}</code></p>}
      <p><button type="button" className="button" onClick={() => void retry()}>Try again</button></p>
    </Page>
  );
}
