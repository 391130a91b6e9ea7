// Passkeys: a form that is marked asks the browser for a passkey and is sent with the browser's answer. Without this file, or where
// the browser knows no passkeys, the link by mail signs in.
(() => {
  "use strict";
  const api = window.PublicKeyCredential;
  const show = (form, what) => form.parentElement.querySelectorAll("[data-when]").forEach((one) => { one.hidden = one.dataset.when !== what; });

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const make = form.dataset.passkey === "create";
    if (form.dataset.origin !== location.origin) { show(form, "elsewhere"); continue; }
    if (!api || !api.parseCreationOptionsFromJSON) { show(form, "old"); continue; }
    let busy = false;
    form.hidden = false;
    show(form, "");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      if (busy) return;
      busy = true;
      show(form, "");
      try {
        const asked = await fetch(form.dataset.begin, { method: "POST", body: new URLSearchParams(new FormData(form)) });
        if (!asked.ok) throw new Error(String(asked.status));
        const options = await asked.json();
        const given = make
          ? await navigator.credentials.create({ publicKey: api.parseCreationOptionsFromJSON(options) })
          : await navigator.credentials.get({ publicKey: api.parseRequestOptionsFromJSON(options) });
        form.elements.credential.value = JSON.stringify(given);
        HTMLFormElement.prototype.submit.call(form);
      } catch {
        show(form, "failed");
      } finally {
        busy = false;
      }
    });
  }
})();
