import { screen, waitFor } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { ada, again, fakeApi, open, problem } from "./site.tsx";

const phrase = "a long and calm phrase";
const stale = () => problem(400, "Bad Request", { errors: [{ field: "token", message: "not for people", refusal: "stale" }] });

describe("a forgotten password", () => {
  it("is asked about in one step, with the same answer for every address", async () => {
    const site = fakeApi({ "POST /auth/password/forgot": () => ({ status: 202, body: { status: "accepted" } }) });
    const { user } = open("/login");
    await user.click(await screen.findByRole("link", { name: "Forgot your password?" }));
    await screen.findByRole("heading", { name: "Forgot your password?" });
    await user.type(screen.getByLabelText("E-mail"), "ada@example.com");
    await user.click(screen.getByRole("button", { name: "Send the link" }));
    expect(await screen.findByRole("heading", { name: "Look at your mail" })).toHaveFocus();
    expect(screen.getByText(/If/)).toHaveTextContent("If ada@example.com has an account here, a mail with a link is on its way.");
    expect(site.to("POST /auth/password/forgot")[0]?.body).toEqual({ email: "ada@example.com" });
  });

  it("says how long to wait after too many mails", async () => {
    fakeApi({ "POST /auth/password/forgot": () => ({ ...problem(429, "Too Many Requests"), headers: { "Retry-After": "120" } }) });
    const { user } = open("/forgot");
    await user.type(await screen.findByLabelText("E-mail"), "ada@example.com");
    await user.click(screen.getByRole("button", { name: "Send the link" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Too many attempts. Try again in 2 minutes.");
  });

  it("is replaced with the token of the mail, which leaves the address at once", async () => {
    const site = fakeApi({ "POST /auth/password/reset": () => ({ status: 204 }) });
    const { router, user } = open("/reset#token=T-1_x");
    await screen.findByLabelText("New password");
    await waitFor(() => { expect(router.state.location.href).toBe("/reset"); });
    await user.type(screen.getByLabelText("New password"), phrase);
    await user.click(screen.getByRole("button", { name: "Set the password" }));
    expect(await screen.findByText("Your new password is set. Log in with it.")).toBeVisible();
    expect(screen.getByRole("heading", { name: "Log in" })).toBeVisible();
    expect(site.to("POST /auth/password/reset")[0]?.body).toEqual({ token: "T-1_x", password: phrase });
  });

  it("can be chosen after the page was loaded again", async () => {
    const site = fakeApi({ "POST /auth/password/reset": () => ({ status: 204 }) });
    const first = open("/reset#token=T-1_x");
    await waitFor(() => { expect(first.router.state.location.href).toBe("/reset"); });
    const { user } = again(first);
    await user.type(await screen.findByLabelText("New password"), phrase);
    await user.click(screen.getByRole("button", { name: "Set the password" }));
    await screen.findByText("Your new password is set. Log in with it.");
    expect(site.to("POST /auth/password/reset")[0]?.body).toEqual({ token: "T-1_x", password: phrase });
  });

  it("keeps the token when the new password is refused", async () => {
    let refuse = true;
    const site = fakeApi({
      "POST /auth/password/reset": () => (refuse ? problem(400, "Bad Request", { errors: [{ field: "password", message: "not for people", refusal: "too-common" }] }) : { status: 204 }),
    });
    const { user } = open("/reset#token=T-1");
    await user.type(await screen.findByLabelText("New password"), "passwordpassword");
    await user.click(screen.getByRole("button", { name: "Set the password" }));
    expect(await screen.findByText("This password is too common or too easy to guess.")).toBeVisible();
    refuse = false;
    await user.click(screen.getByRole("button", { name: "Set the password" }));
    await screen.findByText("Your new password is set. Log in with it.");
    expect(site.to("POST /auth/password/reset").map((call) => (call.body as { token: string }).token)).toEqual(["T-1", "T-1"]);
  });

  it("tells when the link was used already", async () => {
    fakeApi({ "POST /auth/password/reset": stale });
    const { user } = open("/reset#token=T-1");
    await user.type(await screen.findByLabelText("New password"), phrase);
    await user.click(screen.getByRole("button", { name: "Set the password" }));
    expect(await screen.findByRole("heading", { name: "This link does not work" })).toBeVisible();
    expect(screen.getByRole("link", { name: "Ask for a new one" })).toHaveAttribute("href", "/forgot");
  });

  it("tells when the link carries no token", async () => {
    fakeApi({});
    open("/reset");
    expect(await screen.findByRole("heading", { name: "This link does not work" })).toBeVisible();
  });
});

describe("an address", () => {
  it("is confirmed once for who is logged in", async () => {
    const site = fakeApi({ "GET /users/me": () => ({ status: 200, body: { ...ada, email_verified: false } }), "PUT /users/me/verification": () => ({ status: 200, body: ada }) });
    const { router } = open("/verify#token=V-1");
    expect(await screen.findByRole("heading", { name: "Your address is confirmed" })).toBeVisible();
    expect(site.to("PUT /users/me/verification").map((call) => call.body)).toEqual([{ token: "V-1" }]);
    expect(router.state.location.href).toBe("/verify");
  });

  it("asks for a login in place, and puts the token into no address", async () => {
    const site = fakeApi({ "POST /auth/login": () => ({ status: 200, body: { ...ada, email_verified: false } }), "PUT /users/me/verification": () => ({ status: 200, body: ada }) });
    const { router, user } = open("/verify#token=V-1");
    await user.type(await screen.findByLabelText("E-mail"), "ada@example.com");
    await user.type(screen.getByLabelText("Password"), phrase);
    expect(router.state.location.href).toBe("/verify");
    await user.click(screen.getByRole("button", { name: "Log in" }));
    expect(await screen.findByRole("heading", { name: "Your address is confirmed" })).toBeVisible();
    expect(site.to("PUT /users/me/verification")).toHaveLength(1);
  });

  it("that is confirmed stays so when the link is opened again", async () => {
    const site = fakeApi({ "GET /users/me": () => ({ status: 200, body: ada }) });
    open("/verify#token=V-1");
    expect(await screen.findByRole("heading", { name: "Your address is confirmed" })).toHaveFocus();
    expect(site.to("PUT /users/me/verification")).toHaveLength(0);
  });

  it("tells a stale link from a fault that passes", async () => {
    let answer = () => problem(503, "Unavailable");
    fakeApi({ "GET /users/me": () => ({ status: 200, body: { ...ada, email_verified: false } }), "PUT /users/me/verification": () => answer() });
    const { user } = open("/verify#token=V-1");
    expect(await screen.findByRole("alert")).toHaveTextContent("The site is busy or being updated.");
    answer = stale;
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByRole("heading", { name: "This link does not work" })).toBeVisible();
  });

  it("can be mailed to again from the account", async () => {
    const site = fakeApi({
      "GET /users/me": () => ({ status: 200, body: { ...ada, email_verified: false } }),
      "POST /users/me/verification": () => ({ status: 202, body: { status: "accepted" } }),
    });
    const { user } = open("/account");
    await user.click(await screen.findByRole("button", { name: "Send the mail again" }));
    expect(await screen.findByText("The mail is on its way.")).toBeVisible();
    expect(screen.getByRole("button", { name: "Send the mail again" })).toBeDisabled();
    expect(site.to("POST /users/me/verification")).toHaveLength(1);
  });
});
