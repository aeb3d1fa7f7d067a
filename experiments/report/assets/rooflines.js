// The roofline: what memory and arithmetic of the device allow, and what seed and elites reach of it.

class Rooflines {
  constructor(place, roofs, source) {
    this.place = place;
    this.roofs = roofs.filter((roof) => roof.intensity > 0);
    this.source = source;
    if (this.roofs.length) drawnAgain(place, () => this.draw());
    else place.hidden = true;
  }

  draw() {
    const width = this.place.clientWidth, height = 250, left = 56, right = 16;
    const rate = (roof, ms) => roof.intensity * roof.bytes / (ms / 1e3);
    const xs = this.roofs.map((roof) => Math.log10(roof.intensity)), ridges = this.roofs.map((roof) => Math.log10(roof.compute / roof.memory));
    const from = Math.min(...xs) - 0.7, to = Math.max(...xs.map((each) => each + 0.7), ...ridges.map((each) => each + 0.4));
    const rates = this.roofs.flatMap((roof) => roof.points.map(([, ms]) => Math.log10(rate(roof, ms))));
    const tops = this.roofs.map((roof) => Math.log10(Math.min(roof.compute, roof.memory * 10 ** to)));
    const low = Math.min(...rates) - 0.35, high = Math.max(...tops, ...rates) + 0.25;
    const x = scale(from, to, left, width - right), y = scale(low, high, height - 42, 12);
    const drawing = svg('svg', { width, height, role: 'img', 'aria-label': 'Roofline: the table beside it has the same figures' });
    for (const power of ticks(low, high, 5).filter(Number.isInteger)) {
      drawing.append(svg('line', { class: 'rule', x1: left, x2: width - right, y1: y(power), y2: y(power) }),
        svg('text', { class: 'tick', x: left - 8, y: y(power) + 4, 'text-anchor': 'end' }, short(10 ** power)));
    }
    const middle = { class: 'tick', 'text-anchor': 'middle' };
    for (const power of ticks(from, to, 6).filter(Number.isInteger)) {
      const words = String(Number((10 ** power).toPrecision(1)));
      drawing.append(svg('text', { ...middle, x: x(power), y: height - 24 }, words));
    }
    const below = 'floating-point operations a byte (least possible)';
    drawing.append(svg('text', { ...middle, x: (left + width - right) / 2, y: height - 6 }, below),
      svg('text', { class: 'tick', x: left - 48, y: 10 }, 'flop/s'));
    for (const roof of new Map(this.roofs.map((each) => [each.dtype, each])).values()) {
      const ridge = Math.min(Math.log10(roof.compute / roof.memory), to), flat = Math.log10(Math.min(roof.compute, roof.memory * 10 ** to));
      const begin = Math.max(from, low - Math.log10(roof.memory));
      const slope = `M${x(begin)} ${y(begin + Math.log10(roof.memory))}L${x(ridge)} ${y(flat)}`;
      drawing.append(svg('path', { class: 'roof', d: `${slope}H${x(to)}` }));
    }
    this.roofs.forEach((roof, index) => {
      const at = x(Math.log10(roof.intensity)), ys = roof.points.map(([, ms]) => y(Math.log10(rate(roof, ms))));
      drawing.append(svg('path', { class: `curve hue-${index % HUES}`, d: `M${at} ${ys[0]}V${ys.at(-1)}` }));
      ys.forEach((each, place) => {
        const hollow = place === 0 ? ' hollow' : '', r = place === 0 || place === ys.length - 1 ? 4.5 : 2.5;
        const [number, ms] = roof.points[place];
        drawing.append(svg('circle', { class: `hue-${index % HUES}${hollow}`, cx: at, cy: each, r },
          svg('title', {}, `${roof.workload}, candidate ${number}: ${ms} ms ${this.source}`)));
      });
    });
    this.place.replaceChildren(drawing);
  }
}
