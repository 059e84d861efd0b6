import type { components } from "./schema.gen.ts";

type Body = components["schemas"]["Problem"];

/** What went wrong with a call, as RFC 9457 tells it. Status 0: no answer came. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  readonly type: string;
  readonly requestId: string | undefined;
  readonly retryAfter: number | undefined;
  /** Message by member of the request; the key "" is the request as a whole. */
  readonly fields: Readonly<Record<string, string>>;

  constructor(status: number, body?: Partial<Body>, retryAfter?: number) {
    super(body?.detail ?? body?.title ?? "");
    this.status = status;
    this.type = body?.type ?? "about:blank";
    this.requestId = body?.request_id;
    this.retryAfter = retryAfter;
    this.fields = Object.fromEntries((body?.errors ?? []).map((e) => [e.field.replace(/^\//, ""), e.message]));
  }
}

/** What this browser did not do, in words for a person. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** Reads an answer that is not a success. An edge may answer without problem+json. */
export function problemFrom(response: Response, body: unknown): Problem {
  const told = typeof body === "object" && body !== null ? (body as Partial<Body>) : undefined;
  const after = Number(response.headers.get("Retry-After"));
  return new Problem(response.status, told, Number.isFinite(after) && after > 0 ? after : undefined);
}

/** Whether the site asks to prove anew who is logged in. */
export function isStepUp(error: unknown): boolean {
  return error instanceof Problem && error.type === "urn:problem:step-up";
}

/** Whether the password was right and the code of the second factor is missing. */
export function isSecondFactor(error: unknown): boolean {
  return error instanceof Problem && error.type === "urn:problem:second-factor";
}

/** One or two sentences for a person: what happened and what to do. */
export function explain(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  if (!(error instanceof Problem)) return "Something went wrong in this page. Load it again.";
  switch (error.status) {
    case 0:
      return "The site did not answer. Check your connection and try again.";
    case 401:
      return error.message || "You are not logged in.";
    case 403:
      return "The site refused this request. Load the page again and retry.";
    case 429:
      return `Too many attempts. Try again in ${wait(error.retryAfter)}.`;
    case 502:
    case 503:
    case 504:
      return `The site is busy or being updated. Try again in ${wait(error.retryAfter)}.`;
    default:
      if (error.status >= 500) return "The site could not do that because of a fault on its side. Try again later.";
      return error.message || "The site did not accept this.";
  }
}

function wait(seconds: number | undefined): string {
  if (seconds === undefined) return "a moment";
  if (seconds < 90) return seconds === 1 ? "1 second" : `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
