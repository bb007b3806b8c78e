(() => {
  const data = JSON.parse(document.getElementById("trade-data").textContent);
  const byId = (id) => document.getElementById(id), body = document.querySelector("#trades tbody");
  const buffer = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const bars = {};
  for (const [symbol, each] of Object.entries(data.bars)) {
    const decoded = { index: new Int32Array(buffer(each.index)), ts: new Float64Array(buffer(each.ts)) };
    for (const name of ["open", "high", "low", "close"]) decoded[name] = new Float32Array(buffer(each[name]));
    decoded.place = new Map([...decoded.index].map((index, i) => [index, i]));
    bars[symbol] = decoded;
  }
  const trades = data.trades.map((row) => Object.fromEntries(data.columns.map((name, i) => [name, row[i]])));

  const text = (value, digits, sign) => value === null || value === undefined ? "–"
    : ((sign && value > 0 ? "+" : "") + value.toFixed(digits)).replace("-", "−");
  const r = (value) => text(value, 2, true);
  const when = (seconds) => new Date(1000 * seconds).toISOString().replace("T", " ").slice(0, data.daily ? 10 : 16);
  const at = (trade, index) => bars[trade.symbol].ts[bars[trade.symbol].place.get(index)];
  const price = (value) => value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: value < 10 ? 5 : 2 });

  const columns = [
    ["entry", (t) => at(t, t.entry), (t) => when(at(t, t.entry))],
    ["trade", (t) => t.symbol + t.side, (t) => `${t.symbol} ${t.side > 0 ? "long" : "short"}`],
    ["exit", (t) => t.reason, (t) => t.reason + (t.noise ? ", noise" : t.premature ? ", premature" : "")],
    ["R", (t) => t.r, (t) => r(t.r), "result, costs inside"],
    ["MAE", (t) => t.mae.at(-1), (t) => text(t.mae.at(-1), 2), "largest adverse excursion in the trade, R"],
    ["MFE", (t) => t.mfe.at(-1), (t) => text(t.mfe.at(-1), 2), "largest favourable excursion in the trade, R"],
    ["held", (t) => t.held, (t) => r(t.held), "result of holding to the horizon's end, R"],
    ["left", (t) => t.left, (t) => text(t.left, 2), "best price of the horizon less the result, R"],
  ];
  const kinds = {
    won: (t) => t.r > 0, lost: (t) => t.r <= 0, premature: (t) => t.premature, noise: (t) => t.noise, gap: (t) => t.gap,
    back: (t) => t.reason === "stop" && t.recovery >= 0, rules: (t) => t.rules,
    moved: (t) => t.decisions.some((d) => d.kind === "stop" && d.index > t.entry),
  };

  const head = document.querySelector("#trades thead tr");
  let order = { column: 0, sign: 1 }, chosen = null;
  columns.forEach(([name, , , title], column) => {
    const cell = head.appendChild(document.createElement("th"));
    cell.textContent = name;
    if (title) cell.title = title;
    cell.addEventListener("click", () => {
      order = { column, sign: order.column === column ? -order.sign : typeof columns[column][1](trades[0]) === "string" ? 1 : -1 };
      list();
    });
  });
  for (const name of ["symbol", "reason"])
    for (const value of [...new Set(trades.map((trade) => trade[name]))].sort())
      byId("of-" + name).add(new Option(value, value));

  const list = () => {
    const [symbol, reason, kind] = ["symbol", "reason", "kind"].map((name) => byId("of-" + name).value);
    const key = columns[order.column][1];
    const shown = trades.filter((t) => (!symbol || t.symbol === symbol) && (!reason || t.reason === reason) && (!kind || kinds[kind](t)));
    shown.sort((a, b) => order.sign * (typeof key(a) === "string" ? key(a).localeCompare(key(b)) : key(a) - key(b)));
    [...head.cells].forEach((cell, i) => {
      if (i === order.column) cell.dataset.order = order.sign > 0 ? "up" : "down"; else delete cell.dataset.order;
    });
    body.replaceChildren(...shown.map((trade) => {
      const row = document.createElement("tr");
      row.dataset.id = trade.id;
      row.classList.toggle("chosen", trade.id === chosen);
      columns.forEach(([, , show], i) => {
        const cell = row.insertCell();
        cell.textContent = show(trade);
        if (i === 3) cell.className = trade.r > 0 ? "good" : "bad";
      });
      return row;
    }));
    const mean = shown.reduce((sum, trade) => sum + trade.r, 0) / shown.length;
    byId("trade-count").textContent = shown.length ? `${shown.length} of ${trades.length} trades, mean ${r(mean)} R` : "no such trade";
  };

  const colour = data.colours;
  // The level in force at each bar from the entry to the exit, as a line of steps.
  const path = (trade, kind, x) => {
    const xs = [], ys = [];
    for (let index = trade.entry; index <= trade.exit; index++) {
      const last = trade.decisions.filter((d) => d.kind === kind && d.index <= index).at(-1);
      if (last) xs.push(x(index)), ys.push(last.level);
    }
    // Half a bar on each side, so that a trade of one bar has a line.
    return { x: xs, y: ys };
  };

  // An exit: how much of the position, why, at which price, and how far from the price that it was meant to have.
  const told = (exit) => `${text(100 * exit.share, 0)} % by ${exit.reason} at ${price(exit.level)}, slippage ${text(exit.slip, 1)} bp`;

  const draw = (trade) => {
    const all = bars[trade.symbol], from = all.place.get(trade.first), to = all.place.get(trade.last) + 1;
    const part = (name) => Array.from(all[name].subarray(from, to)), labels = part("ts").map(when);
    const x = (index) => labels[all.place.get(index) - from];
    const css = getComputedStyle(document.documentElement), get = (name) => css.getPropertyValue(name).trim();
    const line = (xy, name, color, dash, extra) => ({
      type: "scatter", mode: "lines", ...xy, name, line: { color, width: 2, dash, shape: "hvh" }, hovertemplate: name + " %{y:.2f}<extra></extra>", ...extra });
    const mark = (fills, name, color, symbol, text) => ({
      type: "scatter", mode: "markers", x: fills.map((fill) => x(fill.index)), y: fills.map((fill) => fill.level), name, text, hovertemplate: "%{text}<extra></extra>",
      marker: { color, size: 12, symbol, line: { color: get("--card"), width: 1.5 } } });
    const value = (level) => trade.side * (level - trade.p0) / trade.unit, parts = trade.exits.slice(0, -1);
    // What the trade has come to at a close: the parts that have left, and the rest at the price.
    const result = (index, close) => parts.filter((part) => part.index <= index).reduce((sum, part) => sum + part.share * (value(part.level) - value(close)), value(close));
    const inside = [], closes = [];
    for (let index = trade.entry; index <= trade.last; index++) {
      const close = all.close[all.place.get(index)], left = index > trade.exit || (index === trade.exit && trade.reason !== "time");
      (left ? closes : inside).push([x(index), left ? value(close) : result(index, close)]);
    }
    if (trade.reason === "time" && closes.length) closes.unshift(inside.at(-1));  // one line from the close of the exit
    const both = (pairs) => ({ x: pairs.map((p) => p[0]), y: pairs.map((p) => p[1]) });
    const held = labels.slice(all.place.get(trade.entry) - from, all.place.get(trade.exit) - from + 1);
    const below = { yaxis: "y2", line: { width: 1.6 } };
    const traces = [
      { type: "candlestick", x: labels, open: part("open"), high: part("high"), low: part("low"), close: part("close"), name: "price",
        increasing: { line: { color: colour.target, width: 1 } }, decreasing: { line: { color: colour.stop, width: 1 } }, opacity: 0.75, showlegend: false },
      line(path(trade, "stop", x), "stop", colour.stop),
      line(path(trade, "target", x), "target", colour.target, "dash"),
      mark([{ index: trade.entry, level: trade.fill }], "entry", colour.entry, trade.side > 0 ? "triangle-up" : "triangle-down", [`entry ${price(trade.fill)}`]),
      mark(trade.exits, "exit", trade.exits.map((each) => colour[each.reason]), "x", trade.exits.map((each) => "exit " + told(each))),
      line({ x: held, y: trade.mfe }, "best so far", colour.target, "dot", { ...below, line: { color: colour.target, width: 1.4, dash: "dot", shape: "hvh" } }),
      line({ x: held, y: trade.mae.map((v) => -v) }, "worst so far", colour.stop, "dot", { ...below, line: { color: colour.stop, width: 1.4, dash: "dot", shape: "hvh" } }),
      line(both(inside), "close, R", colour.entry, "solid", { yaxis: "y2", mode: "lines+markers", marker: { size: 4 }, line: { color: colour.entry, width: 1.8 } }),
      line(both(closes), "after the exit, R", colour.time, "solid", { yaxis: "y2", mode: "lines+markers", marker: { size: 4 }, line: { color: colour.time, width: 1.4 } }),
    ];
    const places = { exit: x(trade.exit), end: x(trade.end) }, soft = get("--soft");
    const lows = part("low"), highs = part("high"), levels = traces.slice(1, 5).flatMap((trace) => trace.y);
    // A target far away would flatten the candles: it is then out of sight, and the facts name it.
    const reach = Math.max(...highs) - Math.min(...lows), near = levels.filter((v) => v > Math.min(...lows) - reach && v < Math.max(...highs) + reach);
    const bottom = Math.min(...lows, ...near), top = Math.max(...highs, ...near), margin = 0.04 * (top - bottom);
    const axis = { gridcolor: get("--grid"), linecolor: get("--line"), zerolinecolor: get("--line") };
    const layout = {
      height: 560, margin: { l: 58, r: 12, t: 10, b: 40 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif", size: 12, color: get("--ink") },
      hoverlabel: { bgcolor: get("--card"), font: { color: get("--ink") } }, hovermode: "closest", dragmode: "pan",
      legend: { orientation: "h", x: 0, y: 1.0, yanchor: "bottom", font: { size: 11 } },
      xaxis: { ...axis, type: "category", categoryorder: "array", categoryarray: labels, nticks: Math.min(6, Math.floor(byId("trade-plot").clientWidth / (data.daily ? 100 : 150))), tickangle: 0, rangeslider: { visible: false }, anchor: "y2" },
      yaxis: { ...axis, domain: [0.36, 1], range: [bottom - margin, top + margin], title: { text: "price" } },
      yaxis2: { ...axis, domain: [0, 0.3], title: { text: "R" }, zeroline: true },
      shapes: [
        { type: "rect", xref: "x", yref: "paper", x0: x(trade.entry), x1: places.exit, y0: 0, y1: 1, fillcolor: colour.entry, opacity: 0.07, line: { width: 0 }, layer: "below" },
        { type: "line", xref: "x", yref: "paper", x0: places.end, x1: places.end, y0: 0, y1: 1, line: { color: soft, width: 1, dash: "dot" } },
        { type: "line", xref: "x", yref: "y", x0: x(trade.entry), x1: places.end, y0: trade.p0, y1: trade.p0, line: { color: soft, width: 1, dash: "dash" } },
      ],
      annotations: [{ x: places.end, xref: "x", yref: "paper", y: 0.32, text: "horizon’s end", showarrow: false, xanchor: "left", xshift: 4, font: { size: 11, color: soft } }],
    };
    Plotly.react("trade-plot", traces, layout, { displayModeBar: false, responsive: true });

    byId("trade-title").textContent = `${trade.symbol} ${trade.side > 0 ? "long" : "short"}, ${when(at(trade, trade.entry))} to ${when(at(trade, trade.exit))}: ` +
      `${r(trade.r)} R at the ${trade.reason === "time" ? "horizon’s end" : trade.reason}`;
    const facts = [`entry ${price(trade.fill)}`, `stop at first ${text(trade.stop_atr, 2)} ATR away`];
    facts.push(`exit ${trade.exits.map(told).join(", ")}`);
    const goal = trade.decisions.filter((d) => d.kind === "target").at(-1);
    if (goal) facts.push(`target last at ${price(goal.level)}`);
    facts.push(...data.after.map((n, i) => `${r(trade.after[i])} R ${n} bars after the exit`), `${trade.regime ?? "unknown"} market`);
    if (trade.reason === "stop") facts.push(`${text(trade.beyond, 2)} ATR beyond the stop at most`, trade.recovery >= 0 ? "came back to the entry" : "did not come back to the entry");
    if (trade.premature) facts.push(trade.noise ? "premature, by noise" : "premature");
    if (trade.rules) facts.push("decided by the rules");
    if (trade.gap) facts.push("filled at a gap");
    byId("trade-facts").textContent = facts.join(" · ");
    document.querySelector(".decisions tbody").replaceChildren(...trade.decisions.map((decision) => {
      const row = document.createElement("tr"), names = data.steps[decision.kind === "target" ? "target" : "stop"];
      row.insertCell().textContent = when(at(trade, decision.index));
      row.insertCell().textContent = decision.kind;
      const cell = row.insertCell();
      decision.trace.forEach((level, i) => {
        const each = cell.appendChild(document.createElement(names[i] === decision.mover ? "b" : "span"));
        each.textContent = `${names[i]} ${price(level)}`;
        if (i + 1 < decision.trace.length) cell.append(" → ");
      });
      row.cells[1].className = cell.className = "text";
      return row;
    }));
  };

  const choose = (id, scroll) => {
    chosen = id;
    for (const row of body.rows) {
      row.classList.toggle("chosen", row.dataset.id === id);
      if (scroll && row.dataset.id === id) {
        const frame = row.closest(".list");
        frame.scrollTop = row.offsetTop - frame.clientHeight / 2;
      }
    }
    draw(trades.find((each) => each.id === id));
  };
  body.addEventListener("click", (event) => choose(event.target.closest("tr").dataset.id));
  body.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], row = body.querySelector("tr.chosen") ?? body.rows[0];
    const next = step === 1 ? row?.nextElementSibling : step === -1 ? row?.previousElementSibling : null;
    if (next) event.preventDefault(), choose(next.dataset.id, true);
  });
  for (const name of ["symbol", "reason", "kind"])
    byId("of-" + name).addEventListener("change", () => { list(); if (body.rows.length && !body.querySelector("tr.chosen")) choose(body.rows[0].dataset.id); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => choose(chosen));
  list();
  const worst = trades.reduce((a, b) => (b.r < a.r ? b : a));
  choose(worst.id, true);

  // A point of the scatter of excursions opens its trade.
  for (const plot of document.querySelectorAll(".js-plotly-plot"))
    if (plot.data.some((trace) => trace.meta === "excursions"))
      plot.on("plotly_click", ({ points }) => {
        if (!points[0].customdata) return;  // hollow: its hover and the note say why
        for (const name of ["symbol", "reason", "kind"]) byId("of-" + name).value = "";
        list();
        choose(points[0].customdata, true);
        byId("trade").scrollIntoView({ behavior: "smooth", block: "center" });
      });
})();
