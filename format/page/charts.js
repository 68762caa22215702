(() => {
  'use strict';
  const data = JSON.parse(document.getElementById('data').textContent);
  const { steps, words } = data;
  const first = steps[0].from, last = steps[steps.length - 1].to;
  const middles = steps.map(s => (s.from + s.to) / 2);
  const root = document.documentElement;
  const number = new Intl.NumberFormat(data.lang);
  const color = name => getComputedStyle(root).getPropertyValue('--' + name);
  const el = (parent, name, className, text) => {
    const e = parent.appendChild(document.createElement(name));
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
  };

  // Days count from 1970-01-01.
  const date = day => {
    const d = new Date(day * 864e5);
    return { y: d.getUTCFullYear(), m: d.getUTCMonth(), d: d.getUTCDate(), weekday: d.getUTCDay() };
  };
  const short = m => data.months[m].slice(0, 3);
  const whole = day => {
    const { y, m, d } = date(day), two = n => String(n).padStart(2, '0');
    return data.lang === 'en' ? d + ' ' + short(m) + ' ' + y : two(d) + '.' + two(m + 1) + '.' + y;
  };

  // Labels of the time axis, the finest kind that has room: each step, the
  // steps that a week, month, quarter or year begins in, every fifth year …
  const begin = steps.map(s => date(s.from)), end = steps.map(s => date(s.to - 1)), before = steps.map(s => date(s.from - 1));
  const starts = {
    step: () => true,
    week: i => begin[i].weekday === 1,
    month: i => end[i].m !== before[i].m || end[i].y !== before[i].y,
    quarter: i => starts.month(i) && end[i].m % 3 === 0,
    year: i => end[i].y !== before[i].y,
    years: i => starts.year(i) && end[i].y % 5 === 0,
    decades: i => starts.year(i) && end[i].y % 20 === 0,
  };
  // By the step: those of a day, a week, a month, a year.
  const kinds = [['step', 'week', 'month', 'quarter'], ['step', 'month', 'quarter'], ['step', 'quarter'], ['step']][data.by]
    .concat(data.by === 3 ? [] : ['year'], ['years', 'decades'])
    .map(kind => ({ kind, at: middles.map((_, i) => i).filter(starts[kind]) }));
  const label = (i, form) => {
    const { d, m } = begin[i];
    if (form === 'year' || data.by === 3) return String(end[i].y);
    if (form === 'month' || data.by === 2) return short(end[i].m);
    return data.lang === 'en' ? d + ' ' + short(m) : d + '. ' + short(m);
  };
  const axis = u => {
    const { min, max } = u.scales.x, width = u.width - 64; // about that of the plot, which may be laid out later
    let ticks, form;
    for (const { kind, at } of kinds) {
      form = { week: 'step', quarter: 'month', years: 'year', decades: 'year' }[kind] || kind;
      ticks = at.filter(i => middles[i] >= min && middles[i] <= max);
      const room = form === 'month' || data.by === 2 ? 36 : 56;
      if (ticks.length * room <= width) break;
    }
    let year = ticks.length && end[ticks[0]].y;
    const alone = form === 'year' || data.by === 3; // without the year below
    return ticks.map(i => {
      const { y } = end[i], at = form === 'step' ? middles[i] : steps[i].from;
      // The ends of the axis, which have their dates, have the year as well.
      const room = Math.min(at - min, max - at) / (max - min) * width > 100;
      const below = alone || y === year || !room ? '' : '\n' + y;
      year = y;
      return { at, text: label(i, form) + below };
    });
  };

  // Each step is drawn as wide as it is long, with a gap between where there is room.
  const across = (u, i) => {
    let x0 = u.valToPos(steps[i].from, 'x', true), x1 = u.valToPos(steps[i].to, 'x', true);
    const dpr = devicePixelRatio, room = (x1 - x0) / dpr;
    if (room > 3) {
      const gap = Math.min(room * 0.1, 6) * dpr;
      x0 += gap; x1 -= gap;
      const widest = 96 * dpr;
      if (x1 - x0 > widest) { x0 = (x0 + x1 - widest) / 2; x1 = x0 + widest; }
    }
    return [x0, x1 - x0];
  };
  const columns = base => (u, series, i0, i1) => {
    const path = new Path2D(), values = u.data[series], dpr = devicePixelRatio;
    for (let i = Math.max(0, i0 - 1); i <= Math.min(steps.length - 1, i1 + 1); i++) {
      if (values[i] == null) continue;
      const [x, width] = across(u, i), from = base(i);
      let y0 = u.valToPos(from, 'y', true);
      const y1 = u.valToPos(values[i], 'y', true);
      if (from > 0 && y0 - y1 > 3 * dpr) y0 -= dpr; // a line between it and what it stands on
      path.rect(x, y1, width, y0 - y1);
    }
    return { fill: path, stroke: null, clip: null, band: null, gaps: null, flags: 0 };
  };
  // A zero is a line on the axis, where a gap is hatched.
  const drawZeros = zeros => u => {
    const { left, width } = u.bbox, y = u.valToPos(0, 'y', true), high = 2 * devicePixelRatio;
    u.ctx.save();
    u.ctx.fillStyle = color('muted');
    steps.forEach((s, i) => {
      const [x, wide] = across(u, i);
      if (s.known && zeros[i] && x >= left - 1 && x + wide <= left + width + 1) u.ctx.fillRect(x, y - high, wide, high);
    });
    u.ctx.restore();
  };

  const hatch = (ctx, stroke) => {
    const tile = document.createElement('canvas'), size = Math.round(8 * devicePixelRatio);
    tile.width = tile.height = size;
    const t = tile.getContext('2d');
    t.strokeStyle = stroke;
    t.lineWidth = devicePixelRatio;
    for (const o of [-size, 0, size]) { t.moveTo(o, size); t.lineTo(o + size, 0); }
    t.stroke();
    return ctx.createPattern(tile, 'repeat');
  };
  const drawGaps = u => {
    if (!data.gaps) return;
    const { left, top, width, height } = u.bbox;
    u.ctx.save();
    u.ctx.fillStyle = hatch(u.ctx, color('hatch'));
    for (const [from, to] of data.gaps) {
      const x0 = Math.max(left, u.valToPos(from, 'x', true)), x1 = Math.min(left + width, u.valToPos(to, 'x', true));
      if (x1 > x0) u.ctx.fillRect(x0, top, Math.max(1, x1 - x0), height);
    }
    u.ctx.restore();
  };

  const tooltip = parent => {
    const tip = el(parent, 'div', 'tip');
    tip.hidden = true;
    tip.setAttribute('aria-hidden', 'true');
    return (x, y) => {
      tip.hidden = x == null;
      if (tip.hidden) return tip;
      const w = tip.offsetWidth, most = parent.clientWidth - w;
      tip.style.left = Math.max(0, Math.min(most, x + 14 + w > parent.clientWidth ? x - w - 14 : x + 14)) + 'px';
      tip.style.top = Math.max(0, y) + 'px';
      return tip;
    };
  };

  const printing = () => root.classList.contains('printing');
  const charts = [];
  const most = Math.max(...data.charts.map(c => Math.max(...steps.map((_, i) => c.series.reduce((sum, s) => sum + s.values[i], 0)))));
  const sync = uPlot.sync('charts');
  // chart draws series of {label, values, color}, each column on that of the
  // series below.
  const chart = (id, series, height) => {
    const box = document.getElementById(id);
    // The plot is in the tab order, the legend's buttons are no part of an image. One
    // series has its name above.
    let legend = box.previousElementSibling;
    if (series.length > 1) box.before(legend = el(box, 'div', 'legend'));
    const shown = series.map(() => true);
    const zeros = steps.map((_, i) => series.every(s => !s.values[i]));
    const sums = () => {
      const top = steps.map(() => 0);
      return series.map((s, k) => s.values.map((v, i) => {
        if (v == null) return v;
        if (shown[k]) top[i] += v;
        return top[i];
      }));
    };
    const bottom = k => i => shown[k] ? u.data[k + 1][i] - series[k].values[i] : 0;
    const wide = 14 + 7 * Math.max(2, number.format(Math.ceil(1.06 * most)).length); // of all axes, so that days stand below days
    const ends = el(box, 'div', 'ends');
    ends.setAttribute('aria-hidden', 'true');
    const drawEnds = u => {
      const { min, max } = u.scales.x, from = steps.find(s => s.to > min), to = steps.findLast(s => s.from < max);
      ends.replaceChildren();
      el(ends, 'span', '', whole(from.from));
      if (to.to - from.from > 1) el(ends, 'span', '', whole(to.to - 1));
      ends.style.left = u.over.offsetLeft + 'px';
      ends.style.width = u.over.offsetWidth + 'px';
      ends.style.top = u.over.offsetTop + u.over.offsetHeight + 25 + 'px';
    };
    const show = tooltip(box);
    const size = () => ({ width: printing() ? 680 : box.clientWidth, height: height() });
    const u = new uPlot({
      ...size(),
      padding: [8, 18, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { setScale: true, x: true, y: false }, sync: { key: 'charts' } },
      scales: {
        // All is from the first day's begin to the last one's end, not from middle to middle.
        x: { time: false, range: (_, min, max) => steps.length === 1 || min === middles[0] && max === middles[middles.length - 1] ? [first, last] : [min, max] },
        y: { range: (_, min, max) => [0, max > 0 ? max * 1.06 : 1] },
      },
      axes: [
        {
          stroke: () => color('muted'), font: '12px system-ui, sans-serif', size: 46, gap: 6,
          grid: { show: false }, ticks: { stroke: () => color('line'), width: 1, size: 4 },
          splits: u => axis(u).map(t => t.at),
          values: u => axis(u).map(t => t.text),
        },
        {
          stroke: () => color('muted'), font: '12px system-ui, sans-serif', gap: 6,
          size: wide, space: 24,
          incrs: [1, 10, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9].flatMap(n => [n, 2 * n, 5 * n]),
          grid: { stroke: () => color('line'), width: 1 }, ticks: { show: false },
          values: (_, splits) => splits.map(v => number.format(v)),
        },
      ],
      series: [{}, ...series.map((s, k) => ({
        label: s.label, fill: () => color(s.color), stroke: null, width: 0, points: { show: false }, paths: columns(bottom(k)),
      }))],
      hooks: {
        drawClear: [drawGaps],
        draw: [drawZeros(zeros), drawEnds],
        setCursor: [u => {
          const { idx, left } = u.cursor;
          if (idx == null || left < 0) { show(null); return; }
          const tip = show(0, 0);
          tip.replaceChildren();
          el(tip, 'b', '', steps[idx].label);
          if (!steps[idx].known) el(tip, 'div', '', words.noData);
          else {
            series.forEach((s, k) => {
              if (!shown[k]) return;
              const row = el(tip, 'div');
              el(row, 'i', s.color);
              el(row, 'span', '', s.label);
              el(row, 'span', '', number.format(s.values[idx]));
            });
            if (steps[idx].missing) el(tip, 'div', '', words.missing + ': ' + number.format(steps[idx].missing));
            if (steps[idx].partial) el(tip, 'div', '', words.partial + ': ' + number.format(steps[idx].partial));
          }
          show(u.over.offsetLeft + left, 8);
          if (document.activeElement === box) {
            document.getElementById('said').textContent = [...tip.children].map(row => [...row.childNodes].map(n => n.textContent).join(' ').trim()).join(', ');
          }
        }],
      },
    }, [middles, ...sums()], box);
    if (series.length > 1) series.forEach((s, k) => {
      const button = el(legend, 'button');
      button.type = 'button';
      button.setAttribute('aria-pressed', 'true');
      el(button, 'i', s.color);
      el(button, 'span', '', s.label);
      button.addEventListener('click', () => {
        shown[k] = !shown[k];
        button.setAttribute('aria-pressed', shown[k]);
        u.batch(() => { u.setData([middles, ...sums()], false); u.setSeries(k + 1, { show: shown[k] }); u.redraw(true, true); });
      });
    });
    if (data.gaps) {
      const mark = el(legend, 'span');
      el(mark, 'i', 'gap');
      el(mark, 'span', '', words.noData);
    }

    box.addEventListener('keydown', e => {
      const at = u.cursor.left < 0 ? null : u.cursor.idx;
      const to = { ArrowLeft: at === null ? steps.length - 1 : at - 1, ArrowRight: at === null ? 0 : at + 1, Home: 0, End: steps.length - 1 }[e.key];
      if (to === undefined && e.key !== 'Escape') return;
      e.preventDefault();
      if (e.key === 'Escape') { u.setScale('x', { min: middles[0], max: middles[middles.length - 1] }); u.setCursor({ left: -10, top: -10 }); return; }
      const i = Math.max(0, Math.min(steps.length - 1, to));
      u.setCursor({ left: u.valToPos(middles[i], 'x'), top: 10 });
    });
    box.addEventListener('blur', () => u.setCursor({ left: -10, top: -10 }));
    const fit = () => u.setSize(size());
    new ResizeObserver(() => { if (box.clientWidth !== u.width) fit(); }).observe(box);
    charts.push({ u, fit });
  };

  const low = matchMedia('(max-width: 36rem)');
  for (const { id, series } of data.charts) {
    chart(id, series, series.length > 1 ? () => printing() ? 200 : 240 : () => printing() ? 165 : low.matches ? 180 : 220);
  }

  const map = document.querySelector('.map'); // of more than a week
  if (map) {
    const wrap = map.parentElement;
    wrap.style.position = 'relative';
    const showCell = tooltip(wrap);
    map.addEventListener('pointerover', e => {
      const cell = e.target.closest('[data-tip]');
      if (!cell) { showCell(null); return; }
      showCell(0, 0).textContent = cell.dataset.tip;
      showCell(cell.offsetLeft + cell.offsetWidth, map.offsetTop + cell.offsetTop - 34);
    });
    map.addEventListener('pointerleave', () => showCell(null));
  }

  const redraw = () => charts.forEach(({ u }) => u.redraw(false, true));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  // A canvas is printed as it stands: on paper it is light and fits the page.
  const print = on => () => { root.classList.toggle('printing', on); charts.forEach(({ fit }) => fit()); redraw(); };
  addEventListener('beforeprint', print(true));
  addEventListener('afterprint', print(false));
})();
