(() => {
  const text = document.getElementById("text"), outcome = document.getElementById("outcome"), shown = document.getElementById("shown");
  const rows = [...document.querySelectorAll("#rows tbody tr")].map(row => [row, row.dataset.o, row.textContent.toLowerCase()]);
  for (const name of new Set(rows.map(row => row[1]))) outcome.add(new Option(name.replace("_", " "), name));
  const filter = () => {
    const wanted = text.value.trim().toLowerCase();
    let count = 0;
    for (const [row, name, words] of rows) {
      const fits = (!outcome.value || name === outcome.value) && words.includes(wanted);
      row.hidden = !fits;
      if (fits) count++;
    }
    shown.textContent = count.toLocaleString("en") + " of " + rows.length.toLocaleString("en") + " shown";
  };
  text.addEventListener("input", filter);
  outcome.addEventListener("change", filter);
  document.querySelector(".tools").hidden = false;
  filter();
})();
