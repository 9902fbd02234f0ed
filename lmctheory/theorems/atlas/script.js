const search = document.getElementById("search");
const articles = [...document.querySelectorAll("article.theorem")];
const keys = new Map(articles.map((article) => [article.id.toLowerCase(), article]));
const texts = new Map(articles.map((article) => {
  // LaTeX as well: whoever types lambda means it
  const latex = article.querySelector("[data-copy]").dataset.copy;
  return [article, `${article.textContent} ${latex}`.toLowerCase()];
}));
const chips = [...document.querySelectorAll(".chips button")];
const nodes = [...document.querySelectorAll(".graph .node")];

function pressed(kind) {
  return chips.filter((chip) => chip.dataset[kind] && chip.getAttribute("aria-pressed") === "true")
    .map((chip) => chip.dataset[kind]);
}
function show() {
  const query = search.value.trim().toLowerCase();
  const words = query.split(/\s+/);
  const families = pressed("family"), statuses = pressed("status");
  for (const article of articles) {
    // a key alone means its theorem
    const found = keys.has(query) ? keys.get(query) === article
      : words.every((word) => texts.get(article).includes(word));
    article.hidden = !found
      || (families.length > 0 && !families.includes(article.dataset.family))
      || (statuses.length > 0 && !statuses.includes(article.dataset.status));
  }
  for (const section of document.querySelectorAll("section.family")) {
    section.hidden = !section.querySelector("article:not([hidden])");
  }
  for (const node of nodes) {
    node.classList.toggle("faint", document.getElementById(node.dataset.key).hidden);
  }
  const shown = articles.filter((article) => !article.hidden).length;
  document.getElementById("none").hidden = shown > 0;
  document.getElementById("count").textContent = shown === articles.length
    ? `${shown} theorems` : `${shown} of ${articles.length}`;
}
function showAll() {
  search.value = "";
  for (const chip of chips) chip.setAttribute("aria-pressed", "false");
  show();
}
search.addEventListener("input", show);
document.getElementById("clear").addEventListener("click", showAll);
for (const chip of chips) {
  chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
    show();
  });
}
addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape" && document.activeElement === search) {
    search.value = "";
    show();
  }
});
// links lead to what a filter has hidden, too
function unhide() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.hidden) {
    showAll();
    target.scrollIntoView();
  }
}
addEventListener("hashchange", unhide);

for (const node of nodes) {
  const graph = node.closest("svg"), key = node.dataset.key;
  const trace = () => {
    const near = new Set([key]);
    for (const edge of graph.querySelectorAll(".edge")) {
      const on = edge.dataset.from === key || edge.dataset.to === key;
      edge.classList.toggle("on", on);
      if (on) near.add(edge.dataset.from).add(edge.dataset.to);
    }
    if (near.size === 1) return;
    for (const other of nodes) other.classList.toggle("on", near.has(other.dataset.key));
    graph.classList.add("traced");
  };
  const leave = () => graph.classList.remove("traced");
  node.addEventListener("mouseenter", trace);
  node.addEventListener("focus", trace);
  node.addEventListener("mouseleave", leave);
  node.addEventListener("blur", leave);
}
