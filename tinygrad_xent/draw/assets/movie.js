/* The movie: one drawing, whose numbers change from frame to frame. It computes nothing. */
const film = JSON.parse($("data").textContent);
const NS = "http://www.w3.org/2000/svg";
const shape = (tag, attributes) => {
  const node = document.createElementNS(NS, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
};

const movie = {
  at: 0, playing: 0, scale: 1,
  start() {
    this.svg = document.querySelector(".view svg");
    this.natural = this.svg.viewBox.baseVal.width * (4 / 3);
    this.cells = {};
    for (const key of film.keys) {
      const box = document.getElementById(`m-a_${key}-cells`);
      if (!box) continue;
      const texts = [...box.querySelectorAll("text")];
      if (texts.length > 1) texts.forEach((text) => {
        const frame = text.previousElementSibling, place = (frame && frame.matches(".c") ? frame : text).getBBox();
        text.setAttribute("x", place.x + place.width / 2);
        text.setAttribute("text-anchor", "middle");
      });
      this.cells[key] = texts;
    }
    $("slider").max = film.frames.length - 1;
    this.zoom(Math.max(0.6, Math.min(1, (this.svg.parentNode.clientWidth - 12) / this.natural)));
    this.curve();
    $("regions").hidden = !film.map;
    const on = (id, act) => $(id).addEventListener("click", act);
    on("next", () => this.go(this.at + 1)); on("previous", () => this.go(this.at - 1)); on("play", () => this.toggle());
    on("in", () => this.zoom(this.scale * 1.25)); on("out", () => this.zoom(this.scale * 0.8));
    on("theme", () => {
      const dark = matchMedia("(prefers-color-scheme: dark)").matches, root = document.documentElement;
      root.dataset.theme = (root.dataset.theme || (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
    });
    $("slider").addEventListener("input", (e) => this.go(+e.target.value));
    const keys = { ArrowRight: () => this.go(this.at + 1), ArrowLeft: () => this.go(this.at - 1), Home: () => this.go(0), End: () => this.go(film.frames.length - 1), " ": () => this.toggle() };
    addEventListener("keydown", (e) => {
      const busy = e.target.closest && e.target.closest("input, button");
      if (!keys[e.key] || e.ctrlKey || e.metaKey || (busy && (busy.matches("input") || e.key === " "))) return;
      e.preventDefault();
      keys[e.key]();
    });
    const wanted = +new URLSearchParams(location.hash.slice(1)).get("frame");
    this.go(Number.isInteger(wanted) ? wanted : 0);
  },
  zoom(scale) { this.scale = Math.min(Math.max(scale, 0.2), 4); this.svg.style.width = this.natural * this.scale + "px"; this.svg.style.maxWidth = "none"; },
  go(to) {
    this.at = Math.min(Math.max(to, 0), film.frames.length - 1);
    const frame = film.frames[this.at];
    film.keys.forEach((key, k) => {
      const texts = this.cells[key], now = frame.shows[k];
      if (!texts || !now.length) return;
      texts.forEach((text, n) => { text.textContent = now.length === texts.length ? now[n] : n ? "" : now.join("  "); });
      tint(texts, now);
    });
    $("slider").value = this.at;
    $("slider").setAttribute("aria-valuetext", frame.label);
    $("count").textContent = `${frame.label}`;
    $("say").textContent = frame.sentence;
    this.cursor.setAttribute("x1", this.x(this.at));
    this.cursor.setAttribute("x2", this.x(this.at));
    if (film.map) this.paint(frame.region);
    try { history.replaceState(null, "", "#frame=" + this.at); } catch { /* a page without an address */ }
    if (this.at === film.frames.length - 1) this.pause();
  },
  pause() { clearInterval(this.playing); this.playing = 0; $("play").textContent = "▶"; $("play").setAttribute("aria-label", "Play"); },
  toggle() {
    if (this.playing) { this.pause(); return; }
    if (this.at === film.frames.length - 1) this.go(0);
    this.playing = setInterval(() => this.go(this.at + 1), 500);
    $("play").textContent = "❚❚";
    $("play").setAttribute("aria-label", "Pause");
  },
  x(k) { return this.left + (k / Math.max(film.frames.length - 1, 1)) * (484 - this.left); },
  curve() {
    const svg = shape("svg", { viewBox: "0 0 500 180", role: "img", "aria-label": "Loss over training", class: "curve" });
    const losses = film.frames.map((f) => f.losses), most = Math.max(...losses.flat().filter(Number.isFinite)) || 1;
    const y = (v) => 150 - (v / most) * 130, shares = [0, 0.5, 1];
    this.left = Math.max(44, 12 + 7 * Math.max(...shares.map((share) => digits(share * most).length)));
    for (const share of shares) {
      const line = shape("line", { x1: this.left, x2: 484, y1: y(share * most), y2: y(share * most), class: "rule" });
      const text = shape("text", { x: this.left - 4, y: y(share * most) + 4, "text-anchor": "end" });
      text.textContent = digits(share * most);
      svg.append(line, text);
    }
    film.series.forEach((name, n) => {
      const points = losses.map((row, k) => (Number.isFinite(row[n]) ? `${this.x(k)},${y(row[n])}` : "")).filter(Boolean);
      svg.append(shape("polyline", { points: points.join(" "), class: "line" + n }));
      const text = shape("text", { x: 60 + 150 * n, y: 172, class: "name" + n });
      text.textContent = (n ? "- - " : "— ") + name;
      svg.append(text);
    });
    this.cursor = shape("line", { y1: 14, y2: 154, class: "cursorline" });
    svg.append(this.cursor);
    $("loss").append(svg);
  },
  paint(region) {
    const { size, points, colors } = film.map, canvas = $("map"), draw = canvas.getContext("2d");
    const step = canvas.width / size;
    [...region].forEach((c, k) => {
      draw.fillStyle = colors[parseInt(c, 36)][0];
      draw.fillRect((k % size) * step, Math.floor(k / size) * step, step + 1, step + 1);
    });
    for (const [x, y, label] of points) {
      draw.beginPath();
      if (label % 2) draw.rect(x * canvas.width - 3, y * canvas.height - 3, 6, 6);
      else draw.arc(x * canvas.width, y * canvas.height, 3.2, 0, 7);
      draw.fillStyle = colors[label][1];
      draw.fill();
      draw.strokeStyle = "#fff";
      draw.stroke();
    }
  },
};
whenLaidOut(() => movie.start());
