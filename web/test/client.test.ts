import { describe, expect, it } from "vitest";
import { answer, createApi } from "../src/api/client.ts";
import { explain, Problem, Refusal } from "../src/api/problem.ts";
import { english } from "../src/words/english.tsx";
import { vi } from "vitest";
import { ada, fakeApi, problem } from "./site.tsx";

const login = { body: { email: "ada@example.com", password: "a long and calm phrase" } };

describe("the API client", () => {
  it("sends no token with a read and one fetched token with every write", async () => {
    const site = fakeApi({ "GET /users/me": () => ({ status: 200, body: ada }), "PATCH /users/me": () => ({ status: 200, body: ada }) });
    const api = createApi();
    await answer(api.http.GET("/users/me"));
    await Promise.all([answer(api.http.PATCH("/users/me", { body: { bio: "a" } })), answer(api.http.PATCH("/users/me", { body: { bio: "b" } }))]);
    expect(site.to("GET /users/me").map((call) => call.csrf)).toEqual([null]);
    expect(site.to("PATCH /users/me").map((call) => call.csrf)).toEqual(["token-1", "token-1"]);
    expect(site.to("GET /auth/csrf")).toHaveLength(1);
  });

  it("fetches a new token once when the old one is refused, and sends the same body", async () => {
    let token = 0;
    const site = fakeApi({
      "GET /auth/csrf": () => ({ status: 200, body: { token: `token-${++token}` } }),
      "POST /auth/login": ({ csrf }) => (csrf === "token-2" ? { status: 200, body: ada } : problem(403, "Forbidden")),
    });
    await expect(answer(createApi().http.POST("/auth/login", login))).resolves.toEqual(ada);
    expect(site.to("POST /auth/login").map((call) => call.body)).toEqual([login.body, login.body]);
  });

  it("gives up after the second refusal", async () => {
    const site = fakeApi({ "POST /auth/login": () => problem(403, "Forbidden") });
    await expect(answer(createApi().http.POST("/auth/login", login))).rejects.toMatchObject({ status: 403 });
    expect(site.to("POST /auth/login")).toHaveLength(2);
  });

  it("asks for the token again after a failure to get one", async () => {
    let down = true;
    fakeApi({
      "GET /auth/csrf": () => (down ? problem(503, "Unavailable") : { status: 200, body: { token: "t" } }),
      "POST /auth/login": () => ({ status: 200, body: ada }),
    });
    const api = createApi();
    await expect(answer(api.http.POST("/auth/login", login))).rejects.toMatchObject({ status: 503 });
    down = false;
    await expect(answer(api.http.POST("/auth/login", login))).resolves.toEqual(ada);
  });

  it("tells a lost connection from an answer", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    await expect(answer(createApi().http.GET("/users/me"))).rejects.toMatchObject({ name: "Problem", status: 0 });
  });

  it("reads an edge's answer that is no problem document", async () => {
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("Bad Gateway", { status: 502 })));
    const failure = await answer(createApi().http.GET("/users/me")).catch((error: unknown) => error);
    expect(explain(english, failure)).toBe("The site is busy or being updated. Try again in a moment.");
  });
});

describe("explain", () => {
  it.each([
    [new Problem(0), "The site did not answer. Check your connection and try again."],
    [new Problem(429, undefined, 1), "Too many attempts. Try again in 1 second."],
    [new Problem(429, undefined, 30), "Too many attempts. Try again in 30 seconds."],
    [new Problem(429, undefined, 300), "Too many attempts. Try again in 5 minutes."],
    [new Problem(500, { detail: "pq: secret" }), "The site could not do that because of a fault on its side. Try again later."],
    [new Problem(401, { title: "Unauthorized", detail: "Anything." }), "You are not logged in."],
    [new Problem(401, { type: "urn:problem:invalid-credentials", detail: "Anything." }), "The e-mail address or the password is wrong."],
    [new Problem(409, { refusal: "last-way-in", detail: "Anything." }), "This is your last way in. Set a password first."],
    [new Problem(409, { refusal: "newer" as "wrong", detail: "Anything." }), "The site did not accept this."],
    [new Refusal("unused"), "No passkey was used. Try again, or choose another way."],
    [new Error("internal"), "Something went wrong in this page. Load it again."],
  ])("says %s as a person would", (error, text) => {
    expect(explain(english, error)).toBe(text);
  });
});
