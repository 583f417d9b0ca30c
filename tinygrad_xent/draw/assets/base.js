"use strict";
/* What every page needs: elements, numbers, formulas. */
const $ = (id) => document.getElementById(id);
const MATH = "http://www.w3.org/1998/Math/MathML";

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

const digits = (x) => {
  const v = +x;
  if (!Number.isFinite(v)) return Number.isNaN(v) ? "NaN" : v > 0 ? "Inf" : "-Inf";
  if (v === Math.round(v) && Math.abs(v) < 10000) return String(v + 0);
  const [mantissa, power] = v.toExponential(2).split("e"), few = Math.abs(power); // as Python writes it
  return power < -4 || power > 2 ? `${+mantissa}e${power < 0 ? "-" : "+"}${few < 10 ? "0" : ""}${few}` : String(+v.toPrecision(3));
};

/* The background of a number in a drawing: blue above 0, orange below, the deeper the larger. */
function tint(texts, shows) {
  if (texts.length < 2 || shows.length !== texts.length) return;
  const values = shows.map(Number);
  const most = Math.max(...values.map(Math.abs).filter(Number.isFinite), 0) || 1;
  texts.forEach((text, k) => {
    const back = text.previousElementSibling;
    if (!back || !back.matches(".c")) return;
    const v = values[k], share = Number.isFinite(v) ? Math.round((100 * Math.abs(v)) / most) : 0;
    back.style.fill = Number.isFinite(v) ? `color-mix(in srgb, var(${v < 0 ? "--minus" : "--plus"}) ${share}%, #fff)` : "#000";
    text.style.fill = Number.isFinite(v) ? "#000" : "#fff";
  });
}

/* --- formulas as MathML ------------------------------------------------------------------- */
const m = (tag, ...children) => {
  const node = document.createElementNS(MATH, tag);
  node.append(...children);
  return node;
};
const PARTS = /∂[^\s/∂]+\/∂[^\s=;,)]+|\[[-+0-9.eNaInf;() ]+\]|\d+(?:\.\d+)?(?:e[-+]?\d+)?|[\p{L}_](?:(?!ᵀ)[\p{L}\p{M}\w])*|[ᵀ⁰¹²³⁴⁻]+|\s+|./gu;
let tokens = PARTS, names = new Set();
/* Names that are no words, such as a/b, stay in one piece. */
function knowNames(given) {
  names = new Set(given.filter((name) => /\p{L}/u.test(name) && !/^[\p{L}_][\p{L}\p{M}\w]*$/u.test(name)));
  if (!names.size) { tokens = PARTS; return; }
  const all = [...names].sort((a, b) => b.length - a.length).map((name) => name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|");
  tokens = new RegExp(`∂L/∂(?:${all})(?![\\p{L}\\w])|(?<![\\p{L}\\w])(?:${all})(?![\\p{L}\\w])|${PARTS.source}`, "gu");
}
const SUPER = { "ᵀ": "T", "⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁻": "-" };

function matrix(text) {
  const rows = text.slice(1, -1).split(";").map((row) => row.trim().split(/\s+/));
  const table = m("mtable", ...rows.map((row) => m("mtr", ...row.map((x) => m("mtd", m("mn", x))))));
  return table; // the style sheet draws the brackets: without a math font they would not grow
}

function typeset(text) {
  const out = [];
  const parts = text.match(tokens) || [];
  for (let k = 0; k < parts.length; k++) {
    const t = parts[k];
    if (/^\s+$/.test(t)) { if (t.length > 1) out.push(m("mtext", "\u2003")); continue; }
    if (/^∂.+\/∂/.test(t)) {
      const at = t.indexOf("/∂"), above = t.slice(0, at), below = t.slice(at + 2);
      out.push(m("mfrac", m("mrow", m("mo", "∂"), m("mi", above.slice(1))), m("mrow", m("mo", "∂"), m("mi", below))));
    } else if (names.has(t)) out.push(m("mi", t));
    else if (/^\[/.test(t) && t.length > 1) out.push(matrix(t));
    else if (/^[\d]/.test(t)) out.push(m("mn", t));
    else if (SUPER[t[0]] && out.length) {
      const base = out.pop();
      out.push(m("msup", base, m("mi", [...t].map((c) => SUPER[c]).join(""))));
    } else if (t === "^" && out.length && k + 1 < parts.length) {
      const base = out.pop();
      let part = parts[++k];
      if (part === "(") { part = ""; while (++k < parts.length && parts[k] !== ")") part += parts[k]; }
      else if (part === "-" && k + 1 < parts.length) part += parts[++k];
      out.push(m("msup", base, m("mrow", m("mi", part.replace("-", "−")))));
    } else if (/^[\p{L}_]/u.test(t)) out.push(m("mi", t));
    else out.push(m("mo", t === "-" ? "−" : t));
  }
  return out;
}

function formula(text) {
  const node = m("math", m("mrow", ...typeset(text)));
  node.setAttribute("displaystyle", "true");
  node.setAttribute("aria-label", text);
  node.setAttribute("alttext", text);
  return node;
}
/* Texts are measured, which has to wait for a layout: a frame in a notebook may have none yet. */
function whenLaidOut(start) {
  if (document.body.getBoundingClientRect().width) start();
  else setTimeout(() => whenLaidOut(start), 50);
}
