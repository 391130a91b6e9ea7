// Small comforts; every page works without this file. It keeps the overview and the queue fresh, relative times true,
// tries a query while it is typed, and lets the key "a" find the Acknowledge button.
(() => {
  "use strict";
  const live = document.body.dataset.live;

  document.addEventListener("keydown", (event) => {
    if (event.key !== "a" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const button = document.querySelector("button[data-ack]");
    if (button) { button.focus(); event.preventDefault(); }
  });

  // the answer to a form takes the place of the form's page, so that Back and Reload do not ask to send it again
  if ("posted" in document.body.dataset) {
    const from = document.referrer.startsWith(location.origin + "/") ? document.referrer : location.href;
    history.replaceState(null, "", from);
  }

  // a form that was refused begins at the field that is wrong, also for whoever hears the page
  document.querySelector("main [aria-invalid=true]")?.focus();

  // a form is sent once: a second tap of a tired thumb does nothing
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

  // a file is sent as it is; the answer says where its columns are shown
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const to = form.dataset.upload;
    if (!to) return;
    event.preventDefault();
    const file = form.querySelector("input[type=file]").files[0];
    const said = form.querySelector("[data-said]");
    const button = form.querySelector("button");
    if (!file || button.disabled) return;
    if (file.size > form.dataset.most) { said.textContent = form.dataset.large; return; }
    button.disabled = true;
    said.textContent = "…";
    try {
      const answer = await fetch(to + "?name=" + encodeURIComponent(file.name), { method: "POST", body: file, headers: { "X-CSRF-Token": form.elements.csrf.value, "Content-Type": "application/octet-stream" } });
      const told = await answer.json();
      if (answer.ok) location.assign(told.to);
      else said.textContent = told.detail || answer.status;
    } catch { said.textContent = form.dataset.lost; } finally { button.disabled = false; }
  });

  // a query is tried while somebody types, one asking at a time; the form's button does the same without this
  const PAUSE = 700;
  const PATIENCE = 10000;

  function typing(form) {
    const watched = form.dataset.of ? form.dataset.of.split(" ") : null;
    const said = document.getElementById("live-said");
    const filled = () => { const all = new URLSearchParams(new FormData(form)); all.set("try", "1"); return all; };
    const typed = (all) => [...all].filter(([name]) => !watched || watched.includes(name)).map((one) => one.join("=")).join("&");
    let shown = typed(filled());
    let asking = false;
    let waits = 0;

    function put(fresh) {
      for (const id of form.dataset.try.split(" ")) {
        const old = document.getElementById(id);
        const next = fresh.getElementById(id);
        if (!old || !next || old.contains(document.activeElement)) continue;
        // what a reader of screens hears is the one polite line, not each half-typed word's fault
        next.querySelectorAll("[role=alert]").forEach((one) => one.removeAttribute("role"));
        old.replaceWith(next);
      }
      for (const field of form.querySelectorAll("[data-faults]")) {
        const next = fresh.getElementById(field.id);
        for (const name of ["aria-invalid", "aria-describedby"]) {
          if (next && next.hasAttribute(name)) field.setAttribute(name, next.getAttribute(name));
          else field.removeAttribute(name);
        }
      }
      const words = [...document.querySelectorAll("[data-say]")].map((one) => (one.querySelector("pre") ? one.firstChild : one).textContent.trim()).join(" ");
      if (said.textContent !== words) said.textContent = words;
    }

    async function ask() {
      const all = filled();
      const now = typed(all);
      if (asking || now === shown || document.hidden || form.dataset.sent) return;
      asking = true;
      const patience = new AbortController();
      const end = setTimeout(() => patience.abort(), PATIENCE);
      try {
        const answer = await fetch(form.action, { method: "POST", body: all, headers: { Accept: "text/html" }, signal: patience.signal });
        shown = now;
        // an answer to what is no longer there is not shown: the newer words are asked for next
        if ([200, 422].includes(answer.status) && typed(filled()) === now) put(new DOMParser().parseFromString(await answer.text(), "text/html"));
      } catch { shown = now; } finally { clearTimeout(end); asking = false; }
      if (typed(filled()) !== shown) later();
    }

    function later() {
      clearTimeout(waits);
      waits = setTimeout(ask, PAUSE);
    }

    form.addEventListener("input", later);
    form.addEventListener("change", later);
  }
  if (window.fetch) document.querySelectorAll("form[data-try]").forEach(typing);

  if (!live || !window.fetch) return;

  let tag = "";
  let busy = false;
  let wanted = 0;

  const opened = (root) => new Set([...root.querySelectorAll("details[open] > summary")].map((one) => one.textContent.trim().replace(/\d+/g, "")));

  function put(fresh) {
    for (const section of document.querySelectorAll("main > section[id]")) {
      const next = fresh.getElementById(section.id);
      if (!next || next.innerHTML === section.innerHTML) continue;
      if (section.contains(document.activeElement) || section.querySelector("form[data-sent]")) continue;
      const kept = opened(section);
      section.replaceChildren(...next.childNodes);
      section.querySelectorAll("details > summary").forEach((one) => {
        if (kept.has(one.textContent.trim().replace(/\d+/g, ""))) one.parentElement.open = true;
      });
    }
    document.title = fresh.title;
    const old = document.querySelectorAll(".ribbon");
    const now = fresh.querySelectorAll(".ribbon");
    if ([...old].map((r) => r.outerHTML).join() !== [...now].map((r) => r.outerHTML).join()) {
      old.forEach((r) => r.remove());
      document.querySelector(".skip").after(...now);
    }
  }

  // what nobody renews looks calm, so the page says that it is old; a restart of the server is shorter than this
  const SILENCE = 45000;
  let answered = Date.now();

  function noAnswer(silent) {
    const ribbon = document.getElementById("no-answer");
    if (!ribbon) return;
    if (silent && ribbon.hidden) {
      const said = ribbon.querySelector("[data-said]");
      const time = new Date(answered).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: ribbon.dataset.zone });
      said.textContent = said.dataset.said.replace("{time}", time);
    }
    ribbon.hidden = !silent;
  }

  async function refresh() {
    if (busy || document.hidden) return;
    busy = true;
    const patience = new AbortController();
    const end = setTimeout(() => patience.abort(), 15000);
    try {
      const answer = await fetch(location.href, { headers: tag ? { "If-None-Match": tag, Accept: "text/html" } : { Accept: "text/html" }, cache: "no-store", signal: patience.signal });
      if ([200, 304].includes(answer.status)) answered = Date.now();
      if (answer.status === 200) {
        tag = answer.headers.get("ETag") || "";
        put(new DOMParser().parseFromString(await answer.text(), "text/html"));
      } else if (answer.status === 401) location.reload();
    } catch { /* the next turn tries again */ } finally {
      clearTimeout(end);
      busy = false;
      noAnswer(Date.now() - answered > SILENCE);
    }
  }

  function soon() {
    clearTimeout(wanted);
    wanted = setTimeout(refresh, 700);
  }

  setInterval(refresh, Number(document.body.dataset.every) || 20000);
  document.addEventListener("visibilitychange", soon);
  if (window.EventSource) {
    const events = new EventSource("/v1/events");
    events.onmessage = soon;
    const alert = "open fire update worsen suppress merge part calm recur step hold expire wake raise lower supersede acknowledge snooze dismiss escalate stand_down resolve reopen note verdict".split(" ");
    const item = "create claim release_claim reassign review assessed request_info clear_part clear reject release close withdraw note overdue tighten".split(" ");
    for (const kind of ["reset", ...alert.map((k) => "alert." + k), ...item.map((k) => "escalation." + k)]) events.addEventListener(kind, soon);
    window.addEventListener("pagehide", () => events.close());
  }
})();
