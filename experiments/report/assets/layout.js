// Where candidates stand: from left to right in the order in which they were asked, upwards by speed-up, one
// band an island; those that did not pass in rows of their own below the band.

const EDGE = { left: 116, right: 18, top: 20, bottom: 26, narrow: 54 };
const ROW = 11;

class Layout {
  constructor(family) {
    this.family = family;
    this.from = -0.5;
    this.to = family.count - 0.5;
    this.rows = family.told.statuses.map((each, at) => ({ ...each, at })).filter((each) => each.count && !each.passed);
    this.row = new Map(this.rows.map((each, place) => [each.at, place]));
    this.islands = Math.max(family.told.islands, 1);
  }

  // Fits everything into a width, and returns the height that this takes.
  fit(width) {
    this.width = width;
    this.left = width < 600 ? EDGE.narrow : EDGE.left;
    this.right = width - EDGE.right;
    this.rowHeight = this.islands > 1 ? 7 : ROW;
    this.strip = this.rows.length ? this.rows.length * this.rowHeight + 10 : 0;
    this.band = this.islands > 1 ? Math.max(96, Math.round(420 / this.islands)) : width < 600 ? 240 : 330;
    this.each = this.band + this.strip + (this.islands > 1 ? 16 : 0);
    this.height = EDGE.top + this.islands * this.each + EDGE.bottom;
    this.scaled();
    return this.height;
  }

  get zoomed() {
    return this.to - this.from < this.family.count - 1e-6;
  }

  // Fits the scales to what is in sight: the slowest few are drawn at the lower edge.
  scaled() {
    this.x = scale(this.from, this.to, this.left, this.right);
    const first = Math.max(Math.floor(this.from), 0), last = Math.min(Math.ceil(this.to), this.family.count - 1);
    const seen = this.family.columns.speed.slice(first, last + 1).filter((each) => each !== null).sort((one, other) => one - other);
    const low = seen.length ? seen[Math.floor(seen.length * 0.04)] : 0, high = seen.length ? seen.at(-1) : 1;
    const least = Math.max(high - low, 0.02);
    this.low = (this.zoomed ? low : Math.min(low, 0)) - 0.04 * least;
    this.high = Math.max(high, this.low + least) + 0.06 * least;
  }

  top(island) {
    return EDGE.top + clamp(island, 0, this.islands - 1) * this.each;
  }

  place(at) {
    const { columns } = this.family, top = this.top(columns.island[at]);
    const y = this.family.passed(at)
      ? scale(this.low, this.high, top + this.band, top)(Math.max(columns.speed[at], this.low))
      : top + this.band + 10 + (this.row.get(columns.status[at]) + 0.5) * this.rowHeight;
    return [this.x(at), y];
  }

  radius(at) {
    const room = (this.right - this.left) / (this.to - this.from);
    if (!this.family.passed(at)) return clamp(room * 0.45, 1.2, this.rowHeight * 0.4);
    return clamp(room * 0.75, 1.7, 5.5) + (this.family.elites.has(at) ? 1 : 0);
  }

  zoom(factor, x = (this.left + this.right) / 2) {
    const middle = this.from + ((x - this.left) / (this.right - this.left)) * (this.to - this.from);
    const span = clamp((this.to - this.from) / factor, Math.min(8, this.family.count), this.family.count);
    this.show(middle - (middle - this.from) * (span / (this.to - this.from)), span);
  }

  pan(pixels) {
    this.show(this.from - (pixels * (this.to - this.from)) / (this.right - this.left), this.to - this.from);
  }

  show(from, span) {
    this.from = clamp(from, -0.5, this.family.count - 0.5 - span);
    this.to = this.from + span;
    this.scaled();
  }

  reveal(at) {
    const span = this.to - this.from;
    if (at < this.from || at > this.to) this.show(at - span / 2, span);
  }

  // The candidate nearest to a point, if any is near.
  nearest(x, y, reach = 16) {
    let best = null, away = reach * reach;
    for (let at = Math.max(Math.ceil(this.from), 0); at <= Math.min(this.to, this.family.count - 1); at += 1) {
      if (Math.abs(this.x(at) - x) < reach) {
        const [px, py] = this.place(at), distance = (px - x) ** 2 + (py - y) ** 2;
        if (distance < away) [best, away] = [at, distance];
      }
    }
    return best;
  }
}
