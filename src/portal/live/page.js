/* Asks the gateway once a second, and for the hour every ten, and shows what it says. */
const pictures = ["down", "up"].map((way) => new Picture(way)), rows = new Map();
let status = null, tubes = null, paused = false, failures = 0, heard = null, asked = -Infinity, announced = { at: -Infinity, text: "", mood: "" };

/* What changes all the time is read aloud when the state is another, else every half minute at most. */
function announce(mood, text) {
  const now = performance.now();
  if (text === announced.text || (mood === announced.mood && now - announced.at < 30000)) return;
  announced = { at: now, text, mood };
  say(byId("announce"), text);
}

function showState(mood, text, others) {
  byId("state").className = "state " + { clear: "clear", waits: "slow", queue: "slow", gone: "gone", paused: "asking" }[mood];
  say(byId("said"), text);
  say(byId("others"), others);
  document.title = text.replace(/\.$/, "") + " – Clearway " + (status?.name ?? "");
  announce(mood, text + " " + others);
}

function row(key) {
  let parts = rows.get(key);
  if (parts) return parts;
  const root = made("tr"), head = made("th"), title = made("span"), about = made("small");
  root.setAttribute("role", "row");
  head.setAttribute("role", "rowheader");
  head.scope = "row";
  head.append(title, about);
  root.append(head);
  parts = { root, head, title, about };
  const labels = ["Down", "Down, last hour", "Up", "Up, last hour", "Waits", "Waits, last hour", "Flows"];
  ["down", "downPast", "up", "upPast", "waits", "waitsPast", "flows"].forEach((name, index) => {
    const cell = made("td"), label = made("span", "label", labels[index]), below = made("span", "of");
    cell.setAttribute("role", "cell");
    label.setAttribute("aria-hidden", "true");
    const part = { cell, below };
    if (name.endsWith("Past")) {
      cell.className = "chart";
      part.chart = chart();
      cell.append(label, part.chart.root, below);
    } else {
      part.value = made("strong");
      cell.append(label, part.value, below);
    }
    parts[name] = part;
    root.append(cell);
  });
  rows.set(key, parts);
  return parts;
}

function showWay(part, used, limit) {
  say(part.value, rate(used));
  say(part.below, limit === null ? "no limit" : "of" + SPACE + rate(limit) + ", " + Math.round(100 * used / Math.max(limit, 1)) + "%");
}

function showLink(link, nodes) {
  const parts = row("link"), outer = nodes.filter(({ depth }) => depth === 1);
  say(parts.title, "The link");
  const probe = link.probe_ms === null ? "" : ", probe " + time(link.probe_ms);
  say(parts.about, "all tubes together" + probe);
  for (const way of ["down", "up"]) {
    showWay(parts[way], outer.reduce((sum, { tube }) => sum + tube[way].used, 0), link[way].limit);
    if (link[way].used !== null) say(parts[way].below, parts[way].below.textContent + "; wire " + rate(link[way].used));
  }
  const queues = [link.down.queue_ms, link.up.queue_ms].filter((queue) => queue !== null);
  say(parts.waits.value, queues.length ? time(Math.max(...queues)) : "–");
  say(parts.waits.below, "queue on the link");
  say(parts.flows.value, number(nodes.reduce((sum, { tube }) => sum + tube.flows, 0)));
  const connecting = nodes.reduce((sum, { tube }) => sum + tube.admission.waiting, 0);
  say(parts.flows.below, number(connecting) + " connecting");
  return parts;
}

function peakWords(peak) {
  if (!peak || !peak.changes) return "";
  const at = peak.changes.slice(11, 16), soon = Date.parse(peak.changes) - Date.now() < 3600000;
  return peak.open ? "peak until " + at : soon ? "peak from " + at : "";
}

function showTube({ tube, depth }) {
  const parts = row("tube " + tube.tube);
  parts.root.className = tube.priority === 0 ? "clear" : "";
  parts.head.className = depth > 1 ? "deep" + Math.min(depth - 1, 3) : "";
  say(parts.title, tube.tube);
  const rank = tube.priority === 0 ? "clear: served first" : (tube.within ? "within " + tube.within : "priority " + tube.priority);
  say(parts.about, rank + (tube.peak?.open ? ", peak" : ""));
  for (const way of ["down", "up"]) showWay(parts[way], tube[way].used, tube[way].limit);
  const waits = [tube.down.wait_ms, tube.up.wait_ms].filter((wait) => wait !== null);
  say(parts.waits.value, waits.length ? time(Math.max(...waits)) : "–");
  say(parts.waits.below, waits.length ? (tube.waiting ? number(tube.waiting) + " waiting" : "none waiting") : "nothing waited");
  say(parts.flows.value, number(tube.flows));
  const after = tube.admission.wait_ms !== null && tube.admission.waiting ? ", " + time(tube.admission.wait_ms) + " each" : "";
  say(parts.flows.below, number(tube.admission.waiting) + " connecting" + after);
  return parts;
}

function showRows(link, nodes) {
  const parts = [showLink(link, nodes), ...nodes.map(showTube)], body = byId("rows");
  const wanted = parts.map((part) => part.root);
  if (wanted.length !== body.children.length || wanted.some((root, index) => body.children[index] !== root)) body.replaceChildren(...wanted);
}

function showHour() {
  if (!history || !tubes) return;
  const sets = [["link", history], ...history.tubes.map((past) => ["tube " + past.tube, past])];
  for (const [key, past] of sets) {
    const parts = rows.get(key);
    if (!parts) continue;
    drawRates(parts.downPast.chart, past.down, parts.downPast.below);
    drawRates(parts.upPast.chart, past.up, parts.upPast.below);
    drawWaits(parts.waitsPast.chart, longest(past), parts.waitsPast.below);
  }
  const seconds = history.at.length * history.step_seconds, whole = history.at.length >= history.most_points;
  say(byId("since"), whole ? "" : history.at.length ? "(since the start, " + span(seconds) + " ago)" : "(it began just now)");
  showRefused();
  showTable();
}

/* Only what matters now; the rest of the time there is nothing here. */
function showNotices() {
  const notices = [];
  if (status.draining) notices.push(["grave", "Draining: no new connections are taken, open ones may finish."]);
  const last = status.last_reload;
  if (last && last.result === "refused") notices.push(["grave", "The last reload was refused" + (last.problem ? ": " + last.problem : "")]);
  for (const egress of status.failing_egresses ?? []) notices.push(["grave", "Way out " + egress + ": many hosts in a row cannot be reached"]);
  for (const { category, list, why } of status.refused_lists) notices.push(["grave", "List " + list + " of " + category + ": " + why + "; the last good copy stays in force"]);
  for (const { rule, last_day } of status.lapsing ?? []) notices.push(["", "Rule " + rule + " ends after " + day(last_day)]);
  const peaks = Map.groupBy(tubes.tubes.filter(({ peak }) => peakWords(peak)), ({ peak }) => peakWords(peak));
  for (const [words, those] of peaks) notices.push(["", capital(words) + ": " + those.map(({ tube }) => tube).join(", ")]);
  const list = byId("notices"), texts = JSON.stringify(notices);
  if (list.dataset.texts === texts) return;
  list.dataset.texts = texts;
  list.replaceChildren(...notices.map(([kind, text]) => made("li", kind, text)));
}

function show() {
  const nodes = flat(nested(tubes.tubes));
  say(byId("name"), status.name);
  say(byId("about"), "version " + status.version + ", configuration " + status.generation + ", up " + span(status.uptime_seconds));
  showState(tubes.state.mood, tubes.state.text || "No tubes are known.", tubes.state.others);
  showNotices();
  for (const picture of pictures) picture.show(tubes.link, nodes);
  showRows(tubes.link, nodes);
}

async function fetched(path) {
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(path + " answered " + response.status);
  return response.json();
}

/* One lost answer is not yet an outage. Then nothing on the page may be taken for what is. */
function lost() {
  failures += 1;
  if (failures < 2) return;
  document.body.classList.add("gone-on");
  for (const picture of pictures) picture.stop();
  const since = heard ? " since " + clock(heard, true) : "";
  showState("gone", (heard ? "The gateway has not answered" + since : "The gateway does not answer") + ".", heard ? "What is shown below is from then." : "This page asks again every second.");
}

async function ask() {
  const answers = await Promise.all([fetched("/api/v1/status"), fetched("/api/v1/tubes")]);
  /* Who paused meanwhile wants what was there. */
  if (paused) return;
  [status, tubes] = answers;
  heard = new Date();
  failures = 0;
  document.body.classList.remove("gone-on");
  for (const picture of pictures) picture.paused = false;
  show();
  say(byId("clock"), "as of " + clock(heard, true));
  if (performance.now() - asked < 9500) return;
  history = await fetched("/api/v1/history");
  asked = performance.now();
  showHour();
}

async function turn() {
  try {
    if (!paused && !document.hidden) await ask();
  } catch (error) {
    if (!paused) lost();
  }
  setTimeout(turn, 1000);
}

byId("pause").addEventListener("click", ({ target }) => {
  paused = !paused;
  put(target, "aria-pressed", paused);
  if (!paused) return;
  for (const picture of pictures) picture.stop();
  showState("paused", "Paused" + (heard ? " at " + clock(heard, true) : "") + ".", "Press Pause again for what is now.");
});
byId("hour").addEventListener("toggle", showTable);
addEventListener("resize", () => { if (tubes && !failures && !paused) show(); });
turn();
