// Says which moment the slider stands on, while it moves; without script the button leads there all the same.
"use strict";
(() => {
  const slider = document.getElementById("moment");
  const chosen = document.getElementById("moment-chosen");
  const moments = document.getElementById("moments");
  slider.addEventListener("input", () => {
    const label = moments.options[Number(slider.value) - 1].label;
    chosen.firstElementChild.textContent = label;
    slider.setAttribute("aria-valuetext", label);
  });
})();
