  const data = JSON.parse(document.getElementById("data").textContent);
  const plot = document.querySelector(".js-plotly-plot"), pane = plot.data.findIndex((trace) => trace.meta === "feature");
  const chooser = document.getElementById("feature"), body = document.querySelector("#features tbody");

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const decode = (text) => Array.from(new Float32Array(bytes(text)));

  // The slider shows the price alone: the other panes' ranges in it lie out of sight.
  const away = { rangemode: "fixed", range: [1e200, 2e200] };
  Plotly.relayout(plot, { "xaxis.rangeslider.yaxis2": away, "xaxis.rangeslider.yaxis3": away });

  // As many dates as have room; on a phone the legend needs height of its own, where two columns just fit, and the profile
  // has no room for its title.
  const fit = () => {
    const wide = plot.clientWidth > 700, height = wide ? 820 : 840;
    plot.parentElement.style.height = height + "px";
    Plotly.relayout(plot, { height, "xaxis.nticks": Math.max(2, Math.floor(plot.clientWidth / 130)),
                            "xaxis2.title.text": wide ? "volume at price" : "",
                            "legend.font.size": wide ? 11 : 10, "legend.entrywidth": wide ? 92 : 80 });
  };
  fit();
  addEventListener("resize", fit);

  const choose = (name) => {
    chooser.value = name;
    const y = decode(data.values[name]), yaxis3 = { ...plot.layout.yaxis3, autorange: true };
    const annotations = [{ ...plot.layout.annotations[0], text: name }];
    // Not restyle, which forgets that the axis is one of places and not of dates.
    Plotly.react(plot, plot.data.map((trace, i) => (i === pane ? { ...trace, y, name } : trace)), { ...plot.layout, yaxis3, annotations });
    for (const row of body.rows) row.classList.toggle("chosen", row.dataset.name === name);
    document.getElementById("years-title").textContent = name + " by year";
    const years = document.querySelector("#years tbody");
    years.replaceChildren(...data.years[name].map(([year, training, ...cells]) => {
      const row = document.createElement("tr");
      for (const text of [training ? year + " (training)" : year, ...cells]) row.insertCell().textContent = text;
      return row;
    }));
  };
  chooser.addEventListener("change", () => choose(chooser.value));
  body.addEventListener("click", (event) => choose(event.target.closest("tr").dataset.name));
  choose(chooser.value);

  // The price axis follows what is in sight.
  const candles = plot.data.find((trace) => trace.type === "candlestick");
  const [lows, highs] = [candles.low, candles.high].map((each) => new Float64Array(bytes(each.bdata)));
  plot.on("plotly_relayout", (change) => {
    if (!Object.keys(change).some((key) => key.startsWith("xaxis."))) return;
    const [low, high] = plot.layout.xaxis.range, last = candles.x.length - 1;
    const from = Math.min(last, Math.max(0, Math.floor(low))), to = Math.min(last, Math.max(from, Math.ceil(high)));
    const bottom = Math.min(...lows.slice(from, to + 1)), top = Math.max(...highs.slice(from, to + 1));
    const margin = 0.04 * (top - bottom);
    Plotly.relayout(plot, { "yaxis.range": [bottom - margin, top + margin] });
  });

  // A phone has no room for hundreds of candles: the latest ones first, the slider has the rest.
  const end = candles.x.length - 0.5, room = 80;
  if (plot.clientWidth <= 700 && end > room) Plotly.relayout(plot, { "xaxis.range": [end - room, end] });

  const found = document.getElementById("found");
  document.getElementById("search").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    found.textContent = wanted ? [...body.rows].filter((row) => !row.hidden).length + " found" : "";
  });

  const heads = [...document.querySelectorAll("#features th")];
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const down = head.dataset.order !== "down";  // numbers: largest first; the next click turns them round
    for (const each of heads) delete each.dataset.order;
    head.dataset.order = down ? "down" : "up";
    const key = (row) => row.cells[column].dataset.v, sign = down ? -1 : 1;
    const order = (a, b) => {
      if (key(a) === undefined) return -sign * a.cells[column].textContent.localeCompare(b.cells[column].textContent);
      if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");
      return sign * (key(a) - key(b));
    };
    body.append(...[...body.rows].sort(order));
  }));
