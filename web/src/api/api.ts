import { createApi } from "./client.ts";

/** The one connection of this page to the API; it holds the CSRF token. */
export const api = createApi();
