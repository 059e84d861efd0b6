import { fireEvent, screen, waitFor } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { ada, fakeApi, open, problem } from "./site.tsx";

const me = { "GET /users/me": () => ({ status: 200, body: ada }) };

describe("account", () => {
  it("sends only what changed and shows what came back", async () => {
    const site = fakeApi({ ...me, "PATCH /users/me": ({ body }) => ({ status: 200, body: { ...ada, ...(body as object) } }) });
    const { user } = open("/account");
    const bio = await screen.findByLabelText(/About you/);
    await user.type(bio, "Two{Enter}lines ");
    await user.click(screen.getByRole("button", { name: "Save profile" }));
    expect(await screen.findByText("Profile saved.")).toBeVisible();
    expect(site.to("PATCH /users/me").map((call) => call.body)).toEqual([{ bio: "Two\nlines" }]);
    expect(screen.getByText("Two lines", { selector: "p" })).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Save profile" }));
    expect(await screen.findByText("Nothing has changed.")).toBeVisible();
    expect(site.to("PATCH /users/me")).toHaveLength(1);
  });

  it("can empty a member", async () => {
    const site = fakeApi({ ...me, "PATCH /users/me": () => ({ status: 200, body: { ...ada, display_name: "" } }) });
    const { user } = open("/account");
    await user.clear(await screen.findByLabelText(/Display name/));
    await user.click(screen.getByRole("button", { name: "Save profile" }));
    expect(await screen.findByRole("heading", { name: "ada@example.com" })).toBeVisible();
    expect(site.to("PATCH /users/me")[0]?.body).toEqual({ display_name: "" });
  });

  it.each(["http://pictures.example/a.png", "javascript:alert(1)", "a.png"])("refuses the avatar address %s before sending", async (address) => {
    const site = fakeApi(me);
    const { user } = open("/account");
    await user.type(await screen.findByLabelText(/Avatar address/), address);
    await user.click(screen.getByRole("button", { name: "Save profile" }));
    expect(screen.getByLabelText(/Avatar address/)).toHaveAccessibleDescription(expect.stringContaining("Enter an address that starts with https://."));
    expect(site.to("PATCH /users/me")).toHaveLength(0);
  });

  it("falls back to a letter where the picture does not load", async () => {
    fakeApi({ "GET /users/me": () => ({ status: 200, body: { ...ada, avatar_url: "https://pictures.example/a.png" } }) });
    open("/account");
    await screen.findByRole("heading", { name: "Ada Lovelace" });
    const picture = screen.getByRole("presentation");
    expect(picture).toHaveAttribute("referrerpolicy", "no-referrer");
    fireEvent.error(picture);
    expect(document.querySelector(".avatar.letter")).toHaveTextContent("A");
  });

  it("goes to the login when the session ended meanwhile", async () => {
    let gone = false;
    fakeApi({
      "GET /users/me": () => (gone ? problem(401, "Not logged in") : { status: 200, body: ada }),
      "PATCH /users/me": () => problem(401, "Not logged in"),
    });
    const { router, user } = open("/account");
    await user.type(await screen.findByLabelText(/About you/), "x");
    gone = true;
    await user.click(screen.getByRole("button", { name: "Save profile" }));
    expect(await screen.findByRole("heading", { name: "Log in" })).toBeVisible();
    expect(router.state.location.search).toEqual({ next: "/account" });
  });

  it("logs out, says so and shows nothing of the user any more", async () => {
    const site = fakeApi({ ...me, "POST /auth/logout": () => ({ status: 204 }) });
    const { router, user, queries } = open("/account");
    await user.click(await screen.findByRole("button", { name: "Log out" }));
    expect(await screen.findByText("You are logged out.")).toBeVisible();
    await waitFor(() => { expect(screen.queryByRole("button", { name: "Log out" })).toBeNull(); });
    expect(screen.getByRole("link", { name: "Create an account" })).toBeVisible();
    expect(router.state.location.pathname).toBe("/");
    expect(JSON.stringify(queries.getQueryCache().getAll().map((query) => query.state.data))).not.toContain("ada");
    expect(site.to("POST /auth/logout")[0]?.csrf).toBe("token-1");
  });

  it("says when the logout failed", async () => {
    fakeApi({ ...me, "POST /auth/logout": () => problem(503, "Unavailable") });
    const { user } = open("/account");
    await user.click(await screen.findByRole("button", { name: "Log out" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("You are still logged in.");
  });
});
