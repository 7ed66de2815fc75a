/* The tube within the tube, one way: where each stands, how full it is, and how fast what is in it goes. */
const PERIOD = 48;
/* As wide as a name and what it carries, in letters of the page. */
const LABEL = 13.5;

class Picture {
  constructor(way) {
    this.way = way;
    this.root = byId(way);
    this.parts = new Map();
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.paused = false;
  }

  /* The link is the outermost tube. */
  show(link, tubes) {
    const used = tubes.filter(({ depth }) => depth === 1).reduce((sum, { tube }) => sum + tube[this.way].used, 0);
    const inner = tubes.filter(({ depth }) => depth === 1);
    const limit = link[this.way].limit;
    const whole = limit ?? Math.max(1, used, ...tubes.map(({ tube }) => tube[this.way].limit ?? 0));
    const outer = { name: "The link", key: "", depth: 0, used, limit, inner, clear: false, within: null };
    this.rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const width = this.root.clientWidth || 300;
    this.wide = width > (LABEL * Math.max(1, ...tubes.map(({ depth }) => depth)) + 14) * this.rem;
    const node = this.sized(outer, whole);
    const height = Math.max(node.least, (this.wide ? 13.5 : 15) * this.rem);
    put(this.root, "viewBox", "0 0 " + width + " " + height);
    this.root.style.height = height + "px";
    this.kept = new Set();
    this.place(node, { x: 1.5, y: 1.5, width: width - 3, height: height - 3 }, whole);
    for (const [key, part] of this.parts) {
      if (!this.kept.has(key)) {
        part.group.remove();
        this.parts.delete(key);
      }
    }
    say(byId("words-" + this.way), this.words(outer, tubes));
  }

  /* How high each must be for its words and what lies within, and what part of the tube around it it asks for. */
  sized(node, whole) {
    const line = 1.45 * this.rem, pad = .35 * this.rem;
    const inner = node.inner.map(({ tube, depth, inner }) => this.sized({
      name: tube.tube, key: "tube " + tube.tube, depth, inner, within: node.limit,
      used: tube[this.way].used, limit: tube[this.way].limit, clear: tube.priority === 0,
    }, node.limit ?? whole));
    const own = 2 * line + pad, below = inner.reduce((sum, child) => sum + child.least + pad, pad);
    const least = inner.length === 0 ? own : this.wide ? Math.max(own, below) : own + below;
    const part = node.limit !== null && node.limit < whole ? node.limit / whole : null;
    return { ...node, inner, least, part, open: part === null && node.depth > 0 };
  }

  place(node, box, whole) {
    this.draw(node, box, whole);
    if (!node.inner.length) return;
    const line = 1.45 * this.rem, pad = .35 * this.rem, label = LABEL * this.rem;
    const room = this.wide
      ? { x: box.x + label, y: box.y + pad, width: box.width - label - .25 * this.rem, height: box.height - pad }
      : { x: box.x + .5 * this.rem, y: box.y + 2 * line + pad, width: box.width - .75 * this.rem, height: box.height - 2 * line - pad };
    /* Those with a limit of their own get that part of the room; what has none shares what is left. */
    const free = room.height - node.inner.reduce((sum, child) => sum + child.least + pad, 0);
    const known = node.inner.reduce((sum, child) => sum + (child.part ?? 0), 0);
    const open = node.inner.filter((child) => child.part === null).length;
    const rest = open ? Math.max(.25, 1 - known) / open : 0;
    const want = (child) => Math.max(0, (child.part ?? rest) * room.height - child.least);
    const all = node.inner.reduce((sum, child) => sum + want(child), 0);
    let y = room.y;
    for (const child of node.inner) {
      const height = child.least + (all ? Math.max(0, free) * Math.min(1, want(child) / Math.max(all, free)) : 0);
      this.place(child, { x: room.x, y, width: room.width, height }, node.limit ?? whole);
      y += height + pad;
    }
  }

  part(node) {
    this.kept.add(node.key);
    const kind = (node.depth ? "deep" + Math.min(node.depth, 3) : "link") + (node.clear ? " clear" : "") + (node.open ? " open" : "");
    let part = this.parts.get(node.key);
    if (!part) {
      const clip = "clip-" + this.way + "-" + this.parts.size + "-" + Math.floor(performance.now());
      part = { group: drawn("g"), body: drawn("path", { class: "body" }), shape: drawn("path"), fluid: drawn("rect", { class: "fluid" }),
        level: drawn("path", { class: "level" }), flow: drawn("path", { class: "flow" }), mouth: drawn("ellipse", { class: "mouth" }),
        title: drawn("text", { class: "title" }), figure: drawn("text", { class: "figure" }) };
      const cut = drawn("clipPath", { id: clip }), inside = drawn("g", { "clip-path": "url(#" + clip + ")" });
      cut.append(part.shape);
      inside.append(part.fluid, part.flow, part.level);
      part.group.append(cut, part.body, inside, part.mouth, part.title, part.figure);
      this.parts.set(node.key, part);
    }
    put(part.group, "class", kind);
    this.root.append(part.group);
    return part;
  }

  draw(node, { x, y, width, height }, whole) {
    const part = this.part(node), end = Math.min(.6 * this.rem, height / 4), rem = this.rem;
    const filled = Math.min(1, node.used / Math.max(1, node.limit ?? whole));
    const shape = "M" + [x + end, y] + "H" + (x + width - end) + "a" + [end, height / 2, 0, 0, 1, 0, height] + "H" + (x + end) + "a" + [end, height / 2, 0, 0, 1, 0, -height] + "Z";
    put(part.body, "d", shape);
    put(part.shape, "d", shape);
    const level = filled * height;
    for (const [name, value] of [["x", x], ["y", y + height - level], ["width", width], ["height", level]]) put(part.fluid, name, value.toFixed(1));
    put(part.level, "d", "M" + [x, y + height] + "h" + width);
    part.level.style.transform = "translateY(" + -level.toFixed(1) + "px)";
    part.level.style.visibility = node.used ? "visible" : "hidden";
    for (const [name, value] of [["cx", x + width - end], ["cy", y + height / 2], ["rx", end], ["ry", height / 2]]) put(part.mouth, name, value.toFixed(1));
    const marks = Math.ceil(width / PERIOD) + 2, from = this.way === "down" ? 1 : -1;
    let flow = "";
    const low = y + height - Math.min(level, height - .4 * rem) + Math.min(4, level / 4), high = Math.max(0, y + height - low - 3);
    for (let mark = -1; mark < marks; mark += 1) {
      flow += "M" + [x + mark * PERIOD + (from > 0 ? 12 : 0), low] + "l" + [-from * 12, high / 2] + "l" + [from * 12, high / 2];
    }
    put(part.flow, "d", node.used ? flow : "");
    this.move(part, node.used ? .15 + 1.6 * Math.sqrt(node.used / Math.max(whole, node.used)) : 0);
    const limited = node.limit !== null, full = limited && node.used >= .95 * node.limit;
    const words = node.name + (full ? ": full" : node.clear ? ": clear" : "");
    say(part.title, this.short(words, this.wide ? 20 : 34));
    say(part.figure, rateOf(node.used, node.limit));
    const top = node.inner.length && !this.wide ? y + 1.35 * rem : y + height / 2 - .2 * rem;
    for (const [text, at] of [[part.title, top], [part.figure, top + 1.25 * rem]]) {
      put(text, "x", (x + end + .4 * rem).toFixed(1));
      put(text, "y", at.toFixed(1));
    }
  }

  short(text, letters) {
    return text.length > letters ? text.slice(0, letters - 1) + "…" : text;
  }

  /* One turn of the animation is one period; faster is a matter of its pace, so that nothing jumps. */
  move(part, pace) {
    const moves = pace > 0 && !this.paused && !this.still.matches;
    if (moves && !part.motion) {
      const far = this.way === "down" ? -PERIOD : PERIOD;
      part.motion = part.flow.animate([{ transform: "none" }, { transform: "translateX(" + far + "px)" }], { duration: 1500, iterations: Infinity });
    }
    if (!part.motion) return;
    if (moves) {
      part.motion.play();
      part.motion.updatePlaybackRate(pace);
    } else {
      part.motion.pause();
    }
  }

  stop() {
    this.paused = true;
    for (const part of this.parts.values()) this.move(part, 0);
  }

  words(link, tubes) {
    const told = (name, used, limit) => name + " carries " + (limit === null ? rate(used) : rateOf(used, limit));
    const each = tubes.map(({ tube }) => told(tube.tube + (tube.within ? " within " + tube.within : ""), tube[this.way].used, tube[this.way].limit));
    return [told("the link", link.used, link.limit), ...each].join("; ") + ".";
  }
}
