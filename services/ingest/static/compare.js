// Lays "after" over "before", with a slider between them. Without this the two stand side by side.

const pair = document.querySelector(".pair");

if (pair) {
  const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 100, value: 50 });
  slider.setAttribute("aria-label", pair.dataset.label);
  const place = () => pair.style.setProperty("--at", `${slider.value}%`);
  slider.addEventListener("input", place);
  pair.classList.add("laid");
  pair.append(slider);
  place();
}
