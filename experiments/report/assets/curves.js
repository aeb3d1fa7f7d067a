// The best so far against evaluations, time or cost: one curve a run, with the interval of what was measured.

const AXES = {
  evaluations: { words: 'evaluations', of: whole, ticks: (high, most) => ticks(0, high, most).filter(Number.isInteger) },
  seconds: { words: 'time', of: duration, ticks: timeTicks },
  cpu_seconds: { words: 'CPU time', of: duration, ticks: timeTicks },
  gpu_seconds: { words: 'GPU time', of: duration, ticks: timeTicks },
  tokens: { words: 'tokens', of: short, ticks: (high, most) => ticks(0, high, most) },
  dollars: { words: 'dollars', of: (each) => `$${Number(each.toPrecision(3))}`, ticks: (high, most) => ticks(0, high, most) },
};
const MARGIN = { left: 48, right: 14, top: 12, bottom: 28 };

class Curves {
  constructor(place, choices, runs) {
    this.place = place;
    this.runs = runs.filter((each) => each.number.length);
    this.axis = 'evaluations';
    if (!this.runs.length) {
      place.replaceChildren(html('p', { class: 'none' }, 'Nothing has passed yet, so there is no curve.'));
      return;
    }
    const known = Object.keys(AXES).filter((name) => this.runs.some((run) => run[name].at(-1) > 0));
    choices.append(...known.map((name) => this.choice(name)));
    drawnAgain(place, () => this.draw());
  }

  choice(name) {
    const attributes = { type: 'radio', name: 'axis', value: name, checked: name === this.axis };
    const chosen = () => { this.axis = name; this.draw(); };
    return html('label', {}, html('input', { ...attributes, onchange: chosen }), html('span', {}, AXES[name].words));
  }

  draw() {
    const width = this.place.clientWidth, height = width < 600 ? 240 : 280, axis = AXES[this.axis];
    const labelled = this.runs.length > 1, right = labelled && width > 600 ? 190 : MARGIN.right;
    const most = Math.max(...this.runs.map((run) => run[this.axis].at(-1)));
    const bounds = this.runs.flatMap((run) => run.speed.flat().map(Math.log2));
    const low = Math.min(...bounds), high = Math.max(...bounds, low + 0.05), pad = 0.06 * (high - low);
    this.x = scale(0, most || 1, MARGIN.left, width - right);
    this.y = scale(low - pad, high + pad, height - MARGIN.bottom, MARGIN.top);
    const drawing = svg('svg', { width, height, role: 'img', 'aria-label': `Best so far against ${axis.words}` });
    for (const ratio of ratioTicks(low, high, 5)) {
      const y = this.y(Math.log2(ratio));
      drawing.append(svg('line', { class: 'rule', x1: MARGIN.left, x2: width - right, y1: y, y2: y }),
        svg('text', { class: 'tick', x: MARGIN.left - 8, y: y + 4, 'text-anchor': 'end' }, ratioWords(ratio, low, high)));
    }
    for (const at of axis.ticks(most, width < 600 ? 4 : 8)) {
      drawing.append(svg('text', { class: 'tick', x: this.x(at), y: height - 8, 'text-anchor': at ? 'middle' : 'start' }, axis.of(at)));
    }
    this.runs.forEach((run, index) => drawing.append(...this.drawn(run, index)));
    if (right > MARGIN.right) drawing.append(...this.names(width - right + 10, height));
    this.tip = html('div', { class: 'tip', hidden: true });
    this.place.replaceChildren(drawing, this.tip);
    drawing.addEventListener('pointermove', (event) => this.point(event, width));
    drawing.addEventListener('pointerleave', () => { this.tip.hidden = true; });
  }

  drawn(run, index) {
    const xs = run[this.axis].map(this.x), hue = this.runs.length > 1 ? `hue-${index % HUES}` : 'ink';
    const steps = (ys) => xs.map((x, at) => (at ? `H${x}V${ys[at]}` : `M${x} ${ys[at]}`)).join('');
    const [value, low, high] = [0, 1, 2].map((at) => run.speed.map((each) => this.y(Math.log2(each[at]))));
    const band = run.speed.some((each) => each[1] < each[2])
      ? [svg('path', { class: `band ${hue}`, d: `${steps(high)}V${low.at(-1)}${backwards(xs, low)}Z` })] : [];
    const dots = xs.map((x, at) => (at && run.number[at] === run.number[at - 1] ? null
      : svg('circle', { class: hue, cx: x, cy: value[at], r: 3 })));
    return [...band, svg('path', { class: `curve ${hue}`, d: steps(value), 'stroke-dasharray': index < HUES ? null : '7 4' }), ...dots.filter(Boolean)];
  }

  names(x, height) {
    const ends = this.runs.map((run, index) => ({ run, index, y: this.y(Math.log2(run.speed.at(-1)[0])) }));
    ends.sort((one, other) => one.y - other.y);
    ends.forEach((each, at) => { each.y = Math.max(each.y, at ? ends[at - 1].y + 15 : MARGIN.top + 4); });
    const over = Math.max(0, (ends.at(-1)?.y ?? 0) - height + MARGIN.bottom);
    return ends.map(({ run, index, y }) => svg('text', { class: `name hue-${index % HUES}`, x, y: y - over + 4 },
      `${run.name.length > 24 ? `${run.name.slice(0, 23)}…` : run.name}`));
  }

  point(event, width) {
    const box = this.place.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const found = this.runs.flatMap((run) => run[this.axis].map((at, place) => ({
      run, at, place, away: Math.hypot(this.x(at) - x, this.y(Math.log2(run.speed[place][0])) - y),
    })));
    const near = found.reduce((one, other) => (other.away < one.away ? other : one));
    this.tip.hidden = near.away > 60;
    const [value, low, high] = near.run.speed[near.place];
    const sure = low < high ? `, 99% interval ${times(low)} to ${times(high)}` : '';
    this.tip.textContent = `${this.runs.length > 1 ? `${near.run.name}: ` : ''}candidate ${near.run.number[near.place]}, `
      + `${times(value)} ${near.run.source}${sure}, at ${AXES[this.axis].of(near.at)} ${this.axis === 'evaluations' ? 'evaluations' : ''}`;
    this.tip.style.left = `${clamp(this.x(near.at) + 10, 0, Math.max(width - 260, 0))}px`;
    this.tip.style.top = `${this.y(Math.log2(value)) + 12}px`;
  }
}

// The lower side of a band of steps, from its end to its beginning.
function backwards(xs, ys) {
  let path = '';
  for (let at = xs.length - 1; at > 0; at -= 1) path += `H${xs[at]}V${ys[at - 1]}`;
  return `${path}H${xs[0]}`;
}
