import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Problem } from "./api/problem.ts";
import { App } from "./app.tsx";
import { createQueries } from "./queries.ts";
import { createSiteRouter } from "./router.tsx";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element #root");

const queries = createQueries();
const onCaughtError = (error: unknown) => {
  if (!(error instanceof Problem)) console.error(error); // A Problem is no fault of this page, and the page tells it.
};
createRoot(root, { onCaughtError }).render(
  <StrictMode>
    <App queries={queries} router={createSiteRouter(queries)} />
  </StrictMode>,
);
