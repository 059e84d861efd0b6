import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

export type Claims = { sub: string; email: string; email_verified: boolean; name?: string };

type Grant = { challenge: string; nonce: string; redirect: string; who: Claims };

/**
 * An OpenID provider (OpenID Connect Core 1.0, code flow with PKCE) whose page
 * asks for a yes or no: for a server on this machine whose OAUTH_ISSUER leads here.
 */
export class Provider {
  /** The person who sits before the browser. */
  who: Claims = { sub: "0", email: "nobody@example.com", email_verified: false };
  readonly #issuer: string;
  readonly #keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  readonly #grants = new Map<string, Grant>();
  readonly #server: Server;

  constructor(listen: string) {
    this.#issuer = `http://${listen}`;
    const [host, port] = listen.split(":");
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.listen(Number(port), host);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.#issuer);
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        json(response, {
          issuer: this.#issuer, authorization_endpoint: `${this.#issuer}/authorize`, token_endpoint: `${this.#issuer}/token`, jwks_uri: `${this.#issuer}/keys`,
          id_token_signing_alg_values_supported: ["RS256"], response_types_supported: ["code"], subject_types_supported: ["public"],
        });
        break;
      case "/keys":
        json(response, { keys: [{ ...this.#keys.publicKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "one" }] });
        break;
      case "/authorize":
        this.#ask(url.searchParams, response);
        break;
      case "/token":
        this.#exchange(new URLSearchParams(await body(request)), response);
        break;
      default:
        response.writeHead(404).end();
    }
  }

  #ask(asked: URLSearchParams, response: ServerResponse): void {
    const code = randomUUID();
    const redirect = asked.get("redirect_uri") ?? "";
    this.#grants.set(code, { challenge: asked.get("code_challenge") ?? "", nonce: asked.get("nonce") ?? "", redirect, who: this.who });
    const back = (parameters: Record<string, string>) => `${redirect}?${new URLSearchParams({ ...parameters, state: asked.get("state") ?? "" }).toString().replaceAll("&", "&amp;")}`;
    response.writeHead(200, { "Content-Type": "text/html" });
    response.end(`<!doctype html><title>Provider</title><a href="${back({ code })}">Yes</a> <a href="${back({ error: "access_denied" })}">No</a>`);
  }

  #exchange(form: URLSearchParams, response: ServerResponse): void {
    const grant = this.#grants.get(form.get("code") ?? "");
    this.#grants.delete(form.get("code") ?? "");
    const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
    if (grant?.challenge !== challenge || grant.redirect !== form.get("redirect_uri")) {
      response.writeHead(400);
      json(response, { error: "invalid_grant" });
      return;
    }
    json(response, { access_token: randomUUID(), token_type: "Bearer", expires_in: 60, id_token: this.#token(grant) });
  }

  #token(grant: Grant): string {
    const now = Math.floor(Date.now() / 1000);
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = { iss: this.#issuer, aud: "client", nonce: grant.nonce, iat: now, exp: now + 60, ...grant.who };
    const text = `${part({ alg: "RS256", kid: "one", typ: "JWT" })}.${part(claims)}`;
    return `${text}.${sign("sha256", Buffer.from(text), this.#keys.privateKey).toString("base64url")}`;
  }
}

function json(response: ServerResponse, value: object): void {
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(value));
}

async function body(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}
