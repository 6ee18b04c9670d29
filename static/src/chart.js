// Charts over time: stacked bars, or lines on two axes. Colours are the page's tokens.
import uPlot from 'uplot';

const FONT = '11px Inter, system-ui, sans-serif';

const shown = {
  n: (value) => {
    if (value >= 1e9) return `${+(value / 1e9).toFixed(1)}B`;
    if (value >= 1e6) return `${+(value / 1e6).toFixed(1)}M`;
    if (value >= 1e3) return `${+(value / 1e3).toFixed(1)}k`;
    return `${+value.toFixed(1)}`;
  },
  rate: (value) => (value >= 1e3 ? shown.n(value) : `${+value.toPrecision(3)}`),
  usd: (value) => {
    if (value === 0 || value >= 1) return `$${value.toFixed(2)}`;
    return `$${+value.toPrecision(2)}`;
  },
};

export function charts() {
  const boxes = [...document.querySelectorAll('[data-chart]')];
  if (!boxes.length) return;
  const paint = () => boxes.forEach(draw);
  document.fonts.ready.then(paint);
  addEventListener('themechange', paint);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);
  let width = innerWidth;
  let timer;
  addEventListener('resize', () => {
    if (width === innerWidth) return;
    width = innerWidth;
    clearTimeout(timer);
    timer = setTimeout(paint, 100);
  });
}

function token(box, name) {
  const probe = document.createElement('i');
  probe.hidden = true;
  probe.style.color = `var(--${name})`;
  box.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function faint(colour) {
  return colour.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.1)');
}

function clock(spec) {
  const parts = spec.bucket === 'hour' ? { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } : { month: '2-digit', day: '2-digit' };
  const format = new Intl.DateTimeFormat('en-CA', { ...parts, timeZone: spec.zone });
  return (seconds) => format.format(seconds * 1000);
}

function tooltip(spec, time) {
  let tip;
  const row = (name, value) => {
    const line = document.createElement('div');
    const label = document.createElement('span');
    const figure = document.createElement('b');
    label.textContent = name;
    figure.textContent = value;
    line.append(label, figure);
    return line;
  };
  return {
    hooks: {
      init: (plot) => {
        tip = document.createElement('div');
        tip.className = 'tip';
        tip.hidden = true;
        plot.over.append(tip);
        plot.over.addEventListener('mouseleave', () => { tip.hidden = true; });
      },
      setCursor: (plot) => {
        const at = plot.cursor.idx;
        tip.hidden = at == null || plot.cursor.left < 0;
        if (tip.hidden) return;
        const head = document.createElement('b');
        head.textContent = time(spec.x[at]);
        tip.replaceChildren(head, ...spec.series.map((series) => row(series.name, shown[series.fmt](series.y[at]))));
        const right = plot.cursor.left + 14;
        const fits = right + tip.offsetWidth <= plot.over.clientWidth;
        tip.style.left = `${fits ? right : plot.cursor.left - tip.offsetWidth - 14}px`;
        tip.style.top = '8px';
      },
    },
  };
}

function stacked(series) {
  const sums = series.map((one) => [...one.y]);
  for (let at = 1; at < sums.length; at += 1) sums[at] = sums[at].map((value, x) => value + sums[at - 1][x]);
  return sums.reverse();
}

function draw(box) {
  const spec = box.spec ??= JSON.parse(box.querySelector('script').textContent);
  box.plot?.destroy();
  const stack = spec.kind === 'stack';
  const list = stack ? [...spec.series].reverse() : spec.series;
  const values = stack ? stacked(spec.series) : spec.series.map((series) => series.y);
  const left = list.find((series) => series.axis !== 'r');
  const right = list.find((series) => series.axis === 'r');
  const time = clock(spec);
  const [ink, grid] = [token(box, 'text-3'), token(box, 'grid')];
  const axis = (more) => ({ stroke: ink, font: FONT, ticks: { show: false }, grid: { stroke: grid, width: 1 }, gap: 6, ...more });
  const labels = (series) => (_, ticks) => ticks.map(shown[series.fmt]);
  const half = spec.bucket === 'hour' ? 1800 : 43200;
  const fromZero = (room) => (_, low, high) => [0, (high || 1) * room];
  const bars = uPlot.paths.bars({ size: [0.7, 22], gap: 1 });
  const padding = getComputedStyle(box);
  box.plot = new uPlot({
    width: box.clientWidth - parseFloat(padding.paddingLeft) - parseFloat(padding.paddingRight),
    height: box.clientHeight - parseFloat(padding.paddingBottom),
    padding: [10, right ? 4 : 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: !stack, size: 6 }, drag: { x: false, y: false } },
    select: { show: false },
    scales: {
      x: { time: true, ...(stack && { range: (_, low, high) => [low - half, high + half] }) },
      y: { range: fromZero(1.12) },
      r: { range: fromZero(1.45) },
    },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), spec.zone),
    axes: [
      axis({ grid: { show: false }, space: 56, size: 26, values: (_, ticks) => ticks.map(time) }),
      axis({ size: 56, space: 36, values: labels(left) }),
      ...(right ? [axis({ scale: 'r', side: 1, size: 44, space: 36, grid: { show: false }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7], values: labels(right) })] : []),
    ],
    series: [{}, ...list.map((series) => {
      const colour = token(box, series.c);
      return {
        scale: series.axis === 'r' ? 'r' : 'y',
        stroke: stack ? undefined : colour,
        fill: stack ? colour : series.fill ? faint(colour) : undefined,
        width: stack ? 0 : 1.75,
        dash: series.dash,
        paths: stack ? bars : uPlot.paths.linear(),
        points: { show: false },
      };
    })],
    plugins: [tooltip(spec, time)],
  }, [spec.x, ...values], box);
}
