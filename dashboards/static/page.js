// All the script there is: live figures, one press of a button, the print button.
"use strict";
for (const figures of document.querySelectorAll("[data-live]")) {
  const words = document.querySelector("[data-offline-words]");
  const stream = new EventSource(figures.dataset.live);
  // The server ends each stream after a while; only a silence that lasts is worth a word.
  let silent = null;
  stream.onmessage = (event) => {
    figures.innerHTML = event.data;
  };
  stream.onopen = () => {
    clearTimeout(silent);
    silent = null;
    words.textContent = "";
  };
  stream.onerror = () => {
    silent ??= setTimeout(() => (words.textContent = words.dataset.offlineWords), 5000);
  };
}
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", () => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  });
}
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
