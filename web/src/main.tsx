import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { createQueries } from "./queries.ts";
import { createSiteRouter } from "./router.tsx";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element #root");

const queries = createQueries();
createRoot(root).render(
  <StrictMode>
    <App queries={queries} router={createSiteRouter(queries)} />
  </StrictMode>,
);
