"use strict";
(() => {
  const form = document.getElementById("_filters");
  if (!form) return;
  const changes = [...document.querySelectorAll("details.entry")];
  const branches = [...document.querySelectorAll("details.branch")];
  const total = changes.reduce((sum, c) => sum + Number(c.dataset.count), 0);
  const few = 40; // the number of found changes whose branches are unfolded
  let texts; // of the changes, in lower case; made by the first search
  let current = -1;

  const checked = (name) => new Set([...form.querySelectorAll(`input[name="${name}"]:checked`)].map((box) => box.value));

  // unfold opens the branches above an element, and the change that it is a part of.
  const unfold = (element) => {
    for (let e = element; e; e = e.parentElement) if (e.localName === "details") e.open = true;
  };

  const filter = () => {
    const actions = checked("action"), kinds = checked("kind");
    const words = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hazardous = form.hazard ? form.hazard.checked : false;
    if (words.length && !texts) texts = changes.map((c) => c.textContent.toLowerCase());
    const filled = new Set();
    const found = [];
    let shown = 0;
    changes.forEach((c, i) => {
      const matches = actions.has(c.dataset.action) && kinds.has(c.dataset.kind) && (!hazardous || "hazard" in c.dataset) &&
        words.every((word) => texts[i].includes(word));
      c.hidden = !matches;
      if (!matches) return;
      shown += Number(c.dataset.count);
      found.push(c);
      for (let b = c.parentElement.closest("details.branch"); b && !filled.has(b); b = b.parentElement.closest("details.branch")) filled.add(b);
    });
    for (const b of branches) b.parentElement.hidden = !filled.has(b);
    if (found.length < changes.length && found.length <= few) found.forEach((c) => unfold(c.parentElement));
    form.shown.value = `${shown} of ${total} changes`;
  };

  // follow shows the element that the address refers to, also where a filter hides it.
  const follow = () => {
    let id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { /* it is no encoded text */ }
    const target = document.getElementById(id);
    if (!target || !target.closest(".tree")) return;
    if (target.closest("[hidden]")) { form.reset(); filter(); }
    unfold(target);
    target.scrollIntoView({ block: "center" });
    const change = target.closest("details.entry");
    const summary = (change || target).querySelector("summary");
    if (change) select(changes.indexOf(change));
    summary.focus({ preventScroll: true });
  };

  const select = (i) => {
    if (changes[current]) changes[current].classList.remove("current");
    current = i;
    if (changes[current]) changes[current].classList.add("current");
  };

  // step goes to the next change that the filters leave, forwards or backwards.
  const step = (by) => {
    let i = current + by;
    while (changes[i] && changes[i].hidden) i += by;
    if (!changes[i]) return;
    unfold(changes[i].parentElement);
    select(i);
    changes[i].scrollIntoView({ block: "center" });
    changes[i].querySelector("summary").focus({ preventScroll: true });
  };

  let timer;
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(filter, event.target.name === "text" ? 150 : 0);
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  form.addEventListener("reset", () => setTimeout(filter)); // the fields are empty only after the event
  form.expand.addEventListener("click", () => { for (const d of [...branches, ...changes]) if (!d.closest("[hidden]")) d.open = true; });
  form.collapse.addEventListener("click", () => { for (const d of [...changes, ...branches]) d.open = false; });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && event.target === form.text) { form.text.value = ""; filter(); form.text.blur(); return; }
    if (event.target.matches("input, textarea, select")) return;
    const act = { "/": () => form.text.focus(), j: () => step(1), k: () => step(-1) }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  document.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-pick]");
    if (chip) {
      form.reset();
      for (const box of form.querySelectorAll('input[name="action"]')) box.checked = box.value === chip.dataset.pick;
      setTimeout(filter);
      return;
    }
    const link = event.target.closest('a[href^="#"], a[*|href^="#"]');
    if (link && link.getAttribute("href") === location.hash) { event.preventDefault(); follow(); }
  });
  addEventListener("hashchange", follow);
  form.hidden = false;
  filter();
  if (location.hash) follow();
})();
