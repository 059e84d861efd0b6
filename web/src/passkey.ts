import { api } from "./api/api.ts";
import { answer, type User } from "./api/client.ts";
import { Refusal } from "./api/problem.ts";
import type { components } from "./api/schema.gen.ts";

// Loaded when somebody uses a passkey: WebAuthn, between the API and the browser.

type Answer = components["schemas"]["PasskeyAnswer"];
type Added = components["schemas"]["PasskeyAdded"];
type Options = components["schemas"]["PasskeyOptions"];

/** Logs in with a passkey alone: the browser offers those that it has for this site. */
export async function logIn(): Promise<User> {
  const body = await get(await answer(api.http.POST("/auth/passkey/options")));
  return answer(api.http.POST("/auth/passkey", { body }));
}

/** Finishes a login that waits for its second step. */
export async function enter(): Promise<User> {
  const body = await get(await answer(api.http.POST("/auth/login/passkey/options")));
  return answer(api.http.POST("/auth/login/passkey", { body }));
}

/** Proves anew who is logged in. */
export async function prove(): Promise<void> {
  const body = await get(await answer(api.http.POST("/users/me/proof/passkey/options")));
  await answer(api.http.POST("/users/me/proof/passkey", { body }));
}

/** Lets the browser make a passkey, and adds it to the account. */
export async function add(name: string): Promise<Added> {
  const body = await create(await answer(api.http.POST("/users/me/passkeys/options")));
  return answer(api.http.POST("/users/me/passkeys", { body: { name, ...body } }));
}

type Named = { id: string; type: "public-key"; transports?: AuthenticatorTransport[] };
type Asked = { challenge: string };
type AskedToGet = Asked & Omit<PublicKeyCredentialRequestOptions, "challenge" | "allowCredentials"> & { allowCredentials?: Named[] };
type AskedToCreate = Asked & Omit<PublicKeyCredentialCreationOptions, "challenge" | "user" | "excludeCredentials"> & {
  user: { id: string; name: string; displayName: string };
  excludeCredentials?: Named[];
};

async function get(options: Options): Promise<Answer> {
  const { challenge, allowCredentials = [], ...rest } = options as AskedToGet;
  const made = await asked(() => navigator.credentials.get({
    publicKey: { ...rest, challenge: bytes(challenge), allowCredentials: allowCredentials.map(descriptor) },
  }));
  const response = made.response as AuthenticatorAssertionResponse;
  return {
    id: made.id,
    client_data: text(response.clientDataJSON),
    authenticator_data: text(response.authenticatorData),
    signature: text(response.signature),
    ...(response.userHandle?.byteLength ? { user_handle: text(response.userHandle) } : {}),
  };
}

async function create(options: Options) {
  const { challenge, user, excludeCredentials = [], ...rest } = options as AskedToCreate;
  const made = await asked(() => navigator.credentials.create({
    publicKey: { ...rest, challenge: bytes(challenge), user: { ...user, id: bytes(user.id) }, excludeCredentials: excludeCredentials.map(descriptor) },
  }));
  const response = made.response as AuthenticatorAttestationResponse;
  return { id: made.id, client_data: text(response.clientDataJSON), attestation: text(response.attestationObject), transports: response.getTransports() };
}

function descriptor({ id, ...rest }: Named): PublicKeyCredentialDescriptor {
  return { ...rest, id: bytes(id) };
}

/** Waits for the browser's own dialogue and tells its refusals apart. */
async function asked(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  try {
    const made = await ask();
    if (made instanceof PublicKeyCredential) return made;
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "InvalidStateError") throw new Refusal("there", { cause: error });
    if (name === "SecurityError" || name === "NotSupportedError") throw new Refusal("cannot", { cause: error });
    throw new Refusal("unused", { cause: error });
  }
  throw new Refusal("unused");
}

/** Base64url without padding, in which everything travels. */
function text(buffer: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function bytes(encoded: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}
