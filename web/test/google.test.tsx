import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";
import type { Identity } from "../src/api/client.ts";
import { ada, fakeApi, open, problem } from "./site.tsx";

const offered = { "GET /auth/providers": () => ({ status: 200, body: { google: true } }) };
const identity: Identity = { id: "i-1", provider: "google", email: "ada@gmail.example", created_at: "2026-03-04T10:00:00Z" };

function member(more: Parameters<typeof fakeApi>[0] = {}) {
  return fakeApi({
    ...offered,
    "GET /users/me": () => ({ status: 200, body: ada }),
    "GET /users/me/sessions": () => ({ status: 200, body: { sessions: [] } }),
    ...more,
  });
}

describe("the way in through Google", () => {
  it.each(["/login", "/signup"])("is offered on %s where the site has it, and keeps the way back", async (page) => {
    fakeApi(offered);
    open(`${page}?next=${encodeURIComponent("/account?a=1&b=2")}`);
    const link = await screen.findByRole("link", { name: "Continue with Google" });
    const target = new URL(link.getAttribute("href") ?? "", "https://site.example");
    expect(target.pathname).toBe("/api/auth/google/start");
    expect(target.searchParams.get("return_to")).toBe("/account?a=1&b=2");
  });

  it("never takes a way back that leaves the site", async () => {
    fakeApi(offered);
    open("/login?next=%2F%5Cevil.example");
    expect((await screen.findByRole("link", { name: "Continue with Google" })).getAttribute("href")).toBe("/api/auth/google/start?return_to=%2Faccount");
  });

  it("is not shown where the site has none", async () => {
    const site = fakeApi({});
    open("/login");
    await screen.findByLabelText("E-mail");
    await waitFor(() => { expect(site.to("GET /auth/providers")).toHaveLength(1); });
    expect(screen.queryByRole("link", { name: "Continue with Google" })).toBeNull();
  });

  it.each([
    ["google_cancelled", "You cancelled the login at Google."],
    ["google_known", "There is an account with this address already."],
    ["google_unverified", "Google has not confirmed your e-mail address there"],
    ["google_something_new", "The login through Google did not work."],
    ["google_constructor", "The login through Google did not work."],
  ])("says what %s means", async (code, text) => {
    fakeApi({});
    open(`/login?error=${code}`);
    expect(await screen.findByRole("alert")).toHaveTextContent(text);
  });

  it("shows nothing that an address made up", async () => {
    fakeApi({});
    open("/login?error=Call+this+number");
    await screen.findByLabelText("E-mail");
    expect(screen.queryByRole("alert")).toBeNull();
  });
});

describe("linked accounts", () => {
  it("are linked by going to Google", async () => {
    const assign = vi.fn();
    vi.stubGlobal("location", { origin: window.location.origin, assign });
    const site = member({ "POST /users/me/identities/google": () => ({ status: 200, body: { url: "https://accounts.example/authorize?x=1" } }) });
    const { user } = open("/account/security");
    await user.click(await screen.findByRole("button", { name: "Link a Google account" }));
    await waitFor(() => { expect(assign).toHaveBeenCalledWith("https://accounts.example/authorize?x=1"); });
    expect(site.to("POST /users/me/identities/google")[0]?.csrf).toBe("token-1");
  });

  it("are not followed to an address that is none of the web", async () => {
    const assign = vi.fn();
    vi.stubGlobal("location", { origin: window.location.origin, assign });
    member({ "POST /users/me/identities/google": () => ({ status: 200, body: { url: "javascript:alert(1)" } }) });
    const { user } = open("/account/security");
    await user.click(await screen.findByRole("button", { name: "Link a Google account" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("a fault on its side");
    expect(assign).not.toHaveBeenCalled();
  });

  it("are unlinked one by one", async () => {
    let identities = [identity];
    member({
      "GET /users/me/identities": () => ({ status: 200, body: { identities } }),
      "DELETE /users/me/identities/i-1": () => { identities = []; return { status: 204 }; },
    });
    const { user } = open("/account/security");
    await user.click(await screen.findByRole("button", { name: "Unlink ada@gmail.example" }));
    expect(await screen.findByText(/No Google account is linked/)).toBeVisible();
  });

  it("stay linked where they are the last way in", async () => {
    member({
      "GET /users/me/identities": () => ({ status: 200, body: { identities: [identity] } }),
      "DELETE /users/me/identities/i-1": () => problem(409, "Conflict", { detail: "Not for people.", refusal: "last-way-in" }),
    });
    const { user } = open("/account/security");
    await user.click(await screen.findByRole("button", { name: "Unlink ada@gmail.example" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Set a password first.");
    expect(screen.getByText("ada@gmail.example", { selector: "strong" })).toBeVisible();
  });

  it.each([
    ["/account?linked=google", "status", "Your Google account is linked."],
    ["/account?error=google_taken", "alert", "This Google account is linked to another account here."],
  ])("come back to %s with a word on the security page", async (address, role, text) => {
    member();
    const { router } = open(address);
    await screen.findByRole("heading", { name: "Security" });
    expect(router.state.location.pathname).toBe("/account/security");
    const main = within(screen.getByRole("main"));
    await waitFor(() => { expect(main.getAllByRole(role).map((element) => element.textContent).join(" ")).toContain(text); });
  });
});
