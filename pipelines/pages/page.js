  const theme = () => {
    const css = getComputedStyle(document.documentElement), get = (name) => css.getPropertyValue(name).trim();
    for (const plot of document.querySelectorAll(".js-plotly-plot")) {
      const change = { "font.color": get("--ink"), "hoverlabel.bgcolor": get("--card"), "hoverlabel.font.color": get("--ink") };
      for (const key of Object.keys(plot.layout).filter((key) => /^[xy]axis/.test(key)))
        Object.assign(change, { [key + ".gridcolor"]: get("--grid"), [key + ".linecolor"]: get("--line"),
                                [key + ".zerolinecolor"]: get("--line") });
      Plotly.relayout(plot, change);
    }
  };
  theme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);

  // A table that is wider than its box says so.
  const sized = new ResizeObserver((entries) => requestAnimationFrame(() => {
    for (const { target } of entries) target.classList.toggle("scrolls", target.scrollWidth > target.clientWidth + 1);
  }));
  for (const box of document.querySelectorAll(".wide")) sized.observe(box);
