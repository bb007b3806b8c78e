"""A script for `browser.visit` that reads a page of ours as a person would: `look()` tells what is to be seen."""

LOOK = """
const box = (each) => each.getBoundingClientRect();
const above = (each) => [...document.querySelectorAll("h2")]
  .filter((head) => head.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING).at(-1)?.textContent;
// Letters that can be seen: of each text its place, without the leading around it.
const texts = (plot) => [...plot.querySelectorAll("svg text")]
  .filter((each) => each.textContent.trim() && box(each).width && getComputedStyle(each).visibility !== "hidden")
  .map((each) => ({ text: each.textContent, at: box(each) }));
const shared = (a, b, inset) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > inset
  && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > inset;
const collisions = (found) => found.flatMap((a, i) => found.slice(i + 1)
  .filter((b) => shared(a.at, b.at, 2)).map((b) => a.text + " | " + b.text));
const outside = (plot, found) => found
  .filter(({ at }) => at.left < box(plot).left - 1 || at.right > box(plot).right + 1).map(({ text }) => text);
const drawn = ".cartesianlayer :is(.trace path, .point path, .hm image, .boxes path)";
const marks = (plot) => [...plot.querySelectorAll(drawn)]
  .filter((each) => box(each).width + box(each).height > 0).length;
const look = () => ({
  width: innerWidth,
  across: document.documentElement.scrollWidth,
  heads: [...document.querySelectorAll("h2")].map((each) => each.textContent),
  fetched: performance.getEntriesByType("resource").map((each) => each.name),
  plots: [...document.querySelectorAll(".js-plotly-plot")].map((plot) => ({
    id: plot.id, under: above(plot), marks: marks(plot), size: [box(plot).width, box(plot).height],
    over: Math.max(0, box(plot.querySelector("svg")).bottom - box(plot.closest(".card")).bottom),
    collisions: collisions(texts(plot)), outside: outside(plot, texts(plot)),
  })),
  tables: [...document.querySelectorAll("table")].map((table) => ({
    under: above(table), rows: table.tBodies[0].rows.length, columns: table.rows[0].cells.length,
    filled: [...table.tBodies[0].querySelectorAll("td")].filter((cell) => cell.textContent.trim()).length,
    hinted: table.parentElement.classList.contains("scrolls"),
    hidden: table.parentElement.scrollWidth - table.parentElement.clientWidth,
  })),
});
"""
