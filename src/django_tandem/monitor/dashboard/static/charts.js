// Draws the charts of a page from its blocks of JSON. A chart outlives the page around it: what is new is drawn into it.
(() => {
  "use strict";
  const drawn = new Map(); // element → { plot, shape, text }
  const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3]];
  const FONT = "12px system-ui, sans-serif";
  const SYNC = uPlot.sync("tandem");

  const read = (id) => {
    const block = document.getElementById(id);
    return block ? block.textContent : null;
  };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  // --- How values and times are written, as the page's own text has them -----------------------------------------

  const inSeconds = (value) => {
    if (value === 0) return "0";
    if (value < 1) return `${Math.round(value * 1000)} ms`;
    if (value < 60) return `${Number(value.toFixed(1))} s`;
    if (value < 3600) return `${Number((value / 60).toFixed(1))} min`;
    if (value < 86400) return `${Number((value / 3600).toFixed(1))} h`;
    return `${Number((value / 86400).toFixed(1))} d`;
  };
  const inThousands = (value) => {
    if (value >= 1e6) return `${Number((value / 1e6).toFixed(1))} M`;
    if (value >= 10000) return `${Number((value / 1e3).toFixed(1))} k`;
    return value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
  };
  // Steps of an axis that people count in.
  const STEPS_OF_TIME = [
    ...[-3, -2, -1].flatMap((power) => [1, 2, 5].map((digit) => Number((digit * 10 ** power).toFixed(3)))),
    1, 2, 5, 10, 15, 30, ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60),
    ...[1, 2, 3, 6, 12].map((hours) => hours * 3600), ...[1, 2, 5, 10, 20, 50].map((days) => days * 86400),
  ];
  const UNITS = { seconds: inSeconds, number: inThousands, ratio: (value) => String(Number(value.toFixed(2))) };
  const write = (unit, value) => (value === null || value === undefined ? "–" : UNITS[unit](value));

  const zone = document.documentElement.dataset.zone || "UTC";
  const times = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options });
  const HOURS = times({ hour: "2-digit", minute: "2-digit" });
  const SECONDS = times({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const DAYS = times({ day: "numeric", month: "short" });
  const BOTH = times({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const isLong = (frame) => frame.step * frame.count > 2 * 86400;

  // --- One chart -------------------------------------------------------------------------------------------------

  const columns = (frame, data) => [
    Array.from({ length: frame.count }, (_, number) => frame.start + number * frame.step),
    ...data.lines.map((line) => line.values),
  ];
  const highest = (data, side) => {
    let most = 0;
    data.lines.forEach((line) => {
      if (line.side === side) line.values.forEach((value) => (most = Math.max(most, value || 0)));
    });
    if (side === 0) data.limits.forEach((limit) => (most = Math.max(most, limit.at)));
    return most ? most * 1.12 : 1;
  };

  const options = (one, element) => {
    const soft = colour("soft");
    const grid = { stroke: colour("line"), width: 1 };
    const unitOf = (side) => (one.data.lines.find((line) => line.side === side) || { unit: "number" }).unit;
    const axis = (side) => ({
      scale: side ? "right" : "y", side: side ? 1 : 3, stroke: soft, font: FONT, size: 58, gap: 4,
      ...(unitOf(side) === "seconds" ? { incrs: STEPS_OF_TIME } : {}),
      grid: side ? { show: false } : grid, ticks: { show: false },
      values: (_, splits) => splits.map((value) => write(unitOf(side), value)),
    });
    const hasRight = one.data.lines.some((line) => line.side === 1);
    return {
      width: Math.max(200, element.clientWidth), height: Math.max(120, element.clientHeight),
      legend: { show: false }, padding: [18, hasRight ? 0 : 12, 0, 0],
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone),
      cursor: { sync: { key: SYNC.key }, drag: { x: false, y: false, setScale: false }, y: false, points: { size: 7 } },
      scales: {
        x: { time: true, range: () => [one.frame.start, one.frame.start + one.frame.step * (one.frame.count - 1)] },
        y: { range: () => [0, highest(one.data, 0)] },
        right: { range: () => [0, highest(one.data, 1)] },
      },
      axes: [
        {
          stroke: soft, font: FONT, grid, ticks: { show: false }, space: 60, size: 26,
          values: (_, splits) =>
            splits.map((at) => (isLong(one.frame) ? DAYS : HOURS).format(new Date(at * 1000))),
        },
        axis(0),
        ...(hasRight ? [axis(1)] : []),
      ],
      series: [
        {},
        ...one.data.lines.map((line) => ({
          label: line.label, scale: line.side ? "right" : "y", stroke: colour(line.colour),
          width: 2, dash: DASHES[line.dash % DASHES.length], spanGaps: false,
          points: { show: one.frame.count < 40 },
        })),
      ],
      hooks: { draw: [(plot) => { across(plot, one); marks(plot, one); }], setCursor: [(plot) => tell(plot, one)] },
    };
  };

  const line = (context, ratio, dash, stroke, from, to) => {
    context.beginPath();
    context.setLineDash(dash.map((length) => length * ratio));
    context.strokeStyle = stroke;
    context.lineWidth = ratio;
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  };
  const label = (context, ratio, text, fill, x, y) => {
    context.font = `${11 * ratio}px system-ui, sans-serif`;
    context.fillStyle = fill;
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    context.fillText(text, x, y);
  };

  // Limits go across, each with what it means.
  const across = (plot, one) => {
    const { ctx: context, bbox } = plot;
    const ratio = uPlot.pxRatio;
    context.save();
    one.data.limits.forEach((limit) => {
      const y = Math.round(plot.valToPos(limit.at, "y", true));
      line(context, ratio, [2, 3], colour("soft"), [bbox.left, y], [bbox.left + bbox.width, y]);
      label(context, ratio, limit.label, colour("soft"), bbox.left + 4 * ratio, y - 4 * ratio);
    });
    context.restore();
  };

  // Marks stand upright, each with its name above the chart, where there is room for it.
  const marks = (plot, one) => {
    const { ctx: context, bbox } = plot;
    const ratio = uPlot.pxRatio;
    let free = -Infinity;
    context.save();
    one.frame.marks.forEach((mark) => {
      const x = Math.round(plot.valToPos(mark.at, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) return;
      line(context, ratio, [4, 3], colour("ink"), [x, bbox.top - 4 * ratio], [x, bbox.top + bbox.height]);
      context.font = `${11 * ratio}px system-ui, sans-serif`;
      const width = context.measureText(mark.label).width;
      const at = Math.max(0, Math.min(x - 2 * ratio, bbox.left + bbox.width - width));
      if (at < free) return;
      label(context, ratio, mark.label, colour("ink"), at, bbox.top - 7 * ratio);
      free = at + width + 8 * ratio;
    });
    context.restore();
  };

  // What is under the pointer, in all charts at once.
  const tell = (plot, one) => {
    const index = plot.cursor.idx;
    const isShown = index !== null && index !== undefined && plot.cursor.left >= 0;
    one.tip.hidden = !isShown;
    if (!isShown) return;
    const at = new Date((one.frame.start + index * one.frame.step) * 1000);
    const rows = [(isLong(one.frame) ? BOTH : SECONDS).format(at)];
    one.data.lines.forEach((drawnLine) => rows.push(`${drawnLine.label}: ${write(drawnLine.unit, drawnLine.values[index])}`));
    one.tip.replaceChildren(
      ...rows.map((text) => {
        const row = document.createElement("span");
        row.textContent = text;
        return row;
      }),
    );
    const isRight = plot.cursor.left > plot.over.clientWidth / 2;
    one.tip.classList.toggle("left", isRight);
  };

  // --- All charts of the page ------------------------------------------------------------------------------------

  const shapeOf = (data) => JSON.stringify(data.lines.map(({ label: name, colour: its, side }) => [name, its, side]));

  const make = (element, frame, data, text) => {
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    const one = { frame, data, text, tip, shape: shapeOf(data) };
    one.plot = new uPlot(options(one, element), columns(frame, data), element);
    one.plot.over.append(tip);
    drawn.set(element, one);
    sizes.observe(element);
  };
  const drop = (element) => {
    drawn.get(element).plot.destroy();
    drawn.delete(element);
    sizes.unobserve(element);
  };

  const show = () => {
    const framed = read("frame");
    for (const element of [...drawn.keys()]) if (!element.isConnected) drop(element);
    if (framed === null) return;
    const frame = JSON.parse(framed);
    for (const element of document.querySelectorAll(".plot[data-chart]")) {
      const block = read(element.dataset.chart);
      if (block === null) continue;
      const text = framed + block;
      const one = drawn.get(element);
      if (one && one.text === text) continue;
      const data = JSON.parse(block);
      if (one && one.shape === shapeOf(data)) {
        Object.assign(one, { frame, data, text });
        one.plot.setData(columns(frame, data));
      } else {
        if (one) drop(element);
        make(element, frame, data, text);
      }
    }
  };

  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const one = drawn.get(target);
      const width = Math.max(200, target.clientWidth);
      if (one && one.plot.width !== width) one.plot.setSize({ width, height: one.plot.height });
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const element of [...drawn.keys()]) drop(element);
    show();
  });
  document.addEventListener("tandem:shown", show);
})();
