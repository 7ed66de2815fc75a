const byId = (id) => document.getElementById(id);
const SPACE = "\u00a0";

function made(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/* Of the space of the picture that stands in the page. */
function drawn(tag, attributes) {
  const element = document.createElementNS(byId("mark").namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  return element;
}

/* Nothing is touched that stays as it is: a screen reader would begin anew. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function put(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

const UNITS = [["Gbit/s", 1e9], ["Mbit/s", 1e6], ["kbit/s", 1e3], ["bit/s", 1]];

function scaled(bits, scale) {
  return (bits / scale).toFixed(bits >= 100 * scale || scale === 1 ? 0 : 1).replace(/\.0$/, "");
}

/* 19.1 Mbit/s */
function rate(bits) {
  if (!bits) return "0";
  const [unit, scale] = UNITS.find(([, scale]) => bits >= scale) ?? UNITS[3];
  return scaled(bits, scale) + SPACE + unit;
}

/* 9.7 of 10 Mbit/s */
function rateOf(bits, limit) {
  if (limit === null) return rate(bits);
  const [unit, scale] = UNITS.find(([, scale]) => limit >= scale) ?? UNITS[3];
  if (bits && bits < scale / 20) return rate(bits) + " of" + SPACE + rate(limit);
  return scaled(bits, scale) + " of" + SPACE + scaled(limit, scale) + SPACE + unit;
}

function number(count) {
  return count.toLocaleString("en-GB");
}

/* 0.4 ms, 45 ms, 1.2 s */
function time(ms) {
  if (ms >= 1000) return (ms / 1000).toFixed(1) + SPACE + "s";
  return (ms >= 9.95 || ms < 0.05 ? ms.toFixed(0) : ms.toFixed(1)) + SPACE + "ms";
}

function span(seconds) {
  const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24, minutes = Math.floor(seconds / 60) % 60;
  if (days) return days + " d " + hours + " h";
  if (hours) return hours + " h " + minutes + " min";
  return minutes ? minutes + " min" : Math.floor(seconds) + " s";
}

function clock(date, seconds) {
  return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined });
}

/* 5 December, of 2026-12-05 */
function day(date) {
  return new Date(date + "T12:00:00Z").toLocaleDateString("en-GB", { day: "numeric", month: "long", timeZone: "UTC" });
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const greatest = (figures) => figures.reduce((most, figure) => Math.max(most, figure ?? 0), 0);

/* Each tube with those within it, and how deep it lies. */
function nested(tubes) {
  const known = new Set(tubes.map((tube) => tube.tube)), placed = new Set();
  const within = (outer, depth) => tubes.filter((tube) => (known.has(tube.within) ? tube.within : null) === outer && !placed.has(tube.tube))
    .map((tube) => {
      placed.add(tube.tube);
      return { tube, depth, inner: within(tube.tube, depth + 1) };
    });
  return within(null, 1);
}

function flat(nodes) {
  return nodes.flatMap((node) => [node, ...flat(node.inner)]);
}
