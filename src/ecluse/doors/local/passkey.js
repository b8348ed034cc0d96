// The one script: asks the browser for a passkey, puts what it gave into the form, and sends the form. It sends nothing anywhere else.
"use strict";

const octets = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
const text = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer)));

async function ask(told) {
  const known = told.credentials.split(" ").filter(Boolean).map(id => ({ type: "public-key", id: octets(id) }));
  if (told.passkey === "get") {
    const { rawId, response } = await navigator.credentials.get({
      publicKey: { challenge: octets(told.challenge), allowCredentials: known, userVerification: "required" },
    });
    return { credential: rawId, authenticator: response.authenticatorData, client: response.clientDataJSON, signature: response.signature };
  }
  const { response } = await navigator.credentials.create({
    publicKey: {
      challenge: octets(told.challenge),
      rp: { id: told.site, name: "Écluse" },
      user: { id: octets(told.user), name: told.name, displayName: told.name },
      pubKeyCredParams: told.algorithms.split(" ").map(alg => ({ type: "public-key", alg: Number(alg) })),
      excludeCredentials: known,
      authenticatorSelection: { userVerification: "required", residentKey: "preferred" },
      attestation: "none",
    },
  });
  return { authenticator: response.getAuthenticatorData(), client: response.clientDataJSON };
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  document.getElementById("passkey-waiting").hidden = true;
  form.addEventListener("submit", async event => {
    event.preventDefault();
    document.getElementById("passkey-failed").hidden = true;
    try {
      for (const [name, given] of Object.entries(await ask(form.dataset))) form.elements[name].value = text(given);
    } catch {
      document.getElementById("passkey-failed").hidden = false;
      return;
    }
    form.submit();
  });
}
