const search = document.getElementById("search");
const state = document.getElementById("state");
const shown = document.getElementById("shown");
const rows = [...document.querySelectorAll("tbody tr")];
const texts = rows.map(row => row.textContent.toLowerCase());

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

search.addEventListener("input", filter);
state.addEventListener("change", filter);
filter();
