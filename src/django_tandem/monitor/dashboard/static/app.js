// What pages do by themselves: ask anew every five seconds while somebody looks, and say how long ago times are.
(() => {
  "use strict";
  const ASK_EVERY_MS = 5000;
  let lastTag = null;
  let lastAsked = Date.now();

  const isBusy = () => {
    // Who is choosing or typing must not have the page changed under their hands.
    const at = document.activeElement;
    return (
      (at && at.closest("#live") && at.matches("input, select, textarea")) ||
      document.querySelector("#live dialog[open], #live details[data-hold][open]")
    );
  };

  const ask = () => {
    if (document.visibilityState !== "visible" || isBusy()) return;
    lastAsked = Date.now();
    htmx.trigger(document.body, "tick");
  };

  const inWords = (seconds) => {
    const far = Math.abs(seconds);
    const [size, unit] =
      far < 60 ? [1, "s"] : far < 3600 ? [60, "min"] : far < 86400 ? [3600, "h"] : [86400, "d"];
    const count = Math.floor(far / size);
    return seconds < 0 ? `in ${count} ${unit}` : `${count} ${unit} ago`;
  };

  const sayAges = () => {
    for (const one of document.querySelectorAll("time[data-ago]")) {
      if (!one.title) one.title = one.textContent;
      one.textContent = inWords((Date.now() - Date.parse(one.dateTime)) / 1000);
    }
  };

  // The same page again is not put in place of itself: what a person marked or opened stays.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const tag = event.detail.xhr.getResponseHeader("ETag");
    if (event.detail.xhr.status !== 200 || (tag && tag === lastTag)) event.detail.shouldSwap = false;
    lastTag = tag;
  });
  document.addEventListener("htmx:afterSettle", () => {
    sayAges();
    document.dispatchEvent(new CustomEvent("tandem:shown"));
  });
  // The address tells what came of an action once; asked again, or kept, it would tell of the past.
  const address = new URL(location.href);
  if (address.searchParams.has("said")) {
    address.searchParams.delete("said");
    history.replaceState(null, "", address);
  }
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (Date.now() - lastAsked >= ASK_EVERY_MS) ask();
  });
  setInterval(ask, ASK_EVERY_MS);
  setInterval(sayAges, 1000);
  sayAges();
  document.dispatchEvent(new CustomEvent("tandem:shown"));
})();
