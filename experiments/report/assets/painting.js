// Paints the lineage on a canvas: faint edges, candidates by operator, and the winner's line above all.

class Painting {
  constructor(canvas, layout) {
    this.canvas = canvas;
    this.layout = layout;
    this.family = layout.family;
    this.only = null;
  }

  paint(chosen) {
    const { width, height } = this.layout, ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    this.pen = this.canvas.getContext('2d');
    this.pen.scale(ratio, ratio);
    this.pen.font = '12px system-ui, sans-serif';
    this.ink = Object.fromEntries(['ink', 'quiet', 'rule', 'paper', 'faint'].map((name) => [name, colour(name)]));
    this.hues = Array.from({ length: HUES }, (_, hue) => colour(`hue-${hue}`));
    this.frame();
    this.pen.save();
    this.pen.beginPath();
    this.pen.rect(this.layout.left - 7, 0, this.layout.right - this.layout.left + 14, height);
    this.pen.clip();
    this.edges();
    this.candidates();
    if (chosen !== null && !this.family.line.includes(chosen)) this.way(this.family.lineOf(chosen), 1.4, [4, 3]);
    this.way(this.family.line, 2.4, []);
    this.lit();
    this.pen.restore();
    this.labels();
  }

  frame() {
    const { pen, layout } = this, right = layout.right, wide = layout.width >= 600;
    pen.lineWidth = 1;
    for (let island = 0; island < layout.islands; island += 1) {
      const top = layout.top(island), y = scale(layout.low, layout.high, top + layout.band, top);
      for (const ratio of ratioTicks(layout.low, layout.high, layout.band / 46)) {
        const at = Math.round(y(Math.log2(ratio))) + 0.5;
        this.line(layout.left, at, right, at, this.ink.rule);
        this.write(ratioWords(ratio, layout.low, layout.high), layout.left - 10, at + 4, 'right', this.ink.quiet);
      }
      layout.rows.forEach((row, place) => {
        const at = top + layout.band + 10 + (place + 0.5) * layout.rowHeight;
        if (layout.islands === 1 && wide) this.write(row.words, layout.left - 10, at + 4, 'right', this.ink.quiet, 11);
      });
      if (layout.islands > 1) {
        this.write(wide ? `island ${island}` : `${island}`, 0, top + 12, 'left', this.ink.ink, 12, 600);
        if (layout.strip && wide) this.write('not passed', layout.left - 10, top + layout.band + 10 + layout.strip / 2, 'right', this.ink.quiet, 11);
      }
    }
    const bottom = layout.height - EDGE.bottom, most = wide ? 10 : 4, last = this.family.count - 1;
    for (const at of ticks(Math.max(layout.from, 0), Math.min(layout.to, last), most).filter(Number.isInteger)) {
      this.write(whole(this.family.columns.number[at]), layout.x(at), bottom + 18, 'center', this.ink.quiet);
    }
  }

  edges() {
    const { pen, family, layout } = this;
    pen.strokeStyle = this.ink.faint;
    pen.lineWidth = 1;
    pen.globalAlpha = clamp(9 / Math.sqrt(family.count + 1), 0.1, 0.6);
    pen.beginPath();
    for (let at = 0; at < family.count; at += 1) {
      if (!family.passed(at) || at < layout.from) continue;
      const [x, y] = layout.place(at);
      for (const parent of family.parents[at]) if (family.passed(parent) && parent <= layout.to) this.bend(...layout.place(parent), x, y);
    }
    pen.stroke();
    pen.globalAlpha = 1;
  }

  candidates() {
    const { family, layout } = this, groups = new Map();
    for (let at = Math.max(Math.floor(layout.from), 0); at <= Math.min(layout.to + 1, family.count - 1); at += 1) {
      const operator = family.columns.operator[at], key = operator * 2 + Number(family.passed(at));
      if (!groups.has(key)) groups.set(key, { operator, passed: family.passed(at), path: new Path2D() });
      outline(groups.get(key).path, look(operator).shape, ...layout.place(at), layout.radius(at));
    }
    for (const passes of [false, true]) {
      for (const { operator, passed, path } of groups.values()) {
        if (passed === passes) this.fill(path, operator, passed ? 0.92 : 0.55);
      }
    }
  }

  fill(path, operator, alpha) {
    this.pen.globalAlpha = this.only === null || this.only === operator ? alpha : alpha * 0.12;
    this.pen.fillStyle = this.hues[look(operator).hue];
    this.pen.fill(path);
    this.pen.globalAlpha = 1;
  }

  way(places, width, dash) {
    const { pen, layout } = this;
    pen.lineCap = 'round';
    for (const [shade, extra] of [[this.ink.paper, 3], [this.ink.ink, 0]]) {
      pen.strokeStyle = shade;
      pen.lineWidth = width + extra;
      pen.setLineDash(extra ? [] : dash);
      pen.beginPath();
      places.forEach((at, step) => step && this.bend(...layout.place(places[step - 1]), ...layout.place(at)));
      pen.stroke();
    }
    pen.setLineDash([]);
  }

  lit() {
    const { pen, family, layout } = this;
    for (const at of family.line) {
      const path = new Path2D(), operator = family.columns.operator[at];
      outline(path, look(operator).shape, ...layout.place(at), Math.max(layout.radius(at), 4.5));
      pen.lineWidth = 5;
      pen.strokeStyle = this.ink.paper;
      pen.stroke(path);
      this.fill(path, operator, 1);
      pen.lineWidth = 1.5;
      pen.strokeStyle = this.ink.ink;
      pen.stroke(path);
    }
  }

  // Names the steps of the winner's line that gained most, where there is room.
  labels() {
    const { family, layout } = this, taken = [];
    const steps = family.line.map((at, step) => ({
      at, gain: step && family.passed(at) ? family.columns.speed[at] - (family.columns.speed[family.line[step - 1]] ?? 0) : 0,
    }));
    const told = [{ at: family.line.at(-1), gain: Infinity }, ...steps.filter((each) => each.gain > 0.014).sort((one, other) => other.gain - one.gain).slice(0, 6)];
    for (const { at, gain } of told) {
      if (at === undefined || at < layout.from || at > layout.to) continue;
      const words = gain === Infinity ? `winner ${family.columns.number[at]} · ${times(family.speedup(at))}` : `${family.operator(at)} · ${times(2 ** gain)}`;
      this.pen.font = '600 12px system-ui, sans-serif';
      const [x, y] = layout.place(at), wide = this.pen.measureText(words).width;
      const box = [clamp(gain === Infinity ? x - wide : x + 9, layout.left, layout.right - wide), gain === Infinity ? y - 12 : y + 18];
      const free = ([left, base]) => taken.every(([l, b, w]) => left > l + w + 6 || left + wide + 6 < l || Math.abs(base - b) > 15);
      const found = [box, [box[0], y + 18], [box[0], y - 10], [box[0], y + 34]].find(free);
      if (!found) continue;
      taken.push([...found, wide]);
      this.pen.lineWidth = 4;
      this.pen.lineJoin = 'round';
      this.pen.strokeStyle = this.ink.paper;
      this.pen.strokeText(words, ...found);
      this.write(words, ...found, 'left', this.ink.ink, 12, 600);
    }
  }

  bend(x0, y0, x1, y1) {
    const middle = (x0 + x1) / 2;
    this.pen.moveTo(x0, y0);
    this.pen.bezierCurveTo(middle, y0, middle, y1, x1, y1);
  }

  line(x0, y0, x1, y1, style) {
    this.pen.strokeStyle = style;
    this.pen.beginPath();
    this.pen.moveTo(x0, y0);
    this.pen.lineTo(x1, y1);
    this.pen.stroke();
  }

  write(words, x, y, align, style, size = 12, weight = 400) {
    this.pen.font = `${weight} ${size}px system-ui, sans-serif`;
    this.pen.textAlign = align;
    this.pen.fillStyle = style;
    this.pen.fillText(words, x, y);
    this.pen.textAlign = 'left';
  }
}
