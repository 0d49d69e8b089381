// Live refresh: a page that has it gets a box to tick; then its part is read again every few seconds.
"use strict";
const live = document.querySelector("[data-live]");
if (live) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  label.className = "check";
  label.append(box, " " + live.dataset.live);
  live.before(label);
  let timer = 0;
  const read = async () => {
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
      if (answer.ok && !answer.redirected) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const part = page.querySelector("[data-live]");
        if (part && box.checked) live.replaceChildren(...part.childNodes);
      }
    } catch (error) { /* the server may come back: it is asked again */ }
    if (box.checked) timer = setTimeout(read, 3000);
  };
  box.addEventListener("change", () => {
    clearTimeout(timer);
    if (box.checked) read();
  });
}
