import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import type { Session } from "../src/api/client.ts";
import { ada, fakeApi, open, problem } from "./site.tsx";

const phrase = "a long and calm phrase";

function session(id: string, current: boolean, agent: string): Session {
  return { id, current, user_agent: agent, ip: "192.0.2.7", created_at: "2026-03-04T10:00:00Z", seen_at: "2026-03-05T11:30:00Z", expires_at: "2026-04-04T10:00:00Z" };
}

/** An API with sessions that can be ended. */
function withSessions(more: Parameters<typeof fakeApi>[0] = {}, user = ada) {
  let sessions = [
    session("s-1", true, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    session("s-2", false, "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36"),
    session("s-3", false, "curl/8.0"),
  ];
  return fakeApi({
    "GET /users/me": () => ({ status: 200, body: user }),
    "GET /users/me/sessions": () => ({ status: 200, body: { sessions } }),
    "DELETE /users/me/sessions": () => { sessions = sessions.filter((one) => one.current); return { status: 204 }; },
    "DELETE /users/me/sessions/s-2": () => { sessions = sessions.filter((one) => one.id !== "s-2"); return { status: 204 }; },
    ...more,
  });
}

async function sessionsSection() {
  const section = within(await screen.findByRole("region", { name: "Where you are logged in" }));
  await section.findAllByRole("listitem");
  return section;
}

describe("sessions", () => {
  it("are listed, and this one cannot be ended by mistake", async () => {
    withSessions();
    open("/account/security");
    const section = await sessionsSection();
    const rows = section.getAllByRole("listitem");
    expect(rows.map((row) => row.querySelector("strong")?.textContent)).toEqual(["Firefox on Linux", "Chrome on Android", "curl"]);
    expect(rows[0]).toHaveTextContent("This browser");
    expect(within(rows[0] ?? document.body).queryByRole("button")).toBeNull();
  });

  it("are ended one by one", async () => {
    const site = withSessions();
    const { user } = open("/account/security");
    const section = await sessionsSection();
    await user.click(section.getByRole("button", { name: "End the session of Chrome on Android from 192.0.2.7" }));
    await waitFor(() => { expect(section.getAllByRole("listitem")).toHaveLength(2); });
    expect(site.to("DELETE /users/me/sessions/s-2")[0]?.csrf).toBe("token-1");
    expect(section.queryByText("Chrome on Android")).toBeNull();
    expect(section.getByRole("heading")).toHaveFocus();
  });

  it("are ended all at once", async () => {
    withSessions();
    const { user } = open("/account/security");
    const section = await sessionsSection();
    await user.click(section.getByRole("button", { name: "End all other sessions" }));
    expect(await section.findByText("You are logged in nowhere else.")).toBeVisible();
    expect(section.queryByRole("button")).toBeNull();
  });

  it("that ended by themselves leave the list with a word", async () => {
    let gone = false;
    const list = [session("s-1", true, "curl/8.0"), session("s-2", false, "curl/8.0")];
    withSessions({
      "GET /users/me/sessions": () => ({ status: 200, body: { sessions: gone ? list.slice(0, 1) : list } }),
      "DELETE /users/me/sessions/s-2": () => { gone = true; return problem(404, "Not Found", { detail: "There is no such thing." }); },
    });
    const { user } = open("/account/security");
    const section = await sessionsSection();
    await user.click(section.getByRole("button"));
    expect(await section.findByRole("alert")).toHaveTextContent("This is not there any more. Load the page again.");
    await waitFor(() => { expect(section.getAllByRole("listitem")).toHaveLength(1); });
  });

  it("that cannot be listed can be asked for again", async () => {
    let down = true;
    withSessions({ "GET /users/me/sessions": () => (down ? problem(404, "Not Found", { detail: "Away." }) : { status: 200, body: { sessions: [session("s-1", true, "curl/8.0")] } }) });
    const { user } = open("/account/security");
    expect(await screen.findByRole("alert")).toHaveTextContent("This is not there any more. Load the page again.");
    down = false;
    await user.click(screen.getByRole("button", { name: "Try again" }));
    await sessionsSection();
  });
});

describe("the password", () => {
  it("is changed, with a new CSRF token for what follows", async () => {
    let issued = 0;
    const site = withSessions({
      "GET /auth/csrf": () => ({ status: 200, body: { token: `token-${++issued}` } }),
      "PUT /users/me/password": () => ({ status: 204 }),
    });
    const { user } = open("/account/security");
    await user.type(await screen.findByLabelText("Current password"), "the one before this");
    await user.type(screen.getByLabelText("New password"), phrase);
    await user.click(screen.getByRole("button", { name: "Change the password" }));
    expect(await screen.findByText("Your password is changed.")).toBeVisible();
    expect(site.to("PUT /users/me/password")[0]?.body).toEqual({ current_password: "the one before this", new_password: phrase });
    expect(screen.getByLabelText("Current password")).toHaveValue("");
    const before = site.to("GET /auth/csrf").length;
    await user.click((await sessionsSection()).getByRole("button", { name: "End all other sessions" }));
    await waitFor(() => { expect(site.to("GET /auth/csrf").length).toBe(before + 1); });
  });

  it("is not changed with a wrong one, and the field says so", async () => {
    withSessions({ "PUT /users/me/password": () => problem(400, "Bad Request", { errors: [{ field: "current_password", message: "not for people", refusal: "wrong" }] }) });
    const { user } = open("/account/security");
    await user.type(await screen.findByLabelText("Current password"), "not it at all");
    await user.type(screen.getByLabelText("New password"), phrase);
    await user.click(screen.getByRole("button", { name: "Change the password" }));
    expect(await screen.findByText("This is wrong.")).toBeVisible();
    expect(screen.getByLabelText("Current password")).toHaveFocus();
  });

  it("is set for the first time without another one", async () => {
    const site = withSessions({ "PUT /users/me/password": () => problem(409, "Conflict", { detail: "Not for people.", refusal: "log-in-again" }) }, { ...ada, has_password: false });
    const { user } = open("/account/security");
    await user.type(await screen.findByLabelText("New password"), phrase);
    expect(screen.queryByLabelText("Current password")).toBeNull();
    await user.click(screen.getByRole("button", { name: "Set the password" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Log in again first.");
    expect(site.to("PUT /users/me/password")[0]?.body).toEqual({ new_password: phrase });
  });
});

describe("deleting the account", () => {
  it("takes a second step and the password", async () => {
    const site = withSessions({ "DELETE /users/me": () => ({ status: 204 }) });
    const { user, queries } = open("/account/security");
    await user.click(await screen.findByRole("button", { name: "Delete the account…" }));
    await user.click(screen.getByRole("button", { name: "Delete for good" }));
    expect(screen.getByLabelText("Your password")).toHaveAccessibleDescription("Enter your password.");
    expect(site.to("DELETE /users/me")).toHaveLength(0);
    await user.type(screen.getByLabelText("Your password"), phrase);
    await user.click(screen.getByRole("button", { name: "Delete for good" }));
    expect(await screen.findByText("Your account is deleted.")).toBeVisible();
    expect(site.to("DELETE /users/me")[0]?.body).toEqual({ password: phrase });
    expect(JSON.stringify(queries.getQueryCache().getAll().map((query) => query.state.data))).not.toContain("ada");
  });

  it("can be thought over", async () => {
    const site = withSessions();
    const { user } = open("/account/security");
    await user.click(await screen.findByRole("button", { name: "Delete the account…" }));
    await user.click(screen.getByRole("button", { name: "Keep the account" }));
    expect(screen.queryByLabelText("Your password")).toBeNull();
    expect(screen.getByRole("heading", { name: "Delete your account" })).toHaveFocus();
    expect(site.to("DELETE /users/me")).toHaveLength(0);
  });

  it("tells when the password is wrong", async () => {
    withSessions({ "DELETE /users/me": () => problem(400, "Bad Request", { errors: [{ field: "password", message: "not for people", refusal: "wrong" }] }) });
    const { user } = open("/account/security");
    await user.click(await screen.findByRole("button", { name: "Delete the account…" }));
    await user.type(screen.getByLabelText("Your password"), phrase);
    await user.click(screen.getByRole("button", { name: "Delete for good" }));
    expect(await screen.findByText("This is wrong.")).toBeVisible();
  });
});
