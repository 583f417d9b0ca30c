/* The exhibit. This is the one place where the page computes a loss: `xent` follows the sliders, and
   a test holds it against Python. */
function xent(z, p) {
  const top = Math.max(...z);
  const counts = z.map((x) => Math.exp(x - top));
  const sum = counts.reduce((a, b) => a + b, 0);
  const q = counts.map((x) => x / sum);
  const mass = p.reduce((a, b) => a + b, 0);
  const logs = Math.log(sum);
  const loss = p.reduce((a, pk, k) => (pk ? a + pk * (logs - (z[k] - top)) : a), 0);
  const naive = -p.reduce((a, pk, k) => a + pk * Math.log(q[k]), 0);
  return { q, loss, naive, gradient: q.map((qk, k) => qk * mass - p[k]) };
}

const exhibit = {
  z: [], p: [],
  scene(scene, number) {
    this.more = scene.more;
    $("preset").value = number;
    $("row").replaceChildren(...scene.more.z.map((_, k) => make("option", { value: k }, String(k))));
    $("rowof").hidden = scene.more.z.length < 2;
    this.choose(0);
    requestAnimationFrame(() => this.bracket(player.panes[1]));
  },
  choose(row) {
    this.z = this.more.z[row].map(Number);
    this.p = this.more.p[row].map(Number);
    const table = make("table", { class: "bars" });
    table.append(make("thead", {}, make("tr", {}, ...["class", "logit z", "q = softmax(z)", "p", this.more.z.length > 1 ? "(q − p) / N" : "q − p"].map((t) => make("th", { scope: "col" }, t)))));
    const body = make("tbody");
    this.rows = this.z.map((value, k) => {
      const ends = Math.max(10, Number.isFinite(value) ? Math.abs(value) : 0);
      const slider = make("input", { type: "range", min: -ends, max: ends, step: 0.1, "aria-label": `logit ${k}` });
      slider.value = value;
      slider.addEventListener("input", () => { this.z[k] = +slider.value; this.update(); });
      const cells = ["q", "p", "d"].map((name) => make("td", { class: "bar " + name }));
      const at = make("output");
      body.append(make("tr", {}, make("th", { scope: "row" }, String(k)), make("td", { class: "slide" }, slider, at), ...cells));
      return { at, cells };
    });
    table.append(body);
    this.foot = make("tfoot");
    table.append(this.foot);
    this.counts = make("table", { class: "counts" });
    $("bars").replaceChildren(table);
    $("counts").replaceChildren(this.counts);
    this.update();
  },
  bar(cell, value, most) {
    const share = Number.isFinite(value) ? Math.min(Math.abs(value) / most, 1) * 50 : 0;
    const bar = make("i");
    bar.style.width = share + "%";
    bar.style.left = (value < 0 ? 50 - share : 50) + "%";
    bar.className = value < 0 ? "minus" : "plus";
    cell.replaceChildren(make("div", {}, make("span", {}, digits(value)), make("div", { class: "lane" }, bar)));
  },
  update() {
    const { q, loss, naive, gradient: whole } = xent(this.z, this.p);
    const gradient = whole.map((g) => g / this.more.z.length); // the loss is a mean over the rows
    this.rows.forEach(({ at, cells }, k) => {
      at.textContent = digits(this.z[k]);
      this.bar(cells[0], q[k], 1);
      this.bar(cells[1], this.p[k], 1);
      this.bar(cells[2], gradient[k], 1);
    });
    const total = (xs) => digits(+xs.reduce((a, b) => a + b, 0).toFixed(12));
    this.foot.replaceChildren(make("tr", {}, make("th", { scope: "row" }, "sum"), make("td"), ...[q, this.p, gradient].map((xs) => make("td", { class: "total" }, total(xs)))));
    this.road(q, loss, naive, gradient);
  },
  road(q, loss, naive, gradient) {
    const list = (xs) => `[${xs.map(digits).join(" ")}]`;
    const n = this.more.z.length, many = n > 1;
    const outer = q.map((a, i) => q.map((b, j) => digits((i === j ? a : 0) - a * b)).join(" ")).join("; ");
    const lines = [
      [many ? `the loss, a mean over N = ${n} rows, pulls at q` : "the loss pulls at q", `∂L/∂q = -p / ${many ? "(N q)" : "q"} = ${list(this.p.map((pk, k) => (pk ? -pk / q[k] / n : 0)))}`],
      ["softmax sends that on by its Jacobian", q.length <= 4 ? `∂q/∂z = diag(q) - q qᵀ = [${outer}]` : "∂q/∂z = diag(q) - q qᵀ"],
      ["multiplied, every 1/q cancels against a q", many ? "∂L/∂z = (-p + q Σ p) / N" : "∂L/∂z = -p + q Σ p"],
      ["Σ p = 1, and what is left is", `∂L/∂z = ${many ? "(q - p) / N" : "q - p"} = ${list(gradient)}`],
    ];
    const steps = make("ol", { class: "stages", tabindex: "0", "aria-label": "How q - p comes about" }, ...lines.map(([what, text]) => make("li", {}, make("b", {}, what), formula(text))));
    this.counts.replaceChildren(make("thead", {}, make("tr", {}, ...["", "fused", "unfused"].map((t) => make(t ? "th" : "td", t ? { scope: "col" } : {}, t)))));
    const body = make("tbody");
    const changed = this.more.z.length > 1 || this.z.some((x, k) => x !== Number(this.more.z[0][k]));
    for (const [what, a, b] of this.more.counts) body.append(make("tr", {}, make("th", { scope: "row" }, what), make("td", {}, String(a)), make("td", { class: /NaN|nan|inf/i.test(b) ? "bad" : "" }, String(b))));
    if (changed) body.append(make("tr", {}, make("th", { scope: "row" }, "loss of the row above"), make("td", {}, digits(loss)), make("td", { class: Number.isFinite(naive) ? "" : "bad" }, digits(naive))));
    this.counts.append(body);
    $("road").replaceChildren(steps);
  },
  /* The part of the long road that the fused op replaces. */
  bracket(pane) {
    if (!pane || pane.svg.querySelector(".bracket")) return;
    const graph = pane.svg.querySelector(".graph");
    const last = Object.values(pane.ops).at(-1).y;
    const inside = [...Object.keys(pane.ops), ...Object.values(pane.ops).map((op) => op.y).filter((t) => t !== last)];
    const boxes = inside.map((id) => pane.find(id)).filter(Boolean).map((el) => el.getBBox());
    const left = Math.min(...boxes.map((b) => b.x)), right = Math.max(...boxes.map((b) => b.x + b.width));
    const view = pane.svg.viewBox.baseVal, y = view.height + 2;
    const ns = "http://www.w3.org/2000/svg";
    const path = document.createElementNS(ns, "path");
    path.setAttribute("class", "bracket");
    path.setAttribute("d", `M${left} -6v10H${right}v-10`);
    const text = document.createElementNS(ns, "text");
    text.setAttribute("class", "brackettext");
    text.setAttribute("x", left + 4);
    text.setAttribute("y", 20);
    text.textContent = `these ${Object.keys(pane.ops).length} ops are what the one fused op replaces`;
    graph.append(path, text);
    pane.svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${y + 26}`);
  },
};
function onScene(scene, number) { exhibit.scene(scene, number); }
$("preset").replaceChildren(...scenes.map((scene, k) => make("option", { value: k }, scene.name)));
$("preset").addEventListener("change", (e) => player.load(+e.target.value));
$("row").addEventListener("change", (e) => exhibit.choose(+e.target.value));
