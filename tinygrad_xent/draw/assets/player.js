/* The player: walks through what Python wrote down. It computes no derivative; of numbers it only
   multiplies and adds what it is given, to show one element's sum. */
const scenes = JSON.parse(document.getElementById("data").textContent);
/* Whether a tensor has this array: its elements or, where they are too many, a text about them. */
const holds = (t, key) => key in t || key + "t" in t;
/* --- one drawing ----------------------------------------------------------------------------- */
class Pane {
  constructor(given, name) {
    Object.assign(this, given);
    this.name = name;
    this.root = $(name);
    this.svg = this.root.querySelector("svg");
    this.natural = this.svg.viewBox.baseVal.width * (4 / 3);
    this.at = 0;
    this.active = [];
    this.prepare();
    this.plan();
    this.show(0);
  }
  find(id) { return this.svg.querySelector(`[id="${this.name}-${id}"]`); }
  cell(t, row, part = "cells") { return this.find(`a_${t}-${row}-${part}`); }

  prepare() {
    for (const node of this.svg.querySelectorAll(".node, .edge")) {
      const id = node.id.slice(this.name.length + 1);
      const kind = this.kind(id);
      if (!kind) continue;
      node.setAttribute("tabindex", "0");
      node.setAttribute("role", "button");
      node.setAttribute("aria-label", this.label(id));
      node.addEventListener("click", () => player.pick(this, id));
      node.addEventListener("keydown", (e) => {
        if (e.key === "Enter") { player.pick(this, id); e.stopPropagation(); }
      });
      for (const path of node.matches(".edge") ? node.querySelectorAll("path") : []) {
        const hit = path.cloneNode();
        hit.setAttribute("class", "hit");
        for (const a of ["stroke", "stroke-dasharray", "fill"]) hit.removeAttribute(a);
        path.after(hit);
      }
    }
    for (const link of this.svg.querySelectorAll("a")) link.removeAttribute("xlink:title");
    this.texts = {};
    for (const t of Object.keys(this.tensors)) for (const row of ["value", "grad"]) {
      const box = this.cell(t, row);
      if (!box) continue;
      const texts = [...box.querySelectorAll("text")];
      const boxes = texts.map((text) => text.getBBox());
      texts.forEach((text, k) => {
        text.classList.add("cell");
        if (texts.length === 1) return; // a range stands at the left
        const frame = text.previousElementSibling, place = frame && frame.matches(".c") ? frame.getBBox() : boxes[k];
        text.setAttribute("x", place.x + place.width / 2);
        text.setAttribute("text-anchor", "middle");
      });
      this.texts[t + row] = { texts, first: texts.map((text) => text.textContent) };
      if (row === "value" ? this.tensors[t].by : holds(this.tensors[t], "g")) {
        const all = box.getBBox();
        const dash = texts[0].cloneNode();
        dash.textContent = "—";
        dash.setAttribute("class", "dash");
        dash.setAttribute("x", all.x + all.width / 2);
        dash.setAttribute("y", all.y + all.height / 2 + 4);
        box.append(dash);
      }
    }
  }
  kind(id) {
    const bare = id.replace(/-back$/, "");
    const has = (where) => Object.hasOwn(where, bare); // "constructor" is no node
    return has(this.tensors) ? "tensor" : has(this.ops) ? "op" : has(this.edges) ? "edge" : "";
  }
  label(id) {
    const bare = id.replace(/-back$/, "");
    if (this.tensors[bare]) return `Tensor ${this.tensors[bare].n}`;
    if (this.ops[bare]) return `Op ${this.ops[bare].n}`;
    const e = this.edges[bare], [source] = bare.split("-");
    const from = this.tensors[source] ? this.tensors[source].n : "constant";
    const op = this.ops[bare.split("-")[1]].n;
    return bare === id ? `${from} into ${op} as ${e.a}` : `Gradient from ${op} to ${from}: ${e.rule}`;
  }

  /* Which classes each moment takes away or adds, and which texts it changes. */
  plan() {
    const later = (el) => { if (el) el.classList.add("later"); return [el, "later", false]; };
    this.changes = this.moments.map(() => []);
    this.when = {}; // the moment at which a value is computed, or a gradient sent along an edge
    const shown = {};
    this.moments.forEach(([kind, at, , , shows, count], k) => {
      const change = this.changes[k];
      if (kind === "fwd") {
        const op = this.ops[at];
        this.when[op.y] = k;
        for (const id of [at, `${at}-${op.y}`, op.y, ...op.in]) change.push(later(this.find(id)));
        const box = this.cell(op.y, "value");
        if (box) { box.classList.add("unknown"); change.push([box, "unknown", false]); }
      } else if (kind === "vjp") { this.when[at] = k; change.push(later(this.find(at + "-back"))); }
      if (shows) {
        const row = kind === "update" ? "value" : "grad", key = at + row;
        if (!this.texts[key]) return;
        change.push({ key, to: shows, from: shown[key] || null });
        if (!shown[key] && row === "grad") {
          const box = this.cell(at, "grad");
          box.classList.add("unknown");
          change.push([box, "unknown", false]);
        }
        shown[key] = shows;
      }
      const label = this.cell(at, "grad", "label"), uses = this.tensors[at];
      if (kind === "acc" || (kind === "done" && uses.uses.length > 1)) {
        const box = this.cell(at, "grad");
        const whole = kind === "done";
        if (!whole && count[0] === 1) change.push([box, "partial", true]);
        if (whole) change.push([box, "partial", false]);
        if (label) {
          const text = label.querySelector("text");
          this.texts[at + "label"] = this.texts[at + "label"] || { texts: [text], first: [text.textContent] };
          const key = at + "label", to = whole ? null : [`${count[0]} of ${count[1]} terms`];
          change.push({ key, to, from: shown[key] || null });
          shown[key] = to;
        }
      }
    });
  }
  write(key, shows) {
    const { texts, first } = this.texts[key];
    const now = shows || first;
    texts.forEach((text, k) => { text.textContent = now.length === texts.length ? now[k] : k ? "" : now.join("  "); });
    if (/grad$|value$/.test(key)) tint(texts, now);
  }
  show(to) {
    const set = ([el, name, on]) => { if (el) el.classList.toggle(name, on); };
    for (; this.at < to; ) for (const c of this.changes[++this.at]) c.key ? this.write(c.key, c.to) : set(c);
    for (; this.at > to; this.at--) for (const c of [...this.changes[this.at]].reverse()) c.key ? this.write(c.key, c.from) : set([c[0], c[1], !c[2]]);
    for (const el of this.active) el.classList.remove("active", "back");
    this.active = this.subjects(this.moments[to]).filter(Boolean);
    const back = this.isBack(to);
    for (const el of this.active) { el.classList.add("active"); if (back) el.classList.add("back"); }
  }
  isBack(k) { return !["start", "fwd", "save"].includes(this.moments[k][0]); }
  subjects([kind, at]) {
    if (kind === "start") return [];
    if (kind === "fwd") {
      const op = this.ops[at];
      return [at, ...op.in, `${at}-${op.y}`].map((id) => this.find(id));
    }
    if (kind === "vjp" || kind === "reduce") return [this.find(at + "-back"), this.find(at.split("-")[1])];
    return [this.find(at)];
  }
  /* Whether a value is computed by now, or a gradient sent. */
  reached(id) { return this.when[id] === undefined || this.when[id] <= this.at; }
  /* What is known of a tensor's gradient at this moment. */
  known(t) {
    for (let k = this.at; k >= 0; k--) {
      const [kind, at, , , , count] = this.moments[k];
      if (at === t && ["acc", "done", "seed", "hook", "keep"].includes(kind)) return { kind, count };
    }
    return null;
  }
  zoom(scale) { this.svg.style.width = this.natural * scale + "px"; this.svg.style.height = "auto"; this.svg.style.maxWidth = "none"; }
  fitting() { return Math.min(1, (this.svg.parentNode.clientWidth - 12) / this.natural); }
  follow() {
    const el = this.active[0], view = this.svg.parentNode;
    if (!el) return;
    const a = el.getBoundingClientRect(), b = view.getBoundingClientRect();
    if (a.left < b.left || a.right > b.right) view.scrollLeft += a.left + a.width / 2 - b.left - b.width / 2;
    if (a.top < b.top || a.bottom > b.bottom) view.scrollTop += a.top + a.height / 2 - b.top - b.height / 2;
  }
}

/* --- arrays as tables whose elements can be chosen ------------------------------------------ */
const indexOf = (i, shape) => {
  const at = [];
  for (const n of [...shape].reverse()) { at.unshift(i % n); i = Math.floor(i / n); }
  return `[${at.join(", ")}]`;
};

function grid(name, elements, shape, pick, chosen) {
  const box = make("div", { class: "gridbox", tabindex: "0", role: "group", "aria-label": name });
  const table = make("table", { class: "grid" });
  const last = shape.length ? shape[shape.length - 1] : 1;
  const width = elements.length === last && last > 12 ? 8 : last; // a long row is broken
  const most = Math.max(...elements.map((x) => Math.abs(+x)).filter(Number.isFinite), 0) || 1;
  let row;
  elements.forEach((x, i) => {
    if (i % width === 0) table.append((row = make("tr")));
    const share = Number.isFinite(+x) ? Math.round((Math.abs(+x) / most) * 100) : 0;
    const text = digits(x);
    const inside = pick
      ? make("button", { type: "button", "aria-label": `${name} ${indexOf(i, shape)} = ${text}`, "aria-pressed": String(i === chosen), onclick: () => pick(i) }, text)
      : make("span", {}, text);
    const td = make("td", {}, inside);
    td.style.background = `color-mix(in srgb, var(${+x < 0 ? "--minus" : "--plus"}) ${share}%, #fff)`;
    row.append(td);
  });
  box.append(table);
  box.mark = (which) => [...table.querySelectorAll("td")].forEach((td, i) => td.classList.toggle("marked", which.includes(i)));
  if (chosen !== undefined) box.mark([chosen]);
  return box;
}

/* A name as it stands in a formula: in one piece, and not too long. */
const inFormula = (name) => short(name.trim().replace(/\s+/g, "_"));
const short = (name) => { const n = [...name]; return n.length > 40 ? [...n.slice(0, 19), "…", ...n.slice(-20)].join("") : name; };

/* --- the explanation ------------------------------------------------------------------------- */
const slope = (e, j, i) => +(e.J ? e.J[j][i] : j === i ? e.D[i] : 0);

class About {
  constructor(box) { this.box = box; this.key = ""; this.element = null; }
  show(pane, id) {
    const bare = id.replace(/-back$/, "");
    const key = pane.name + bare;
    if (key !== this.key) this.element = null;
    this.key = key; this.pane = pane; this.id = bare;
    const kind = pane.kind(id);
    const held = this.box.contains(document.activeElement);
    this.box.replaceChildren(...(kind ? this[kind](pane, bare) : []));
    if (held) { const again = this.box.querySelector('[aria-pressed="true"]'); if (again) again.focus(); }
  }
  again() { this.show(this.pane, this.id); }
  array(label, elements, text, shape, pick, chosen) {
    if (!elements) return [make("p", { class: "quiet" }, `${label}: ${text}`)];
    const inner = grid(label, elements, shape, pick, chosen);
    const box = make("div", { class: "array" }, make("p", { class: "quiet" }, label), inner);
    box.mark = inner.mark;
    return [box];
  }
  link(pane, id, text) {
    return make("button", { type: "button", class: "link", onclick: () => player.pick(pane, id) }, text);
  }
  tensor(pane, id) {
    const t = pane.tensors[id], out = [make("h2", {}, t.n)];
    const known = pane.known(id);
    out.push(make("p", { class: "quiet" }, `${t.r}, shape (${t.s.join(", ")}${t.s.length === 1 ? "," : ""}), ${t.d}`));
    if (t.by) out.push(make("p", {}, "Made by ", this.link(pane, t.by, pane.ops[t.by].n), "."));
    if (pane.reached(id)) out.push(...this.array("value", t.v, t.vt, t.s));
    else out.push(make("p", {}, "Its value is not computed yet."));
    const moved = pane.moments.slice(0, pane.at + 1).find(([kind, at]) => kind === "update" && at === id);
    if (moved) out.push(make("p", {}, "after the update: " + moved[4].join("  ")));
    const name = `∂L/∂${inFormula(t.n)}`;
    if (!t.need) out.push(make("p", {}, "Its gradient is not needed: nothing asked for it."));
    else if (!known) out.push(make("p", {}, formula(name), " is not computed yet. That is not 0."));
    else {
      const whole = known.kind !== "acc";
      out.push(make("p", {}, formula(name), whole ? " is complete." : ` has ${known.count[0]} of its ${known.count[1]} terms.`));
      const early = whole && holds(t, "h") && !["hook", "keep"].includes(known.kind);
      if (early) out.push(...this.array("gradient, before its hook", t.h, t.ht, t.s));
      else if (whole) out.push(...this.array(holds(t, "h") ? "gradient, as its hook left it" : "gradient", t.g, t.gt, t.s));
    }
    if (t.uses.length) {
      out.push(make("p", {}, t.uses.length > 1 ? `It is used ${t.uses.length} times, so its gradient is a sum, a term from each use:` : "Its gradient comes from:"));
      const list = make("ul");
      for (const id of t.uses) {
        const e = pane.edges[id];
        list.append(make("li", {}, this.link(pane, id + "-back", `${pane.ops[id.split("-")[1]].n}, for its ${e.a}`), e.tt && pane.reached(id) ? ": " + e.tt : ""));
      }
      out.push(list);
    }
    if (t.kept) out.push(make("p", {}, `${t.kept}. Each backward() adds to it, until zero_grad().`));
    if (t.check && known && known.kind !== "acc") {
      const [verdict, words] = t.check;
      const sign = { different: "✗", "not comparable": "–" }[verdict] || "✓";
      out.push(make("p", {}, make("span", { class: "chip " + ({ "✗": "bad", "✓": "good" }[sign] || "quiet") },
        `${sign} finite differences: ${words}`)));
    }
    return out;
  }
  op(pane, id) {
    const op = pane.ops[id], y = pane.tensors[op.y];
    const out = [make("h2", {}, op.n), make("p", {}, formula(`${short(y.n)} = ${op.f}`))];
    if (op.saved) out.push(make("p", { class: "quiet" }, "saved for the way back: " + op.saved));
    const sources = op.in.map((e) => [{ ...pane.edges[e], from: e.split("-")[0] }, pane.tensors[e.split("-")[0]]]);
    const done = pane.reached(op.y);
    const wired = done && sources.some(([e]) => e.J || e.D);
    if (wired && y.v) out.push(make("p", { class: "quiet" }, "Choose an element of the result to see what it was made of."));
    const pick = wired ? (j) => { this.element = j; this.again(); } : null;
    const j = this.element;
    for (const [e, t] of sources) {
      if (!t) { out.push(make("p", { class: "quiet" }, `${e.a} = ${e.c}`)); continue; }
      if (!pane.reached(e.from)) { out.push(make("p", { class: "quiet" }, `${e.a} = ${t.n}, not computed yet`)); continue; }
      const parts = this.array(`${e.a} = ${t.n}`, t.v, t.vt, t.s);
      if (j !== null && t.v && (e.J || e.D)) {
        const used = t.v.map((_, i) => i).filter((i) => slope(e, j, i) !== 0);
        parts[0].mark(used);
      }
      out.push(...parts);
    }
    if (done) out.push(...this.array(`result, ${y.n}`, y.v, y.vt, y.s, pick, j === null ? undefined : j));
    else out.push(make("p", { class: "quiet" }, `The result, ${y.n}, is not computed yet.`));
    return out;
  }
  edge(pane, id) {
    const e = pane.edges[id], [source, op] = id.split("-");
    const x = pane.tensors[source], y = pane.tensors[pane.ops[op].y];
    const out = [make("h2", {}, x ? `${pane.ops[op].n} → ${x.n}` : `constant → ${pane.ops[op].n}`)];
    if (!x || !e.st) {
      out.push(make("p", {}, x ? `${x.n} needs no gradient here: nothing is sent back.` : `A constant: ${e.c}.`));
      return out;
    }
    const stages = make("ol", { class: "stages", tabindex: "0", "aria-label": "Stages" });
    const sent = pane.reached(id);
    for (const [what, text] of sent ? e.st : e.st.slice(0, 1)) stages.append(make("li", {}, make("b", {}, what), /elements to write|^element|^Σ|^ḡ is/.test(text) ? text : formula(text)));
    out.push(stages);
    if (!sent) out.push(make("p", {}, "Nothing has been sent back here yet."));
    else if ((e.J || e.D) && e.t && y.g) {
      out.push(make("p", { class: "quiet" }, "Choose an element to see the terms that made it."));
      const i = this.element === null ? undefined : this.element;
      out.push(...this.array(`what goes to ${x.n}`, e.t, "", x.s, (k) => { this.element = k; this.again(); }, i));
      if (i !== undefined) out.push(...this.sum(pane, e, x, y, i, op));
    }
    return out;
  }
  sum(pane, e, x, y, i, op) {
    const terms = [];
    y.g.forEach((g, j) => { const d = slope(e, j, i); if (d !== 0) terms.push([j, g, d]); });
    const sign = (v) => (digits(v).startsWith("-") ? `(${digits(v)})` : digits(v));
    const text = terms.slice(0, 8).map(([, g, d]) => `${sign(g)} × ${sign(d)}`).join(" + ") + (terms.length > 8 ? ` + … (${terms.length - 8} more)` : "");
    const out = [make("p", {}, `element ${indexOf(i, x.s)}: ${text || "0"} = ${digits(e.t[i])}`)];
    const up = this.array(`ḡ, the gradient of ${y.n}`, y.g, "", y.s);
    up[0].mark(terms.map(([j]) => j));
    out.push(...up);
    pane.ops[op].in.forEach((other, k) => {
      const t = pane.tensors[other.split("-")[0]], used = (e.needs && e.needs[k] && e.needs[k][i]) || [];
      if (!t || !t.v || !used.length) return;
      const part = this.array(`${pane.edges[other].a} = ${t.n}`, t.v, "", t.s);
      part[0].mark(used);
      out.push(...part);
    });
    return out;
  }
}

/* --- predict before seeing ------------------------------------------------------------------- */
class Quiz {
  constructor(box) { this.box = box; this.on = false; this.right = this.asked = 0; this.open = false; }
  /* A question about the step `to`, or null if there is nothing to predict. */
  question(pane, moment, k) {
    const [kind, at] = moment;
    if (kind !== "vjp") return null;
    const e = pane.edges[at], [source, op] = at.split("-");
    const x = pane.tensors[source], y = pane.tensors[pane.ops[op].y];
    if (!e.t) return this.shape(e, x, y);
    const ways = x.s.length ? ["shape", "sign", "value"] : ["sign", "value"];
    const way = ways[k % ways.length];
    return way === "shape" ? this.shape(e, x, y) : this.element(e, x, way, k);
  }
  shape(e, x, y) {
    const text = (s) => `(${s.join(", ")}${s.length === 1 ? "," : ""})`;
    const options = new Set([text(x.s), text(y.s), text([...x.s].reverse()), text(x.s.slice(1)), text([...x.s, 1])]);
    return { ask: `Which shape has what goes to ${x.n} in the end?`, right: text(x.s), options: [...options].slice(0, 3).sort() };
  }
  element(e, x, way, k) {
    const i = k % e.t.length, value = +e.t[i], where = x.s.length ? ` at ${indexOf(i, x.s)}` : "";
    if (!Number.isFinite(value)) return null; // nobody predicts where NaN comes from
    if (way === "sign") return { ask: `Which sign has what goes to ${x.n}${where}? The rule is ${e.rule}.`, right: value > 0 ? "positive" : value < 0 ? "negative" : "zero", options: ["negative", "zero", "positive"] };
    return { ask: `Which number goes to ${x.n}${where}? The rule is ${e.rule}.`, value };
  }
  pose(q, then) {
    this.open = true;
    this.box.hidden = false;
    const result = make("p", { role: "status" });
    const settle = (right) => {
      this.asked++; this.right += right ? 1 : 0;
      result.className = right ? "good" : "bad";
      result.textContent = `${right ? "✓ Yes" : "✗ No"}: ${q.right !== undefined ? q.right : digits(q.value)}. ${this.right} of ${this.asked} right.`;
      this.open = false;
      then();
    };
    const answers = make("div", { class: "answers" });
    if (q.options) for (const o of q.options) answers.append(make("button", { type: "button", onclick: () => this.open && settle(o === q.right) }, o));
    else {
      const field = make("input", { type: "text", inputmode: "decimal", size: "8", "aria-label": "Your number" });
      const close = (v) => Math.abs(v - q.value) <= Math.max(0.02 * Math.abs(q.value), 0.005);
      const go = () => this.open && field.value.trim() && settle(close(+field.value));
      field.addEventListener("keydown", (event) => { if (event.key === "Enter") go(); });
      answers.append(field, make("button", { type: "button", onclick: go }, "Check"));
    }
    answers.append(make("button", { type: "button", onclick: () => { if (this.open) { this.open = false; this.close(); then(); } } }, "Show me"));
    this.box.replaceChildren(make("p", {}, q.ask), answers, result);
    answers.querySelector("input, button").focus();
  }
  close() { this.open = false; this.box.hidden = true; }
}

/* --- the cursor ------------------------------------------------------------------------------ */
const player = {
  step: 0, playing: 0, picked: null, scale: 1,
  start() {
    this.about = new About($("about"));
    this.quiz = new Quiz($("quiz"));
    this.wire();
    const address = location.hash;
    this.load(0);
    this.visit(address);
  },
  /* Show one scene; its drawings are prepared when they are first seen. */
  load(number) {
    document.querySelectorAll(".scene").forEach((box, k) => { box.hidden = k !== number; });
    const scene = scenes[number];
    scene.made = scene.made || scene.panes.map((given, k) => new Pane(given, `s${number}p${k}`));
    this.scene = scene; this.number = number; this.panes = scene.made; this.steps = scene.steps; this.picked = null; this.step = 0;
    this.total = this.steps.length;
    $("slider").max = this.total - 1;
    const turn = this.steps.findIndex((at) => at.some((k, p) => this.panes[p].isBack(k)));
    this.turn = turn < 0 ? this.total - 1 : turn;
    const border = document.querySelector(".turn");
    border.replaceChildren();
    if (turn > 0) {
      const back = make("span", { class: "back" }, "backward");
      back.style.left = (100 * turn) / (this.total - 1) + "%";
      border.append(make("span", { class: "ahead" }, "forward"), back);
    }
    const shape = this.panes[0].svg.viewBox.baseVal;
    const flat = this.panes.length === 1 && shape.width > 3 * shape.height;
    document.querySelector("main").classList.toggle("flat", flat);
    this.scale = Math.max(0.62, Math.min(...this.panes.map((p) => p.fitting())));
    this.panes.forEach((p) => p.zoom(this.scale));
    knowNames(this.panes.flatMap((p) => Object.values(p.tensors)).flatMap((t) => [short(t.n), inFormula(t.n)]));
    if (typeof onScene === "function") onScene(scene, number);
    this.go(0);
  },
  /* Go where an address leads, as far as there is such a place. */
  visit(address) {
    const wanted = new URLSearchParams(address.slice(1)), whole = (key) => Math.max(Math.trunc(+wanted.get(key)) || 0, 0);
    const scene = scenes[whole("scene")] ? whole("scene") : 0;
    if (scene !== this.number) this.load(scene);
    const at = wanted.get("at"), pane = this.panes[whole("pane")];
    this.picked = at && pane && pane.kind(at) ? [pane, at] : null;
    this.go(whole("step"));
  },
  address() {
    const [pane, at] = this.picked || [];
    const parts = [["step", this.step], ["scene", this.number], ["pane", this.panes.indexOf(pane)], ["at", at]];
    return "#" + parts.filter(([key, what]) => key === "step" || what > 0 || key === "at" && what).map((part) => part.join("=")).join("&");
  },
  go(to, answered = false) {
    if (!answered) this.quiz.close();
    this.step = Math.min(Math.max(to, 0), this.total - 1);
    const at = this.steps[this.step];
    const before = this.panes.map((p) => p.at);
    this.panes.forEach((p, k) => p.show(at[k]));
    const moved = this.panes.filter((p, k) => at[k] !== before[k]);
    const speaking = moved.length ? moved[moved.length - 1] : this.panes[0];
    const texts = (moved.length > 1 ? moved : [speaking]).map((p) => (this.panes.length > 1 ? p.caption.split(":")[0] + ": " : "") + p.moments[p.at][3]);
    const back = speaking.isBack(speaking.at);
    $("say").textContent = texts.join(" ");
    $("say").className = back ? "backward" : "";
    $("slider").value = this.step;
    $("slider").setAttribute("aria-valuetext", `Step ${this.step} of ${this.total - 1}, ${back ? "backward" : "forward"}`);
    $("count").textContent = `${this.step} / ${this.total - 1}`;
    for (const id of ["first", "previous"]) $(id).disabled = this.step === 0;
    for (const id of ["next", "last"]) $(id).disabled = this.step === this.total - 1;
    moved.forEach((p) => p.follow());
    cancelAnimationFrame(this.soon); // the drawing first; what explains it follows with the next frame
    this.soon = requestAnimationFrame(() => this.explain(speaking));
    try { history.replaceState(null, "", this.address()); } catch { /* a page without an address */ }
    if (this.step === this.total - 1) this.pause();
  },
  explain(pane) {
    if (this.picked) this.about.show(...this.picked);
    else if (pane.moments[pane.at][1]) this.about.show(pane, pane.moments[pane.at][1]);
    else this.about.box.replaceChildren(make("p", { class: "quiet" }, "Step on, or choose any part of the drawing."));
    document.querySelectorAll("svg .picked").forEach((el) => el.classList.remove("picked"));
    if (this.picked) { const el = this.picked[0].find(this.picked[1]); if (el) el.classList.add("picked"); }
  },
  pick(pane, id) { this.picked = [pane, id]; this.go(this.step, true); this.explain(pane); },
  release() { this.picked = null; this.quiz.close(); this.go(this.step); },
  /* The next step in a direction, by op or by contribution. */
  target(by) {
    if ($("by").value === "term") return this.step + by;
    const group = (s) => this.steps[s].map((k, p) => this.panes[p].moments[k][2]).join();
    let s = this.step;
    const last = this.total - 1;
    if (by > 0) {
      if (s < last) s++;
      while (s < last && group(s + 1) === group(s)) s++;
    } else {
      const here = group(s);
      while (s > 0 && group(s) === here) s--;
    }
    return s;
  },
  move(by) {
    if (this.quiz.open) return;
    const to = this.target(by);
    if (this.quiz.on && by > 0 && to < this.total) {
      const at = this.steps[to];
      const k = this.panes.findIndex((p, i) => at[i] !== p.at);
      const q = k < 0 ? null : this.quiz.question(this.panes[k], this.panes[k].moments[at[k]], to);
      if (q) { this.pause(); this.quiz.pose(q, () => this.go(to, true)); return; }
      this.quiz.close();
    }
    this.go(to);
  },
  pause() { clearInterval(this.playing); this.playing = 0; this.button(); },
  toggle() {
    if (this.playing) { this.pause(); return; }
    if (this.step === this.total - 1) this.go(0);
    this.playing = setInterval(() => this.move(1), 1400 / +$("speed").value);
    this.button();
  },
  button() { $("play").textContent = this.playing ? "❚❚" : "▶"; $("play").setAttribute("aria-label", this.playing ? "Pause" : "Play"); },
  enlarge(by) { this.scale = Math.min(Math.max(this.scale * by, 0.15), 4); this.panes.forEach((p) => p.zoom(this.scale)); },
  fit() { this.panes.forEach((p) => p.zoom((this.scale = p.fitting()))); },
  predict() {
    this.quiz.on = !this.quiz.on;
    this.quiz.asked = this.quiz.right = 0;
    $("predict").setAttribute("aria-pressed", String(this.quiz.on));
    this.quiz.close();
  },
  wire() {
    const on = (id, act) => $(id).addEventListener("click", act);
    on("first", () => this.go(0)); on("last", () => this.go(this.total - 1));
    on("next", () => this.move(1)); on("previous", () => this.move(-1));
    on("play", () => this.toggle()); on("predict", () => this.predict());
    on("in", () => this.enlarge(1.25)); on("out", () => this.enlarge(0.8)); on("fit", () => this.fit());
    on("help", () => $("keys").showModal());
    $("keys").addEventListener("close", () => document.activeElement.blur()); // else its button keeps the keys
    on("theme", () => {
      const dark = matchMedia("(prefers-color-scheme: dark)").matches, root = document.documentElement;
      const now = root.dataset.theme || (dark ? "dark" : "light");
      root.dataset.theme = now === "dark" ? "light" : "dark";
    });
    $("slider").addEventListener("input", (e) => { this.quiz.close(); this.go(+e.target.value); });
    $("speed").addEventListener("change", () => { if (this.playing) { this.pause(); this.toggle(); } });
    addEventListener("hashchange", () => this.visit(location.hash));
    for (const view of document.querySelectorAll(".view")) view.addEventListener("wheel", (e) => {
      if (e.ctrlKey || e.metaKey) { e.preventDefault(); this.enlarge(e.deltaY < 0 ? 1.1 : 0.9); }
    }, { passive: false });
    const keys = {
      ArrowRight: () => this.move(1), ArrowLeft: () => this.move(-1), Home: () => this.go(0), End: () => this.go(this.total - 1),
      " ": () => this.toggle(), b: () => this.go(this.turn), p: () => this.predict(), Escape: () => this.release(),
      o: () => { $("by").value = $("by").value === "op" ? "term" : "op"; }, "?": () => $("keys").showModal(),
    };
    addEventListener("keydown", (e) => {
      const busy = e.target.closest && e.target.closest("input, select, dialog, button, .gridbox");
      if (e.ctrlKey || e.metaKey || e.altKey || !keys[e.key] || $("keys").open) return;
      if (busy && e.key !== "Escape" && !(busy.matches("button") && e.key !== " ")) return;
      e.preventDefault();
      keys[e.key]();
    });
  },
};
