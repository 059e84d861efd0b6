import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { api } from "./api/api.ts";
import { Problem } from "./api/problem.ts";
import { App } from "./app.tsx";
import { createQueries } from "./queries.ts";
import { createSiteRouter } from "./router.tsx";
import { english } from "./words/english.tsx";
import { firstLanguage, load } from "./words/language.ts";
import type { Spoken } from "./words/provider.tsx";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element #root");

/** The words of the first page come before it, so that none is shown in another language. */
async function spokenFirst(): Promise<Spoken> {
  const language = firstLanguage();
  try {
    return { language, words: await load(language) };
  } catch {
    return { language: "en", words: english };
  }
}

const spoken = await spokenFirst();
api.speak(spoken.language);
const queries = createQueries();
const onCaughtError = (error: unknown) => {
  if (!(error instanceof Problem)) console.error(error); // A Problem is no fault of this page, and the page tells it.
};
createRoot(root, { onCaughtError }).render(
  <StrictMode>
    <App queries={queries} router={createSiteRouter(queries)} spoken={spoken} />
  </StrictMode>,
);
