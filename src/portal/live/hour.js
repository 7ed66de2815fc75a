/* The last hour: charts of what was used, of waits and of what was refused, and the same as a table. */
let history = null;
const WIDTH = 360, HEIGHT = 40;

/* Where each point stands: an hour across, the last one at the right. */
function places() {
  const last = history.at.at(-1) ?? 0;
  return history.at.map((at) => WIDTH * (1 - (last - at) / (history.most_points * history.step_seconds)));
}

/* Lines and areas break where there is nothing, or where the gateway did not look. */
function lines(figures, top, steps) {
  const xs = places(), gap = 3 * WIDTH / history.most_points;
  let line = "", area = "", from = null;
  figures.forEach((figure, index) => {
    const before = index > 0 && figures[index - 1] !== null && xs[index] - xs[index - 1] < gap;
    if (figure === null) return;
    const x = xs[index].toFixed(1), y = (HEIGHT - (HEIGHT - 2) * Math.min(1, figure / top)).toFixed(1);
    if (!before) {
      if (from !== null) area += "V" + HEIGHT + "H" + from + "Z";
      from = (xs[index] - WIDTH / history.most_points).toFixed(1);
      line += "M" + from + " " + y + "H" + x;
      area += "M" + from + " " + HEIGHT + "V" + y + "H" + x;
    } else {
      line += steps ? "H" + x + "V" + y : "L" + x + " " + y;
      area += "L" + x + " " + y;
    }
  });
  return [line, from === null ? "" : area + "V" + HEIGHT + "H" + from + "Z"];
}

function columns(counts) {
  const xs = places(), top = Math.max(1, greatest(counts)), wide = WIDTH / history.most_points;
  return counts.map((count, index) => !count ? "" : "M" + (xs[index] - wide).toFixed(1) + " " + HEIGHT + "v" + (-HEIGHT * Math.max(.15, count / top)).toFixed(1) + "h" + Math.max(1.5, wide) + "V" + HEIGHT + "Z").join("");
}

function chart() {
  const root = drawn("svg", { class: "past", viewBox: "0 0 " + WIDTH + " " + HEIGHT, preserveAspectRatio: "none", role: "img", focusable: "false", "aria-label": "nothing yet" });
  const parts = { root };
  for (const name of ["area", "use", "most", "count"]) root.append(parts[name] = drawn("path", { class: name }));
  return parts;
}

function drawRates(parts, past, below) {
  const most = greatest(past.used), top = Math.max(1, most, greatest(past.limit));
  const [use, area] = lines(past.used, top, false), [limit] = lines(past.limit, top, true);
  put(parts.area, "d", area);
  put(parts.use, "d", use);
  put(parts.most, "d", limit);
  const words = "most " + rate(most);
  put(parts.root, "aria-label", words + " in ten seconds of the last hour");
  say(below, words);
}

function drawWaits(parts, figures, below) {
  const most = greatest(figures), [use, area] = lines(figures, Math.max(20, most), false);
  put(parts.area, "d", area);
  put(parts.use, "d", use);
  const words = figures.some((figure) => figure !== null) ? "longest " + time(most) : "nothing waited";
  put(parts.root, "aria-label", words + " in the last hour");
  say(below, words);
}

/* The longer wait of the two ways, point by point. */
function longest(past) {
  return past.down.wait_ms.map((down, index) => {
    const up = past.up.wait_ms[index];
    return down === null ? up : up === null ? down : Math.max(down, up);
  });
}

const SHOWN = 8;

function showRefused() {
  const total = history.refused.reduce((sum, refused) => sum + refused.total, 0);
  say(byId("refusals"), total ? number(total) : "nothing");
  const list = byId("reasons"), shown = history.refused.slice(0, SHOWN), rest = history.refused.slice(SHOWN);
  const entries = [...shown];
  if (rest.length) {
    const counts = history.at.map((_, index) => rest.reduce((sum, refused) => sum + refused.counts[index], 0));
    entries.push({ words: "for " + number(rest.length) + " other reasons", total: rest.reduce((sum, refused) => sum + refused.total, 0), counts });
  }
  while (list.children.length > entries.length) list.lastElementChild.remove();
  entries.forEach((entry, index) => {
    let item = list.children[index];
    if (!item) {
      item = made("li");
      const parts = chart();
      item.append(made("strong"), made("span"), parts.root);
      item.parts = parts;
      list.append(item);
    }
    say(item.children[0], number(entry.total));
    say(item.children[1], entry.words);
    put(item.parts.count, "d", columns(entry.counts));
    const late = entry.counts.slice(-30).reduce((sum, count) => sum + count, 0);
    put(item.parts.root, "aria-label", late ? number(late) + " of them in the last five minutes" : "none of them in the last five minutes");
  });
}

/* Five minutes a line, the newest first. */
function showTable() {
  if (!byId("hour").open || !history) return;
  const bin = 300 / history.step_seconds, rows = [], tubes = history.tubes;
  const heads = ["Until", ...tubes.flatMap(({ tube }) => [tube + " down", tube + " up", tube + " waits"]), "Queue", "Refused"];
  const head = made("tr");
  head.append(...heads.map((text) => { const cell = made("th", "", capital(text)); cell.scope = "col"; return cell; }));
  const mean = (figures) => { const there = figures.filter((figure) => figure !== null); return there.length ? rate(Math.round(there.reduce((sum, figure) => sum + figure, 0) / there.length)) : "–"; };
  const wait = (figures) => figures.some((figure) => figure !== null) ? time(greatest(figures)) : "–";
  for (let to = history.at.length; to > 0; to -= bin) {
    const part = (figures) => figures.slice(Math.max(0, to - bin), to);
    const row = made("tr"), at = made("th", "", clock(new Date(history.at[to - 1] * 1000)));
    at.scope = "row";
    const refused = history.refused.reduce((sum, { counts }) => sum + part(counts).reduce((all, count) => all + count, 0), 0);
    const cells = [...tubes.flatMap((tube) => [mean(part(tube.down.used)), mean(part(tube.up.used)), wait(part(longest(tube)))]), wait(part(longest(history))), number(refused)];
    row.append(at, ...cells.map((text) => made("td", "", text)));
    rows.push(row);
  }
  byId("hour-head").replaceChildren(head);
  byId("hour-rows").replaceChildren(...rows);
}
