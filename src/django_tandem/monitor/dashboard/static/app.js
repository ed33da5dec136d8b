// What pages do by themselves: ask anew every five seconds while somebody looks, and say how long ago times are.
(() => {
  "use strict";
  const ASK_EVERY_MS = 5000;
  let lastTag = null;
  let lastAsked = Date.now();
  let kept = null;

  const live = () => document.getElementById("live");
  const isBusy = () => {
    // Who is choosing, typing or marking must not have the page changed under their hands.
    const at = document.activeElement;
    const marked = getSelection();
    return (
      (at && at.closest("#live") && at.matches("input, select, textarea")) ||
      (marked && !marked.isCollapsed && live().contains(marked.anchorNode)) ||
      document.querySelector("#live dialog[open], #live details[data-hold][open]")
    );
  };

  const ask = () => {
    if (document.visibilityState !== "visible" || isBusy()) return;
    lastAsked = Date.now();
    htmx.trigger(document.body, "tick");
  };

  // --- What a person opened, focused and scrolled stays so when the page is put in place of itself ---------------

  // The same thing in another page: by its id, or by where it stands and what it says.
  const placeOf = (element) => {
    const steps = [];
    for (let one = element; one && one.id !== "live"; one = one.parentElement) {
      if (one.id) return [`#${CSS.escape(one.id)}`, ...steps].join(" > ");
      const same = [...one.parentElement.children].filter((other) => other.tagName === one.tagName);
      steps.unshift(`${one.tagName.toLowerCase()}:nth-of-type(${same.indexOf(one) + 1})`);
    }
    return ["#live", ...steps].join(" > ");
  };
  const saying = (element) => element.textContent.trim().slice(0, 80);
  const nameOf = (details) => {
    if (details.id) return details.id;
    const text = saying(details.querySelector("summary") || details);
    const same = [...document.querySelectorAll("#live details")].filter(
      (one) => saying(one.querySelector("summary") || one) === text,
    );
    return `${text} ${same.indexOf(details)}`;
  };
  const keep = () => {
    const at = document.activeElement;
    kept = {
      open: new Set([...document.querySelectorAll("#live details[open]")].map(nameOf)),
      closed: new Set([...document.querySelectorAll("#live details:not([open])")].map(nameOf)),
      scrolled: [...document.querySelectorAll("#live .wide")].map((one) => [placeOf(one), one.scrollLeft]),
      focus: at && at !== live() && at.closest("#live") ? [placeOf(at), at.tagName, saying(at)] : null,
    };
  };
  const restore = () => {
    if (!kept) return;
    for (const one of document.querySelectorAll("#live details")) {
      const name = nameOf(one);
      if (kept.open.has(name)) one.open = true;
      else if (kept.closed.has(name)) one.open = false;
    }
    for (const [place, left] of kept.scrolled) {
      const there = left && document.querySelector(place);
      if (there) there.scrollLeft = left;
    }
    if (kept.focus && !(document.activeElement && document.activeElement.closest("#live"))) {
      const [place, tag, text] = kept.focus;
      const there = document.querySelector(place);
      if (there && there.tagName === tag && saying(there) === text) there.focus({ preventScroll: true });
    }
    kept = null;
  };

  // --- What scripts add to what the server wrote -----------------------------------------------------------------

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
      const words = inWords((Date.now() - Date.parse(one.dateTime)) / 1000);
      if (one.textContent !== words) one.textContent = words;
    }
  };
  // A table that is wider than its place can be scrolled by keyboard, and says what it is.
  const openTables = () => {
    for (const one of document.querySelectorAll(".wide")) {
      const caption = one.querySelector("caption");
      if (one.scrollWidth > one.clientWidth + 1) {
        one.tabIndex = 0;
        one.setAttribute("role", "region");
        one.setAttribute("aria-label", caption ? saying(caption) : "Table");
      } else if (one.tabIndex === 0) {
        for (const name of ["tabindex", "role", "aria-label"]) one.removeAttribute(name);
      }
    }
  };
  const shown = () => {
    sayAges();
    openTables();
    document.dispatchEvent(new CustomEvent("tandem:shown"));
  };

  // --- Answers ---------------------------------------------------------------------------------------------------

  const say = (text) => {
    const there = document.querySelector("[data-asked]");
    if (there) there.textContent = text;
  };
  const lost = (is) => {
    const there = document.getElementById("lost");
    if (there && there.hidden === is) there.hidden = !is;
  };
  // The same page again is not put in place of itself.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    const asked = event.detail.pathInfo ? event.detail.pathInfo.requestPath : "";
    if (asked && xhr.responseURL && new URL(xhr.responseURL).pathname !== new URL(asked, location.href).pathname) {
      // Led elsewhere: to the login. The address bar must say so.
      event.detail.shouldSwap = false;
      location.reload();
      return;
    }
    const tag = xhr.getResponseHeader("ETag");
    if (xhr.status !== 200 || (tag && tag === lastTag) || isBusy()) {
      event.detail.shouldSwap = false;
      return;
    }
    lastTag = tag;
    keep();
  });
  document.addEventListener("htmx:afterSwap", () => {
    restore();
    shown();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const isThere = event.detail.successful || (event.detail.xhr && event.detail.xhr.status === 304);
    lost(!isThere);
    if (isThere) say(`Asked again every 5 s while somebody looks, last at ${new Date().toLocaleTimeString("en-GB")}.`);
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
  document.addEventListener("toggle", openTables, true);
  addEventListener("resize", openTables);
  setInterval(ask, ASK_EVERY_MS);
  setInterval(sayAges, 1000);
  shown();
})();
