"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const view = document.getElementById("view");
  const overview = document.getElementById("overview");
  const GRADES = ["pass", "pass-coarse", "free", "fail", "xfail", "xpass", "unsupported", "notrun", "broken"];
  const GLYPHS = { pass: "✓", "pass-coarse": "≈", free: "○", fail: "✗", xfail: "!", xpass: "‼", unsupported: "–", notrun: "·", broken: "☠" };
  const WORST = ["broken", "fail", "xpass", "xfail", "notrun", "unsupported", "free", "pass-coarse", "pass"];
  const PAGE = 150;
  const key = (c) => `${c.id}@${c.dialect}`;
  const byKey = new Map(data.cases.map((c) => [key(c), c]));

  /** Make an element; strings become text, so nothing that a testee said is ever markup. */
  const h = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children.flat(Infinity)) if (child !== null && child !== undefined && child !== false) element.append(child);
    return element;
  };
  /** A sentence, whose code is written between backticks. */
  const prose = (text) => text.split("`").map((part, at) => (at % 2 ? h("code", {}, part) : part));
  /** Show these in place of what the view held. */
  const render = (...children) => view.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  const chip = (grade, small) => h("span", { class: `chip g-${grade}`, title: grade }, small ? h("small", {}, small) : null, `${GLYPHS[grade]} ${grade}`);
  const worst = (facets) => WORST.find((grade) => Object.values(facets).some((facet) => facet.g === grade));
  const caseLink = (c) => `#/case/${encodeURIComponent(key(c))}`;
  const show = (value) => (typeof value === "string" ? value : value === null || value === undefined ? "nothing" : JSON.stringify(value));
  const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

  const ALL = data.runs.map((_, at) => at);
  /** Chips for one run of a case: the worst grade, with the facets that have it, or that all is well. */
  const marks = (c, runs) => runs.filter((at) => c.runs[at]).map((at) => {
    const grade = worst(c.runs[at]);
    const which = Object.entries(c.runs[at]).filter(([, x]) => x.g === grade).map(([name]) => name);
    const label = [runs.length > 1 ? data.runs[at].name : "", grade === "pass" ? "" : which.join(", ")].filter(Boolean).join(": ");
    return chip(grade, label);
  });
  const entry = (c, runs = ALL) => h("li", {}, h("a", { href: caseLink(c) },
    h("span", { class: "what" }, h("b", {}, prose(c.title || c.id)), h("small", {}, c.title ? `${c.id} · ${c.dialect}` : c.dialect)),
    h("span", { class: "marks" }, marks(c, runs))));

  const list = (cases, runs) => {
    if (!cases.length) return h("p", { class: "empty" }, "No case is like that.");
    const items = h("ul", { class: (runs || ALL).length > 1 ? "list wide" : "list" });
    let shown = 0;
    const more = h("button", { class: "more", type: "button" });
    const grow = () => {
      const next = cases.slice(shown, shown + PAGE);
      items.append(...next.map((c) => entry(c, runs)));
      shown += next.length;
      more.hidden = shown >= cases.length;
      more.textContent = `Show ${Math.min(PAGE, cases.length - shown)} more of ${cases.length - shown}`;
    };
    more.addEventListener("click", grow);
    grow();
    return [items, more];
  };

  const option = (value, text, chosen) => h("option", { value, selected: value === chosen }, text);

  function cases(query) {
    const state = { q: query.get("q") || "", area: query.get("area") || "", run: query.get("run") || "", facet: query.get("facet") || "",
      grades: new Set((query.get("grade") || "").split(",").filter(Boolean)) };
    const areas = [...new Set(data.cases.map((c) => c.area))].sort();
    const facets = [...new Set(data.cases.flatMap((c) => Object.values(c.runs).flatMap((f) => Object.keys(f))))].sort();
    const present = GRADES.filter((grade) => data.cases.some((c) => Object.values(c.runs).some((f) => Object.values(f).some((x) => x.g === grade))));
    const results = h("div", {});
    const count = h("p", { class: "hint", role: "status" });
    const remember = () => {
      const next = new URLSearchParams();
      for (const name of ["q", "area", "run", "facet"]) if (state[name]) next.set(name, state[name]);
      if (state.grades.size) next.set("grade", [...state.grades].join(","));
      history.replaceState(null, "", `#/cases${next.size ? `?${next}` : ""}`);
    };
    const update = () => {
      const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
      const found = data.cases.filter((c) => {
        if (state.area && c.area !== state.area) return false;
        const text = `${c.id} ${c.title} ${c.clauses.join(" ")} ${c.dialect} ${c.flags.join(" ")}`.toLowerCase();
        if (!words.every((word) => text.includes(word))) return false;
        const runs = state.run ? [c.runs[state.run]] : Object.values(c.runs);
        return runs.some((f) => f && Object.entries(f).some(([name, x]) =>
          (!state.facet || name === state.facet) && (!state.grades.size || state.grades.has(x.g))));
      });
      const failing = found.filter((c) => Object.values(c.runs).some((f) => ["fail", "xpass", "broken"].includes(worst(f))));
      const rest = found.filter((c) => !failing.includes(c));
      count.textContent = `${plural(found.length, "case")}, failing ones first`;
      results.replaceChildren(...[list([...failing, ...rest], state.run ? [Number(state.run)] : undefined)].flat());
      remember();
    };
    let wait;
    const search = h("input", { type: "search", placeholder: "Search id, title, clause", "aria-label": "Search cases", value: state.q,
      oninput: (event) => { state.q = event.target.value; clearTimeout(wait); wait = setTimeout(update, 120); } });
    const pick = (name, label, all, values) => h("select", { "aria-label": label, onchange: (event) => { state[name] = event.target.value; update(); } },
      option("", all, state[name]), values.map(([value, text]) => option(value, text, state[name])));
    const toggles = present.map((grade) => h("button", { class: "toggle", type: "button", "aria-pressed": String(state.grades.has(grade)),
      onclick: (event) => { state.grades.has(grade) ? state.grades.delete(grade) : state.grades.add(grade);
        event.currentTarget.setAttribute("aria-pressed", String(state.grades.has(grade))); update(); } },
      h("b", { class: `dot ${grade}`, "aria-hidden": "true" }), grade));
    render(h("h1", {}, "Cases"),
      h("div", { class: "tools" }, search, pick("area", "Area", "all areas", areas.map((a) => [a, a])), pick("facet", "Facet", "all facets", facets.map((f) => [f, f])),
        data.runs.length > 1 ? pick("run", "Implementation", "all implementations", data.runs.map((r, at) => [String(at), r.name])) : null),
      h("div", { class: "tools", role: "group", "aria-label": "Grades" }, toggles), count, results);
    update();
  }

  const copyable = (text) => h("div", { class: "copy" }, h("pre", {}, text), h("button", { type: "button", onclick: (event) => {
    const button = event.currentTarget;
    const done = () => { button.textContent = "copied"; setTimeout(() => { button.textContent = "copy"; }, 1200); };
    const pre = button.previousSibling;
    const select = () => { const range = document.createRange(); range.selectNodeContents(pre); const s = getSelection(); s.removeAllRanges(); s.addRange(range); };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, select); else select();
  } }, "copy"));

  const dump = (lines, paths) => h("pre", { class: "dump", tabindex: "0" }, lines.flatMap((line) => {
    const cls = line.includes("^^") ? "fault" : paths.some((p) => p && line.endsWith(` ${p}`)) ? "near" : null;
    return [cls ? h("span", { class: cls }, line) : line, "\n"];
  }));

  function facet(name, x) {
    const out = [h("h3", {}, chip(x.g, name), x.outcome ? h("span", { class: "note" }, ` ${x.outcome}`) : null)];
    if (x.note) out.push(h("p", { class: "why" }, x.note));
    if (x.g === "free") out.push(h("p", { class: "why" }, `the testee chose: ${x.verdict}${x.branch === undefined ? "" : ` (choice ${x.branch + 1})`}`));
    if (x.differences) out.push(h("div", { class: "diff", tabindex: "0" }, h("table", {}, h("thead", {}, h("tr", {}, ["where", "wanted", "got"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, x.differences.map((d) => h("tr", {}, h("td", {}, d.path), h("td", { class: "want" }, show(d.wanted)), h("td", { class: "got" }, show(d.got))))))));
    for (const name_ of ["error", "rule", "detail", "message", "rate"]) if (x[name_]) out.push(h("p", { class: "why" }, `${name_}: `, h("code", {}, show(x[name_]))));
    if (x.log) out.push(h("details", {}, h("summary", {}, "What it wrote to stderr"), h("pre", {}, x.log)));
    if (x.alone) out.push(h("details", {}, h("summary", {}, "Run it again"), h("p", { class: "why" }, "by the runner"), copyable(x.alone), x.replay ? [h("p", { class: "why" }, "by hand, on the machine of the run"), copyable(x.replay)] : null));
    return out;
  }

  /** The facets of which there is nothing more to tell. */
  const QUIET = ["pass", "notrun", "unsupported"];
  const quiet = (facets) => Object.entries(facets).filter(([, x]) => QUIET.includes(x.g));
  const needs = (facets) => [...new Set(Object.values(facets).map((x) => x.needs).filter(Boolean))];
  const clauseItem = (id) => h("li", {}, h("a", { href: `#/clause/${encodeURIComponent(id)}` }, h("code", {}, id)), " ", prose((data.clauses[id] || {}).title || ""));

  function oneCase(name) {
    const c = byKey.get(name);
    if (!c) { render(h("h1", {}, "No such case"), h("p", {}, name)); return; }
    const paths = Object.values(c.runs).flatMap((f) => Object.values(f)).flatMap((x) => (x.differences || []).map((d) => d.path.replace(/^state\./, "")));
    const others = data.cases.filter((o) => o.id === c.id && o.dialect !== c.dialect);
    render(h("article", { class: "case" },
      h("a", { class: "back", href: `#/cases?area=${encodeURIComponent(c.area)}` }, `← ${c.area}`),
      h("h1", {}, prose(c.title || c.id)),
      h("p", { class: "id" }, `${c.id} · ${c.dialect} · ${c.op} · ${c.level}`, c.staged ? " · staged, unscored" : "", c.flags.length ? ` · ${c.flags.join(", ")}` : "",
        others.map((o) => [" · also ", h("a", { href: caseLink(o) }, o.dialect)])),
      c.clauses.length ? h("ul", { class: "clauses" }, c.clauses.map(clauseItem)) : null,
      Object.entries(c.runs).map(([at, facets]) => h("section", { class: "block" }, h("h2", {}, data.runs[at].name),
        quiet(facets).length ? h("p", { class: "marks" }, quiet(facets).map(([f, x]) => chip(x.g, f))) : null,
        needs(facets).map((need) => h("p", { class: "why" }, "needs ", h("code", {}, need))),
        Object.entries(facets).filter(([, x]) => !QUIET.includes(x.g)).map(([f, x]) => facet(f, x)))),
      c.dump && c.dump.length ? h("section", { class: "block" }, h("h2", {}, "The bytes, as the reference reads them"), dump(c.dump, paths)) : null,
      h("p", { class: "hint" }, "The whole case: ", h("code", {}, `vmstate-conformance show '${c.id}'`))));
  }

  function clauses() {
    const cited = new Map();
    for (const c of data.cases) for (const id of c.clauses) { if (!cited.has(id)) cited.set(id, []); cited.get(id).push(c); }
    const ids = [...cited.keys()].sort();
    const groups = new Map();
    for (const id of ids) { const g = id.split("-")[0]; if (!groups.has(g)) groups.set(g, []); groups.get(g).push(id); }
    render(h("h1", {}, "Clauses"), h("p", { class: "lead" }, ids.length ? "Each rule of the format, and how the cases about it fare." : "The cases of these runs cite no clause."),
      [...groups].map(([g, members]) => [h("h2", {}, g), h("ul", { class: ALL.length > 1 ? "list wide" : "list" }, members.map((id) => h("li", {}, h("a", { href: `#/clause/${encodeURIComponent(id)}` },
        h("span", { class: "what" }, h("b", {}, prose((data.clauses[id] || {}).title || id)), h("small", {}, `${id} · ${plural(cited.get(id).length, "case")}`)),
        h("span", { class: "marks" }, data.runs.map((run, at) => { const grades = cited.get(id).filter((c) => c.runs[at]).map((c) => worst(c.runs[at])); const grade = WORST.find((w) => grades.includes(w)); return grade ? chip(grade, data.runs.length > 1 ? run.name : "") : null; }))))))]));
  }

  function clause(id) {
    const about = data.clauses[id] || {};
    render(h("a", { class: "back", href: "#/clauses" }, "← Clauses"), h("h1", {}, prose(about.title || id)),
      h("p", { class: "id" }, [id, about.level, about.source].filter(Boolean).join(" · ")), ...[list(data.cases.filter((c) => c.clauses.includes(id)))].flat());
  }

  function free() {
    const found = data.cases.filter((c) => Object.values(c.runs).some((f) => Object.values(f).some((x) => x.g === "free")));
    const choice = (f) => { const x = f && Object.values(f).find((y) => y.g === "free"); return x ? `${x.verdict}${x.error ? ` (${x.error})` : ""}` : f ? worst(f) : "–"; };
    render(h("h1", {}, "Free choices"), h("p", { class: "lead" }, "Where the format leaves a choice, each implementation makes one. None of these is wrong."),
      found.length ? h("div", { class: "scroll", tabindex: "0" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "case"), data.runs.map((r) => h("th", { scope: "col" }, r.name)))),
        h("tbody", {}, found.map((c) => h("tr", {}, h("th", { scope: "row" }, h("a", { href: caseLink(c) }, prose(c.title || c.id))), data.runs.map((_, at) => h("td", {}, choice(c.runs[at])))))))) : h("p", { class: "empty" }, "No case of these runs leaves one."));
  }

  function compare(from, to) {
    const pick = (label, chosen, other) => h("select", { "aria-label": label, onchange: (event) => { location.hash = other(event.target.value); } }, data.runs.map((r, at) => option(String(at), r.name, String(chosen))));
    const kinds = { "Newly failing": [], Fixed: [], "Failing in another way": [], "Other changes": [], "Only in the second": [], "Only in the first": [] };
    const bad = (x) => x && ["fail", "xpass", "broken"].includes(x.g);
    const how = (f) => Object.entries(f).map(([n, x]) => [n, x.g, x.error || x.rule || "", x.outcome || "", x.verdict || "", (x.differences || []).map((d) => d.path)]);
    for (const c of data.cases) {
      const a = c.runs[from], b = c.runs[to];
      if (!a && !b) continue;
      if (!a) kinds["Only in the second"].push(c);
      else if (!b) kinds["Only in the first"].push(c);
      else {
        const was = Object.values(a).some(bad), is = Object.values(b).some(bad);
        if (is && !was) kinds["Newly failing"].push(c);
        else if (was && !is) kinds.Fixed.push(c);
        else if (was && JSON.stringify(how(a)) !== JSON.stringify(how(b))) kinds["Failing in another way"].push(c);
        else if (worst(a) !== worst(b)) kinds["Other changes"].push(c);
      }
    }
    render(h("h1", {}, "Compare"), h("div", { class: "tools" }, pick("First run", from, (v) => `#/compare/${v}/${to}`), "→", pick("Second run", to, (v) => `#/compare/${from}/${v}`)),
      Object.entries(kinds).map(([kind, members]) => members.length ? [h("h2", {}, `${kind} (${members.length})`), list(members, [from, to])] : null).flat(3).filter(Boolean),
      Object.values(kinds).every((members) => !members.length) ? h("p", { class: "empty" }, "No case differs.") : "");
  }

  function route() {
    const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
    const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
    if (location.hash && !path.startsWith("/")) return;
    const name = parts[0] || "overview";
    const home = name === "overview";
    overview.hidden = !home;
    view.hidden = home;
    const tab = { case: "cases", clause: "clauses" }[name] || name;
    for (const link of document.querySelectorAll("nav a")) link.dataset.view === tab ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
    const views = { cases: () => cases(new URLSearchParams(query)), case: () => oneCase(parts.slice(1).join("/")), clauses, clause: () => clause(parts[1]), free,
      compare: () => compare(Number(parts[1] || 0), Number(parts[2] || 1)) };
    if (!home) (views[name] || (() => render(h("h1", {}, "Nothing here"))))();
    scrollTo(0, 0);
  }
  addEventListener("hashchange", () => { route(); document.getElementById("main").focus({ preventScroll: true }); });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
    event.preventDefault();
    if (!location.hash.startsWith("#/cases")) { location.hash = "#/cases"; setTimeout(() => view.querySelector("input[type=search]")?.focus(), 60); }
    else view.querySelector("input[type=search]")?.focus();
  });
  route();
})();
