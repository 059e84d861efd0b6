"use strict";
// The one script of the staff pages: a button asks the browser for a passkey, and the
// answer goes with the button's form. Without it the page still takes codes.

const bytes = (encoded) => Uint8Array.from(atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const named = (keys = []) => keys.map((key) => ({ ...key, id: bytes(key.id) }));

async function get(options) {
  const made = await navigator.credentials.get({ publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: named(options.allowCredentials) } });
  const { clientDataJSON, authenticatorData, signature, userHandle } = made.response;
  return { id: made.id, client_data: text(clientDataJSON), authenticator_data: text(authenticatorData), signature: text(signature), user_handle: userHandle ? text(userHandle) : "" };
}

async function create(options) {
  const user = { ...options.user, id: bytes(options.user.id) };
  const made = await navigator.credentials.create({ publicKey: { ...options, user, challenge: bytes(options.challenge), excludeCredentials: named(options.excludeCredentials) } });
  const { clientDataJSON, attestationObject } = made.response;
  return { id: made.id, client_data: text(clientDataJSON), attestation: text(attestationObject), transports: made.response.getTransports() };
}

function reason(error) {
  if (error.name === "InvalidStateError") return "There is a passkey of this account on that device already.";
  if (error.name === "SecurityError" || error.name === "NotSupportedError") return "This browser cannot use passkeys here.";
  return "No passkey was used. Try again, or choose another way.";
}

for (const button of document.querySelectorAll("button[data-passkey]")) {
  if (!("PublicKeyCredential" in window)) break;
  const problem = document.getElementById("passkey-problem");
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    problem.hidden = true;
    try {
      const ask = button.dataset.passkey === "create" ? create : get;
      button.form.elements.passkey.value = JSON.stringify(await ask(JSON.parse(button.dataset.options)));
      button.form.submit();
    } catch (error) {
      problem.textContent = reason(error);
      problem.hidden = false;
      button.disabled = false;
    }
  });
}
