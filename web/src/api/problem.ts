import type { Words } from "../words/english.tsx";
import type { components } from "./schema.gen.ts";

type Refused = components["schemas"]["Refusal"];
type Body = components["schemas"]["Problem"];

/** What went wrong with a call, as RFC 9457 tells it. Status 0: no answer came. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  readonly type: string;
  readonly refusal: Refused | undefined;
  readonly requestId: string | undefined;
  readonly retryAfter: number | undefined;
  /** Why, by member of the request; the key "" is the request as a whole. */
  readonly fields: Readonly<Record<string, Refused>>;

  constructor(status: number, body?: Partial<Body>, retryAfter?: number) {
    super(body?.detail ?? body?.title ?? "");
    this.status = status;
    this.type = body?.type ?? "about:blank";
    this.refusal = body?.refusal;
    this.requestId = body?.request_id;
    this.retryAfter = retryAfter;
    this.fields = Object.fromEntries((body?.errors ?? []).map((e) => [e.field.replace(/^\//, ""), e.refusal ?? "not-valid"]));
  }
}

/** What this browser did not do with a passkey. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly why: "there" | "cannot" | "unused";

  constructor(why: Refusal["why"], options?: ErrorOptions) {
    super(why, options);
    this.why = why;
  }
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

/** Why a member was refused. A site that is newer than this page may have more reasons. */
export function explainField(words: Words, why: Refused): string {
  return Object.hasOwn(words.problem.refusals, why) ? words.problem.refusals[why] : words.problem.refused;
}

/** One or two sentences for a person: what happened and what to do. The server's own are in English, and shown to nobody. */
export function explain(words: Words, error: unknown): string {
  const said = words.problem;
  if (error instanceof Refusal) return words.passkey[error.why];
  if (!(error instanceof Problem)) return said.page;
  if (error.refusal) return explainField(words, error.refusal);
  switch (error.status) {
    case 0:
      return said.silent;
    case 401:
      return error.type === "urn:problem:invalid-credentials" ? said.credentials : said.loggedOut;
    case 403:
      return said.forbidden;
    case 404:
      return said.notFound;
    case 429:
      return said.tooMany(wait(words, error.retryAfter));
    case 502:
    case 503:
    case 504:
      return said.busy(wait(words, error.retryAfter));
    default:
      return error.status >= 500 ? said.fault : said.refused;
  }
}

function wait({ problem }: Words, seconds: number | undefined): string {
  if (seconds === undefined) return problem.moment;
  return seconds < 90 ? problem.seconds(seconds) : problem.minutes(Math.ceil(seconds / 60));
}
