const table = document.getElementById("steps");
const search = document.getElementById("search");
const state = document.getElementById("state");
const shown = document.getElementById("shown");
const body = table.tBodies[0];
const headings = [...table.tHead.rows[0].cells];
const rows = [...body.rows];
const texts = rows.map(row => [...row.cells].map(cell => cell.textContent).join(" ").toLowerCase());
const collator = new Intl.Collator("en", {numeric: true, sensitivity: "base"});

function filter() {
  const words = search.value.toLowerCase().split(" ").filter(Boolean);
  let count = 0;
  rows.forEach((row, index) => {
    const fits = (!state.value || row.dataset.state === state.value)
      && words.every(word => texts[index].includes(word));
    row.hidden = !fits;
    count += fits;
  });
  shown.textContent = count.toLocaleString("en") + " of " + rows.length.toLocaleString("en");
}

function sort(column) {
  const heading = headings[column];
  const descends = heading.getAttribute("aria-sort") === "ascending";
  const sign = descends ? -1 : 1;
  const keyed = rows.map(row => {
    const cell = row.cells[column];
    return [cell.dataset.sort ?? cell.textContent, row];
  });
  // Cells without text stay at the end
  keyed.sort(([one], [other]) => (one === "") - (other === "") || sign * collator.compare(one, other));
  const sorted = document.createDocumentFragment();
  for (const [, row] of keyed) sorted.append(row);
  body.append(sorted);
  headings.forEach(other => other.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", descends ? "descending" : "ascending");
}

headings.forEach((heading, column) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = heading.textContent;
  button.addEventListener("click", () => sort(column));
  heading.replaceChildren(button);
});
table.classList.add("sortable");
document.querySelector(".controls").hidden = false;
search.addEventListener("input", filter);
state.addEventListener("change", filter);
filter();
