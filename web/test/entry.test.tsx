import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { ada, fakeApi, open, problem } from "./site.tsx";

const phrase = "a long and calm phrase";

async function fill(user: ReturnType<typeof open>["user"], email: string, password: string) {
  await user.type(await screen.findByLabelText("E-mail"), email);
  await user.type(screen.getByLabelText("Password"), password);
}

describe("login", () => {
  it("comes before a protected page and leads back to it", async () => {
    const site = fakeApi({ "POST /auth/login": () => ({ status: 200, body: ada }) });
    const { router, user } = open("/account?from=mail");
    expect(await screen.findByRole("heading", { name: "Log in" })).toBeVisible();
    await fill(user, "ada@example.com", phrase);
    await user.click(screen.getByRole("button", { name: "Log in" }));
    expect(await screen.findByRole("heading", { name: "Your account" })).toHaveFocus();
    expect(router.state.location.href).toBe("/account?from=mail");
    expect(site.to("POST /auth/login")[0]?.body).toEqual({ email: "ada@example.com", password: phrase });
  });

  it("does not follow a way back that leaves the site", async () => {
    fakeApi({ "POST /auth/login": () => ({ status: 200, body: ada }) });
    const { router, user } = open("/login?next=%2F%5Cevil.example");
    await fill(user, "ada@example.com", phrase);
    await user.click(screen.getByRole("button", { name: "Log in" }));
    await screen.findByRole("heading", { name: "Your account" });
    expect(router.state.location.href).toBe("/account");
  });

  it("names what is missing, ties it to the field and moves the focus there", async () => {
    const site = fakeApi({});
    const { user } = open("/login");
    await user.click(await screen.findByRole("button", { name: "Log in" }));
    const email = screen.getByLabelText("E-mail");
    expect(email).toHaveFocus();
    expect(email).toBeInvalid();
    expect(email).toHaveAccessibleDescription("Enter your e-mail address.");
    expect(screen.getByLabelText("Password")).toHaveAccessibleDescription("Enter your password.");
    expect(site.to("POST /auth/login")).toHaveLength(0);
  });

  it("says when the credentials are wrong", async () => {
    fakeApi({ "POST /auth/login": () => problem(401, "Unauthorized", { type: "urn:problem:invalid-credentials", detail: "Not for people." }) });
    const { user } = open("/login");
    await fill(user, "ada@example.com", phrase);
    await user.click(screen.getByRole("button", { name: "Log in" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("The e-mail address or the password is wrong.");
  });

  it("sends once however often the button is pressed", async () => {
    let release: (answer: { status: number; body: unknown }) => void = () => undefined;
    const site = fakeApi({ "POST /auth/login": () => new Promise((resolve) => { release = resolve; }) });
    const { user } = open("/login");
    await fill(user, "ada@example.com", phrase);
    await user.click(screen.getByRole("button", { name: "Log in" }));
    await user.click(await screen.findByRole("button", { name: "Logging in…" }));
    await user.keyboard("{Enter}");
    await waitFor(() => { expect(site.to("POST /auth/login")).toHaveLength(1); });
    release({ status: 200, body: ada });
    await screen.findByRole("heading", { name: "Your account" });
    expect(site.to("POST /auth/login")).toHaveLength(1);
  });

  it("is skipped by who is logged in", async () => {
    fakeApi({ "GET /users/me": () => ({ status: 200, body: ada }) });
    open("/login");
    expect(await screen.findByRole("heading", { name: "Your account" })).toBeVisible();
  });

  it("shows a password on request", async () => {
    fakeApi({});
    const { user } = open("/login");
    await user.type(await screen.findByLabelText("Password"), phrase);
    await user.click(screen.getByRole("button", { name: "Show password" }));
    expect(screen.getByLabelText("Password")).toHaveAttribute("type", "text");
    await user.click(screen.getByRole("button", { name: "Hide password" }));
    expect(screen.getByLabelText("Password")).toHaveAttribute("type", "password");
  });
});

describe("sign-up", () => {
  it("leads to the login and keeps the way back", async () => {
    const site = fakeApi({ "POST /auth/signup": () => ({ status: 202, body: { status: "accepted" } }) });
    const { router, user } = open("/signup?next=%2Faccount%3Fa%3D1");
    await fill(user, "new@example.com", phrase);
    await user.click(screen.getByRole("button", { name: "Sign up" }));
    expect(await screen.findByRole("heading", { name: "You can log in now" })).toHaveFocus();
    expect(site.to("POST /auth/signup")[0]?.body).toEqual({ email: "new@example.com", password: phrase });
    await user.click(within(screen.getByRole("main")).getByRole("link", { name: "Log in" }));
    await screen.findByRole("heading", { name: "Log in" });
    expect(router.state.location.search).toEqual({ next: "/account?a=1" });
  });

  it.each([
    ["short", "Use at least 12 characters."],
    ["🐝🐝🐝🐝🐝🐝🐝🐝🐝🐝🐝", "Use at least 12 characters."],
    ["x".repeat(257), "Use at most 256 characters."],
  ])("refuses the password %s before sending", async (password, message) => {
    const site = fakeApi({});
    const { user } = open("/signup");
    await user.type(await screen.findByLabelText("E-mail"), "new@example.com");
    await user.click(screen.getByLabelText("Password"));
    await user.paste(password);
    await user.click(screen.getByRole("button", { name: "Sign up" }));
    expect(screen.getByLabelText("Password")).toHaveAccessibleDescription(expect.stringContaining(message));
    expect(site.to("POST /auth/signup")).toHaveLength(0);
  });

  it("shows what the server refused at the field", async () => {
    fakeApi({
      "POST /auth/signup": () => problem(400, "Invalid request", { errors: [{ field: "password", message: "not for people", refusal: "too-common" }] }),
    });
    const { user } = open("/signup");
    await fill(user, "new@example.com", "passwordpassword");
    await user.click(screen.getByRole("button", { name: "Sign up" }));
    expect(await screen.findByText("This password is too common or too easy to guess.")).toBeVisible();
    expect(screen.getByLabelText("Password")).toHaveFocus();
    expect(screen.getByRole("alert")).toHaveTextContent("Look at the fields marked below.");
  });

  it("shows a refusal of the whole request", async () => {
    fakeApi({
      "POST /auth/signup": () => problem(400, "Invalid request", { errors: [{ field: "", message: "not for people", refusal: "not-valid" }] }),
    });
    const { user } = open("/signup");
    await fill(user, "new@example.com", phrase);
    await user.click(screen.getByRole("button", { name: "Sign up" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("This has a form that is not accepted.");
  });
});
