import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { ada, fakeApi, open, problem } from "./site.tsx";

const stepUp = () => problem(409, "Conflict", { type: "urn:problem:step-up", detail: "Prove anew that it is you." });
const setup = { secret: "JBSWY3DPEHPK3PXP", uri: "otpauth://totp/x", qr: { size: 45, path: "M4 4h1v1h-1z" } };
const codes = ["AAAA-BBBB-CCCC-DDDD", "EEEE-FFFF-GGGG-HHHH"];

/** An API of a member whose factor and proof it keeps. */
function member(more: Parameters<typeof fakeApi>[0] = {}) {
  const state = { on: false, proven: true };
  const site = fakeApi({
    "GET /users/me": () => ({ status: 200, body: { ...ada, second_factor: state.on } }),
    "GET /users/me/sessions": () => ({ status: 200, body: { sessions: [] } }),
    "GET /users/me/factor": () => ({ status: 200, body: { enabled: state.on, recovery_codes: state.on ? 2 : 0 } }),
    "POST /users/me/factor": () => (state.proven ? { status: 200, body: setup } : stepUp()),
    "PUT /users/me/factor": () => { state.on = true; return { status: 200, body: { codes } }; },
    "DELETE /users/me/factor": () => { if (!state.proven) return stepUp(); state.on = false; return { status: 204 }; },
    "POST /users/me/proof": () => { state.proven = true; return { status: 204 }; },
    ...more,
  });
  return { site, state };
}

async function section() {
  return within(await screen.findByRole("region", { name: "Second factor" }));
}

describe("a second factor", () => {
  it("is set up with a code of the app, and shows the recovery codes once", async () => {
    const { site } = member();
    const { user } = open("/account/security");
    const part = await section();
    await user.click(await part.findByRole("button", { name: "Set up an authenticator app" }));
    expect(await part.findByRole("img", { name: "QR code of the secret" })).toBeVisible();
    expect(part.getByText(setup.secret)).toBeVisible();
    await user.click(part.getByRole("button", { name: "Turn it on" }));
    expect(part.getByLabelText("Code")).toHaveFocus();
    await user.type(part.getByLabelText("Code"), "123456");
    await user.click(part.getByRole("button", { name: "Turn it on" }));
    expect(await part.findByText(codes[0] ?? "")).toBeVisible();
    expect(site.to("PUT /users/me/factor")[0]?.body).toEqual({ code: "123456" });
    await user.click(part.getByRole("button", { name: "I have kept them" }));
    expect(await part.findByText(/You have 2 recovery codes left/)).toBeVisible();
    expect(part.queryByText(codes[0] ?? "")).toBeNull();
  });

  it("asks for the password where the login was a while ago, and goes on by itself", async () => {
    const { site, state } = member();
    state.proven = false;
    const { user } = open("/account/security");
    const part = await section();
    await user.click(await part.findByRole("button", { name: "Set up an authenticator app" }));
    await user.type(await part.findByLabelText("Your password"), "secret");
    await user.click(part.getByRole("button", { name: "Go on" }));
    expect(await part.findByRole("img", { name: "QR code of the secret" })).toBeVisible();
    expect(site.to("POST /users/me/proof")[0]?.body).toEqual({ password: "secret" });
  });

  it("is turned off after a code", async () => {
    const { site, state } = member();
    state.on = true;
    state.proven = false;
    const { user } = open("/account/security");
    const part = await section();
    await user.click(await part.findByRole("button", { name: "Turn it off" }));
    await user.type(await part.findByLabelText("Code"), "654321");
    await user.click(part.getByRole("button", { name: "Go on" }));
    expect(await part.findByRole("button", { name: "Set up an authenticator app" })).toBeVisible();
    expect(site.to("POST /users/me/proof")[0]?.body).toEqual({ code: "654321" });
  });
});

describe("a login of a user with a second factor", () => {
  const waits = () => problem(401, "Unauthorized", { type: "urn:problem:second-factor", detail: "Enter the code of your second factor." });

  it("asks for the code as a second step", async () => {
    let wrong = true;
    const site = fakeApi({
      "POST /auth/login": waits,
      "POST /auth/login/code": () => {
        if (!wrong) return { status: 200, body: ada };
        wrong = false;
        return problem(400, "Bad Request", { errors: [{ field: "code", message: "not for people", refusal: "wrong-code" }] });
      },
    });
    const { router, user } = open("/login");
    await user.type(await screen.findByLabelText("E-mail"), "ada@example.com");
    await user.type(screen.getByLabelText("Password"), "secret");
    await user.click(screen.getByRole("button", { name: "Log in" }));
    await user.type(await screen.findByLabelText("Code"), "111111");
    await user.click(screen.getByRole("button", { name: "Log in" }));
    expect(await screen.findByText("This code is wrong, or was used already.")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Log in" }));
    await waitFor(() => { expect(router.state.location.pathname).toBe("/account"); });
    expect(site.to("POST /auth/login/code").map((call) => call.body)).toEqual([{ code: "111111" }, { code: "111111" }]);
  });

  it("begins with the code on the way back from a provider, and can start again", async () => {
    fakeApi({});
    const { user } = open("/login?code=1&next=%2Faccount");
    await screen.findByLabelText("Code");
    await user.click(screen.getByRole("button", { name: "Start again" }));
    expect(await screen.findByLabelText("Password")).toBeVisible();
  });
});
