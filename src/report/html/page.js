"use strict";
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const themes = ["auto", "light", "dark"];
  const stored = () => { try { return localStorage.getItem("rulekeep-theme"); } catch { return null; } };
  const show = (name) => {
    if (name === "auto") { delete root.dataset.theme; } else { root.dataset.theme = name; }
    theme.textContent = "Theme: " + name;
    theme.dataset.now = name;
  };
  show(themes.includes(stored()) ? stored() : "auto");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const next = themes[(themes.indexOf(theme.dataset.now) + 1) % themes.length];
    try { localStorage.setItem("rulekeep-theme", next); } catch { /* a page from a file may have no storage */ }
    show(next);
  });

  const bar = document.getElementById("bar");
  if (!bar) { return; }
  const box = document.getElementById("filter");
  const told = document.getElementById("told");
  const kinds = [...bar.querySelectorAll("button[data-kind]")];
  const groups = [...document.querySelectorAll("details.group")].map((group) => ({
    group,
    name: group.querySelector("summary").textContent.toLowerCase(),
    rows: [...group.querySelectorAll("tbody tr")].map((row) => ({ row, text: row.textContent.toLowerCase() })),
  }));
  const lines = [...document.querySelectorAll(".sentences li, .findings > li")]
    .map((line) => ({ line, text: line.textContent.toLowerCase() }));
  const all = groups.reduce((sum, { rows }) => sum + rows.length, 0);
  const filter = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const off = new Set(kinds.filter((kind) => kind.getAttribute("aria-pressed") === "false").map((kind) => kind.dataset.kind));
    let shown = 0;
    for (const { group, name, rows } of groups) {
      let here = 0;
      for (const { row, text } of rows) {
        const fits = !off.has(row.className) && words.every((word) => text.includes(word) || name.includes(word));
        row.hidden = !fits;
        if (fits) { here += 1; }
      }
      group.hidden = here === 0;
      shown += here;
    }
    for (const { line, text } of lines) { line.hidden = !words.every((word) => text.includes(word)); }
    told.textContent = shown === all ? all + " rules" : shown + " of " + all + " rules";
  };
  bar.hidden = false;
  box.addEventListener("input", filter);
  for (const kind of kinds) {
    kind.addEventListener("click", () => {
      kind.setAttribute("aria-pressed", String(kind.getAttribute("aria-pressed") === "false"));
      filter();
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== box) { event.preventDefault(); box.focus(); }
    if (event.key === "Escape" && document.activeElement === box) { box.value = ""; filter(); }
  });
  filter();
})();
