import createClient from "openapi-fetch";
import { Problem, problemFrom } from "./problem.ts";
import type { components, paths } from "./schema.gen.ts";

export type User = components["schemas"]["User"];
export type Identity = components["schemas"]["Identity"];
export type Passkey = components["schemas"]["Passkey"];
export type Session = components["schemas"]["Session"];
export type ProfileUpdate = components["schemas"]["ProfileUpdate"];

const patience = 20_000;
const baseUrl = `${window.location.origin}/api`;

/**
 * The typed client of the API. The session lives in a cookie that scripts
 * cannot read; the CSRF token that goes with it is kept in memory alone.
 */
export function createApi() {
  let token: Promise<string> | undefined;
  let language = "";

  async function send(request: Request): Promise<Response> {
    if (language) request.headers.set("Accept-Language", language);
    try {
      return await fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(patience)]) });
    } catch (cause) {
      if (request.signal.aborted) throw cause;
      throw Object.assign(new Problem(0), { cause });
    }
  }

  const reader = createClient<paths>({ baseUrl, fetch: send });

  async function fetchToken(): Promise<string> {
    return (await answer(reader.GET("/auth/csrf"))).token;
  }

  async function withToken(request: Request): Promise<Request> {
    token ??= fetchToken();
    try {
      request.headers.set("X-CSRF-Token", await token);
    } catch (error) {
      token = undefined;
      throw error;
    }
    return request;
  }

  /** A login in another tab makes the token stale: a refusal is tried once more with a new one. */
  async function sendGuarded(request: Request): Promise<Response> {
    if (request.method === "GET" || request.method === "HEAD") return send(request);
    const again = request.clone();
    const response = await send(await withToken(request));
    if (response.status !== 403) return response;
    token = undefined;
    return send(await withToken(again));
  }

  return {
    http: createClient<paths>({ baseUrl, fetch: sendGuarded }),
    /** Asks in this language from now on: mails are written in it. */
    speak: (spoken: string) => {
      language = spoken;
    },
    /** Call it when the session changes: the token is bound to it. */
    forgetToken: () => {
      token = undefined;
    },
  };
}

/** The body of a success; throws a Problem for everything else. */
export async function answer<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw problemFrom(response, error);
  return data as T;
}
