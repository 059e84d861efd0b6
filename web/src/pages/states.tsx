import { useQueryClient } from "@tanstack/react-query";
import { Link, useRouter, type ErrorComponentProps } from "@tanstack/react-router";
import { explain, Problem } from "../api/problem.ts";
import { Alert } from "../ui/alert.tsx";
import { Page } from "../ui/page.tsx";
import { useWords } from "../words/provider.tsx";

/** A part of a page that is on its way. */
export function Loading() {
  const words = useWords();
  return (
    <div className="loading" role="status">
      <span className="spinner" aria-hidden="true" />
      {words.states.loading}
    </div>
  );
}

/** A whole page that is on its way: every page has a heading. */
export function LoadingPage() {
  const words = useWords();
  return (
    <div className="loading" role="status">
      <span className="spinner" aria-hidden="true" />
      <h1>{words.states.loading}</h1>
    </div>
  );
}

export function NotFound() {
  const words = useWords();
  return (
    <Page narrow title={words.states.notFound} lead={words.states.notFoundLead}>
      <p><Link to="/" className="button">{words.states.home}</Link></p>
    </Page>
  );
}

/** A page that could not be shown, with a way to try again. */
export function Broken({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const words = useWords();
  const queries = useQueryClient();
  const id = error instanceof Problem ? error.requestId : undefined;

  async function retry() {
    await queries.resetQueries({ predicate: (query) => query.state.status === "error" });
    reset();
    await router.invalidate();
  }

  return (
    <Page narrow title={words.states.broken}>
      <Alert kind="bad">{explain(words, error)}</Alert>
      {id && <p className="hint">{words.states.number(<code>{id}</code>)}</p>}
      <p><button type="button" className="button" onClick={() => void retry()}>{words.form.tryAgain}</button></p>
    </Page>
  );
}
