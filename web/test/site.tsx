import { createMemoryHistory, type RouterHistory } from "@tanstack/react-router";
import { cleanup, render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { vi } from "vitest";
import { App } from "../src/app.tsx";
import { createQueries } from "../src/queries.ts";
import { createSiteRouter } from "../src/router.tsx";
import type { User } from "../src/api/client.ts";
import { english } from "../src/words/english.tsx";
import type { Spoken } from "../src/words/provider.tsx";

export const ada: User = {
  id: "6f1c6a0e-8d0f-4f0e-9a53-0c9b4a8f4c11",
  email: "ada@example.com",
  email_verified: true,
  has_password: true,
  second_factor: false,
  has_passkey: false,
  display_name: "Ada Lovelace",
  avatar_url: "",
  bio: "",
  created_at: "2026-03-04T10:00:00Z",
};

export type Call = { method: string; path: string; csrf: string | null; language: string | null; body: unknown };
type Answer = { status: number; body?: unknown; headers?: Record<string, string> };
type Handler = (call: Call) => Answer | Promise<Answer>;

/** Stands for the API: a handler for each operation, and what was asked. */
export function fakeApi(handlers: Record<string, Handler>) {
  const calls: Call[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const text = await request.text();
    const call = {
      method: request.method,
      path: new URL(request.url).pathname.replace(/^\/api/, ""),
      csrf: request.headers.get("X-CSRF-Token"),
      language: request.headers.get("Accept-Language"),
      body: text ? (JSON.parse(text) as unknown) : undefined,
    };
    calls.push(call);
    const handler = handlers[`${call.method} ${call.path}`];
    const { status, body, headers } = handler ? await handler(call) : defaultAnswer(call);
    const type = status >= 400 ? "application/problem+json" : "application/json";
    return new Response(status === 204 ? null : JSON.stringify(body), { status, headers: { "Content-Type": type, ...headers } });
  });
  return { calls, to: (operation: string) => calls.filter((call) => `${call.method} ${call.path}` === operation) };
}

function defaultAnswer(call: Call): Answer {
  if (call.path === "/auth/csrf") return { status: 200, body: { token: "token-1" } };
  if (call.path === "/users/me") return problem(401, "Not logged in");
  if (call.path === "/auth/providers") return { status: 200, body: { google: false } };
  if (call.path === "/users/me/identities") return { status: 200, body: { identities: [] } };
  if (call.path === "/users/me/factor") return { status: 200, body: { enabled: false, recovery_codes: 0 } };
  if (call.path === "/users/me/passkeys") return { status: 200, body: { passkeys: [] } };
  throw new Error(`no handler for ${call.method} ${call.path}`);
}

export function problem(status: number, title: string, more: Record<string, unknown> = {}): Answer {
  return { status, body: { type: "urn:problem:test", title, status, ...more } };
}

/** Opens the site at a path, as a browser would. */
export function open(path: string, history = createMemoryHistory({ initialEntries: [path] }), spoken: Spoken = { language: "en", words: english }) {
  const queries = createQueries();
  const router = createSiteRouter(queries, history);
  render(<App queries={queries} router={router} spoken={spoken} />);
  return { router, queries, history, user: userEvent.setup() };
}

/** Loads the page that is open anew: only the browser's history stays. */
export function again({ history }: { history: RouterHistory }) {
  cleanup();
  return open("", history);
}
