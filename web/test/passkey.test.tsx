import { screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ada, fakeApi, open, problem } from "./site.tsx";

const stepUp = () => problem(409, "Conflict", { type: "urn:problem:step-up", detail: "Prove anew that it is you." });
const codes = ["AAAA-BBBB-CCCC-DDDD", "EEEE-FFFF-GGGG-HHHH"];
const laptop = { id: "0b7e1e9a-8d0f-4f0e-9a53-0c9b4a8f4c11", name: "Laptop", created_at: "2026-03-04T10:00:00Z", synced: true, suspect: false };
const question = { challenge: "_-8", rpId: "site.example", allowCredentials: [{ type: "public-key", id: "AQID" }], userVerification: "required" };
const creation = { challenge: "_-8", rp: { id: "site.example" }, user: { id: "dXNlcg", name: "ada", displayName: "ada" }, pubKeyCredParams: [], excludeCredentials: [{ type: "public-key", id: "AQID" }] };

const buffer = (...bytes: number[]) => new Uint8Array(bytes).buffer;

/** A browser with an authenticator, of which jsdom has none. */
class FakeCredential {
  id = "a-key";
  response = {
    clientDataJSON: buffer(255, 254), authenticatorData: buffer(1), signature: buffer(2), userHandle: buffer(3), attestationObject: buffer(4), getTransports: () => ["internal"],
  };
}

const get = vi.fn();
const create = vi.fn();

beforeEach(() => {
  get.mockReset().mockImplementation(() => Promise.resolve(new FakeCredential()));
  create.mockReset().mockImplementation(() => Promise.resolve(new FakeCredential()));
  vi.stubGlobal("PublicKeyCredential", FakeCredential);
  Object.defineProperty(navigator, "credentials", { configurable: true, value: { get, create } });
});

afterEach(() => {
  vi.unstubAllGlobals();
  Reflect.deleteProperty(navigator, "credentials");
});

/** An API of a member whose passkeys it keeps. */
function member(more: Parameters<typeof fakeApi>[0] = {}) {
  const state = { passkeys: [] as (typeof laptop)[], proven: true };
  const site = fakeApi({
    "GET /users/me": () => ({ status: 200, body: { ...ada, second_factor: state.passkeys.length > 0, has_passkey: state.passkeys.length > 0 } }),
    "GET /users/me/sessions": () => ({ status: 200, body: { sessions: [] } }),
    "GET /users/me/passkeys": () => ({ status: 200, body: { passkeys: state.passkeys } }),
    "POST /users/me/passkeys/options": () => (state.proven ? { status: 200, body: creation } : stepUp()),
    "POST /users/me/passkeys": () => { state.passkeys = [laptop]; return { status: 200, body: { passkey: laptop, codes } }; },
    [`PATCH /users/me/passkeys/${laptop.id}`]: () => ({ status: 204 }),
    [`DELETE /users/me/passkeys/${laptop.id}`]: () => { if (!state.proven) return stepUp(); state.passkeys = []; return { status: 204 }; },
    "POST /users/me/proof/passkey/options": () => ({ status: 200, body: question }),
    "POST /users/me/proof/passkey": () => { state.proven = true; return { status: 204 }; },
    ...more,
  });
  return { site, state };
}

async function section() {
  return within(await screen.findByRole("region", { name: "Passkeys" }));
}

describe("passkeys", () => {
  it("are added under a name; the first shows the recovery codes once", async () => {
    const { site } = member();
    const { user } = open("/account/security");
    const part = await section();
    const name = await part.findByLabelText("Name of the passkey");
    await user.clear(name);
    await user.click(part.getByRole("button", { name: "Add a passkey" }));
    expect(name).toHaveFocus();
    await user.type(name, "Laptop");
    await user.click(part.getByRole("button", { name: "Add a passkey" }));
    expect(await part.findByText(codes[0] ?? "")).toBeVisible();
    expect(site.to("POST /users/me/passkeys")[0]?.body).toEqual({ name: "Laptop", id: "a-key", client_data: "__4", attestation: "BA", transports: ["internal"] });
    const asked = (create.mock.calls[0] as [CredentialCreationOptions])[0].publicKey;
    expect([...new Uint8Array(asked?.challenge as ArrayBuffer)]).toEqual([255, 239]);
    expect([...new Uint8Array(asked?.excludeCredentials?.[0]?.id as ArrayBuffer)]).toEqual([1, 2, 3]);
    await user.click(part.getByRole("button", { name: "I have kept them" }));
    expect(part.getByRole("heading", { name: "Passkeys" })).toHaveFocus();
    expect(await part.findByText("Synced")).toBeVisible();
  });

  it.each([
    ["NotAllowedError", /No passkey was used/],
    ["InvalidStateError", /on that device already/],
    ["SecurityError", /cannot use passkeys here/],
  ])("tell of %s, which the browser gave", async (name, told) => {
    create.mockRejectedValueOnce(new DOMException("no", name));
    member();
    const { user } = open("/account/security");
    const part = await section();
    await user.click(await part.findByRole("button", { name: "Add a passkey" }));
    expect((await part.findByRole("alert")).textContent).toMatch(told);
  });

  it("are removed after a proof by a passkey, and the focus stays in the section", async () => {
    const { site, state } = member();
    state.passkeys = [laptop];
    state.proven = false;
    const { user } = open("/account/security");
    const part = await section();
    await user.click(await part.findByRole("button", { name: "Remove Laptop" }));
    await user.click(await part.findByRole("button", { name: "Use a passkey" }));
    expect(await part.findByText("Removed.")).toBeVisible();
    expect(part.getByRole("heading", { name: "Passkeys" })).toHaveFocus();
    expect(site.to("POST /users/me/proof/passkey")[0]?.body).toEqual({ id: "a-key", client_data: "__4", authenticator_data: "AQ", signature: "Ag", user_handle: "Aw" });
  });

  it("are renamed", async () => {
    const { site, state } = member();
    state.passkeys = [laptop];
    const { user } = open("/account/security");
    const part = await section();
    await user.click(await part.findByRole("button", { name: "Rename Laptop" }));
    const name = part.getByLabelText("New name");
    await user.clear(name);
    await user.type(name, "Old laptop");
    await user.click(part.getByRole("button", { name: "Save the name" }));
    expect(await part.findByText("Renamed.")).toBeVisible();
    expect(site.to(`PATCH /users/me/passkeys/${laptop.id}`)[0]?.body).toEqual({ name: "Old laptop" });
  });

  it("say which may have been copied", async () => {
    const { state } = member();
    state.passkeys = [{ ...laptop, suspect: true }];
    open("/account/security");
    expect(await (await section()).findByText(/may have been copied/)).toBeVisible();
  });
});

describe("a login with a passkey", () => {
  it("needs no address and no password", async () => {
    const site = fakeApi({
      "POST /auth/passkey/options": () => ({ status: 200, body: { challenge: "_-8" } }),
      "POST /auth/passkey": () => ({ status: 200, body: ada }),
    });
    const { router, user } = open("/login");
    await user.click(await screen.findByRole("button", { name: "Use a passkey" }));
    await waitFor(() => { expect(router.state.location.pathname).toBe("/account"); });
    expect(site.to("POST /auth/passkey")[0]?.body).toMatchObject({ id: "a-key", signature: "Ag" });
  });

  it("says that the passkey was not accepted, and leaves the password", async () => {
    fakeApi({
      "POST /auth/passkey/options": () => ({ status: 200, body: { challenge: "_-8" } }),
      "POST /auth/passkey": () => problem(401, "Unauthorized", { detail: "Not for people.", refusal: "passkey-refused" }),
    });
    const { user } = open("/login");
    await user.click(await screen.findByRole("button", { name: "Use a passkey" }));
    expect((await screen.findByRole("alert")).textContent).toBe("The passkey was not accepted.");
    expect(screen.getByLabelText("Password")).toBeVisible();
  });

  it("is the second step in place of a code", async () => {
    fakeApi({
      "POST /auth/login/passkey/options": () => ({ status: 200, body: question }),
      "POST /auth/login/passkey": () => ({ status: 200, body: ada }),
    });
    const { router, user } = open("/login?code=1");
    await user.click(await screen.findByRole("button", { name: "Use a passkey" }));
    await waitFor(() => { expect(router.state.location.pathname).toBe("/account"); });
  });

  it("is not offered where the browser has no passkeys", async () => {
    Reflect.deleteProperty(window, "PublicKeyCredential");
    fakeApi({});
    open("/login");
    await screen.findByLabelText("Password");
    expect(screen.queryByRole("button", { name: "Use a passkey" })).toBeNull();
  });
});
